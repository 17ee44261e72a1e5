"""Searches of real and generated tasks from task files, over HTTP on this machine, against a simulated chat model.

    UNDERCUT_DATA=… python experiments/tasks/run.py [TASK…]      run, all tasks or some
    UNDERCUT_DATA=… python experiments/tasks/run.py --held       again, each held to a fifth more than was foretold
    python experiments/tasks/run.py --table                      print results.json as the tables of the README

The folder that UNDERCUT_DATA names holds gsm8k, bbh and got; tasks whose data is not there are left out.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from cases import CASES, SHARED, Case

from undercut.evaluators.models.loopback import served
from undercut.evaluators.task import Task
from undercut.evaluators.tasks import open_task
from undercut.search.api import optimize
from undercut.search.task_commands import checked
from undercut.spaces.errors import TaskError

RESULTS = Path(__file__).parent / "results.json"
EVALUATIONS, SAMPLES = 12, 20


HELD = 1.2
"""Times the tokens foretold that a search may use where it is held to that."""


def study(case: Case) -> dict[str, Any]:
    """What a search of one task found and spent, beside what was foretold."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = case.write(folder)
        task = open_task(str(path))
        settings = _settings(task)
        began = time.perf_counter()
        with served(case.model(path)) as (base, server):
            foretold = checked(task, str(path), ("chat",), task.sizes, api_base=base, **settings)["cost"]
            result = optimize(str(path), models=("chat",), api_base=base, out=folder / "run", **settings)
        seconds = time.perf_counter() - began
    return {
        "sizes": list(task.sizes),
        "front": [_row(item) for item in result["front"]],
        "known": [_row(item) | {"id": item["id"]} for item in result["baselines"]],
        "foretold": {unit: foretold[unit] for unit in ("calls", "tokens")},
        "spent": {unit: result["spent"][unit] for unit in ("calls", "tokens")},
        "counted by the server": {"calls": server.calls, "tokens": server.tokens},
        "seconds": round(seconds),
    }


def held(case: Case, foretold: float) -> dict[str, Any]:
    """What a search of one task finds that may use a fifth more tokens than were foretold."""
    most = round(HELD * foretold)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = case.write(folder)
        with served(case.model(path)) as (base, server):
            result = optimize(
                str(path),
                models=("chat",),
                api_base=base,
                out=folder / "run",
                max_tokens=most,
                **_settings(open_task(str(path))),
            )
    return {
        "most": most,
        "spent": result["spent"]["tokens"],
        "counted by the server": server.tokens,
        "front": [_row(item) for item in result["front"]],
        "stopped": result["stopped"],
    }


def _settings(task: Task) -> dict[str, Any]:
    return {"target_size": task.sizes[-1], "evaluations": EVALUATIONS, "samples": SAMPLES}


def _row(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": item["name"],
        "accuracy": {size: round(found["mean"], 3) for size, found in item["accuracy"].items()},
        "tokens": {size: round(found["tokens"], 1) for size, found in item["cost"].items()},
    }


def main(names: list[str]) -> None:
    found = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() and names else {}
    for name in names or CASES:
        if not _has_data(name):
            continue
        try:
            found[name] = study(CASES[name])
        except TaskError as error:
            print(f"{name}: {error}", flush=True)
            continue
        RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        print(
            name,
            json.dumps(found[name]["foretold"]["tokens"]),
            found[name]["spent"],
            found[name]["seconds"],
            flush=True,
        )


def _has_data(name: str) -> bool:
    """Whether a task's data is there; says so where it is not."""
    there = "SHARED/" not in CASES[name].toml or bool(os.environ.get(SHARED))
    if not there:
        print(f"{name}: left out, since {SHARED} names no folder", flush=True)
    return there


def hold() -> None:
    """Search all tasks again, held to what was foretold."""
    found = json.loads(RESULTS.read_text(encoding="utf-8"))
    for name, known in found.items():
        if not _has_data(name):
            continue
        known["held"] = held(CASES[name], known["foretold"]["tokens"]["mean"])
        RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        print(name, known["held"]["most"], known["held"]["spent"], known["held"]["stopped"], flush=True)


def _best(front: list[dict[str, Any]], size: str) -> dict[str, Any]:
    return max(front, key=lambda item: (item["accuracy"][size], -item["tokens"][size]))


def table() -> None:
    """Print the results in Markdown: the front at the largest size, and the bill beside what was foretold."""
    print(
        "| task, n | most accurate find | accuracy | one call | tokens a use | one call | spent | foretold | off by |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for name, found in json.loads(RESULTS.read_text(encoding="utf-8")).items():
        size = str(found["sizes"][-1])
        best = _best(found["front"], size)
        once = next(item for item in found["known"] if item["id"] == "one call")
        spent, foretold = found["spent"]["tokens"], found["foretold"]["tokens"]
        ends = "–".join(f"{foretold[end] / 1000:,.0f}" for end in ("low", "high"))
        print(
            f"| {name}, {size} | {best['name']} | {best['accuracy'][size]:.2f} | {once['accuracy'][size]:.2f} "
            f"| {best['tokens'][size]:,.0f} | {once['tokens'][size]:,.0f} | {spent / 1000:,.0f} k "
            f"| {foretold['mean'] / 1000:,.0f} k ({ends}) | {foretold['mean'] / spent - 1:+.0%} |"
        )
    print()
    print("| task, n | foretold | spent | off by | best find held to it | accuracy | without |")
    print("|---|---|---|---|---|---|---|")
    for name, found in json.loads(RESULTS.read_text(encoding="utf-8")).items():
        if "held" not in found:
            continue
        size, spent, foretold = str(found["sizes"][-1]), found["held"]["spent"], found["foretold"]["tokens"]["mean"]
        best = _best(found["held"]["front"], size)
        print(
            f"| {name}, {size} | {foretold / 1000:,.0f} k | {spent / 1000:,.0f} k | {foretold / spent - 1:+.0%} "
            f"| {best['name']} | {best['accuracy'][size]:.2f} | {_best(found['front'], size)['accuracy'][size]:.2f} |"
        )


if __name__ == "__main__":
    if sys.argv[1:] == ["--table"]:
        table()
    elif sys.argv[1:] == ["--held"]:
        hold()
    else:
        main(sys.argv[1:])
