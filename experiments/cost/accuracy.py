"""How often the forecast's 90 % interval of the accuracy holds the truth, at twice and four times the largest size run.

    python experiments/cost/accuracy.py                     # simulated models with independent errors, five seeds
    python experiments/cost/accuracy.py --small             # with single calls measured at the small sizes alone
    python experiments/cost/accuracy.py --model embedded    # the embedded model, as it is

For each task single calls are measured as a search does, at the small sizes and at the target's, and some right genomes
are run at the small sizes; then each genome is forecast at sizes where it never was, and run there on fresh problems.
Genomes are drawn at random from all that are right when every call is, known designs first. The truth is the mean over
`--problems` problems, so a multiple of 1/problems: an interval holds it that comes within half such a step. Intervals
are told apart by whether the genome asks some primitive, at the larger size, with more items than any call that was
measured: then the forecast says so.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from results import keep, table

from undercut.evaluators.cache import AnswerCache
from undercut.evaluators.engine import Engine
from undercut.evaluators.evaluate import Evaluation, credit, evaluate
from undercut.evaluators.ledger import Ledger
from undercut.evaluators.models.base import Model, price_of
from undercut.evaluators.models.registry import open_model
from undercut.evaluators.rates import FittedRates
from undercut.evaluators.task import Task
from undercut.evaluators.tasks import open_task
from undercut.search.calibration import ask_again, calibrate
from undercut.search.designs import known_designs
from undercut.search.forecast import Forecaster
from undercut.search.rehearse import rehearse
from undercut.spaces.genome import Genome
from undercut.spaces.normal import normal
from undercut.spaces.space import Space

TASKS: dict[str, tuple[int, ...]] = {
    "sort": (4, 8, 16),
    "sum": (4, 8, 16),
    "count": (6, 12, 24),
    "maximum": (8, 16, 32),
    "intersection": (4, 8, 16),
    "lookup": (4, 8, 16),
}
MODELS = ("simulated/gpt-3.5", "simulated/noisy")
RUNS = 12
"""Problems a size that each genome is run on before it is forecast."""
NEAR = 0.05
"""Accuracy by which an interval may miss the truth and still be next to it."""
MOST_TOKENS = 60_000
"""A genome dearer than this at the largest size is left out."""


def right_genomes(space: Space, task: Task, sizes: Sequence[int], seed: int) -> Iterator[Genome]:
    """Known designs, then random genomes, that are right when every call is; none twice."""
    generator = random.Random(f"accuracy {task.name} {seed}")
    checks = [instance for size in (*sizes, 5) for instance in task.instances(size, 1)]
    designs = [genome for _, genome in known_designs(task, sizes[0])]
    seen: set[str] = set()
    while True:
        genome = normal(designs.pop(0) if designs else space.sample(generator))
        if genome.key not in seen and rehearse(genome, checks, task, space.toolbox).right:
            yield genome
        seen.add(genome.key)


async def pairs_of(
    task: Task, model: Model, wanted: int, problems: int, seed: int, small: bool
) -> list[dict[str, Any]]:
    """Forecast and truth of some genomes of one task at both larger sizes."""
    toolbox = task.toolbox([model.name])
    space = Space(task.signature, toolbox, max_size=9)
    engine = Engine([model], cache=AnswerCache(), ledger=Ledger())
    sizes = TASKS[task.name]
    larger = [factor * sizes[-1] for factor in (2, 4)]
    calls = sizes if small else (*sizes, *larger)
    known, _ = await calibrate(space, task, engine, calls, seed, lambda done, total: None)
    await ask_again(known.unrepeated, engine, known)
    known.unrepeated.clear()  # of what was never wrong, no more is hoped than usual
    first = Forecaster(FittedRates(known, toolbox, [model.shape], [price_of(model)]), task, toolbox)
    chosen: list[Genome] = []
    for genome in right_genomes(space, task, sizes, seed):
        if first.at(genome, larger[-1]).cost.tokens <= MOST_TOKENS:
            chosen.append(genome)
        if len(chosen) == wanted:
            break
    runs = [instance for size in sizes for instance in task.instances(size, RUNS, "search", seed)]
    seen: dict[Genome, Evaluation] = {}
    scores: list[float] = []
    for genome in chosen:
        outcomes = await evaluate(genome, runs, task, toolbox, engine)
        seen[genome] = Evaluation.of(outcomes)
        scores += [outcome.score for outcome in outcomes]
        for outcome in outcomes:
            known.add(outcome.records)
    rates, worth = FittedRates(known, toolbox, [model.shape], [price_of(model)]), credit(scores)
    forecaster = Forecaster(rates, task, toolbox, credit=worth)
    found = []
    for genome in chosen:
        fresh = [instance for size in larger for instance in task.instances(size, problems, "test", seed)]
        truth = Evaluation.of(await evaluate(genome, fresh, task, toolbox, engine)).accuracy
        for factor, size in zip((2, 4), larger, strict=True):
            forecast = forecaster.given(genome, size, seen[genome].seen)
            assert forecast.accuracy is not None and forecast.low is not None and forecast.high is not None
            pair = {
                "seed": seed,
                "task": task.name,
                "model": model.name,
                "genome": str(genome),
                "factor": factor,
                "size": size,
                "forecast": forecast.accuracy,
                "low": forecast.low,
                "high": forecast.high,
                "note": forecast.note,
                "truth": truth[size].mean,
            }
            found.append({**pair, "holds": _outside(pair) <= 0.5 / problems})
        print(f"{task.name:14}{model.name:20}{len(found) // 2:3}/{wanted}  {genome}"[:110], file=sys.stderr, flush=True)
    return found


def _outside(pair: dict[str, Any]) -> float:
    """How far the truth lies outside of the interval."""
    return max(0.0, pair["low"] - pair["truth"], pair["truth"] - pair["high"])


def summed_up(pairs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Share that holds, and that is off by little, mean width and mean error of some pairs."""

    def mean(values: Sequence[float]) -> float:
        return sum(values) / len(values)

    return {
        "forecasts": len(pairs),
        "holds": mean([pair["holds"] for pair in pairs]),
        "nearly": mean([_outside(pair) <= NEAR for pair in pairs]),
        "mean_width": mean([pair["high"] - pair["low"] for pair in pairs]),
        "mean_absolute_error": mean([abs(pair["forecast"] - pair["truth"]) for pair in pairs]),
        "mean_error": mean([pair["forecast"] - pair["truth"] for pair in pairs]),
    }


def main() -> None:
    """Forecast, run, compare, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=(*MODELS, "embedded"), action="append", help="default: both simulated ones")
    parser.add_argument("--genomes", type=int, default=60, help="genome × task pairs of each seed")
    parser.add_argument("--problems", type=int, default=200, help="fresh problems a size for the truth")
    parser.add_argument("--small", action="store_true", help="measure single calls at the small sizes alone")
    parser.add_argument("--seeds", type=int, default=5, help="each with inputs, genomes and problems of its own")
    options = parser.parse_args()
    models = options.model or list(MODELS)
    each = options.genomes // (len(TASKS) * len(models))
    pairs: list[dict[str, Any]] = []
    for seed, name, task_name in product(range(options.seeds), models, TASKS):
        task = open_task(task_name)
        model = open_model(name, primitives=task.primitives)
        pairs += asyncio.run(pairs_of(task, model, each, options.problems, seed, options.small))
    kind = ("embedded" if models == ["embedded"] else "simulated") + ("_small" if options.small else "")
    groups = {f"{factor}×": [pair for pair in pairs if pair["factor"] == factor] for factor in (2, 4)}
    groups |= {"within": [pair for pair in pairs if not pair["note"]], "beyond": [p for p in pairs if p["note"]]}
    groups |= {name: [pair for pair in pairs if pair["task"] == name] for name in TASKS}
    groups |= {f"seed {seed}": [pair for pair in pairs if pair["seed"] == seed] for seed in range(options.seeds)}
    summary = {name: summed_up(group) for name, group in {"all": pairs, **groups}.items() if group}
    missed = [pair for pair in pairs if not pair["holds"]]
    keep(f"accuracy_{kind}", {"models": models, "problems": options.problems, "summary": summary, "missed": missed})
    heads = ("", "forecasts", "holds", "nearly", "mean width", "mean |error|", "mean error")
    rows = [(name, row["forecasts"], *(f"{row[key]:.2f}" for key in list(row)[1:])) for name, row in summary.items()]
    print(table(heads, rows))


if __name__ == "__main__":
    main()
