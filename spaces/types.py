"""Types of the values that flow through a decomposition.

A type is an `Atom` or a list of a type. It knows how its values are written into a prompt, read from an
answer, and how large they are. Values are plain JSON (numbers, strings, lists), so that traces, caches and
exports need no codec of their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from undercut.spaces.errors import InvalidAnswer

NOTHING = "none"
"""How an empty list is written: an empty string would look like a missing answer."""


def _one(_value: Any) -> int:
    return 1


@dataclass(frozen=True, slots=True)
class Atom:
    """A type whose values are not taken apart.

    Two atoms are equal when their names are. `parse` raises on text that is not a value. `separator` stands between
    the items of a list of this type. `empty` is the value that a fold over this state starts from (None: a fold cannot
    start from nothing). `size` is in items (1 for a number); `typical` is about what one item of a list has, where only
    the list's total is known. `options`, where it is not 0, makes the type a choice: its values are 0, 1, … `options` −
    1 (or False and True), however they are written. `labels` are all the texts that it takes, where these are few.
    """

    name: str
    parse: Callable[[str], Any] = field(default=str, compare=False)
    render: Callable[[Any], str] = field(default=str, compare=False)
    separator: str = field(default=" ", compare=False)
    empty: Any = field(default=None, compare=False)
    size: Callable[[Any], int] = field(default=_one, compare=False)
    typical: float = field(default=1, compare=False)
    options: int = field(default=0, compare=False)
    labels: tuple[str, ...] = field(default=(), compare=False)

    @property
    def measured(self) -> bool:
        """Whether values have sizes of their own; else each is one item."""
        return self.size is not _one

    def __str__(self) -> str:
        return self.name

    def __hash__(self) -> int:
        return hash(self.name)


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list whose items are all of one type; its size is the sum of its items' sizes."""

    item: Type
    _text: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_text", f"[{self.item}]")  # types are compared and looked up by the million

    def __str__(self) -> str:
        return self._text

    def __hash__(self) -> int:
        return hash(self._text)


Type: TypeAlias = Atom | ListOf


def size_of(value: Any, kind: Type) -> int:
    """Size of a value in items: 1 an atom (unless it says otherwise), the sum of its items a list."""
    if isinstance(kind, Atom):
        return kind.size(value)
    if isinstance(kind.item, Atom) and not kind.item.measured:
        return len(value)
    return sum(size_of(item, kind.item) for item in value)


def innermost(kind: Type) -> Atom:
    """The type of the items of a list, of those of its items where these are lists, and so on."""
    return innermost(kind.item) if isinstance(kind, ListOf) else kind


def render(value: Any, kind: Type, separator: str | None = None) -> str:
    """Write a value as it stands in a prompt; `separator` overrides the one between a list's items."""
    if isinstance(kind, Atom):
        return kind.render(value)
    if not value:
        return NOTHING
    if isinstance(kind.item, Atom):
        return (separator or kind.item.separator).join(kind.item.render(item) for item in value)
    return " | ".join(render(item, kind.item) for item in value)


def parse(text: str, kind: Type) -> Any:
    """Read a value from a model's answer.

    Raises:
        InvalidAnswer: the text is not a value of this type.
    """
    text = text.strip()
    try:
        if isinstance(kind, Atom):
            value = kind.parse(text)
            if kind.options and not 0 <= value < kind.options:
                raise ValueError(text)
            return value
        if text.lower() in (NOTHING, "[]"):
            return []
        if isinstance(kind.item, ListOf):
            return [parse(part, kind.item) for part in text.split("|")]
        separator = kind.item.separator.strip(" ")
        words = text.strip("[]").split(separator) if separator else re.split(r"[,\s]+", text.strip("[] \n"))
        return [kind.item.parse(word.strip()) for word in words if word.strip()]
    except Exception as error:  # the reader may be the user's code: what it cannot read is no answer
        raise InvalidAnswer(f"an answer must be of type {kind}, and {text[:80]!r} is not") from error


def empty_of(kind: Type) -> Any:
    """The value that a fold with this state starts from, or None where there is none."""
    return [] if isinstance(kind, ListOf) else kind.empty


def yes_or_no(text: str) -> bool:
    """Read a yes or a no.

    Raises:
        ValueError: the text is neither.
    """
    word = text.strip(" .").lower()
    if word not in ("yes", "no"):
        raise ValueError(text)
    return word == "yes"


def share_of_one(text: str) -> float:
    """Read a number from 0 to 1.

    Raises:
        ValueError: the text is none.
    """
    value = float(text)
    if not 0 <= value <= 1:
        raise ValueError(text)
    return value


NUMBER = Atom("number", parse=int, empty=0)
NUMBERS = ListOf(NUMBER)
TRUTH = Atom("truth", parse=yes_or_no, render=lambda value: "yes" if value else "no")
NEED = Atom("need", parse=yes_or_no, render=lambda value: "yes" if value else "no", options=2)
"""Whether something has to be worked on: what a guard asks. A type of its own, so that a check of answers is none."""
SCORE = Atom("score", parse=share_of_one)
"""How good something is, from 0 to 1, which is as good as can be."""
