"""Scorers: what an output is worth against a target, as a share in [0, 1].

A scorer is called `score(output, target)` and never raises on what a model may write: what it cannot read is worth 0.
"""

from __future__ import annotations

import json
import math
import re
import string
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, TypeAlias

Score: TypeAlias = Callable[[Any, Any], float]

ARTICLES = ("a", "an", "the")
_NUMBER = re.compile(r"[-+]?(?:\d[\d,]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def exact(output: Any, target: Any) -> float:
    """1 where the output equals the target, else 0."""
    return float(output == target)


def plain(value: Any) -> str:
    """A text in lower case without punctuation, articles and surplus space.

    Source: the answer normalisation of SQuAD (Rajpurkar et al. 2016, arXiv 1606.05250).
    """
    words = _text(value).casefold().translate(_PUNCTUATION).split()
    return " ".join(word for word in words if word not in ARTICLES)


def normalised(output: Any, target: Any) -> float:
    """1 where the plain texts are equal, else 0."""
    return float(plain(output) == plain(target))


def numeric(output: Any, target: Any, tolerance: float = 0.0, relative: float = 0.0) -> float:
    """1 where the last numbers of output and target are equal, give or take the larger of two tolerances."""
    found, wanted = number_in(output), number_in(target)
    if found is None or wanted is None:
        return 0.0
    return float(math.isclose(found, wanted, rel_tol=relative, abs_tol=max(tolerance, 1e-9)))


def choice(output: Any, target: Any) -> float:
    """1 where the output names the target's option: `B`, `(b)` and `B. Frankenstein` are one."""
    return float(option_of(output) == option_of(target))


def set_f1(output: Any, target: Any) -> float:
    """F1 of the output's items against the target's, as sets of plain texts."""
    return _f1(Counter(set(map(plain, _items(output)))), Counter(set(map(plain, _items(target)))))


def same_items(output: Any, target: Any) -> float:
    """1 where the items are the same, each as often, in any order; else 0."""
    return float(Counter(map(plain, _items(output))) == Counter(map(plain, _items(target))))


def token_f1(output: Any, target: Any) -> float:
    """F1 of the output's plain words against the target's.

    Source: Rajpurkar et al. 2016 (arXiv 1606.05250), section 6.
    """
    return _f1(Counter(plain(output).split()), Counter(plain(target).split()))


def regex(output: Any, target: Any) -> float:
    """1 where the whole output matches the target, which is a regular expression; else 0."""
    try:
        return float(re.fullmatch(_text(target), _text(output).strip()) is not None)
    except re.error:
        return 0.0


def json_fields(output: Any, target: Any, fields: Sequence[str] = ()) -> float:
    """Share of the target's fields, or of those named, that the output has with an equal plain value."""
    found, wanted = _object(output), _object(target)
    if found is None or wanted is None:
        return 0.0
    names = fields or list(wanted)
    if not names:
        return float(found == wanted)
    hits = sum(name in found and name in wanted and plain(found[name]) == plain(wanted[name]) for name in names)
    return hits / len(names)


SCORERS: dict[str, Score] = {
    "exact": exact,
    "normalised": normalised,
    "numeric": numeric,
    "choice": choice,
    "set_f1": set_f1,
    "same_items": same_items,
    "token_f1": token_f1,
    "regex": regex,
    "json_fields": json_fields,
}
"""Every scorer by name; a judge model is none, since it has to be asked."""


def flaw(score: Score, target: Any) -> str:
    """Why no output can be worth 1 against a target by one of these scorers; nothing where one can.

    Nothing, too, where the scorer is none of these: what the target is to it is not known.
    """
    scorer = score.func if isinstance(score, partial) else score
    if scorer is regex:
        try:
            re.compile(_text(target))
        except (re.error, OverflowError, RecursionError) as error:
            return f"it must be a regular expression, and {target!s:.60} is none: {error}"
    elif scorer in SCORERS.values() and (worth := score(target, target)) < 1:
        name = next(each for each in SCORERS if SCORERS[each] is scorer)
        return f"an output that equals it must be worth 1 by the scorer {name}, and {target!s:.60} is worth {worth:.2g}"
    return ""


def number_in(value: Any) -> float | None:
    """The last number of a text, commas between thousands left out; None where there is none that a float can hold."""
    number = value
    if not isinstance(value, int | float) or isinstance(value, bool):
        found = _NUMBER.findall(_text(value))
        number = found[-1].replace(",", "") if found else math.nan
    try:
        near = float(number)
    except OverflowError:
        return None
    if not math.isfinite(near):
        return None
    return int(Decimal(number)) if near.is_integer() else near  # a float holds no more than 15 digits


def option_of(value: Any) -> str:
    """The letter or word that a choice begins with, in lower case and without brackets."""
    found = re.match(r"\W*(\w+)", _text(value))
    return found[1].casefold() if found else ""


def _f1(found: Counter[str], wanted: Counter[str]) -> float:
    both = sum((found & wanted).values())
    if not found or not wanted:
        return float(found == wanted)
    return 2 * both / (found.total() + wanted.total())


def _text(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(_text, value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _items(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    return [word for word in re.split(r"[,;\n]", _text(value).strip("[] ")) if word.strip()]


def _object(value: Any) -> dict[str, Any] | None:
    if isinstance(value, dict):
        return value
    try:
        read = json.loads(_text(value))
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, dict) else None
