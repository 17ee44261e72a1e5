"""The blocking door: a search as one function call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from undercut.evaluators.task import Task
from undercut.evaluators.tasks import open_task
from undercut.search.expense import limited
from undercut.search.progress import Progress, silent
from undercut.search.run import run_search
from undercut.search.settings import Settings, check_sizes
from undercut.spaces.errors import UsageError


def optimize(
    task: str | Task,
    *,
    out: Path | str | None = None,
    sizes: tuple[int, ...] | None = None,
    target_size: int | None = None,
    storage: str | None = None,
    models: str | Sequence[str] = ("embedded",),
    reuse: Path | str | Sequence[Path | str] = (),
    concurrency: int = 64,
    progress: Progress = silent,
    unlimited: bool = False,
    **settings: Any,
) -> dict[str, Any]:
    """Search for decompositions of a task and give the front in its JSON form.

    Args:
        task: a `Task`, or what the command would call it.
        out: the run's folder; a temporary one, if not given.
        sizes: problem sizes to run at, ascending; the task's own, if not given.
        target_size: problem size to optimise for; twice the largest, if not given.
        models: names of the models, or the name of one.
        storage: a database for the trials; a journal in the folder, if not given.
        reuse: folders of earlier runs, or the folder of one, whose answers need not be asked for again, and whose
            measurements of single calls are where this one begins.
        concurrency: most calls under way at once; the front does not depend on it.
        progress: called with phase, done, total and words.
        unlimited: leave the bill without a limit where none is given; otherwise it is held to a fifth more tokens than
            are foretold, unless all models run in this process.
        **settings: any other field of `Settings`, such as `strategy`, `seed`, `max_calls`.

    Raises:
        UsageError: something cannot be used.
        ModelError: a model could not answer; the run in `out` can be resumed.
        BudgetError: a limit was reached; the run in `out` can be resumed.
    """
    names = [each.name for each in fields(Settings) if each.name != "task"]
    unknown = next((name for name in settings if name not in names), None)
    if unknown is not None:
        raise UsageError(f"a setting must be one of {', '.join(names)}, and {unknown!r} is not")
    if not isinstance(task, str | Task):
        raise UsageError(f"a task must be a Task or the name of one, such as 'sort', not {task!r}")
    found = open_task(task, settings.get("data")) if isinstance(task, str) else task
    wanted = check_sizes(found.sizes if sizes is None else sizes)
    known = Settings(
        task=task if isinstance(task, str) else task.name,
        models=(models,) if isinstance(models, str) else tuple(models),
        sizes=wanted,
        target_size=2 * wanted[-1] if target_size is None else target_size,
        **settings,
    )
    known = known if unlimited else limited(known, found)
    folder = Path(out) if out is not None else Path(mkdtemp(prefix="undercut-"))
    earlier = (reuse,) if isinstance(reuse, str | Path) else reuse
    return run_search(
        known, folder, storage=storage, reuse=earlier, concurrency=concurrency, progress=progress, task=found
    )
