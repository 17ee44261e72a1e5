"""Operators that decide by what they are told, as plain blocking functions; see `runtime`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from undercut.search.export.asking import in_sample
from undercut.search.export.runtime import side_by_side, split, unflagged
from undercut.spaces.errors import InvalidAnswer
from undercut.spaces.sorting import all_pairs, heap_sort, merge_sort, quick_sort


def guard(*inputs: Any, needed: Callable[..., Any], work: Callable[..., Any]) -> Any:
    """Do it only if it is needed, or else hand the first input on."""
    return work(*inputs) if needed(*inputs) else inputs[0]


def route(
    first: Any,
    *rest: Any,
    selector: Callable[..., Any],
    branches: Sequence[Callable[..., Any]],
    pick: str,
    read: int = 0,
    parts: int = 0,
) -> Any:
    """Do what the selector picks, which may see only so many items: a branch, or the one branch on a part."""
    choice = int(selector(first[:read] if read else first, *rest))
    options = split(first, parts=parts) if pick == "part" else branches
    if not 0 <= choice < len(options):
        raise InvalidAnswer(f"a choice must be from 0 to {len(options) - 1}, and {choice} was picked")
    if pick == "part":
        return branches[0](options[choice], *rest)
    return branches[choice](first, *rest)


def loop(state: Any, *rest: Any, step: Callable[..., Any], score: Callable[..., Any], accept: str, rounds: int) -> Any:
    """Change the state until it has the full score."""
    best: float = -1
    lost = InvalidAnswer("no round was made")
    for index in range(rounds):
        try:
            candidate = in_sample(index, step, (state, *rest))
            found = in_sample(index, score, (candidate, *rest))
        except InvalidAnswer as flag:
            lost = flag
            continue
        if accept == "always" or found > best:
            state = candidate
        best = max(best, found)
        if found >= 1:
            return candidate
    if best < 0:
        raise lost
    return state


def select(
    *inputs: Any,
    body: Callable[..., Any],
    judge: Callable[..., Any],
    rule: str,
    candidates: int,
    comparisons: int = 0,
) -> Any:
    """Make several and keep the best: the one with the highest score, or the winner of a knockout."""
    answers = side_by_side([partial(in_sample, index, body, inputs) for index in range(candidates)])
    left = [answer for answer in answers if not isinstance(answer, InvalidAnswer)]
    if not left:
        raise answers[0]
    if rule == "best":
        scores = unflagged(side_by_side([partial(judge, candidate, *inputs) for candidate in left]))
        return left[scores.index(max(scores))]
    while len(left) > 1:
        met = list(zip(left[::2], left[1::2]))
        jobs = [partial(in_sample, i, judge, (*pair, *inputs)) for pair in met for i in range(comparisons)]
        said = unflagged(side_by_side(jobs))
        won = [2 * sum(said[i * comparisons : (i + 1) * comparisons]) >= comparisons for i in range(len(met))]
        left = [pair[not first] for pair, first in zip(met, won)] + left[2 * len(met) :]
    return left[0]


SORTS = {"merge": merge_sort, "quick": quick_sort, "heap": heap_sort, "pairs": all_pairs}
"""Algorithms that ask for comparisons, by name."""


def sort_by(items: list[Any], *shared: Any, body: Callable[..., Any], algorithm: str, batch: int = 0) -> list[Any]:
    """Sort in code by comparisons: of two items, or of an item with `batch` others."""
    steps, answers = SORTS[algorithm](items, batch or 1), None
    while True:
        try:
            asked = steps.send(answers)  # type: ignore[arg-type]  # a generator is begun with None
        except StopIteration as done:
            return list(done.value)
        if batch:
            answers = unflagged(side_by_side([partial(body, item, others, *shared) for item, others in asked]))
        else:
            jobs = [partial(body, others[0], item, *shared) for item, others in asked]
            answers = [[answer] for answer in unflagged(side_by_side(jobs))]
        if any(len(answer) != len(others) for answer, (_, others) in zip(answers, asked)):
            raise InvalidAnswer("each item of a batch must be compared, and some answer has another length")
