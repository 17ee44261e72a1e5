"""The built-in tasks, and how a task is found by what a user calls it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from undercut.evaluators.plugins import install_operators, plugin, plugin_names
from undercut.evaluators.task import SPLITS, Instance, Task
from undercut.evaluators.tasks.builtin import TASKS
from undercut.spaces.errors import TaskError, UsageError

__all__ = ["TASKS", "located", "open_task"]


def open_task(name: str, data: str | None = None, home: str | None = None) -> Task:
    """The task that a name stands for: a built-in, a TOML file, `module:attribute`, or a package's entry point.

    Args:
        name: what a user calls the task.
        data: a JSONL, JSON or CSV file with its problems; without one they are generated.
        home: the folder from which both are named, where that need not be the current one.

    Raises:
        TaskError: there is no such task, or the file does not hold its problems.
        UsageError: an installed package announces an operator that is none.
    """
    install_operators()
    task = _found(name, home)
    if data is None:
        return task
    from undercut.evaluators.tasks.files import read_problems

    problems = read_problems(located(data, home), task)
    return replace(task, problems=problems, sizes=_sizes_of(problems, task.sizes))


def _sizes_of(problems: Sequence[Instance], wanted: tuple[int, ...]) -> tuple[int, ...]:
    """The wanted sizes where a file has problems of all of them for every split, or else up to three that it has."""
    splits: dict[int, set[str]] = {}
    for problem in problems:
        splits.setdefault(problem.size, set()).add(problem.split)
    whole = sorted(size for size, found in splits.items() if found == set(SPLITS))
    if not whole or set(wanted) <= set(whole):
        return wanted
    return tuple(sorted({whole[0], whole[len(whole) // 2], whole[-1]}))


def located(name: str, home: str | None) -> Path:
    """Where a file is that was named in the folder `home`: there or, without one or after a move, as seen from here.

    Raises:
        TaskError: it is at neither place.
    """
    there, here = Path(home or "", name), Path(name)
    if there.exists():
        return there
    if home is not None and not here.exists():
        raise TaskError(
            f"a run needs the files that it began with, and {str(there)!r} is not there any more; put it back, or have "
            f"{name!r} in the folder where you give the command"
        )
    return here


def _found(name: str, home: str | None) -> Task:
    if name in TASKS:
        return TASKS[name]
    if name.endswith(".toml"):
        from undercut.evaluators.tasks.toml import read_task

        return read_task(located(name, home))
    if ":" in name:
        return _imported(name, home)
    try:
        announced = plugin("tasks", name)
    except UsageError as error:
        raise TaskError(str(error)) from error
    if announced is not None:
        return _checked(announced, name)
    raise TaskError(
        f"TASK must be one of {', '.join([*TASKS, *plugin_names('tasks')])}, a task file such as task.toml, or "
        f"module:attribute for a task of your own, and {name!r} is none of them"
    )


def _imported(name: str, home: str | None) -> Task:
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        raise TaskError(f"a task of your own is named module:attribute, as in my_tasks:task, not {name!r}")
    for folder in (str(Path.cwd()), home):
        if folder is not None and folder not in sys.path:
            sys.path.insert(0, folder)
    try:
        imported = importlib.import_module(module.removesuffix(".py").replace("/", "."))
    except Exception as error:  # it is the user's code, and may raise anything
        said = f"{type(error).__name__}: {error}"
        where = "from here" if home is None else f"from {home!r}, where the run began, or from here"
        raise TaskError(f"the module of {name!r} could not be imported {where}: {said}") from error
    if not hasattr(imported, attribute):
        raise TaskError(f"the module {module!r} has no attribute {attribute!r}")
    return _checked(getattr(imported, attribute), name)


def _checked(found: object, name: str) -> Task:
    if not isinstance(found, Task):
        raise TaskError(f"{name!r} must be an undercut.Task, and is of type {type(found).__name__}")
    return found
