"""What runs make of an expected accuracy: the more of them, the more they say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from undercut.search.posterior import SHIFTS, Runs, evidence, posterior


def of(*values: float) -> np.ndarray:
    """The same hazard for each shift, by so many views."""
    return np.repeat(np.array(values)[:, None], len(SHIFTS), axis=1)


@given(
    st.floats(1e-3, 5),
    st.floats(1, 5),
    st.lists(st.tuples(st.floats(1e-3, 5), st.integers(0, 30), st.integers(0, 30)), max_size=3),
)
def test_a_chance_falls_with_its_hazard_whatever_was_seen(
    hazard: float, more: float, runs: list[tuple[float, int, int]]
) -> None:
    seen = [Runs(8, of(each), float(right), right + wrong) for each, right, wrong in runs]
    mean, low, high = posterior(8, of(hazard), seen)
    assert 0 <= low <= high <= 1 and 0 <= mean <= 1
    assert posterior(8, of(hazard * more), seen)[0] <= mean + 1e-9


def test_many_runs_outweigh_the_forecast() -> None:
    hazard = of(0.05)  # a chance of .95, and right 200 times of 1,000
    mean, low, high = posterior(8, hazard, [Runs(8, hazard, 200.0, 1000)])
    assert mean == pytest.approx(0.2, abs=0.02) and 0.15 < low < high < 0.25
    assert posterior(8, 2 * hazard, [Runs(8, hazard, 200.0, 1000)])[0] == pytest.approx(0.04, abs=0.01)


@given(st.floats(0.02, 0.1), st.floats(3, 10), st.booleans())
def test_the_view_that_explains_the_runs_is_believed(hazard: float, more: float, often: bool) -> None:
    """One says that failures are several times as common as the other does; 2,000 runs tell which of them it is."""
    views, true = of(hazard, more * hazard), hazard * (more if often else 1.0)
    runs = [Runs(8, views, 2000 * math.exp(-true), 2000)]
    seldom, common = evidence(runs)
    assert (common > seldom) == often
    others = posterior(64, of(8 * hazard, 8 * more * hazard), [], evidence(runs))
    assert others[0] == pytest.approx(posterior(64, of(8 * true), [])[0], abs=0.25)


@given(st.floats(1e-3, 2), st.floats(1, 5), st.floats(-5, 5))
def test_a_forecast_by_two_views_lies_between_theirs(hazard: float, more: float, odds: float) -> None:
    runs = [Runs(8, of(hazard, more * hazard), 5.0, 8)]
    alone = [posterior(16, of(each), [Runs(8, of(each), 5.0, 8)])[0] for each in (hazard, more * hazard)]
    mixed = posterior(16, of(hazard, more * hazard), runs, np.array([odds, 0.0]))[0]
    assert min(alone) - 1e-9 <= mixed <= max(alone) + 1e-9
    sure = [posterior(16, of(hazard, more * hazard), runs, np.array([bet, 0.0]))[0] for bet in (200.0, -200.0)]
    assert sure == pytest.approx(alone)


@given(
    st.floats(1e-3, 2),
    st.lists(st.floats(1e-3, 2), min_size=len(SHIFTS), max_size=len(SHIFTS)),
    st.integers(0, 40),
    st.integers(0, 40),
)
def test_larger_calls_take_their_share_whatever_the_runs_say(
    hazard: float, larger: list[float], right: int, wrong: int
) -> None:
    """What they add is there however λ turns out: all of it where it is known, else at least the least of it."""
    runs = [Runs(32, of(hazard), float(right), right + wrong)]
    alone = np.array(posterior(64, 2 * of(hazard), runs))
    known = np.array(posterior(64, 2 * of(hazard), runs, larger=of(larger[0])))
    assert known == pytest.approx(alone * math.exp(-larger[0]))
    whole = np.array(posterior(64, 2 * of(hazard), runs, larger=np.array([larger])))
    assert (alone * math.exp(-max(larger)) - 1e-9 <= whole).all()
    assert (whole <= alone * math.exp(-min(larger)) + 1e-9).all()
