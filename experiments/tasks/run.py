"""Searches of real and generated tasks from task files, over HTTP on this machine, against a simulated chat model.

    UNDERCUT_DATA=… python experiments/tasks/run.py [TASK…]      run, all tasks or some
    UNDERCUT_DATA=… python experiments/tasks/run.py --unlimited [TASK…]      again, with no limit on the bill
    python experiments/tasks/run.py --table                      print results.json as the tables of the README

The folder that UNDERCUT_DATA names holds gsm8k, bbh and got; tasks whose data is not there are left out.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from cases import CASES, SHARED, Case

from undercut.evaluators.models.loopback import served
from undercut.evaluators.tasks import open_task
from undercut.search.api import optimize
from undercut.search.task_commands import checked
from undercut.spaces.errors import TaskError

RESULTS = Path(__file__).parent / "results.json"
EVALUATIONS, SAMPLES = 12, 20
PORT = 18430
"""The same at each run: a model is known by its server's address, too, and the order of its calls hangs on that."""


def study(case: Case, unlimited: bool) -> dict[str, Any]:
    """What a search of one task found and spent, beside what was foretold."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = case.write(folder)
        task = open_task(str(path))
        settings = {"target_size": task.sizes[-1], "evaluations": EVALUATIONS, "samples": SAMPLES}
        began = time.perf_counter()
        with served(case.model(path), port=PORT) as (base, server):
            foretold = checked(task, str(path), ("chat",), task.sizes, api_base=base, **settings)
            out = folder / "run"
            result = optimize(str(path), models=("chat",), api_base=base, out=out, unlimited=unlimited, **settings)
        seconds = time.perf_counter() - began
    return {
        "sizes": list(task.sizes),
        "front": [_row(item) for item in result["front"]],
        "known": [_row(item) | {"id": item["id"]} for item in result["baselines"]],
        "foretold": {unit: foretold["cost"][unit] for unit in ("calls", "tokens")},
        "limit": None if unlimited else foretold["limit"],
        "spent": {unit: result["spent"][unit] for unit in ("calls", "tokens")},
        "counted by the server": {"calls": server.calls, "tokens": server.tokens},
        "stopped": result["stopped"],
        "seconds": round(seconds),
    }


def _row(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": item["name"],
        "accuracy": {size: round(found["mean"], 3) for size, found in item["accuracy"].items()},
        "tokens": {size: round(found["tokens"], 1) for size, found in item["cost"].items()},
    }


def main(names: list[str], unlimited: bool) -> None:
    """Search, keep."""
    kind = "unlimited" if unlimited else "held"
    for name in names or CASES:
        if not _has_data(name):
            continue
        try:
            one = study(CASES[name], unlimited)
        except TaskError as error:
            print(f"{name}: {error}", flush=True)
            continue
        found = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
        found[name] = found.get(name, {}) | {kind: one}
        found = {name: found[name] for name in CASES if name in found}
        RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        print(name, one["foretold"]["tokens"], one["limit"], one["spent"], one["seconds"], one["stopped"], flush=True)


def _has_data(name: str) -> bool:
    """Whether a task's data is there; says so where it is not."""
    there = "SHARED/" not in CASES[name].toml or bool(os.environ.get(SHARED))
    if not there:
        print(f"{name}: left out, since {SHARED} names no folder", flush=True)
    return there


def _best(front: list[dict[str, Any]], size: str) -> dict[str, Any]:
    return max(front, key=lambda item: (item["accuracy"][size], -item["tokens"][size]))


def table() -> None:
    """Print the results in Markdown: the front at the largest size, and the bill beside what was foretold."""
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    print(
        "| task, n | most accurate find | accuracy | one call | tokens a use | one call | foretold | spent | off by |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for name, found in results.items():
        size, held = str(found["held"]["sizes"][-1]), found["held"]
        best = _best(held["front"], size)
        once = next(item for item in held["known"] if item["id"] == "one call")
        print(
            f"| {name}, {size} | {best['name']} | {best['accuracy'][size]:.2f} | {once['accuracy'][size]:.2f} "
            f"| {best['tokens'][size]:,.0f} | {once['tokens'][size]:,.0f} | {_bill(held)} |"
        )
    print()
    print("| task, n | foretold (ends) | spent | off by | most accurate find without a limit | accuracy | held |")
    print("|---|---|---|---|---|---|---|")
    for name, found in results.items():
        if "unlimited" not in found:
            continue
        free = found["unlimited"]
        size = str(free["sizes"][-1])
        best = _best(free["front"], size)
        print(
            f"| {name}, {size} | {_bill(free, ends=True)} | {best['name']} | {best['accuracy'][size]:.2f} "
            f"| {_best(found['held']['front'], size)['accuracy'][size]:.2f} |"
        )


def _bill(found: dict[str, Any], ends: bool = False) -> str:
    """What was foretold and spent, in thousands of tokens, and the first against the second."""
    spent, foretold = found["spent"]["tokens"], found["foretold"]["tokens"]
    low, mean, high = (f"{foretold[end] / 1000:,.0f}" for end in ("low", "mean", "high"))
    more = f" ({low}–{high})" if ends else ""
    return f"{mean} k{more} | {spent / 1000:,.0f} k | {foretold['mean'] / spent - 1:+.0%}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=f"{', '.join(CASES)}; all, if none is named")
    parser.add_argument("--unlimited", action="store_true", help="set no limit on the bill")
    parser.add_argument("--table", action="store_true", help="print results.json, and search nothing")
    asked = parser.parse_args()
    if unknown := [name for name in asked.tasks if name not in CASES]:
        parser.error(f"a TASK must be one of {', '.join(CASES)}, and {unknown[0]!r} is not")
    if asked.table:
        table()
    else:
        main(asked.tasks, asked.unlimited)
