"""Sorting by asking: algorithms in code that ask for comparisons, a round at a time.

An algorithm is a generator. It yields rounds of questions `(item, others)`, the questions of one round at the same
time, and is sent, for each of them, whether each of the others comes before the item; it returns the sorted list.
It ends whatever it is told, so that wrong answers spoil the order and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any


def all_pairs(items: list[Any], batch: int) -> Generator[list[tuple[Any, list[Any]]], list[list[bool]], list[Any]]:
    """Every item with every one before it, at once; an item's place is how many come before it."""
    places = range(len(items))
    asked = [(place, range(i, min(i + batch, place))) for place in places for i in range(0, place, batch)]
    asked.sort(key=lambda question: -len(question[1]))
    before = [0] * len(items)
    answers = yield [(items[place], [items[other] for other in others]) for place, others in asked]
    for (place, others), answer in zip(asked, answers):
        for other, first in zip(others, answer):
            before[place if first else other] += 1
    return [items[place] for place in sorted(places, key=lambda place: before[place])]


def quick_sort(items: list[Any], batch: int) -> Generator[list[tuple[Any, list[Any]]], list[list[bool]], list[Any]]:
    """Part around the middle item, and then all parts at the same time."""
    parts = [items]
    while any(len(part) > 1 for part in parts):
        halves = [(part[len(part) // 2], part[: len(part) // 2] + part[len(part) // 2 + 1 :]) for part in parts if part]
        rounds = [(pivot, rest[i : i + batch]) for pivot, rest in halves for i in range(0, len(rest), batch)]
        answers = iter((yield rounds))
        parts = []
        for pivot, rest in halves:
            first: list[bool] = []
            while len(first) < len(rest):
                first += next(answers)
            parts.append([item for item, lower in zip(rest, first) if lower])
            parts.append([pivot])
            parts.append([item for item, lower in zip(rest, first) if not lower])
    return [item for part in parts for item in part]


def merge_sort(items: list[Any], batch: int) -> Generator[list[tuple[Any, list[Any]]], list[list[bool]], list[Any]]:
    """Merge neighbours, head against head, all pairs of a level at the same time; `batch` has no use."""
    level = [[item] for item in items]
    while len(level) > 1:
        work = [(level[i], level[i + 1], list[Any]()) for i in range(0, len(level) - 1, 2)]
        while True:
            open_ones = [each for each in work if each[0] and each[1]]
            if not open_ones:
                break
            answers = yield [(left[0], right[:1]) for left, right, _ in open_ones]
            for (left, right, done), answer in zip(open_ones, answers):
                done.append((right if answer[0] else left).pop(0))
        level = [done + left + right for left, right, done in work] + (level[-1:] if len(level) % 2 else [])
    return [item for run in level for item in run]


def heap_sort(items: list[Any], batch: int) -> Generator[list[tuple[Any, list[Any]]], list[list[bool]], list[Any]]:
    """A heap with the last item on top, and its top taken off again and again; `batch` has no use."""
    tree, size = list(items), len(items)
    for turn in range(len(items) // 2 + len(items) - 1):
        top = len(items) // 2 - 1 - turn
        if top < 0:
            size, top = size - 1, 0
            tree[0], tree[size] = tree[size], tree[0]
        while 2 * top + 1 < size:
            child = 2 * top + 1
            if child + 1 < size:
                answers = yield [(tree[child + 1], [tree[child]])]
                child += answers[0][0]
            answers = yield [(tree[child], [tree[top]])]
            if not answers[0][0]:
                break
            tree[top], tree[child] = tree[child], tree[top]
            top = child
    return tree


ALGORITHMS: dict[str, Callable[[list[Any], int], Generator[Any, Any, list[Any]]]] = {
    "merge": merge_sort,
    "quick": quick_sort,
    "heap": heap_sort,
    "pairs": all_pairs,
}
"""Every algorithm by name."""
