"""Problems of a task from a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from undercut.evaluators.scorers import flaw
from undercut.evaluators.task import Instance, Task, size_of_inputs
from undercut.evaluators.tasks.rows import Row, cell, decoded, read_rows
from undercut.spaces.errors import TaskError


def read_problems(path: Path, task: Task) -> tuple[Instance, ...]:
    """The problems in a file.

    An object of a JSONL or JSON file has `inputs` (a list, one for each input of the task; or `input`, where there is
    one) and `target`. A CSV row has the columns `input` (or `input1`, `input2`, …) and `target`, or else the task's
    inputs and then the target in its last columns, after any others; cells hold JSON, or plain text where they do not.

    Raises:
        TaskError: the file cannot be read, or a row is not a problem of the task.
    """
    values = _of_cells if path.suffix == ".csv" else _of_object
    problems = []
    for row in read_rows(path):
        inputs, target = values(row, task)
        try:
            if not isinstance(inputs, list):
                raise ValueError(f"its inputs must be a list, and are {inputs!s:.60}")
            task.check(inputs, target)
            if why := flaw(task.score, target):
                raise ValueError(f"its target can never be scored: {why}")
        except (ValueError, RecursionError) as error:
            raise TaskError(f"{row[0]} is no problem of {task.name!r}: {error}") from error
        problems.append(Instance(tuple(inputs), target, size_of_inputs(inputs, task.inputs)))
    return tuple(problems)


def _of_object(row: Row, task: Task) -> tuple[Any, Any]:
    where, values = row
    if "target" not in values or not {"inputs", "input"} & set(values):
        raise TaskError(
            f'{where} must be an object with "inputs" ({len(task.inputs)} of them) and "target", and has '
            f"{', '.join(values) or 'neither'}"
        )
    return values["inputs"] if "inputs" in values else [values["input"]], values["target"]


def _of_cells(row: Row, task: Task) -> tuple[Any, Any]:
    where, values = row
    *inputs, target = (_read(cell(row, column)) for column in _columns(where, values, len(task.inputs)))
    return inputs, target


def _columns(where: str, values: Mapping[str, Any], count: int) -> list[str]:
    """The columns of the inputs and of the target."""
    numbered = [f"input{index + 1}" for index in range(count)]
    for inputs in [["input"], numbered] if count == 1 else [numbered]:
        if {*inputs, "target"} <= set(values):
            return [*inputs, "target"]
    names = [name for name in values if name is not None]
    if len(names) < count + 1:
        raise TaskError(
            f"{where} needs a column for each of {count} inputs and one for the target, and has {', '.join(names)}"
        )
    return names[-count - 1 :]


def _read(text: str) -> Any:
    try:
        return decoded(text)
    except ValueError:
        return text
