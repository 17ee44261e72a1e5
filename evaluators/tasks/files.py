"""Problems from a file: JSONL or CSV."""

from __future__ import annotations

import csv
import json
from io import StringIO
from pathlib import Path
from typing import Any

from undercut.evaluators.scorers import exact
from undercut.evaluators.task import Instance, Task, is_of, size_of_inputs
from undercut.spaces.errors import TaskError


def read_problems(path: Path, task: Task) -> tuple[Instance, ...]:
    """The problems in a file.

    A JSONL line is an object with `inputs` (a list, one for each input of the task; or `input`, where there is one)
    and `target`. A CSV row has the columns `input` (or `input1`, `input2`, …) and `target`, or else the task's inputs
    and then the target in its last columns, after any others; cells hold JSON, or plain text where they do not.

    Raises:
        TaskError: the file cannot be read, or a row is not a problem of the task.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise TaskError(
            f"--data must be a JSONL or CSV file that can be read, and {str(path)!r} is not: {error}"
        ) from error
    rows = _jsonl(text, path, task) if path.suffix in (".jsonl", ".json") else _csv(text, path, task)
    if not rows:
        raise TaskError(f"--data must hold at least one problem, and {str(path)!r} holds none")
    return tuple(Instance(tuple(i), target, size_of_inputs(i, task.inputs)) for i, target in rows)


def _jsonl(text: str, path: Path, task: Task) -> list[tuple[list[Any], Any]]:
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            inputs = row["inputs"] if "inputs" in row else [row["input"]]
            rows.append(_checked(inputs, row["target"], task))
        except (ValueError, KeyError, TypeError) as error:
            raise TaskError(
                f'line {number} of {path} must be an object with "inputs" ({len(task.inputs)} of them) and "target": '
                f"{error}"
            ) from error
    return rows


def _csv(text: str, path: Path, task: Task) -> list[tuple[list[Any], Any]]:
    rows = []
    table = csv.DictReader(StringIO(text, newline=""))
    columns = _columns(list(table.fieldnames or []), path, task)
    for row in table:
        if not all((row[column] or "").strip() for column in columns):
            raise TaskError(f"line {table.line_num} of {path} lacks a value in one of the columns {', '.join(columns)}")
        *inputs, target = (_cell(row[column]) for column in columns)
        try:
            rows.append(_checked(inputs, target, task))
        except ValueError as error:
            raise TaskError(f"line {table.line_num} of {path} is no problem of {task.name!r}: {error}") from error
    return rows


def _columns(names: list[str], path: Path, task: Task) -> list[str]:
    """The columns of the inputs and of the target."""
    count = len(task.inputs)
    named = [["input"]] if count == 1 else []
    named.append([f"input{index + 1}" for index in range(count)])
    for inputs in named:
        if {*inputs, "target"} <= set(names):
            return [*inputs, "target"]
    if len(names) < count + 1:
        raise TaskError(
            f"{path} needs a column for each of {count} inputs and one for the target, and has {', '.join(names)}"
        )
    return names[-count - 1 :]


def _cell(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _checked(inputs: Any, target: Any, task: Task) -> tuple[list[Any], Any]:
    if not isinstance(inputs, list) or len(inputs) != len(task.inputs):
        raise ValueError(f"found {inputs!s:.60}")
    for value, kind in zip(inputs, task.inputs, strict=True):
        if not is_of(value, kind):
            raise ValueError(f"an input must be of type {kind}, and {value!s:.60} is not")
    if task.score is exact and not is_of(target, task.output):  # a scorer of one's own may take any target
        raise ValueError(f"the target must be of type {task.output}, and {target!s:.60} is not")
    return inputs, target
