"""Answers that are wrong but look right: they have the type, raise no red flag, and differ from the truth."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

from undercut.spaces.errors import InvalidAnswer
from undercut.spaces.primitive import Primitive
from undercut.spaces.types import Atom, Type, render

ATTEMPTS = 64
"""How many candidates are looked at before a question counts as one without a plausible wrong answer."""


def wrong_answer(primitive: Primitive, values: Sequence[Any], truth: Any, draw: random.Random) -> str | None:
    """The text of a plausible wrong answer, or None where there seems to be none (the maximum of one number)."""
    found = plausible(primitive, values, truth, draw)
    return None if found is None else found[0]


def plausible(primitive: Primitive, values: Sequence[Any], truth: Any, draw: random.Random) -> tuple[str, Any] | None:
    """The text of a plausible wrong answer with what is read from it, or None where there seems to be none."""
    labels = primitive.output.labels if isinstance(primitive.output, Atom) else ()
    known = [*leaves(values), *labels]  # no other labels are read
    for _ in range(ATTEMPTS):
        text = _written(slipped(truth, known, draw), primitive.output)
        if text is None:
            continue
        try:
            answer = primitive.read(text, values)
        except InvalidAnswer:
            continue
        if not primitive.agree(answer, truth):
            return text, answer
    return None


def _written(value: Any, kind: Type) -> str | None:
    try:
        return render(value, kind)
    except (TypeError, ValueError, IndexError, AttributeError):  # a type of the user's may not take every change
        return None


def leaves(value: Any) -> Iterator[Any]:
    """What a value is made of, in order."""
    if isinstance(value, list | tuple):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def slipped(value: Any, known: Sequence[Any], draw: random.Random) -> Any:
    """The value with one small slip of the kind that models make; at times the slip changes nothing.

    `known` are atoms from which a slip may take what it puts in another's place.
    """
    if isinstance(value, list | tuple):
        return _changed_list(list(value), known, draw)
    if isinstance(value, bool):
        return not value
    alike = [other for other in known if type(other) is type(value) and other != value]
    if isinstance(value, int):
        return draw.choice(alike) if alike and draw.random() < 0.3 else value + draw.choice((-10, -1, 1, 10))
    if isinstance(value, float):
        return value + draw.choice((-1.0, -0.1, 0.1, 1.0))
    if isinstance(value, str):
        return draw.choice(alike) if alike and draw.random() < 0.5 else _changed_text(value, draw)
    return draw.choice(known) if known else value


def _changed_list(items: list[Any], known: Sequence[Any], draw: random.Random) -> list[Any]:
    slip = draw.choice(("swap", "swap", "drop", "repeat", "alter", "replace"))
    if not items:
        return [draw.choice(known)] if known else [0]
    place = draw.randrange(len(items))
    if slip == "swap" and len(items) > 1:
        other = (place + draw.choice((1, len(items) - 1, draw.randrange(len(items))))) % len(items)
        items[place], items[other] = items[other], items[place]
    elif slip == "drop":
        del items[place]
    elif slip == "repeat":
        items.insert(place, items[place])
    elif slip == "replace":
        items[place] = draw.choice(items)
    else:
        items[place] = slipped(items[place], known, draw)
    return items


def _changed_text(text: str, draw: random.Random) -> str:
    """Two neighbouring characters swapped, or one dropped."""
    if len(text) < 2:
        return text + "s"
    place = draw.randrange(len(text) - 1)
    if draw.random() < 0.5:
        return text[:place] + text[place + 1] + text[place] + text[place + 2 :]
    return text[:place] + text[place + 1 :]
