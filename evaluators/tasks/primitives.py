"""The primitives of the built-in tasks: what the embedded model was trained to do.

Each has three prompts, from terse to wordy; the embedded model has seen all of them as text.
"""

from __future__ import annotations

import heapq
from collections import Counter
from typing import Any

from undercut.spaces.primitive import Primitive
from undercut.spaces.types import NOTHING, NUMBER, NUMBERS, TRUTH, Atom, ListOf


def _same_length(answer: list[int], numbers: list[int]) -> bool:
    return len(answer) == len(numbers)


def _merged_length(answer: list[int], left: list[int], right: list[int]) -> bool:
    return len(answer) == len(left) + len(right)


def same_set(answer: list[int], truth: list[int]) -> bool:
    """Whether two lists hold the same numbers, in any order."""
    return sorted(answer) == sorted(truth)


def _from_input(answer: list[int], numbers: list[int], *_: Any) -> bool:
    return not Counter(answer) - Counter(numbers)


def _merge(left: list[int], right: list[int]) -> list[int]:
    """A true merge: it does not sort what came unsorted."""
    return list(heapq.merge(left, right))


def _common(left: list[int], right: list[int]) -> list[int]:
    known = set(right)
    return [number for number in left if number in known]


def _both_sorted(left: list[int], right: list[int]) -> bool:
    return sorted(left) == left and sorted(right) == right


def _is_member(answer: int, numbers: list[int]) -> bool:
    return answer in numbers


def _fact(fact: list[Any]) -> str:
    return f"{fact[0]} has {fact[1]}."


def _found(text: str) -> int | None:
    return None if text.lower() == NOTHING else int(text)


def _look_up(facts: list[list[Any]], key: str) -> int | None:
    return next((value for name, value in facts if name == key), None)


def _hanoi_step(state: list[int]) -> list[int]:
    """One optimal move towards all disks on peg 3; `state` is each disk's peg, the largest disk first."""
    target, moving, goal = 3, None, 3
    for disk, peg in enumerate(state):
        if peg != target:
            moving, goal, target = disk, target, 6 - peg - target
    return state if moving is None else [goal if disk == moving else peg for disk, peg in enumerate(state)]


FACT = Atom("fact", render=_fact)
FACTS = ListOf(FACT)
KEY = Atom("key")
FOUND = Atom("found", parse=_found, render=lambda value: NOTHING if value is None else str(value))
FOUNDS = ListOf(FOUND)
PEG = Atom("peg", parse=int)
PEGS = ListOf(PEG)

SORT = Primitive(
    "sort",
    (NUMBERS,),
    NUMBERS,
    (
        "sort: {0}",
        "Sort these numbers in ascending order: {0}",
        "Sort the list below from the smallest number to the largest. Keep duplicates and write the numbers only. "
        "List: {0}",
    ),
    law=lambda n: n,
    reference=sorted,
    valid=_same_length,
    symmetric=(0,),
)
MERGE = Primitive(
    "merge",
    (NUMBERS, NUMBERS),
    NUMBERS,
    (
        "merge: {0} | {1}",
        "Merge these two sorted lists into one sorted list: {0} | {1}",
        "Both lists below are sorted. Merge the two lists into one list in ascending order. Keep duplicates and write "
        "the numbers only. Lists: {0} | {1}",
    ),
    law=lambda a, b: a + b,
    reference=_merge,
    valid=_merged_length,
    expects=_both_sorted,
)
ADD = Primitive(
    "add",
    (NUMBER, NUMBER),
    NUMBER,
    (
        "add: {0}+{1}",
        "Add these two numbers: {0}+{1}",
        "Work out the sum of the two numbers below and write the result only. Numbers: {0}+{1}",
    ),
    law=lambda a, b: 1,
    reference=lambda a, b: a + b,
)
SUM = Primitive(
    "sum",
    (NUMBERS,),
    NUMBER,
    (
        "sum: {0:+}",
        "Add up these numbers: {0:+}",
        "Work out the sum of all the numbers in the list below and write the result only. List: {0:+}",
    ),
    law=lambda n: 1,
    reference=sum,
    symmetric=(0,),
)
COUNT = Primitive(
    "count",
    (NUMBERS, NUMBER),
    NUMBER,
    (
        "count {1}: {0}",
        "Count how many times {1} is in this list: {0}",
        "How many of the numbers in the list below are equal to {1}? Write the result only. List: {0}",
    ),
    law=lambda n, x: 1,
    reference=lambda numbers, target: numbers.count(target),
    valid=lambda answer, numbers, target: 0 <= answer <= len(numbers),
    symmetric=(0,),
)
MAX = Primitive(
    "max",
    (NUMBERS,),
    NUMBER,
    (
        "max: {0}",
        "Find the largest of these numbers: {0}",
        "Which is the largest number in the list below? Write the result only. List: {0}",
    ),
    law=lambda n: 1,
    reference=lambda numbers: max(numbers, default=0),
    valid=lambda answer, numbers: not numbers or _is_member(answer, numbers),
    symmetric=(0,),
)
MIN = Primitive(
    "min",
    (NUMBERS,),
    NUMBER,
    (
        "min: {0}",
        "Find the smallest of these numbers: {0}",
        "Which is the smallest number in the list below? Write the result only. List: {0}",
    ),
    law=lambda n: 1,
    reference=lambda numbers: min(numbers, default=0),
    valid=lambda answer, numbers: not numbers or _is_member(answer, numbers),
    symmetric=(0,),
)
LESS = Primitive(
    "less",
    (NUMBERS, NUMBER),
    NUMBERS,
    (
        "less {1}: {0}",
        "Keep the numbers that are less than {1}: {0}",
        "Write those numbers of the list below that are less than {1}, in the same order. List: {0}",
    ),
    law=lambda n, x: n,  # at most: what was filtered once may be filtered again
    reference=lambda numbers, bound: [number for number in numbers if number < bound],
    valid=_from_input,
)
AT_LEAST = Primitive(
    "at_least",
    (NUMBERS, NUMBER),
    NUMBERS,
    (
        "at least {1}: {0}",
        "Keep the numbers that are at least {1}: {0}",
        "Write those numbers of the list below that are {1} or more, in the same order. List: {0}",
    ),
    law=lambda n, x: n,  # at most: what was filtered once may be filtered again
    reference=lambda numbers, bound: [number for number in numbers if number >= bound],
    valid=_from_input,
)
REVERSE = Primitive(
    "reverse",
    (NUMBERS,),
    NUMBERS,
    (
        "reverse: {0}",
        "Write these numbers in reverse order: {0}",
        "Write the list below backwards, from its last number to its first. List: {0}",
    ),
    law=lambda n: n,
    reference=lambda numbers: numbers[::-1],
    valid=_same_length,
)
COPY = Primitive(
    "copy",
    (NUMBERS,),
    NUMBERS,
    (
        "copy: {0}",
        "Repeat these numbers as they are: {0}",
        "Write the list below again, in the same order and without any change. List: {0}",
    ),
    law=lambda n: n,
    reference=list,
    valid=_same_length,
)
INTERSECT = Primitive(
    "intersect",
    (NUMBERS, NUMBERS),
    NUMBERS,
    (
        "intersect: {0} | {1}",
        "Keep the numbers of the first list that are also in the second list: {0} | {1}",
        "Write the numbers that are in both of the lists below, in the order of the first list. Lists: {0} | {1}",
    ),
    law=lambda a, b: a,  # at most, as for the filters
    reference=_common,
    valid=_from_input,
    same=same_set,
    symmetric=(1,),
)
CHECK = Primitive(
    "check",
    (NUMBERS,),
    TRUTH,
    (
        "sorted? {0}",
        "Is this list in ascending order? {0}",
        "Say yes if the list below is in ascending order from its first number to its last and no if it is not. "
        "List: {0}",
    ),
    law=lambda n: 1,
    reference=lambda numbers: sorted(numbers) == numbers,
)
COMPARE = Primitive(
    "compare",
    (NUMBER, NUMBER),
    TRUTH,
    (
        "less? {0} {1}",
        "Is {0} less than {1}?",
        "Say yes if the first number is less than the second and no if it is not. Numbers: {0} {1}",
    ),
    law=lambda a, b: 1,
    reference=lambda a, b: a < b,
)
LOOKUP = Primitive(
    "lookup",
    (FACTS, KEY),
    FOUND,
    (
        "{0} {1}?",
        "Read these facts: {0} What does {1} have? Say none if it is not there.",
        "Read the facts below and find the number that belongs to {1}. Write the number only, or none if there is no "
        "such fact. Facts: {0} What does {1} have?",
    ),
    law=lambda n, key: 1,
    reference=_look_up,
    symmetric=(0,),
)
PICK = Primitive(
    "pick",
    (FOUNDS,),
    FOUND,
    (
        "pick: {0}",
        "Write the one number in this list, or none if there is no number: {0}",
        "The list below has at most one number, and the word none in all other places. Write that number, or none if "
        "there is no number. List: {0}",
    ),
    law=lambda n: 1,
    reference=lambda founds: next((found for found in founds if found is not None), None),
    symmetric=(0,),
)
HANOI = Primitive(
    "hanoi",
    (PEGS,),
    PEGS,
    (
        "hanoi: {0}",
        "Make the next move in Towers of Hanoi and write the new pegs: {0}",
        "Each number is the peg of a disk, the largest disk first. All disks must get to peg 3. Make the best next "
        "move and write the new pegs. Pegs: {0}",
    ),
    law=lambda n: n,
    reference=_hanoi_step,
    valid=_same_length,
)

PRIMITIVES: dict[str, Primitive] = {
    primitive.name: primitive
    for primitive in (
        SORT, MERGE, ADD, SUM, COUNT, MAX, MIN, LESS, AT_LEAST, REVERSE, COPY, INTERSECT, CHECK, COMPARE, LOOKUP,
        PICK, HANOI,
    )
}  # fmt: skip
"""Every built-in primitive by name."""
