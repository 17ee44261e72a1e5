"""How many comparisons sorting takes, as expected over all orders of the items."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

EULER = 0.5772156649015329
EXACT = 64
"""Up to this, sums are taken term by term and heights of trees worked out; beyond, they follow their limits."""
HEAP = (0.0, 0.0, 1.0, 3.0, 6.5, 10.95, 227 / 15, 19.789)
"""Comparisons of a heapsort of so few items, over all of their orders."""


class Asking(NamedTuple):
    """What a sort asks.

    Attributes:
        calls: for each number of items that one item is compared with in a call, how many such calls; large ones first.
        rounds: how many times calls are made that need the answers to earlier ones.
    """

    calls: tuple[tuple[int, float], ...]
    rounds: float


@lru_cache(maxsize=1 << 12)
def asking(algorithm: str, items: int, batch: int) -> Asking:
    """What sorting `items` items asks, where all orders are equally likely and every answer is right.

    Exact but for `heap` beyond seven items (within 1 %), and for the rounds of `merge` and of `quick` beyond `EXACT`.

    Source: Knuth 1998, The Art of Computer Programming 3, Sec. 5.2; Schaffer & Sedgewick 1993 (J. Algorithms 15) for
    heaps, whose linear term was measured; Reed 2003 (JACM 50(3)) for the rounds of quicksort.
    """
    if items < 2:
        return Asking((), 0)
    if algorithm == "pairs":
        return Asking(_of_pairs(items, batch), 1)
    if algorithm == "quick":
        return Asking(_of_quick(items, batch), _levels(items))
    if algorithm == "merge":
        return _of_merge(items)
    calls = HEAP[items] if items < len(HEAP) else 2 * items * math.log2(items) - 3.05 * items + 2
    return Asking(((1, calls),), calls)


def _of_pairs(items: int, batch: int) -> tuple[tuple[int, float], ...]:
    """Item i is compared with the i items before it."""
    turns, rest = divmod(items, batch)
    full = batch * turns * (turns - 1) // 2 + turns * rest
    return _runs([(batch, full), *((size, turns + (size < rest)) for size in range(batch - 1, 0, -1))])


def _of_quick(items: int, batch: int) -> tuple[tuple[int, float], ...]:
    """A part of s items is parted with s − 1 comparisons; there are 2(n + 1)/((s + 1)(s + 2)) of them, and 1 of n."""
    last, rest = divmod(items - 1, batch)
    scale = 2 * (items + 1)
    # Parts of 2 to n − 1 items: the sum of (s − 1)/((s + 1)(s + 2)) is 3/(s + 2) − 2/(s + 1), added up.
    compared = scale * (3 * (_harmonic(items + 1) - _harmonic(3)) - 2 * (_harmonic(items) - _harmonic(2)))
    left = [(size, scale * _every(size, batch, items - 2)) for size in range(1, batch)]
    full = (compared - sum(size * count for size, count in left)) / batch if items - 2 >= batch else 0.0
    exact = [(batch, full + last), *((size, count + (size == rest)) for size, count in reversed(left))]
    return _runs(exact)


def _every(size: int, batch: int, most: int) -> float:
    """The sum of 1/((m + 2)(m + 3)) over m = size, size + batch, … up to `most`."""
    count = (most - size) // batch + 1
    if count <= 0:
        return 0.0
    total = math.fsum(1 / ((m + 2) * (m + 3)) for m in range(size, size + batch * min(count, EXACT), batch))
    if count > EXACT:  # each term stands for its stretch of `batch` numbers
        start, end = size + batch * (EXACT - 0.5) + 2.5, size + batch * (count - 0.5) + 2.5
        total += (1 / start - 1 / end) / batch
    return total


def _of_merge(items: int) -> Asking:
    calls = rounds = 0.0
    size = 1
    while size < items:
        whole, rest = divmod(items, 2 * size)
        merges = [(size, size, whole), (size, max(0, rest - size), int(rest > size))]
        level = math.fsum(_merged(p, q) * count for p, q, count in merges)
        calls += level
        rounds += level if whole + (rest > size) == 1 else max(p + q - 1 for p, q, count in merges if count)
        size *= 2
    return Asking(((1, calls),), rounds)


def _merged(left: int, right: int) -> float:
    """Comparisons until one of two sorted lists is used up."""
    return left * right / (left + 1) + left * right / (right + 1)


@lru_cache(maxsize=1 << 10)
def _levels(items: int) -> float:
    """How deep the parts of a quicksort lie: the height of a random search tree, counted in parts of two or more."""
    if items <= EXACT:
        return math.fsum(1 - _flat(items, level) for level in range(items))
    return _levels(EXACT) + _height(items) - _height(EXACT)


@lru_cache(maxsize=1 << 14)
def _flat(items: int, levels: int) -> float:
    """Chance that no part of two or more items is left after so many levels."""
    if items < 2 or not levels:
        return float(items < 2)
    return math.fsum(_flat(low, levels - 1) * _flat(items - 1 - low, levels - 1) for low in range(items)) / items


def _height(items: int) -> float:
    return 4.31107 * math.log(items) - 1.95303 * math.log(math.log(items))


def _harmonic(count: int) -> float:
    if count < EXACT:
        return math.fsum(1 / each for each in range(1, count + 1))
    return math.log(count) + EULER + 1 / (2 * count) - 1 / (12 * count * count)


def _runs(calls: list[tuple[int, float]]) -> tuple[tuple[int, float], ...]:
    return tuple((size, count) for size, count in calls if count > 0)
