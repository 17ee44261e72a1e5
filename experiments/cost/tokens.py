"""Tokens fitted at n ≤ 32, forecast at 64, 128 and 256, and then run there.

python experiments/cost/tokens.py                        both models
python experiments/cost/tokens.py --models cl100k        one of them, beside what results.json holds

`embedded` is the model that ships. `cl100k` is a server on the loopback that speaks OpenAI's protocol, answers rightly,
and counts its usage in tokens of cl100k_base, which litellm brings along.

For each task: calibrate at 8, 16 and 32, choose genomes that are right on references at all sizes, each of another
structure, run them at 8, 16 and 32, fit all calls seen so far, forecast; then run them at the larger sizes on problems
of their own. Two forecasts are held against what was measured there, as an error relative to it: what a result takes
(`at`), against the mean of the runs that went on to their end; and the bill (`bill`), against the mean of all runs,
those included that a red flag ended early, and so at less.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from itertools import chain
from statistics import fmean, median
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy loads: the runs are to take one core

import numpy as np
from aiohttp import web
from results import keep, say, table

from undercut.evaluators.cache import AnswerCache
from undercut.evaluators.engine import Engine
from undercut.evaluators.evaluate import Evaluation, evaluate
from undercut.evaluators.ledger import Ledger
from undercut.evaluators.models.base import Model, price_of
from undercut.evaluators.models.litellm_model import import_litellm
from undercut.evaluators.models.prompts import PromptReader
from undercut.evaluators.models.registry import open_model
from undercut.evaluators.rates import FittedRates
from undercut.evaluators.task import Task
from undercut.evaluators.tasks import TASKS
from undercut.search.calibration import ask_again, calibrate
from undercut.search.designs import known_designs
from undercut.search.forecast import Forecaster
from undercut.search.rehearse import rehearse
from undercut.spaces.genome import Genome
from undercut.spaces.normal import normal
from undercut.spaces.primitive import Primitive
from undercut.spaces.space import Space
from undercut.spaces.types import render
from undercut.spaces.variation import mutate

NAMES = ("sort", "sum", "count")
FITTED, FORECAST = (8, 16, 32), (64, 128, 256)
MOST_TOKENS = 12_000
"""Genomes that are forecast to take more than this at the largest size are not run."""
DRAWS = 20_000
GOALS = {"median": 0.02, "p95": 0.05}


@dataclass(frozen=True, slots=True)
class Row:
    """One genome at one size.

    Attributes:
        result: tokens, the mean over the runs that went on to their end; None where none did.
        forecast: tokens of such a run.
        bill: tokens, the mean over all runs.
        forecast_bill: tokens of all runs, as expected.
        early: how many runs ended early.
        accuracy: share of right outputs.
    """

    task: str
    genome: str
    size: int
    result: float | None
    forecast: float
    bill: float
    forecast_bill: float
    early: int
    accuracy: float

    @property
    def error(self) -> float | None:
        """Of the forecast of what a result takes, relative to what was measured."""
        return None if self.result is None else self.forecast / self.result - 1

    @property
    def error_of_bill(self) -> float:
        """Of the forecast of the bill, relative to what was measured."""
        return self.forecast_bill / self.bill - 1


# -- The model behind a server


@asynccontextmanager
async def served(primitives: Iterable[Primitive]) -> AsyncIterator[Model]:
    """A model behind a server on the loopback that answers these primitives."""
    import_litellm()
    from litellm.litellm_core_utils.default_encoding import encoding  # cl100k_base, from a file that litellm brings

    reader = PromptReader(primitives)

    def answer(prompt: str) -> str:
        question = reader.question(prompt)
        assert question is not None and question.primitive.reference is not None
        return render(question.primitive.reference(*question.values), question.primitive.output)

    async def reply(request: web.Request) -> web.Response:
        body = await request.json()
        prompt = body["messages"][-1]["content"]
        text = answer(prompt)
        read, written = len(encoding.encode(prompt)), len(encoding.encode(text))
        message = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
        head = {"id": "1", "object": "chat.completion", "created": 1, "model": body["model"]}
        return web.json_response({**head, "choices": [message], "usage": usage})

    app = web.Application()
    app.router.add_post("/v1/chat/completions", reply)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    model = open_model("cl100k", api_base=f"http://127.0.0.1:{runner.addresses[0][1]}/v1")
    try:
        yield model
    finally:
        await model.close()
        await runner.cleanup()


@asynccontextmanager
async def opened(name: str, task: Task) -> AsyncIterator[Model]:
    """One of the two models, ready for a task."""
    if name == "cl100k":
        async with served(task.primitives) as model:
            yield model
    else:
        model = open_model(name)
        yield model
        await model.close()


# -- Choosing genomes


def candidates(space: Space, task: Task, right: Sequence[Genome], seed: int) -> Iterator[Genome]:
    """Known designs, then genomes that calibration found right and mutants of them, in random order."""
    generator = random.Random(f"tokens/{task.name}/{seed}")
    for size in FITTED[:2]:
        yield from (genome for _, genome in known_designs(task, size))
    for _ in range(DRAWS):
        genome = generator.choice(right)
        yield normal(mutate(space, genome, generator) if generator.random() < 0.5 else genome)


def structure(genome: Genome) -> tuple[str, ...]:
    """What two genomes share that differ in numbers alone."""
    return tuple(str(node.genes.get("primitive", node.op)) for node in genome.walk())


def choose(
    space: Space, task: Task, right: Sequence[Genome], forecaster: Forecaster, count: int, seed: int
) -> list[Genome]:
    """So many genomes that are right at all sizes and affordable, each of another structure."""
    instances = [task.instances(size, 1, seed=seed)[0] for size in (*FITTED, *FORECAST)]
    chosen: dict[tuple[str, ...], Genome] = {}
    for genome in candidates(space, task, right, seed):
        if len(chosen) == count:
            break
        if structure(genome) in chosen or forecaster.at(genome, FORECAST[-1]).cost.tokens > MOST_TOKENS:
            continue
        if rehearse(genome, instances, task, space.toolbox).right:
            chosen[structure(genome)] = genome
    return list(chosen.values())


# -- Measuring


async def measure(task: Task, model: Model, count: int, problems: int, seed: int) -> list[Row]:
    """Fit, forecast and run genomes of one task on one model."""
    begin = time.monotonic()
    toolbox = task.toolbox([model.name])
    space = Space(task.signature, toolbox, max_size=9)
    engine = Engine([model], cache=AnswerCache(), ledger=Ledger())
    calibration, right = await calibrate(space, task, engine, FITTED, seed, lambda done, total: None)
    await ask_again(calibration.unrepeated, engine, calibration)
    calibration.unrepeated.clear()  # of what was never wrong, no more is hoped than usual

    def fitted() -> Forecaster:
        return Forecaster(FittedRates(calibration, toolbox, [model.shape], [price_of(model)]), task, toolbox)

    genomes = choose(space, task, right, fitted(), count, seed)
    small = [instance for size in FITTED for instance in task.instances(size, problems, "search", seed)]
    for genome in genomes:
        for outcome in await evaluate(genome, small, task, toolbox, engine):
            calibration.add(outcome.records)
    forecaster = fitted()
    say(f"{model.name} {task.name}: {len(genomes)} genomes fitted, {time.monotonic() - begin:.0f} s")
    rows = []
    large = [instance for size in FORECAST for instance in task.instances(size, problems, "test", seed)]
    for genome in genomes:
        outcomes = await evaluate(genome, large, task, toolbox, engine)
        found = Evaluation.of(outcomes)
        whole = Evaluation.of([outcome for outcome in outcomes if outcome.failure is None])
        rows += [
            Row(
                task.name,
                str(genome),
                size,
                whole.cost[size].tokens if size in whole.cost else None,
                forecaster.at(genome, size).cost.tokens,
                found.cost[size].tokens,
                forecaster.bill(genome, size).tokens,
                sum(outcome.size == size and outcome.failure is not None for outcome in outcomes),
                found.accuracy[size].mean,
            )
            for size in FORECAST
        ]
    say(f"{model.name} {task.name}: run, {engine.ledger.spent.calls:,} calls, {time.monotonic() - begin:.0f} s")
    return rows


def summary(signed: Sequence[float]) -> dict[str, Any]:
    """Some errors: median and 95th percentile of their size, and the median with its sign."""
    if not signed:
        return {"rows": 0}
    errors = [abs(error) for error in signed]
    return {
        "rows": len(signed),
        "median": median(errors),
        "p95": float(np.quantile(errors, 0.95)),
        "largest": max(errors),
        "median_signed": median(signed),
    }


def report(rows: Sequence[Row]) -> dict[str, Any]:
    """All that is kept of one model."""
    groups: dict[str, Sequence[Row]] = {
        "all": rows,
        **{f"n = {size}": [row for row in rows if row.size == size] for size in FORECAST},
        **{task: [row for row in rows if row.task == task] for task in NAMES},
    }
    errors = {name: summary([row.error for row in some if row.error is not None]) for name, some in groups.items()}
    errors |= {f"{name}, bill": summary([row.error_of_bill for row in some]) for name, some in groups.items()}
    return {
        "genomes": len({(row.task, row.genome) for row in rows}),
        "ended_early": fmean(row.early > 0 for row in rows),
        "accuracy": fmean(row.accuracy for row in rows),
        "met": {name: errors["all"][name] <= goal for name, goal in GOALS.items()},
        "errors": errors,
        "rows": [{**asdict(row), "error": row.error, "error_of_bill": row.error_of_bill} for row in rows],
    }


def show(name: str, found: dict[str, Any]) -> None:
    """Print one model's errors, and the genomes that are farthest off."""
    cells = [
        (group, e["rows"], f"{e['median']:.2%}", f"{e['p95']:.2%}", f"{e['median_signed']:+.2%}")
        for group, e in found["errors"].items()
        if e["rows"]
    ]
    print(table((name, "rows", "median", "95th", "with sign"), cells))
    worst = sorted((row for row in found["rows"] if row["error"] is not None), key=lambda row: -abs(row["error"]))[:8]
    for row in worst:
        print(f"  {row['error']:+8.1%} at {row['size']}, {row['early']} ended early: {row['task']}: {row['genome']}")
    print(f"some run ended early in {found['ended_early']:.0%} of the rows")
    print(f"{found['genomes']} genomes, goals {GOALS}: met {found['met']}\n")


async def study(name: str, count: int, problems: int, seed: int) -> list[Row]:
    """All tasks on one model."""
    found = []
    for task in (TASKS[each] for each in NAMES):
        async with opened(name, task) as model:
            found.append(await measure(task, model, count, problems, seed))
    return list(chain(*found))


def main() -> None:
    """Run what was asked for, print it and keep it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["embedded", "cl100k"], choices=["embedded", "cl100k"])
    parser.add_argument("--count", type=int, default=16, help="genomes of each task")
    parser.add_argument("--problems", type=int, default=5, help="problems of each size")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    terms = {"fitted": FITTED, "forecast": FORECAST, "goals": GOALS, "most_tokens": MOST_TOKENS}
    for name in asked.models:
        found = report(asyncio.run(study(name, asked.count, asked.problems, asked.seed)))
        keep("tokens", {**terms, name: {"problems": asked.problems, "seed": asked.seed, **found}})
        show(name, found)


if __name__ == "__main__":
    main()
