"""Sorting by comparisons: right with right answers, ended by any, and as dear as declared over all orders."""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undercut.spaces.comparisons import EXACT, asking
from undercut.spaces.sorting import ALGORITHMS

BATCHED = ("quick", "pairs")
algorithms = st.sampled_from(sorted(ALGORITHMS))


def told(
    algorithm: str, items: list[Any], batch: int, before: Callable[[Any, Any], bool]
) -> tuple[list[Any], Any, int]:
    """What a sort gives, how many questions of each size it asks, and in how many rounds."""
    steps, answers, sizes, rounds = ALGORITHMS[algorithm](items, batch), None, Counter[int](), 0
    while True:
        try:
            asked = steps.send(answers)  # type: ignore[arg-type]
        except StopIteration as done:
            return done.value, sizes, rounds
        sizes.update(len(others) for _, others in asked)
        rounds += bool(asked)
        answers = [[before(other, item) for other in others] for item, others in asked]


@settings(deadline=None)
@given(algorithms, st.lists(st.integers(0, 20), max_size=40), st.integers(1, 9))
def test_right_answers_sort(algorithm: str, items: list[int], batch: int) -> None:
    given_items = list(items)
    assert told(algorithm, items, batch, lambda a, b: a < b)[0] == sorted(items)
    assert items == given_items, "what is sorted must be left as it was"


@settings(deadline=None)
@given(algorithms, st.integers(0, 30), st.integers(1, 9), st.integers(0, 2**32))
def test_wrong_answers_lose_nothing(algorithm: str, count: int, batch: int, seed: int) -> None:
    generator = random.Random(seed)
    found, sizes, _ = told(algorithm, list(range(count)), batch, lambda a, b: generator.random() < 0.5)
    assert sorted(found) == list(range(count))
    assert max(sizes, default=0) <= batch


CASES = [(algorithm, batch) for algorithm in ALGORITHMS for batch in (1, 2, 3, 5) if batch == 1 or algorithm in BATCHED]


@pytest.mark.parametrize("count", range(8))
@pytest.mark.parametrize(("algorithm", "batch"), CASES)
def test_declared_questions_are_the_mean_over_all_orders(algorithm: str, batch: int, count: int) -> None:
    orders = list(itertools.permutations(range(count)))[:: 1 if count < 7 else 7]
    sizes, rounds = Counter[int](), 0
    for order in orders:
        _, asked, took = told(algorithm, list(order), batch, lambda a, b: a < b)
        sizes += asked
        rounds += took
    declared = asking(algorithm, count, batch)
    close = 0.05 if count == 7 else 1e-4
    assert dict(declared.calls) == pytest.approx({s: n / len(orders) for s, n in sizes.items()}, rel=close)
    if algorithm != "merge" or count < 6:
        assert declared.rounds == pytest.approx(rounds / len(orders), rel=close)


@pytest.mark.parametrize(("algorithm", "batch"), CASES)
def test_declared_questions_hold_for_many_items(algorithm: str, batch: int) -> None:
    generator, count, runs = random.Random(5), 120, 30
    found, questions, rounds = 0, 0, 0
    for _ in range(runs):
        items = generator.sample(range(10**6), count)
        _, sizes, took = told(algorithm, items, batch, lambda a, b: a < b)
        found += sum(size * times for size, times in sizes.items())
        questions += sizes.total()
        rounds += took
    declared = asking(algorithm, count, batch)
    assert sum(size * times for size, times in declared.calls) == pytest.approx(found / runs, rel=0.05)
    assert sum(times for _, times in declared.calls) == pytest.approx(questions / runs, rel=0.05)
    assert declared.rounds == pytest.approx(rounds / runs, rel=0.15)


def test_closed_forms() -> None:
    """Quicksort 2(n + 1)H_n − 4n, all pairs n(n − 1)/2; what a large batch leaves is one call a part."""
    for count in (10, EXACT, 1000):
        harmonic = math.fsum(1 / each for each in range(1, count + 1))
        (quick,) = asking("quick", count, 1).calls
        assert quick[1] == pytest.approx(2 * (count + 1) * harmonic - 4 * count)
        assert asking("pairs", count, 1).calls == ((1, count * (count - 1) // 2),)
        parts = sum(times for _, times in asking("quick", count, 1024).calls)
        assert parts == pytest.approx(2 * (count + 1) / 3 - 1, rel=0.01)


def test_a_batch_turns_the_order_of_algorithms() -> None:
    """Source: Wisznia et al. 2025 (arXiv 2505.24643)."""
    alone = {name: sum(times for _, times in asking(name, 256, 1).calls) for name in ALGORITHMS}
    assert sorted(alone, key=lambda name: alone[name]) == ["merge", "quick", "heap", "pairs"]
    assert sum(times for _, times in asking("quick", 256, 4).calls) < alone["merge"] / 2


@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS))
def test_any_number_of_items_can_be_declared(algorithm: str) -> None:
    for log in range(1, 240, 7):
        declared = asking(algorithm, 2**log, 8)
        assert all(0 < times < math.inf for _, times in declared.calls)
        assert 0 < declared.rounds < math.inf
