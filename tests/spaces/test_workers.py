"""Parallel work with limited workers: a schedule that can be kept, between the bounds that every schedule has."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from undercut.spaces.workers import makespan, share

JOBS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 20)), max_size=6)


@given(JOBS, st.integers(1, 12))
def test_runs_of_equal_jobs_are_as_jobs_one_by_one(jobs: list[tuple[float, float]], workers: int) -> None:
    single = [(time, 1.0) for time, count in jobs for _ in range(int(count))]
    assert makespan(jobs, workers) == makespan(single, workers)
    rounds = [single[start : start + workers] for start in range(0, len(single), workers)]
    assert makespan(jobs, workers) == sum(max(time for time, _ in each) for each in rounds)


@given(JOBS, st.integers(1, 12))
def test_a_makespan_lies_between_the_bounds_of_any_schedule(jobs: list[tuple[float, float]], workers: int) -> None:
    work = sum(time * count for time, count in jobs)
    found = makespan(jobs, workers)
    assert max(makespan(jobs, None), work / workers) <= found <= work
    assert makespan(jobs, 1) == work


def test_equal_jobs_take_rounds() -> None:
    assert [makespan([(5, 10)], workers) for workers in (1, 3, 10, 99, None)] == [50, 20, 5, 5, 5]
    assert makespan([], 3) == makespan([], None) == 0
    assert makespan([(2, 10**12)], 8) == pytest.approx(2 * 10**12 / 8)


def test_workers_are_shared_and_nobody_is_left_without() -> None:
    assert [share(8, jobs) for jobs in (1, 3, 8, 100, math.inf)] == [8, 2, 1, 1, 1]
    assert share(None, 5) is None
