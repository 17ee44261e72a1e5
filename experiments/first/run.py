"""First study: from cold, does a search on the embedded model beat asking once?

python experiments/first/run.py                      every task, strategy and seed; writes results.json
python experiments/first/run.py --strategies bayes   some of them, added to what results.json holds

Prints the table of the first README at its end.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

from undercut.search.picking import picked as picked_of
from undercut.search.single import evaluate_genome
from undercut.spaces.genome import Genome

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
TASKS = {"sort": ("8,16,32", 64, 0.90, 0.50), "sum": ("4,8,16", 32, 0.95, 0.05), "count": ("12,24,48", 96, 0.95, 0.10)}
"""Sizes, target size, least accuracy of the best decomposition and most of one call at the largest size."""

STRATEGIES = ("auto", "evolution", "bayes", "random")
HEADS = (
    *("task, n", "strategy", "reached", "accuracy", "one call", "tokens against one call's"),
    *("at 2n: forecast", "measured", "calls", "seconds", "taken, of the first seed"),
)


def one(task: str, strategy: str, seed: int) -> dict[str, Any]:
    """Run the command once, cold, in a folder of its own."""
    sizes, target, least, most = TASKS[task]
    with tempfile.TemporaryDirectory() as folder:
        words = ["search", task, "--sizes", sizes, "--target-size", str(target), "--strategy", strategy]
        command = [sys.executable, "-m", "undercut", *words, "--seed", str(seed), "--out", f"{folder}/run", "--json"]
        begin = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        seconds = time.monotonic() - begin
    result = json.loads(done.stdout)
    size = sizes.split(",")[-1]
    best = max(result["front"], key=lambda item: item["accuracy"][size]["mean"])
    once = next(item for item in result["baselines"] if item["id"] == "one call")
    picked = picked_of(result, "best")
    genome = Genome.from_dict(picked["genome"])
    at_target = evaluate_genome(genome, task, ("embedded",), sizes=(target,), seed=seed)["front"][0]
    accuracy, alone = best["accuracy"][size], once["accuracy"][size]["mean"]
    return {
        "task": task,
        "strategy": strategy,
        "seed": seed,
        "model": "embedded",
        "n": int(size),
        "accuracy": accuracy,
        "one_call": alone,
        "reached": accuracy["mean"] >= least and alone <= most,
        "tokens": best["cost"][size]["tokens"],
        "one_call_tokens": once["cost"][size]["tokens"],
        "forecast_at_target": picked["predicted"][str(target)]["accuracy"],
        "measured_at_target": at_target["accuracy"][str(target)],
        "decomposition_for_target": picked["name"],
        "law": best["law"],
        "decomposition": best["name"],
        "genome": best["genome"],
        "baselines": {item["id"]: {"accuracy": item["accuracy"][size]["mean"], "tokens": item["cost"][size]["tokens"]}
                      for item in result["baselines"]},
        "calls": result["spent"]["calls"],
        "seconds": round(seconds, 1),
    }  # fmt: skip


def page(rows: Sequence[dict[str, Any]]) -> str:
    """A table of all tasks and strategies."""
    lines = [f"| {' | '.join(HEADS)} |", "|---" * len(HEADS) + "|"]
    for task, strategy in product(TASKS, STRATEGIES):
        if mine := [row for row in rows if (row["task"], row["strategy"]) == (task, strategy)]:
            lines.append(f"| {task}, {mine[0]['n']} | {strategy} | {' | '.join(_summed(mine))} |")
    return "\n".join(lines)


def _summed(runs: Sequence[dict[str, Any]]) -> list[str]:
    """What the searches of one task by one strategy came to: medians over the seeds."""

    def middle(of: Callable[[dict[str, Any]], float]) -> float:
        return median(map(of, runs))

    return [
        f"{sum(run['reached'] for run in runs)} of {len(runs)}",
        f"{middle(lambda run: run['accuracy']['mean']):.2f}",
        f"{middle(lambda run: run['one_call']):.2f}",
        f"{middle(lambda run: run['tokens'] / run['one_call_tokens']):.1f} ×",
        f"{middle(lambda run: run['forecast_at_target']['mean']):.2f}",
        f"{middle(lambda run: run['measured_at_target']['mean']):.2f}",
        f"{middle(lambda run: run['calls']):,.0f}",
        f"{middle(lambda run: run['seconds']):.0f}",
        min(runs, key=lambda run: run["seed"])["decomposition_for_target"],
    ]


def main() -> None:
    """Run what was asked for and keep it beside what is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), choices=list(TASKS))
    parser.add_argument("--strategies", nargs="+", default=STRATEGIES, choices=STRATEGIES)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    asked = parser.parse_args()
    rows = json.loads(RESULTS.read_text())["runs"] if RESULTS.exists() else []
    for strategy in asked.strategies:
        for task in asked.tasks:
            for seed in asked.seeds:
                row = one(task, strategy, seed)
                rows = [r for r in rows if (r["task"], r["strategy"], r["seed"]) != (task, strategy, seed)] + [row]
                rows.sort(key=lambda r: (r["strategy"], r["task"], r["seed"]))
                RESULTS.write_text(json.dumps({"runs": rows}, indent=1) + "\n")
                print(
                    f"{strategy:9} {task:6} seed {seed}  {row['accuracy']['mean']:.2f} against {row['one_call']:.2f}  "
                    f"{row['tokens']:6.0f} tokens  {row['calls']:6,} calls  {row['seconds']:5.1f} s  "
                    f"{'reached' if row['reached'] else 'NOT REACHED'}  {row['decomposition']}",
                    flush=True,
                )
    print(page(rows))


if __name__ == "__main__":
    main()
