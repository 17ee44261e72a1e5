"""Chances of single calls by size: what was counted shows, and what was not is uncertain."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from undercut.evaluators.success import FALL, LEVEL, Asked, Chance, Successes

PLAIN = Asked(0, 0, 0.0)
SIZES = (1, 2, 4, 8, 16, 32, 64)


def counted(right: list[float], calls: int = 1000, asked: Asked = PLAIN) -> Successes:
    sizes = SIZES[: len(right)]
    return Successes([asked] * len(sizes), [[size] for size in sizes], [calls] * len(sizes), np.array(right) * calls)


@given(st.lists(st.floats(0.02, 0.98), min_size=1, max_size=7))
def test_many_calls_are_believed_whatever_the_shape(right: list[float]) -> None:
    found = counted(right)
    for size, share in zip(SIZES, right, strict=False):
        assert found.chance(PLAIN, [size]).at() == pytest.approx(share, abs=0.06)


@given(st.integers(0, 11), st.integers(1, 6))
def test_one_more_success_never_lowers_a_chance(right: int, place: int) -> None:
    few = [6.0] * 7
    more = [*few[:place], right + 1.0, *few[place + 1 :]]
    few[place] = float(right)
    before, after = (counted([k / 12 for k in each], 12) for each in (few, more))
    assert after.chance(PLAIN, [SIZES[place]]).at() > before.chance(PLAIN, [SIZES[place]]).at()


def test_doubt_grows_with_the_distance_from_what_was_measured() -> None:
    found = counted([1.0, 1.0, 1.0, 0.9], 50)
    spreads = [found.chance(PLAIN, [size]).spread for size in (8, 12, 16, 32, 64)]
    assert spreads == sorted(spreads)
    chances = [found.chance(PLAIN, [size]).at() for size in (8, 16, 64, 256)]
    assert chances == sorted(chances, reverse=True)


def test_other_ways_of_asking_are_known_from_this_one_the_less_the_more_they_differ() -> None:
    found = counted([1.0, 0.9, 0.5, 0.1, 0.0])
    ways = [PLAIN, Asked(0, 0, 0.7), Asked(0, 1, 0.0), Asked(1, 0, 0.0)]
    spreads = [found.chance(way, [4]).spread for way in ways]
    assert spreads == sorted(spreads) and spreads[0] < spreads[-1]
    apart = [abs(found.chance(way, [4]).mean) for way in ways]  # the prior's mean is far above the half seen here
    assert apart == sorted(apart)


def test_the_shape_of_the_inputs_counts() -> None:
    """One item beside forty is always right, twenty beside twenty never."""
    found = Successes([PLAIN] * 2, [[1, 39], [20, 20]], [50, 50], [50, 0])
    assert found.chance(PLAIN, [1, 39]).at() > 0.9 > 0.1 > found.chance(PLAIN, [20, 20]).at()


def test_a_chance_moves_with_the_shift() -> None:
    chance = Chance(1.0, 0.5)
    assert chance.at() == pytest.approx(1 / (1 + math.exp(-1)))
    assert chance.at(-2) == pytest.approx(0.5)
    assert chance.doubt == pytest.approx((chance.at(1) - chance.at(-1)) / 2)


def test_next_to_nothing_seen_leaves_what_was_expected() -> None:
    found = Successes([PLAIN], [[8]], [1e-6], [0.0])
    assert found.chance(PLAIN, [8]).mean == pytest.approx(LEVEL + FALL, abs=1e-3)


@pytest.mark.parametrize("right", [[1.0, 1.0, 0.2, 0.0], [1.0, 0.9, 0.5, 0.1], [1.0, 1.0, 1.0, 1.0]])
@pytest.mark.parametrize("further", [2, 8, 100, 10**6])
def test_no_larger_call_is_expected_to_go_better_than_the_largest_seen(right: list[float], further: int) -> None:
    found = counted(right, 30)
    largest = SIZES[len(right) - 1]
    assert found.chance(PLAIN, [largest * further]).at() <= found.chance(PLAIN, [largest]).at()
