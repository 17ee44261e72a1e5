"""What a task file may hold: its tables and keys, and what is said of a file that holds something else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from undercut.evaluators.tasks.rows import CUTS, Piece
from undercut.spaces.errors import TaskError

LARGEST = 10**9
"""The largest size of a problem: far more than can be asked, and few enough to reckon with."""

Texts = str | list[str]
Words = Annotated[float, msgspec.Meta(ge=0, le=1_000_000)]
Share = Annotated[float, msgspec.Meta(ge=0, le=100)]
Tolerance = Annotated[float, msgspec.Meta(ge=0, le=1e300)]
Whole = Annotated[int, msgspec.Meta(ge=1, le=LARGEST)]


class Table(msgspec.Struct, forbid_unknown_fields=True):
    """A table of the file; no other keys may stand in it."""


class Data(Table):
    """Where the problems are.

    Attributes:
        file: JSONL, JSON or CSV, seen from the task file's folder; or several of them.
        inputs: the type of each input by its column.
        target: the column of the right output.
        target_pattern: a regular expression whose first group is the target within that column.
        pieces: where documents are cut into passages.
        size: what a problem's size is: items, words, tokens, or a column that holds it.
        sizes: the sizes that problems are sorted into, ascending; each problem goes to the nearest.
    """

    file: Texts
    inputs: dict[str, str] = msgspec.field(default_factory=lambda: {"input": "question"})
    target: str = "target"
    target_pattern: str | None = None
    pieces: Piece = "line"
    size: str = "words"
    sizes: list[Whole] = []


class Output(Table):
    """What an answer is: its form, the choices of a label, what the model is told, and its words or items."""

    form: str = "answer"
    choices: list[str] = []
    instruction: str | None = None
    words: Words | None = None


class Scorer(Table):
    """How an output is held against the target: the kind, and what that kind can be told."""

    kind: str = "exact"
    tolerance: Tolerance | None = None
    relative: Tolerance | None = None
    fields: list[str] | None = None
    rubric: str | None = None
    model: str | None = None


class Define(Table):
    """A primitive of the user's own: labels or types of its inputs, the type of its answer, prompts, and its size.

    The answer has `words` words or items and a `share` of those of all inputs together.
    """

    inputs: list[str]
    output: str
    prompts: Texts
    words: Words = 1
    share: Share = 0


class TaskFile(Table):
    """The whole file."""

    data: Data
    name: str | None = None
    summary: str = ""
    about: str = ""
    output: Output = msgspec.field(default_factory=Output)
    scorer: Scorer = msgspec.field(default_factory=Scorer)
    primitives: list[str] | None = None
    prompts: dict[str, Texts] = {}
    define: dict[str, Define] = {}


TABLES: Mapping[str, type[Table]] = {
    "$": TaskFile, "$.data": Data, "$.output": Output, "$.scorer": Scorer, "$.define[...]": Define,
}  # fmt: skip
RANGES: Mapping[str, Any] = {
    "words": Words, "share": Share, "tolerance": Tolerance, "relative": Tolerance, "sizes": Whole,
}  # fmt: skip
"""The numbers that the file may hold, by their keys."""
SHAPES = {
    "array": "a list", "object": "a table", "str": "a text", "int": "a whole number", "float": "a number",
    "bool": "true or false",
}  # fmt: skip
"""What msgspec calls what stands in a file, in plain words."""


def parse(found: dict[str, Any]) -> TaskFile:
    """What stands in a file, checked.

    Raises:
        TaskError: a key is unknown or missing, or its value is not of its kind.
    """
    try:
        return msgspec.convert(found, TaskFile)
    except msgspec.ValidationError as error:
        raise TaskError(_sentence(str(error), found)) from error


def _sentence(said: str, found: dict[str, Any]) -> str:
    """What msgspec says of what was found, in the words of the file and with what would work."""
    text, _, place = said.rpartition(" - at `$")
    text, place = (text, f"${place[:-1]}") if text else (said, "$")
    where = _where(place)
    if unknown := re.fullmatch(r"Object contains unknown field `(.*)`", text, re.DOTALL):
        known = ", ".join(TABLES[place].__struct_fields__)
        return f"the keys of {where} must be among {known}, and {unknown[1]!r} is not"
    if missing := re.fullmatch(r"Object missing required field `(.*)`", text):
        needed = ", ".join(TABLES[place].__struct_fields__[: -len(TABLES[place].__struct_defaults__)])
        return f"{where} must have {f'a table [{needed}]' if place == '$' else needed}, and {missing[1]} is missing"
    if wrong := re.fullmatch(r"Invalid enum value (.*)", text, re.DOTALL):
        return f"{where} must be one of {', '.join(CUTS)}, and {wrong[1]} is not"  # no other key has choices
    if typed := re.fullmatch(r"Expected `(.*)`, got `(.*)`", text):
        wanted = " or ".join(SHAPES.get(each, each) for each in typed[1].split(" | ") if each != "null")
        return f"{where} must be {wanted}, and is {SHAPES.get(typed[2], typed[2])}"
    key = re.search(r"(\w+)(?:\[\d+\])?$", place)
    if key is None or key[1] not in RANGES:
        return f"{where}: {text[:1].lower()}{text[1:]}"
    least, most = RANGES[key[1]].__metadata__[0].ge, RANGES[key[1]].__metadata__[0].le
    given = next(each for each in _at(found, place) if not least <= each <= most)
    return f"{where} must be from {least} to {most:,}, and {given} is not"


def _where(place: str) -> str:
    """A place such as `$.data.sizes[0]` as one would find it in the file: each of `[data] sizes`."""
    path = re.sub(r"\[\d+\]", "", place.replace("[...]", ".NAME")).removeprefix("$").removeprefix(".")
    table = re.fullmatch(r"(define\.NAME|define|data|output|scorer|prompts)(?:\.(.*))?", path)
    found = f"[{table[1]}] {table[2] or ''}".strip() if table else path or "the file"
    return f"each of {found}" if place.endswith("]") and not place.endswith("[...]") else found


def _at(found: Any, place: str) -> list[Any]:
    """All that stands at a place, which may be one of any key."""
    there = [found]
    for key in re.findall(r"\w+|\.{3}", place):
        if key == "...":
            there = [value for table in there for value in table.values()]
        elif key.isdecimal():
            there = [table[int(key)] for table in there]
        else:
            there = [table[key] for table in there if isinstance(table, dict) and key in table]
    return there
