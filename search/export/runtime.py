"""The operators once more, as plain blocking functions: the parts that an exported file is put together from.

`as_python` copies the source of what a genome uses, so everything here runs on Python 3.9 with the standard
library alone. An operator's function has the operator's name (with an underscore behind one that Python uses) and
takes the node's inputs by position, then its bodies and its genes by keyword, in that order; `branches` takes all
bodies that are left. A new operator needs such a function, here or in `deciding`, and nothing else.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from threading import Semaphore
from typing import Any

from undercut.search.export.asking import in_sample
from undercut.spaces.errors import InvalidAnswer

WORKERS = 8
"""Most requests to the model under way at once."""

POOL = ThreadPoolExecutor(WORKERS)
SPARE = Semaphore(WORKERS - 1)


def side_by_side(jobs: Sequence[Callable[[], Any]]) -> list[Any]:
    """The jobs' results; one whose answer is not valid gives its `InvalidAnswer`."""
    results: list[Any] = [None] * len(jobs)
    waiting = deque(range(len(jobs)))

    def work() -> None:
        try:
            while waiting:
                try:
                    index = waiting.popleft()
                except IndexError:  # another thread was faster
                    return
                try:
                    results[index] = jobs[index]()
                except InvalidAnswer as flag:
                    results[index] = flag
        finally:
            waiting.clear()

    def help_out() -> None:
        try:
            work()
        finally:
            SPARE.release()

    # This thread works too, and others help only while some are free: jobs within jobs cannot wait for each other.
    helpers: list[Future[None]] = []
    while len(helpers) < len(jobs) - 1 and SPARE.acquire(blocking=False):
        helpers.append(POOL.submit(copy_context().run, help_out))
    work()
    for helper in helpers:
        helper.result()
    return results


def unflagged(results: list[Any]) -> list[Any]:
    """The results, if all of them are valid."""
    for result in results:
        if isinstance(result, InvalidAnswer):
            raise result
    return results


def split(items: list[Any], *, size: int = 0, overlap: int = 0, parts: int = 0) -> list[list[Any]]:
    """Cut a list into chunks of `size` items that share `overlap` with the one before, or into `parts` pieces."""
    if parts:
        count = min(parts, max(1, len(items)))
        small, larger = divmod(len(items), count)
        ends = [index * small + min(index, larger) for index in range(count + 1)]
        return [items[start:end] for start, end in zip(ends, ends[1:]) if end > start]
    step = max(1, size - overlap)
    last = max(len(items) - (size - step), min(1, len(items)))
    return [items[start : start + size] for start in range(0, last, step)]


def join(pieces: list[list[Any]]) -> list[Any]:
    """Put the pieces of a list together again."""
    return [item for piece in pieces for item in piece]


def map_(items: list[Any], *shared: Any, body: Callable[..., Any]) -> list[Any]:
    """Apply the body to every item, side by side."""
    return unflagged(side_by_side([partial(body, item, *shared) for item in items]))


def reduce(items: list[Any], *shared: Any, body: Callable[..., Any], arity: int, shape: str) -> Any:
    """Combine the items, `arity` at a time, until one is left: level by level, or along a chain."""
    if not items:
        raise InvalidAnswer("there was nothing to combine")

    def combined(group: list[Any]) -> Any:
        return body(*group, *shared) if arity == 2 else body(group, *shared)

    if shape == "chain":
        state = items[0]
        for start in range(1, len(items), arity - 1):
            state = combined([state, *items[start : start + arity - 1]])
        return state
    level = list(items)
    while len(level) > 1:
        groups = [level[start : start + arity] for start in range(0, len(level), arity)]
        jobs = [partial(combined, group) for group in groups if len(group) > 1]
        level = unflagged(side_by_side(jobs)) + [group[0] for group in groups if len(group) == 1]
    return level[0]


EMPTY: dict[str, Any] = {}
"""The empty values of types that are no lists, by the type's name."""


def fold(items: list[Any], *given: Any, body: Callable[..., Any], size: int, start: str) -> Any:
    """Carry a state through a list, `size` items a step; it begins as the first of `given`, or empty."""
    empty = [] if start.startswith("[") else EMPTY.get(start)
    state, shared = (given[0], given[1:]) if start == "input" else (empty, given)
    for begin in range(0, len(items), size):
        state = body(state, items[begin : begin + size], *shared)
    return state


def merge_blocks(one: list[Any], other: list[Any], *, body: Callable[..., Any], block: int) -> list[Any]:
    """Merge two sorted lists, `block` items at a time: the largest ones so far are carried, the others final."""
    left, right = ([side[i : i + block] for i in range(0, len(side), block)] for side in (one, other))
    if not left or not right:
        return [*one, *other]
    done: list[Any] = []
    carry: list[Any] = body(left[0], right[0])
    i = j = 1
    while i < len(left) or j < len(right):
        settled = max(0, len(carry) - block)
        done += carry[:settled]
        carry = carry[settled:]
        # The carry ends with the end of the list that is further ahead: the other one is next.
        if i == len(left) or (j < len(right) and carry[-1:] == left[i - 1][-1:]):
            piece, j = right[j], j + 1
        else:
            piece, i = left[i], i + 1
        carry = body(carry, piece)
    return done + carry


PATIENCE = 20
"""First-to-be-ahead stops after this many votes for each vote of lead, and takes the leader."""


def vote(*inputs: Any, body: Callable[..., Any], rule: str, votes: int = 0, lead: int = 0) -> Any:
    """Ask several times and take the commonest answer, the earliest of equals."""
    first = votes if rule == "majority" else lead
    answers = side_by_side([partial(in_sample, index, body, inputs) for index in range(first)])
    while rule == "ahead" and len(answers) < first * PATIENCE and leading(answers) < first:
        answers += side_by_side([partial(in_sample, len(answers), body, inputs)])
    valid = [answer for answer in answers if not isinstance(answer, InvalidAnswer)]
    if not valid:
        raise answers[0]
    counts = Counter(map(in_words, valid))
    return max(valid, key=lambda answer: counts[in_words(answer)])


def in_words(answer: Any) -> str:
    """What answers that are the same have in common."""
    return json.dumps(answer, sort_keys=True)


def leading(answers: list[Any]) -> int:
    """By how many votes the commonest answer leads."""
    counts = Counter(in_words(answer) for answer in answers if not isinstance(answer, InvalidAnswer))
    top = [count for _, count in counts.most_common(2)] + [0, 0]
    return top[0] - top[1]


def retry(*inputs: Any, body: Callable[..., Any], check: Callable[..., Any] | None = None, tries: int) -> Any:
    """Run the body until its answer is valid and the check, where there is one, says yes to it."""
    kept: Any = InvalidAnswer("no attempt was made")
    for attempt in range(tries):
        try:
            answer = in_sample(attempt, body, inputs)
            if check is None or in_sample(attempt, check, (answer, *inputs)):
                return answer
            kept = answer
        except InvalidAnswer as flag:
            kept = flag if isinstance(kept, InvalidAnswer) else kept
    if isinstance(kept, InvalidAnswer):
        raise kept
    return kept
