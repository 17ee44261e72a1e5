"""What a search costs beside its calls: proposing, forecasting and storing, by candidate, up to 2,000 trials.

    python experiments/efficiency/overhead.py             2,000 candidates
    python experiments/efficiency/overhead.py --small     200

A candidate that is run takes: naming a new genome, rehearsing and forecasting it, telling the proposer, and storing its
evaluation in the default store, a journal in the run's folder. Each part is timed in seconds of this process' own time,
by blocks, so that growth with the number of trials shows; beside them stand the process' memory and the journal's size.
Then all is done again with Python's allocations traced: what each part has left in memory, less what it gave back.
What the study itself remembers, so as to try nothing twice, stands apart. Each strategy has processes of its own.

A search forecasts many genomes for each that it runs: what such a one takes is the sum of the first two parts. So a
whole search stands beside the parts, with all the time of its process, that of the simulated model included.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean
from typing import Any

from metered import Metered, simulated
from results import keep, table

from undercut.evaluators.cache import AnswerCache
from undercut.evaluators.engine import Engine
from undercut.evaluators.evaluate import Evaluation, evaluate
from undercut.evaluators.ledger import Ledger
from undercut.evaluators.models.base import price_of
from undercut.evaluators.rates import FittedRates
from undercut.evaluators.tasks import open_task
from undercut.search.calibration import calibrate
from undercut.search.designs import known_designs
from undercut.search.forecast import Forecaster
from undercut.search.proposers import open_proposer
from undercut.search.rehearse import rehearse
from undercut.search.run import run_search
from undercut.search.settings import Settings
from undercut.search.store import Store
from undercut.spaces.normal import normal
from undercut.spaces.space import Space

MODEL, SIZES, NODES = "simulated/gpt-3.5", (8, 16, 32), 9
PARTS = ("propose", "rehearse and forecast", "tell", "store")
ITSELF = "the study itself"
GOAL = 25.0
"""Milliseconds."""


def memory() -> float:
    """The process' memory in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def milliseconds() -> float:
    """The process' time."""
    return 1e3 * time.process_time()


def kilobytes() -> float:
    """What Python has allocated since it is traced."""
    return tracemalloc.get_traced_memory()[0] / 1e3


def blocks_of(
    task_name: str, strategy: str, candidates: int, blocks: int, now: Callable[[], float]
) -> list[dict[str, Any]]:
    """By how much `now` grows in each part, by block, a candidate; what it holds after each block."""
    task, model = open_task(task_name), simulated(MODEL, 0)
    toolbox = task.toolbox([MODEL])
    space = Space(task.signature, toolbox, max_size=NODES)
    engine = Engine([model], cache=AnswerCache(), ledger=Ledger())
    design = next(genome for _, genome in known_designs(task, SIZES[0]))
    problems = [problem for size in SIZES for problem in task.instances(size, 8)]
    checks = [problem for size in (*SIZES, 2 * SIZES[-1] + 3) for problem in task.instances(size, 1)]

    async def begun() -> tuple[Any, dict[str, Any]]:
        known, _ = await calibrate(space, task, engine, SIZES, 0, lambda done, total: None)
        return known, Evaluation.of(await evaluate(design, problems, task, toolbox, engine)).to_dict()

    known, evaluation = asyncio.run(begun())
    forecaster = Forecaster(FittedRates(known, toolbox, [model.shape], [price_of(model)]), task, toolbox)
    proposer, seen, rows = open_proposer(strategy, space, 0), set[str](), []
    with tempfile.TemporaryDirectory() as folder:
        store = Store.create(Path(folder) / "run", Settings(task_name, (MODEL,), strategy))
        for block in range(blocks):
            spent, named = dict.fromkeys((*PARTS, ITSELF), 0.0), 0
            for _ in range(candidates // blocks):
                moments = [now()]
                genome = proposer.ask()
                while genome is not None and (genome := normal(genome)).key in seen:
                    genome = proposer.ask()
                assert genome is not None
                moments.append(now())
                worth = (0.0, float("inf"))
                if rehearse(genome, checks, task, toolbox).right:
                    named += 1
                    made = forecaster.at(genome, SIZES[-1])
                    worth = (made.accuracy or 0.0, made.cost.tokens)
                moments.append(now())
                proposer.tell(genome, *worth)
                moments.append(now())
                store.add(genome, "search", (0.5, 100.0), evaluation)
                moments.append(now())
                seen.add(genome.key)
                moments.append(now())
                for part, begin, end in zip(spent, moments, moments[1:], strict=False):
                    spent[part] += end - begin
            gc.collect()
            each = {part: total / (candidates // blocks) for part, total in spent.items()}
            journal = sum(path.stat().st_size for path in (Path(folder) / "run").iterdir()) / 1e6
            trials = (block + 1) * (candidates // blocks)
            rows.append(
                {"trials": trials, "right": named, **each, "now": now(), "memory": memory(), "journal": journal}
            )
        store.close()
    return rows


def timed(task_name: str, strategy: str, candidates: int, blocks: int) -> dict[str, Any]:
    """The parts by block, in milliseconds a candidate."""
    rows = blocks_of(task_name, strategy, candidates, blocks, milliseconds)
    for row in rows:
        del row["now"], row[ITSELF]
    return {
        "blocks": rows,
        "milliseconds": fmean(sum(row[part] for part in PARTS) for row in rows),
        "milliseconds_at_the_end": sum(rows[-1][part] for part in PARTS),
        "megabytes_gained": rows[-1]["memory"] - rows[0]["memory"],
    }


def held(task_name: str, strategy: str, candidates: int, blocks: int) -> dict[str, Any]:
    """What the parts leave in memory after the first block, in kB a candidate."""
    tracemalloc.start()
    first, *rows = blocks_of(task_name, strategy, candidates, blocks, kilobytes)
    gained = (rows[-1]["now"] - first["now"]) / (rows[-1]["trials"] - first["trials"])
    return {
        "kilobytes": {part: fmean(row[part] for row in rows) for part in (*PARTS, ITSELF)},
        "kilobytes_in_all": gained,
    }


def alone(study: Callable[..., dict[str, Any]], *arguments: object) -> dict[str, Any]:
    """Do one study in a process of its own, so that it finds no memory of others."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(study, *arguments).result()


def whole(task_name: str, evaluations: int) -> dict[str, Any]:
    """One search from its start to its end: seconds in all, and by stored trial."""
    task, model = open_task(task_name), Metered(simulated(MODEL, 0))
    settings = Settings(task_name, (MODEL,), sizes=SIZES, target_size=SIZES[-1], evaluations=evaluations)
    with tempfile.TemporaryDirectory() as folder:
        begin = time.process_time()
        run_search(settings, f"{folder}/run", task=task, models=[model])
        seconds = time.process_time() - begin
        store = Store.open(Path(folder) / "run")
        trials = len(store.trials())
        store.close()
    return {
        "seconds": seconds,
        "trials": trials,
        "calls": model.calls,
        "milliseconds_a_trial": 1e3 * seconds / trials,
    }


def main() -> None:
    """Time, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", default="sort")
    parser.add_argument("--strategies", nargs="+", default=["evolution", "bayes", "random"])
    parser.add_argument("--small", action="store_true", help="200 candidates")
    asked = parser.parse_args()
    for strategy in asked.strategies:
        plan = (asked.task, strategy, 200 if asked.small else 2000, 4)
        found = {**alone(timed, *plan), **alone(held, *plan)}
        keep("overhead", {strategy: {"task": asked.task, "goal": GOAL, **found}})
        rows = [tuple(f"{value:,.2f}" for value in row.values()) for row in found["blocks"]]
        print(f"\n{strategy}: {found['milliseconds_at_the_end']:.1f} ms a candidate at the end, goal {GOAL:g}\n")
        heads = ("trials", "right among them", *(f"{part}, ms" for part in PARTS), "memory, MB", "journal, MB")
        print(table(heads, rows))
        parts = found["kilobytes"]
        left = (*(f"{value:,.2f}" for value in parts.values()), f"{found['kilobytes_in_all']:,.2f}")
        print(f"\n{table((*(f'{part}, kB' for part in parts), 'in all, kB'), [left])}", flush=True)
    found = whole(asked.task, 4 if asked.small else 32)
    keep("overhead", {"whole search": {"task": asked.task, **found}})
    print(f"\na whole search: {found['seconds']:.1f} s, {found['milliseconds_a_trial']:.0f} ms a trial")


if __name__ == "__main__":
    main()
