"""Rows of named columns from a JSONL, JSON or CSV file, and their cells as values of a type."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any, Literal, TypeAlias

from undercut.evaluators.scorers import number_in
from undercut.evaluators.tasks.text import DOCUMENT
from undercut.spaces.errors import TaskError
from undercut.spaces.types import ListOf, Type, parse

Row: TypeAlias = tuple[str, Mapping[str, Any]]
"""Where a row stands, in words, and its cells by column."""
Piece: TypeAlias = Literal["line", "sentence", "paragraph", "word"]
CUTS: Mapping[str, str] = {
    "line": r"\n+",
    "sentence": r"(?<=[.!?])\s+",
    "paragraph": r"\n\s*\n",
    "word": r"\s+",
}
"""Where a document is cut into passages."""
CELL = 2**31 - 1
"""Characters that a cell of a CSV file may have: all that the reader can be told, since a cell may be a document."""


def read_rows(path: Path) -> list[Row]:
    """The rows of a file.

    A JSON file holds a list of objects, or an object with one such list in it.

    Raises:
        TaskError: it cannot be read, or holds something else.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:  # bytes that are no text, or a name that no file can have
        reason = getattr(error, "strerror", None) or error
        raise TaskError(
            f"data must be a JSONL, JSON or CSV file that can be read, and {path} is not: {reason}"
        ) from error
    if path.suffix == ".csv":
        rows: list[Row] = _table(text, path)
    elif path.suffix in (".jsonl", ".json"):
        rows = [(where, _object(each, where)) for where, each in _loaded(text, path)]
    else:
        raise TaskError(f"data must be a file that ends in .jsonl, .json or .csv, and {path} does not")
    if not rows:
        raise TaskError(f"data must hold at least one row, and {path} holds none")
    return rows


def _table(text: str, path: Path) -> list[Row]:
    csv.field_size_limit(CELL)
    table = csv.DictReader(StringIO(text, newline=""))
    try:
        return [(f"line {table.line_num} of {path}", row) for row in table]
    except csv.Error as error:
        raise TaskError(
            f"{path} must be CSV with a row of cells for each problem, and is not after line {table.line_num}: {error}"
        ) from error


def _loaded(text: str, path: Path) -> list[tuple[str, Any]]:
    where = str(path)
    try:
        if path.suffix == ".json":
            data = decoded(text)
            lists = [data] if isinstance(data, list) else [each for each in data.values() if isinstance(each, list)]
            if len(lists) != 1:
                raise ValueError(f"it has {len(lists)} lists of rows")
            return [(f"row {number} of {path}", row) for number, row in enumerate(lists[0], 1)]
        found = []
        # by "\n" alone: a JSON string may hold other ends of lines
        for number, line in enumerate(text.split("\n"), 1):
            where = f"line {number} of {path}"
            if line.strip():
                found.append((where, decoded(line)))
        return found
    except (ValueError, AttributeError) as error:
        raise TaskError(f"{where} must be JSON with one object for each row, and is not: {error}") from error


def decoded(text: str | bytes) -> Any:
    """What JSON of a user's says.

    Raises:
        ValueError: it is none, is too deep to be read, or holds a text that nobody could be sent.
    """
    try:
        found = json.loads(text)
        json.dumps(found, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("it is lists or objects in each other too deep to read") from None
    except UnicodeEncodeError as error:
        raise ValueError(f"it holds half a character, {error.object[error.start]!a}") from None
    return found


def _object(row: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(row, dict):
        raise TaskError(f"{where} must be an object with a value for each column, and is {json.dumps(row):.60}")
    return row


def cell(row: Row, column: str) -> Any:
    """A row's value in a column.

    Raises:
        TaskError: there is none.
    """
    where, values = row
    value = values.get(column)
    if value is None or (isinstance(value, str) and not value.strip()):
        known = ", ".join(str(name) for name in values if name is not None)
        raise TaskError(f"{where} must have a value in column {column!r}, and has none; its columns are {known}")
    return value


def as_value(value: Any, kind: Type, pieces: Piece = "line") -> Any:
    """A cell as a value of a type.

    Raises:
        ValueError: it is none.
        InvalidAnswer: nor is it a text that could be read as one.
        RecursionError: it is nested too deep.
    """
    if isinstance(kind, ListOf):
        return _as_list(value, kind, pieces)
    if kind.name == "number":
        number = number_in(value)
        if number is None:
            raise ValueError(f"{value!s:.60} is no number")
        return number
    if kind.name == "record":
        found = decoded(value) if isinstance(value, str) else value
        if not isinstance(found, dict):
            raise ValueError(f"{value!s:.60} is no JSON object")
        return found
    if isinstance(value, list | dict):
        raise ValueError(f"{json.dumps(value):.60} is no text")
    return parse(str(value), kind)


def passages(document: str, where: str) -> list[str]:
    """The passages of a document that is cut wherever a regular expression matches."""
    return [piece.strip() for piece in re.split(where, document) if piece.strip()]


def _as_list(value: Any, kind: ListOf, pieces: Piece) -> list[Any]:
    if isinstance(value, str) and kind == DOCUMENT:
        return passages(value, CUTS[pieces])
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            value = [piece.strip() for piece in value.strip("[] ").split(",") if piece.strip()]
    if not isinstance(value, list):
        raise ValueError(f"{value!s:.60} is no list")
    return [as_value(item, kind.item) for item in value]
