"""Fronts: exactly what nothing else beats."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from undercut.search.front import TWIN, adds, front, thinned

WORTHS = st.lists(
    st.tuples(st.integers(0, 6).map(lambda n: n / 6), st.sampled_from([0.0, 1.0, 2.0, 3.5, float("inf")])), max_size=14
)


def named(worths: list[tuple[float, float]]) -> list[tuple[int, float, float]]:
    return [(name, *worth) for name, worth in enumerate(worths)]


def beats(one: tuple[int, float, float], other: tuple[int, float, float]) -> bool:
    return one[1] >= other[1] and one[2] <= other[2] and one[1:] != other[1:]


@given(WORTHS)
def test_a_front_is_exactly_what_nothing_beats(worths: list[tuple[float, float]]) -> None:
    points = named(worths)
    best = {point[1:] for point in points if not any(beats(other, point) for other in points)}
    found = front(points)
    assert {point[1:] for point in found} == best
    assert len(found) == len(best)
    assert [point[2] for point in found] == sorted(point[2] for point in found)


@given(WORTHS)
def test_of_equals_the_first_stays(worths: list[tuple[float, float]]) -> None:
    points = named(worths)
    for name, accuracy, cost in front(points):
        assert name == worths.index((accuracy, cost))


@given(WORTHS)
def test_a_front_of_a_front_is_itself(worths: list[tuple[float, float]]) -> None:
    found = front(named(worths))
    assert front(found) == found


@given(WORTHS, st.sampled_from([0.02, 0.2, 0.5]))
def test_thinning_leaves_points_that_add_enough(worths: list[tuple[float, float]], step: float) -> None:
    found = front(named(worths))
    kept = thinned(found, step)
    assert all(point in found and point[1] > 0 for point in kept)
    assert all(adds(*after[1:], *before[1:], step) for before, after in pairwise(kept))
    for point in found:  # what went has one that is next to as cheap and nearly as good
        near = [k for k in kept if k[2] <= point[2] * TWIN]
        assert point in kept or point[1] == 0 or not all(adds(*point[1:], *k[1:], step) for k in near)


def test_of_near_twins_the_more_accurate_stays() -> None:
    assert thinned([("a", 0.5, 100.0), ("b", 0.6, 100.5), ("c", 0.7, 110.0)]) == [("b", 0.6, 100.5), ("c", 0.7, 110.0)]


def test_close_to_certainty_half_of_the_errors_are_worth_twice_the_cost() -> None:
    """Sorting 128: votes on the merges take away the errors that are left, for less than twice the tokens."""
    once, twice = ("once", 0.977, 1430.0), ("twice", 0.99, 2245.0)
    assert thinned([once, twice]) == [once, twice]
    assert thinned([once, ("too dear", 0.99, 2900.0)]) == [once]
    assert thinned([once, ("no half", 0.987, 1500.0)]) == [once]
    assert thinned([("right", 0.989, 80.0), ("next to nothing", 0.998, 150.0)]) == [("right", 0.989, 80.0)]


@given(st.floats(0, 1), st.floats(0, 1), st.floats(1, 100), st.floats(0.01, 1))
def test_to_add_enough_is_to_be_more_accurate(accuracy: float, known: float, cost: float, step: float) -> None:
    added = adds(accuracy, cost, known, 10.0, step)
    assert added or accuracy - known < step
    assert not added or accuracy - known >= step / 2
