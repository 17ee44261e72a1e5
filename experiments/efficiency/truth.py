"""Does a front hold when it is measured again? Repeated searches on a simulated model whose true accuracies are known.

    python experiments/efficiency/truth.py              200 searches
    python experiments/efficiency/truth.py --small      20

Each search is a line of truth.jsonl from the moment it has ended: a study that was cut off goes on where it was. After
a change to the search begin anew, with `--fresh`.

Each search is small and has a seed of its own, for its problems and for the model's errors. The truth of a point is the
share right of `TRUE_RUNS` fresh runs of the same genome, drawn from the same table of capabilities.

Beside it stand the same searches limited to two thirds of the calls that they took, which measure on fewer problems, as
many as that turns out to leave room for; and the naive report: random genomes, each tried on as many problems as a
point of the front is measured on without a limit, and the non-dominated ones reported with the very figures they were
chosen by, and Wilson's 95 % intervals.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from bench import LentBench, checks_of
from metered import Metered, simulated
from results import add_line, keep, lines_of, say, table
from world import World

from undercut.evaluators.statistics import wilson
from undercut.evaluators.tasks import open_task
from undercut.search.front import front
from undercut.search.run import run_search
from undercut.search.settings import Settings
from undercut.spaces.genome import Genome
from undercut.spaces.space import Space

MODEL = "simulated/gpt-3.5"
TASKS: dict[str, tuple[int, ...]] = {"sum": (6, 12), "count": (10, 20)}
LINES = Path(__file__).parent / "truth.jsonl"
NODES, EVALUATIONS, SAMPLES, STRATEGY = 3, 6, 50, "random"
TRUE_RUNS = 4000
CANDIDATES = 24
"""Random candidates behind each naive report."""


def point(world: World, genome: Genome, size: int, reported: dict[str, Any]) -> dict[str, Any]:
    """A reported accuracy beside the truth; an interval covers what lies within half a run's step of it."""
    (truth, _), step = world.truth(genome, size, TRUE_RUNS), 0.5 / TRUE_RUNS
    return {
        "name": str(genome),
        "size": size,
        "reported": reported["mean"],
        "low": reported["low"],
        "high": reported["high"],
        "truth": truth,
        "covered": reported["low"] - step <= truth <= reported["high"] + step,
    }


def searched(name: str, seed: int, world: World, limit: int | None = None) -> tuple[list[dict[str, Any]], int]:
    """The points of one search's front, at each size it ran, and the calls that it took."""
    settings = Settings(
        name,
        (MODEL,),
        sizes=TASKS[name],
        target_size=TASKS[name][-1],
        seed=seed,
        strategy=STRATEGY,
        max_size=NODES,
        evaluations=EVALUATIONS,
        samples=SAMPLES,
        max_calls=limit,
    )
    with tempfile.TemporaryDirectory() as folder:
        model = Metered(simulated(MODEL, seed))
        found = run_search(settings, f"{folder}/run", task=world.task, models=[model])
    points = [
        point(world, Genome.from_dict(item["genome"]), size, item["accuracy"][str(size)])
        for item in found["front"]
        for size in map(int, item["accuracy"])
    ]
    return points, model.calls


def best_seen(name: str, seed: int, world: World) -> list[dict[str, Any]]:
    """The points of the naive report, at the largest size."""
    sizes, size, generator = TASKS[name], TASKS[name][-1], random.Random(f"naive/{seed}")
    problems = world.task.instances(size, SAMPLES, "search", seed)
    checks = checks_of(world.task, sizes, seed)
    bench = LentBench(world, problems, seed, sys.maxsize, checks, lambda genome: True)
    space = Space(world.task.signature, world.toolbox, max_size=NODES)
    seen: dict[Genome, tuple[float, float]] = {}
    while len(seen) < CANDIDATES:
        tried = bench.tried(space.sample(generator))
        if tried is not None:
            seen[tried.genome] = (tried.accuracy, tried.cost)
    return [
        point(world, genome, size, wilson(accuracy, SAMPLES).to_dict())
        for genome, accuracy, _ in front((genome, *worth) for genome, worth in seen.items())
    ]


def summed_up(runs: Sequence[Sequence[dict[str, Any]]], size: int | None = None) -> dict[str, Any]:
    """How often all points of a run are covered, and how far reports are off; at one size or at all."""
    kept = [[each for each in run if size in (None, each["size"])] for run in runs]
    points = [each for run in kept for each in run]
    return {
        "runs": len(kept),
        "points": len(points),
        "all_covered": fmean(all(each["covered"] for each in run) for run in kept),
        "each_covered": fmean(each["covered"] for each in points),
        "mean_reported_minus_true": fmean(each["reported"] - each["truth"] for each in points),
        "mean_width": fmean(each["high"] - each["low"] for each in points),
    }


def studied(name: str, seed: int, world: World) -> None:
    """One search, the same within two thirds of its calls, and one naive report, kept as a line."""
    ours, calls = searched(name, seed, world)
    limited, _ = searched(name, seed, world, 2 * calls // 3)
    naive = best_seen(name, seed, world)
    add_line(LINES, {"task": name, "seed": seed, "calls": calls, "ours": ours, "limited": limited, "naive": naive})


def told() -> str:
    """Sum up the lines, keep that, and give it as a table."""
    lines = lines_of(LINES)
    rows = []
    for name, sizes in TASKS.items():
        mine = [line for line in lines if line["task"] == name]
        if not mine:
            continue
        parts = {
            "ours_at_every_size": summed_up([line["ours"] for line in mine]),
            "ours_at_the_largest": summed_up([line["ours"] for line in mine], sizes[-1]),
            "limited_at_every_size": summed_up([line["limited"] for line in mine]),
            "limited_at_the_largest": summed_up([line["limited"] for line in mine], sizes[-1]),
            "naive_at_the_largest": summed_up([line["naive"] for line in mine]),
        }
        about = {"model": MODEL, "sizes": sizes, "nodes": NODES, "samples": SAMPLES, "strategy": STRATEGY}
        keep("truth", {name: {**about, **parts}})
        rows += [(name, part.replace("_", " "), *(f"{x:.3g}" for x in row.values())) for part, row in parts.items()]
    heads = ("task", "report", "runs", "points", "all covered", "each covered", "mean of reported − true", "mean width")
    return table(heads, rows)


def main() -> None:
    """Search, look up the truth, compare, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200, help="searches, over all tasks")
    parser.add_argument("--small", action="store_true", help="20 searches")
    parser.add_argument("--fresh", action="store_true", help="forget the searches that are there")
    asked = parser.parse_args()
    if asked.fresh:
        LINES.unlink(missing_ok=True)
    done = {(line["task"], line["seed"]) for line in lines_of(LINES)}
    worlds = {name: World(open_task(name), MODEL) for name in TASKS}
    for seed in range((20 if asked.small else asked.runs) // len(TASKS)):
        for name, world in worlds.items():
            if (name, seed) not in done:
                studied(name, seed, world)
                say(f"{name}, seed {seed}")
    print(told())


if __name__ == "__main__":
    main()
