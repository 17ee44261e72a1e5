"""Taking one decomposition out of a run."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from undercut.evaluators.tasks import open_task
from undercut.search.export import to_mermaid, to_python
from undercut.search.forecast import BY_RESULTS, aim
from undercut.search.front import front, thinned
from undercut.search.units import field_of
from undercut.spaces.errors import UsageError
from undercut.spaces.genome import Genome


def picked(result: dict[str, Any], pick: str) -> dict[str, Any]:
    """The item of a front that `best`, `cheapest` or its ID names.

    The best is the most accurate, but for those that add too little to a cheaper one to be on a front (see `adds`).

    Raises:
        UsageError: there is no such item.
    """
    items: list[dict[str, Any]] = [*result["front"], *result["baselines"]]
    if not result["front"] and (pick in ("best", "cheapest") or not items):
        known = _typed(items)
        raise UsageError(
            f"--pick {pick} takes from the front, and this run's is empty"
            + (f"; the known designs can be picked: {known}" if items else ", and no known design was measured")
        )
    if pick == "best":
        largest, unit = result["sizes"][-1], result["cost"]
        ahead = front((item, _accuracy(item, largest), _cost(item, unit)) for item in result["front"])
        best: dict[str, Any] = (thinned(ahead) or ahead)[-1][0]
        return best
    if pick == "cheapest":
        cheapest: dict[str, Any] = min(result["front"], key=lambda item: _cost(item, result["cost"]))
        return cheapest
    for item in items:
        if item["id"] == pick:
            return item
    words = "best, cheapest or one of" if result["front"] else "one of"
    raise UsageError(f"--pick must be {words} {_typed(items)}, and {pick!r} is not")


def _typed(items: Sequence[Mapping[str, Any]]) -> str:
    """What items are called, as one would type them in a command."""
    return ", ".join(shlex.quote(item["id"]) for item in items)


def exported(
    result: dict[str, Any],
    item: dict[str, Any],
    form: str,
    digests: Sequence[str] | None = None,
    home: str | None = None,
) -> str:
    """An item of a run as `python`, `json` or `mermaid` text.

    `digests` are those of the task that it began with, `home` is the folder where it did.

    Raises:
        UsageError: the task's prompts have changed since, or its source cannot stand alone.
    """
    genome = Genome.from_dict(item["genome"])
    if form == "json":
        return json.dumps({**genome.to_dict(), "task": _from_here(result["task"], home)}, indent=1) + "\n"
    if form == "mermaid":
        return to_mermaid(genome)
    task = open_task(result["task"], home=home)
    if digests is not None and digests[0] != task.digests[0]:
        raise UsageError(
            f"an export holds the prompts that were measured, and those of {result['task']!r} have changed since then; "
            "put them back, or search again"
        )
    notes = [f"{size}: accuracy {found['mean']:.2f}" for size, found in item["accuracy"].items()]
    notes = [
        f"Measured on {', '.join(result['models'])}, held out, n = " + "; n = ".join(notes),
        f"Cost in {result['cost']} grows as {item['law'] or 'nobody knows'}",
    ]
    toolbox = task.toolbox(result["models"], allow_code=True)
    title = f"{result['task']}: {item['name']}"
    return to_python(genome, toolbox, title=title, notes=notes, inputs=task.inputs, cut=task.cut)


def _from_here(task: str, home: str | None) -> str:
    """The name of a task as the command understands it here: that of a file may have been given in another folder."""
    there = Path(home or "", task)
    return os.path.relpath(there) if task.endswith(".toml") and not Path(task).exists() and there.exists() else task


def _accuracy(item: dict[str, Any], largest: int) -> float:
    """What the search aims at, by the measurement at the largest size searched and what is known of the target.

    That is the forecast and, where the last measurement went as far, what it showed there: each counts for half. A
    forecast that rests on whole results alone counts for no more than what was measured at the largest size.
    """
    measured = item["accuracy"]
    target, predicted = next(iter(item["predicted"].items()))
    known = [found["mean"] for found in (predicted["accuracy"], measured.get(target)) if found is not None]
    at_largest = measured[str(largest)]["mean"]
    if predicted.get("note") == BY_RESULTS and target not in measured:
        return float(fmean([at_largest, *known]))
    return float(aim(at_largest, fmean(known)) if known else at_largest)


def _cost(item: dict[str, Any], unit: str) -> float:
    value = next(iter(item["predicted"].values()))["cost"][field_of(unit)]
    return float("inf") if value is None else float(value)
