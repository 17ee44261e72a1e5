"""First-to-ahead votes over scattered wrong answers, against every sequence of votes and against draws."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undercut.spaces.first_ahead import LONGEST, first_ahead
from undercut.spaces.reliability import ahead, ahead_votes


def lead_of(counts: list[int]) -> int:
    top = sorted(counts)
    return top[-1] - top[-2]


def enumerated(right: float, lead: int, kinds: int, most: int) -> tuple[float, float]:
    """Chance to win and expected votes over all sequences of votes, the right answer being 0."""
    chances = [right, *[(1 - right) / kinds] * kinds]
    won = votes = 0.0
    for sequence in itertools.product(range(kinds + 1), repeat=most):
        counts, likely = [0] * (kinds + 1), math.prod(chances[answer] for answer in sequence)
        cast = 0
        for answer in sequence:
            counts[answer] += 1
            cast += 1
            if lead_of(counts) >= lead:
                break
        votes += likely * cast
        won += likely * (counts[0] == max(counts)) / (1 + (max(counts[1:]) == counts[0]))
    return won, votes


def drawn(right: float, lead: int, kinds: int, most: int, races: int = 4000) -> tuple[float, float]:
    """The same in draws; of several leaders after the last vote any wins."""
    generator = np.random.default_rng(7)
    counts = np.zeros((races, kinds + 1), dtype=int)
    cast, running = np.zeros(races, dtype=int), np.arange(races)
    for _ in range(most):
        wrong = generator.integers(1, kinds + 1, len(running))
        counts[running, np.where(generator.random(len(running)) < right, 0, wrong)] += 1
        cast[running] += 1
        top = np.sort(counts[running], axis=1)
        running = running[top[:, -1] - top[:, -2] < lead]
    best = counts == counts.max(axis=1, keepdims=True)
    return float((best[:, 0] / best.sum(axis=1)).mean()), float(cast.mean())


@pytest.mark.parametrize("right", [0.5, 1 / (1 + math.exp(1.5)), 1 / (1 + math.exp(-1.5))])
@pytest.mark.parametrize(("kinds", "slack"), [(2, 1e-9), (3, 0.01)])
def test_short_races_are_as_all_sequences_of_votes_have_it(right: float, kinds: int, slack: float) -> None:
    """With two wrong answers nothing is forgotten that matters."""
    won, votes = enumerated(right, 2, kinds, 8)
    chance, cast = first_ahead(right, 2, 1 / kinds, 8)
    assert chance == pytest.approx(won, abs=slack) and cast == pytest.approx(votes, rel=slack)


@pytest.mark.parametrize("lead", [2, 4, 8])
@pytest.mark.parametrize("kinds", [2, 7, 20, 100])
@pytest.mark.parametrize("right", [0.1, 0.178, 0.3, 0.6, 0.9])
def test_long_races_are_about_what_draws_show(right: float, kinds: int, lead: int) -> None:
    won, votes = drawn(right, lead, kinds, 20 * lead)
    chance, cast = first_ahead(right, lead, 1 / kinds, 20 * lead)
    assert chance == pytest.approx(won, abs=0.06) and cast == pytest.approx(votes, rel=0.1)


@settings(deadline=None)
@given(st.floats(0.001, 0.999), st.integers(1, 12), st.floats(0.0, 1.0))
def test_a_race_ends_between_its_lead_and_its_last_vote(right: float, lead: int, agreement: float) -> None:
    chance, votes = first_ahead(right, lead, agreement, 20 * lead)
    assert 0 <= chance <= 1
    assert lead - 1e-6 <= votes <= 20 * lead + 1e-6


@settings(deadline=None)
@given(st.floats(0.01, 0.98), st.integers(1, 6), st.floats(0.01, 1.0))
def test_whoever_is_right_more_often_wins_more_often(right: float, lead: int, agreement: float) -> None:
    more = first_ahead(right + 0.01, lead, agreement, 20 * lead)[0]
    assert more >= first_ahead(right, lead, agreement, 20 * lead)[0] - 1e-9


@pytest.mark.parametrize("right", [0.0, 0.2, 0.7, 1.0])
def test_where_wrong_answers_agree_or_races_are_long_the_closed_forms_hold(right: float) -> None:
    votes = min(60, ahead_votes(right, 3))
    assert first_ahead(right, 3, 1.0, 60) == (ahead(right, 3), votes)
    assert first_ahead(right, 9, 0.1, LONGEST + 20)[0] == ahead(right, 9, 0.1)


def test_rare_answers_win_where_wrong_ones_are_scattered() -> None:
    """Two thirds of races are won by an answer that comes one time in six, against twenty others."""
    assert all(first_ahead(1 / 6, lead, 1 / 20, 20 * lead)[0] > 0.65 for lead in (2, 3, 4))
