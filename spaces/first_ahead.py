"""First-to-ahead votes over many different wrong answers: who wins, and after how many votes.

A race of two answers has a closed form (gambler's ruin). In one of more, the right answer and the commonest wrong one
are followed here vote by vote. How wrong votes are scattered over answers is exact for each number of them, but how
they were before is forgotten.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from undercut.spaces.reliability import ahead, ahead_votes

STEP = 0.125
"""How far apart the log-odds of being right are between which races are interpolated."""
SURE = 12.0
"""Log-odds beyond which races are taken to end alike."""
KINDS = (2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 25, 32, 40, 50, 64, 80, 100, 130, 180, 250, 350, 500, 1000)
"""Numbers of different wrong answers between which they are interpolated."""
LEFT = 1e-5
"""Races are followed until less than this share of them is undecided."""
LONGEST = 160
"""Races of more votes than this are not followed: the closed forms stand in."""

_LOG_FACTORIALS = np.array([math.lgamma(n + 1) for n in range(LONGEST + 1)])


class Race(NamedTuple):
    """How a race is expected to end.

    Attributes:
        won: log-odds that the right answer wins.
        votes: logarithm of the expected number of votes.
    """

    won: float
    votes: float


def first_ahead(right: float, lead: int, agreement: float, most: int) -> tuple[float, float]:
    """Chance that the right answer wins, and expected votes, of a race to be `lead` ahead in at most `most` votes.

    Each vote is right with chance `right`; wrong ones are 1/`agreement` different ones, each as likely. After `most`
    votes the leader wins, of two equals either half of the time. Within .04 and a tenth of simulated votes, up to
    `LONGEST` votes and from two different wrong answers on; elsewhere by the closed forms, which know no last vote.
    """
    if agreement >= 1 or most > LONGEST or not 0 < right < 1:
        return _closed(right, lead, agreement, most)
    chance, votes = _interpolated(right, lead, min(max(KINDS[0], 1 / max(agreement, 1e-9)), KINDS[-1]), most)
    if agreement <= 1 / KINDS[0]:
        return chance, votes
    rest, alone = 2 * agreement - 1, _closed(right, lead, agreement, most)  # from two different wrong answers to one
    return chance + rest * (alone[0] - chance), votes + rest * (alone[1] - votes)


def _closed(right: float, lead: int, agreement: float, most: int) -> tuple[float, float]:
    """Chance and votes by the closed forms."""
    return ahead(right, lead, agreement), min(ahead_votes(right, lead, agreement), most)


def _interpolated(right: float, lead: int, kinds: float, most: int) -> tuple[float, float]:
    """Chance and votes from the races about it."""
    odds = min(SURE, max(-SURE, math.log(right) - math.log1p(-right)))
    corner = math.floor(odds / STEP)
    above = max(1, bisect_left(KINDS, kinds))
    few, many = KINDS[above - 1 : above + 1]
    x, y = odds / STEP - corner, math.log(kinds / few) / math.log(many / few)
    won = votes = 0.0
    for place, share in ((corner, 1 - x), (corner + 1, x)):
        for each, part in ((few, 1 - y), (many, y)):
            if share * part:
                found = _race(place, each, lead, most)
                won += share * part * found.won
                votes += share * part * found.votes
    return 1 / (1 + math.exp(-won)), math.exp(votes)


@lru_cache(maxsize=1 << 14)
def _race(place: int, kinds: int, lead: int, most: int) -> Race:
    """The race at a point of the grid."""
    right = 1 / (1 + math.exp(-STEP * place))
    rises, stops, later = _scattering(kinds, lead, most)
    counts = np.arange(most + 1)
    behind = counts[:, None] - counts  # right votes less those of the commonest wrong answer
    open_races = np.zeros((most + 1, most + 1))  # by right votes and those of the commonest wrong answer
    open_races[0, 0], won, votes = 1.0, 0.0, 0.0
    for cast in range(most):
        votes += open_races.sum()
        wrong = np.clip(cast - counts, 0, most - 1)
        missed = (1 - right) * open_races
        rising = missed * rises[wrong]
        after = missed - rising
        after[1:] += right * open_races[:-1]
        after[:, 1:] += (rising * (1 - stops[wrong] * (behind == 1 - lead) - later[wrong] * (behind <= -lead)))[:, :-1]
        ahead = behind >= lead
        won += after[ahead].sum()
        after[ahead] = 0.0
        open_races = after
        if open_races.sum() < LEFT:
            break
    won += open_races[behind > 0].sum() + open_races[behind == 0].sum() / 2
    won = min(1 - 1e-12, max(1e-12, won))
    return Race(math.log(won) - math.log1p(-won), math.log(votes))


@lru_cache(maxsize=1 << 8)
def _scattering(kinds: int, lead: int, most: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What one more wrong vote does, by the wrong votes so far and the commonest answer's: each (most, most + 1).

    The chance that it goes to the commonest answer; then that this is `lead` ahead of all other wrong ones; and the
    same where it was not yet so, since the race would have ended.
    """
    within = _within(kinds, most)
    exactly = np.diff(within, axis=1, prepend=0)
    rises = np.divide(
        within[:-1] - within[1:], exactly[:-1], out=np.zeros((most, most + 1)), where=exactly[:-1] > 1e-12
    )
    others = _within(kinds - 1, most)
    wrong, count = np.arange(most)[:, None], np.arange(most + 1)[None, :]
    rest = np.clip(wrong - count, 0, most)
    near = others[rest, np.clip(count, 0, most)]

    def second(most_of_it: np.ndarray) -> np.ndarray:
        """Chance that the second commonest has no more than that."""
        far = np.where(most_of_it >= 0, others[rest, np.clip(most_of_it, 0, most)], 0.0)
        chance: np.ndarray = np.divide(far, near, out=np.zeros_like(far), where=near > 1e-12).clip(0, 1)
        return chance

    now, before = second(count + 1 - lead), second(count - lead)
    later = np.divide(now - before, 1 - before, out=np.ones_like(now), where=before < 1 - 1e-9)
    return np.clip(rises, 0, 1), now, np.clip(later, 0, 1)


@lru_cache(maxsize=1 << 9)
def _within(kinds: int, most: int) -> np.ndarray:
    """Chance that `w` votes leave none of `kinds` different answers with more than `m`; shape (most + 1, most + 1)."""
    if kinds == 1:
        one_kind: np.ndarray = np.tri(most + 1).T
        return one_kind
    part = kinds // 2 if kinds % 2 == 0 else 1
    votes = np.arange(most + 1)
    splits = np.exp(
        _LOG_FACTORIALS[votes][:, None]
        - _LOG_FACTORIALS[votes]
        - _LOG_FACTORIALS[np.abs(votes[:, None] - votes)]
        + votes * math.log(part / kinds)
        + (votes[:, None] - votes) * math.log1p(-part / kinds)
    ) * np.tri(most + 1)  # [votes, those of them for the first part of the answers]
    one, other = _within(part, most), _within(kinds - part, most)
    return np.array([(row[: n + 1, None] * one[: n + 1] * other[n::-1]).sum(axis=0) for n, row in enumerate(splits)])
