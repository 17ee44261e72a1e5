"""The tasks that come with undercut, each with generated problems."""

from __future__ import annotations

import heapq
import random
from typing import Any

from undercut.evaluators.models.embedded.tokenizer import NAMES
from undercut.evaluators.task import Task
from undercut.evaluators.tasks.primitives import (
    ADD,
    CHECK,
    COUNT,
    FACTS,
    FOUND,
    INTERSECT,
    KEY,
    LOOKUP,
    MAX,
    MERGE,
    PICK,
    SORT,
    SUM,
    same_set,
)
from undercut.spaces.toolbox import Function
from undercut.spaces.types import NUMBER, NUMBERS

Problem = tuple[tuple[Any, ...], Any]


def _numbers(size: int, generator: random.Random, below: int = 100) -> list[int]:
    return [generator.randrange(below) for _ in range(size)]


def _sort(size: int, generator: random.Random) -> Problem:
    numbers = _numbers(size, generator)
    return (numbers,), sorted(numbers)


def _sum(size: int, generator: random.Random) -> Problem:
    numbers = _numbers(size, generator)
    return (numbers,), sum(numbers)


def _count(size: int, generator: random.Random) -> Problem:
    """Numbers below ten, so that the one asked for occurs about every tenth time."""
    numbers, wanted = _numbers(size, generator, 10), generator.randrange(10)
    return (numbers, wanted), numbers.count(wanted)


def _maximum(size: int, generator: random.Random) -> Problem:
    numbers = _numbers(size, generator)
    return (numbers,), max(numbers, default=0)


def _intersection(size: int, generator: random.Random) -> Problem:
    """Two sets from a range of twice their size, or from all numbers up to 99 where that holds them."""
    pool = range(100 if size <= 64 else 2 * size)
    left, right = generator.sample(pool, size), generator.sample(pool, size)
    common = set(left) & set(right)
    return (left, right), [number for number in left if number in common]


def _lookup(size: int, generator: random.Random) -> Problem:
    """Facts with names that all differ; the wanted one is among them nine times in ten."""
    pool = NAMES if size < len(NAMES) else [f"{first}-{second}" for first in NAMES for second in NAMES]
    *names, stranger = generator.sample(pool, size + 1)
    known = {name: generator.randrange(100) for name in names}
    wanted = generator.choice(names) if names and generator.random() < 0.9 else stranger
    return ([[name, number] for name, number in known.items()], wanted), known.get(wanted)


def _as_sets(output: Any, target: Any) -> float:
    return float(same_set(output, target))


def _merged(left: list[int], right: list[int]) -> list[int]:
    return list(heapq.merge(left, right))


def _add(left: int, right: int) -> int:
    return left + right


MERGE_IN_CODE = Function("merge", (NUMBERS, NUMBERS), NUMBERS, _merged, law=lambda a, b: a + b)
ADD_IN_CODE = Function("add", (NUMBER, NUMBER), NUMBER, _add, law=lambda a, b: 1)

TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Task(
            "sort",
            (NUMBERS,),
            NUMBERS,
            (SORT, MERGE, CHECK),
            _sort,
            functions=(MERGE_IN_CODE,),
            summary="put n numbers from 0 to 99 in ascending order",
        ),
        Task(
            "sum",
            (NUMBERS,),
            NUMBER,
            (SUM, ADD),
            _sum,
            functions=(ADD_IN_CODE,),
            sizes=(4, 8, 16),
            summary="add up n numbers from 0 to 99",
        ),
        Task(
            "count",
            (NUMBERS, NUMBER),
            NUMBER,
            (COUNT, SUM, ADD),
            _count,
            functions=(ADD_IN_CODE,),
            sizes=(12, 24, 48),
            summary="count how often a digit occurs among n digits",
        ),
        Task(
            "maximum", (NUMBERS,), NUMBER, (MAX,), _maximum, sizes=(16, 32, 64), summary="find the largest of n numbers"
        ),
        Task(
            "intersection",
            (NUMBERS, NUMBERS),
            NUMBERS,
            (INTERSECT,),
            _intersection,
            score=_as_sets,
            summary="keep what is in both of two sets of n numbers",
        ),
        Task(
            "lookup",
            (FACTS, KEY),
            FOUND,
            (LOOKUP, PICK),
            _lookup,
            sizes=(8, 16, 32),
            summary="find the number that belongs to a name among n facts",
        ),
    )
}
"""Every built-in task by name."""
