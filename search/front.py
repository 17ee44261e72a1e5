"""Fronts: what no other genome beats in accuracy and cost at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias, TypeVar

Named = TypeVar("Named")
Point: TypeAlias = tuple[Named, float, float]
"""What it is, its accuracy in [0, 1] and its cost."""

STEP = 0.02
"""Accuracy that a dearer genome must add to stand on a reported front: less is within the noise of any measurement."""
HALVED = 2.0
"""A genome up to so many times as dear is worth its cost where it halves the errors and so adds half of `STEP` or more:
close to certainty it is errors that count, and there is no whole step left to add."""
TWIN = 1.01
"""Two costs are next to equal where neither is more than so many times the other."""
DIGITS = 9
"""Significant digits by which forecasts are compared. Processors differ in the last bits of a double, and many
decompositions are worth the same: those bits would tell them apart, elsewhere in another way."""


def front(worths: Iterable[Point[Named]]) -> list[Point[Named]]:
    """The non-dominated ones, cheapest first; of equals the first given."""
    kept: list[Point[Named]] = []
    for what, accuracy, cost in sorted(worths, key=lambda worth: (worth[2], -worth[1])):
        if not kept or accuracy > kept[-1][1]:
            kept.append((what, accuracy, cost))
    return kept


def adds(accuracy: float, cost: float, known: float, price: float, step: float = STEP) -> bool:
    """Whether a genome adds enough accuracy to one that is `known` accurate at a lower `price` (see the constants)."""
    gained = accuracy - known
    return gained >= step or (gained >= max(step, 1 - known) / 2 and cost <= HALVED * price)


def thinned(found: Sequence[Point[Named]], step: float = STEP) -> list[Point[Named]]:
    """A front without the points that add too little to a cheaper one, and without near twins; see `adds`.

    Of points whose costs are next to equal the most accurate stays.
    """
    kept: list[Point[Named]] = []
    for point in found:
        if point[1] > 0 and (not kept or adds(*point[1:], *kept[-1][1:], step)):
            if kept and point[2] <= kept[-1][2] * TWIN:
                kept.pop()
            kept.append(point)
    return kept


def rounded(value: float) -> float:
    """An accuracy or a cost to so many digits that it is the same on all machines."""
    return float(f"{value:.{DIGITS}g}")


def letter(position: int) -> str:
    """What the item at a position of a front is called."""
    return chr(ord("a") + position) if position < 26 else f"z{position}"
