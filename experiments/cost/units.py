"""Two units, two fronts: a search that saves tokens and one that saves latency, each measured in both.

    python experiments/cost/units.py

Latency is the number of forward passes on the critical path, with as many workers as there is parallel work.
Everything but `--cost` is the same. Each point of both fronts is shown with its measured tokens and latency at the
largest size; below, for each unit, the cheapest point of either search that is right at least `--accuracy` of the time.
"""

from __future__ import annotations

import argparse
from typing import Any

from results import keep, say, table

import undercut

UNITS = {"tokens": "tokens", "latency": "depth"}


def front_of(task: str, model: str, unit: str, seed: int) -> list[dict[str, Any]]:
    """The front of one search, each point with accuracy, tokens and latency as measured at the largest size."""
    say(f"search {task} --cost {unit}")
    found = undercut.optimize(task, models=(model,), sizes=(8, 16, 32), target_size=64, cost=unit, seed=seed)
    rows = []
    for item in found["front"]:
        cost = item["cost"]["32"]
        measured = {name: cost[field] for name, field in UNITS.items()}
        right = item["accuracy"]["32"]["mean"]
        rows.append(
            {"saved": unit, "id": item["id"], "name": item["name"], "law": item["law"], "accuracy": right, **measured}
        )
    return rows


def main() -> None:
    """Search twice, compare, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", default="sort")
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--accuracy", type=float, default=0.9)
    asked = parser.parse_args()
    rows = [row for unit in UNITS for row in front_of(asked.task, asked.model, unit, asked.seed)]
    best = {
        measured: {
            saved: min(
                (r[measured] for r in rows if r["saved"] == saved and r["accuracy"] >= asked.accuracy), default=None
            )
            for saved in UNITS
        }
        for measured in UNITS
    }
    keep("units", {"task": asked.task, "model": asked.model, "accuracy": asked.accuracy, "rows": rows, "best": best})
    cells = [
        (r["saved"], r["id"], f"{r['accuracy']:.2f}", round(r["tokens"]), round(r["latency"]), r["law"], r["name"])
        for r in rows
    ]
    print(table(("saving", "", "accuracy 32", "tokens 32", "latency 32", "grows as", "decomposition"), cells))
    for measured, by_saved in best.items():
        told = ", ".join(f"{value:,.0f} by the search that saves {saved}" for saved, value in by_saved.items() if value)
        print(f"least {measured} at accuracy {asked.accuracy:.2f}: {told}")


if __name__ == "__main__":
    main()
