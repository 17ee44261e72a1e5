"""How large a value is, for the walk with symbols.

The extent of an atom is its size. The extent of a list is runs of equal items, `((extent, count), …)`, so that a
list of a million chunks is as short as a list of two: this is what keeps the cost walk at O(log n). Counts may be
fractions where a size is an expectation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

from undercut.spaces.types import Atom, Type

Runs: TypeAlias = "tuple[tuple[Extent, float], ...]"
Extent: TypeAlias = "float | Runs"


def total(extent: Extent) -> float:
    """Size in items: an atom's own, the sum of its items' sizes for a list."""
    if not isinstance(extent, tuple):
        return extent
    return sum(total(item) * count for item, count in extent)


def length(extent: Extent) -> float:
    """How many items a list has.

    Raises:
        TypeError: the extent is an atom's.
    """
    return sum(count for _, count in runs(extent))


def runs(extent: Extent) -> Runs:
    """The runs of a list's extent.

    Raises:
        TypeError: the extent is an atom's.
    """
    if not isinstance(extent, tuple):
        raise TypeError("an atom has no items")
    return extent


def joined(runs: list[tuple[Extent, float]]) -> Runs:
    """Runs with neighbours of equal extent made one and empty runs dropped."""
    out: list[tuple[Extent, float]] = []
    for item, count in runs:
        if count <= 0:
            continue
        if out and out[-1][0] == item:
            out[-1] = (item, out[-1][1] + count)
        else:
            out.append((item, count))
    return tuple(out)


def grouped(items: Runs, size: float) -> Runs:
    """Cut a list into consecutive groups of `size` items, the last one perhaps smaller: a list of lists."""
    out: list[tuple[Extent, float]] = []
    partial: list[tuple[Extent, float]] = []
    room = size
    for item, count in items:
        if partial:
            taken = min(room, count)
            partial.append((item, taken))
            room, count = room - taken, count - taken
            if room <= 0:
                out.append((joined(partial), 1))
                partial, room = [], size
        full, rest = divmod(count, size)
        if full:
            out.append((((item, size),), full))
        if rest > 0:
            partial.append((item, rest))
            room = size - sum(taken for _, taken in partial)
    if partial:
        out.append((joined(partial), 1))
    return joined(out)


def parted(items: Runs, count: int) -> Runs:
    """Cut a list of whole counts into at most `count` groups, equal to within one item, the larger ones first."""
    many = length(items)
    small, larger = divmod(many, min(count, max(1, many)))
    cut = larger * (small + 1)
    return joined([*grouped(between(items, 0, cut), small + 1), *grouped(between(items, cut, many), small)])


def windowed(items: Runs, size: int, step: int) -> Runs:
    """Cut a list of whole counts into windows of `size` items that begin `step` apart; the last one ends the list."""
    last = max(0, -(-(length(items) - size) // step))
    out: list[tuple[Extent, float]] = []
    index: float = 0
    end: float = 0
    for item, count in items:
        end += count
        inside = min(last, (end - size) // step + 1)
        if inside > index:
            out.append((((item, size),), inside - index))
            index = inside
        while index < last and index * step < end:
            out.append((between(items, index * step, size), 1))
            index += 1
    if items:
        out.append((between(items, last * step, size), 1))
    return joined(out)


def between(items: Runs, start: float, size: float) -> Runs:
    """The `size` items from position `start` on, or as many as there are."""
    out: list[tuple[Extent, float]] = []
    for item, count in items:
        out.append((item, min(start + size, count) - max(start, 0)))
        start -= count
    return joined(out)


def settled(items: Runs) -> Runs:
    """The list with its expected counts rounded to whole ones, for operators that take items one by one."""
    if all(isinstance(count, int) for _, count in items):
        return items
    out: list[tuple[Extent, float]] = []
    end: float = 0
    for item, count in items:
        out.append((item, whole(end + count) - whole(end)))
        end += count
    return joined(out)


def average(parts: Sequence[tuple[Extent, float]]) -> Extent:
    """What is expected of one of some extents, each with its weight."""
    first = parts[0][0]
    if all(extent == first for extent, _ in parts):
        return first
    whole = math.fsum(weight for _, weight in parts)
    if not all(isinstance(extent, tuple) for extent, _ in parts):
        return math.fsum(total(extent) * weight for extent, weight in parts) / whole
    items = [(item, count * weight) for extent, weight in parts for item, count in runs(extent)]
    many = math.fsum(count for _, count in items)
    return joined([(average(items), many / whole)]) if many else ()


def alike(first: Extent, second: Extent) -> bool:
    """Whether two extents are equal, to within rounding."""
    if isinstance(first, tuple) and isinstance(second, tuple):
        return len(first) == len(second) and all(
            alike(a, b) and alike(many, more) for (a, many), (b, more) in zip(first, second, strict=True)
        )
    if isinstance(first, tuple) or isinstance(second, tuple):
        return False
    return first == second or math.isclose(first, second, rel_tol=1e-9)


def extent_of(value: Any, kind: Type) -> Extent:
    """The extent of a value of this type."""
    if isinstance(kind, Atom):
        return kind.size(value)
    return joined([(extent_of(item, kind.item), 1) for item in value])


def of_size(size: float, kind: Type) -> Extent:
    """The plain extent of a value of this type and size: `size` items of size 1, one level deep.

    Items of another typical size are so many fewer, each of an equal share.
    """
    if isinstance(kind, Atom):
        return size
    if isinstance(kind.item, Atom):
        if kind.item.typical == 1 or size <= 0:
            return joined([(1, size)])
        many = max(1, round(size / kind.item.typical))
        return joined([(size / many, many)])
    return joined([(of_size(1, kind.item), size)])


def whole(count: float) -> float:
    """Round a count up to a whole number; expectations a hair above one are taken as that one."""
    return count if isinstance(count, int) else math.ceil(count - 1e-9)
