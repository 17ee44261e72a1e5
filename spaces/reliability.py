"""How likely a structure is right, in closed form."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

MANY = 101
"""More votes than this are summed over their mean only, and their wrong answers are taken to agree."""
SETTLED, LONGEST = 12, 100
"""Rounds after which expected votes have settled, and the most of them for each vote of a lead."""
FEWEST_AGREE = 1e-3
"""The least chance that two wrong answers are the same; less is taken for this."""


@lru_cache(maxsize=1 << 14)
def majority(right: float, votes: int, agreement: float = 1.0) -> float:
    """Chance that most of `votes` independent answers are right, each right with chance `right`.

    `agreement` is the chance that two wrong answers are the same. At 1, the worst case, it takes more than half of the
    votes; less lets a plurality win: wrong answers are taken to be 1/`agreement` different ones, each as likely. Of
    ties half are won, those between single answers by whichever came first. Past `MANY` votes wrong ones agree.
    """
    ways, wrong = _winning(votes, 1.0 if votes > MANY else max(FEWEST_AGREE, agreement)), 1 - right
    return sum(many * right**k * wrong ** (votes - k) for k, many in ways)


@lru_cache(maxsize=1 << 12)
def _winning(votes: int, agreement: float) -> list[tuple[int, float]]:
    """In how many ways k of `votes` answers are right and win the vote, for every k with which they can."""
    won = [0.5 * ((2 * k > votes) + (2 * k >= votes)) for k in range(votes + 1)]
    if agreement < 1:
        won = _won(votes, agreement)
    return [(k, math.comb(votes, k) * chance) for k, chance in enumerate(won) if chance]


def _won(votes: int, agreement: float) -> list[float]:
    """Chance that k right ones of `votes` answers win the vote over scattered wrong ones, for k from 0 on."""
    below = [_none_has(count, votes - count, agreement) for count in range(votes + 1)]
    reached = [_none_has(count + 1, votes - count, agreement) for count in range(votes + 1)]
    tied = [0.0, 1 / votes, *(0.5,) * (votes - 1)]
    return [less + (most - less) * share for less, most, share in zip(below, reached, tied, strict=True)]


def _none_has(count: int, answers: int, agreement: float) -> float:
    """Chance that so many wrong answers leave none of the different ones with `count` votes.

    The multinomial sum as a coefficient of (Σ_{j<count} x^j/j!)^(1/agreement), where different ones need not be a whole
    number; powers of series by the recurrence of J. C. P. Miller.

    Source: Knuth 1997, The Art of Computer Programming 2, Sec. 4.7.
    """
    if count > answers:
        return 1.0
    kinds, series = 1 / agreement, [agreement**j / math.factorial(j) for j in range(count)]
    if not series:
        return 0.0
    power = [1.0]
    for n in range(1, answers + 1):
        terms = ((kinds * j - n + j) * series[j] * power[n - j] for j in range(1, min(n, count - 1) + 1))
        power.append(math.fsum(terms) / n)
    return min(1.0, max(0.0, power[answers] * math.factorial(answers)))


def valid_majority(right: float, valid: float, votes: int, agreement: float = 1.0) -> float:
    """Chance that the majority of those of `votes` answers that are valid is right.

    Each is valid with chance `valid`, and a valid one right with chance `right`. Past `MANY` votes the number of valid
    ones is taken as expected.
    """
    if votes > MANY:
        return majority(right, max(1, round(votes * valid))) * once(valid, votes)
    if valid >= 1:
        return majority(right, votes, agreement)
    return sum(
        math.comb(votes, k) * valid**k * (1 - valid) ** (votes - k) * majority(right, k, agreement)
        for k in range(1, votes + 1)
    )


def ahead(right: float, lead: int, agreement: float = 1.0) -> float:
    """Chance that the right answer is the first to be `lead` votes ahead.

    Exact where wrong answers agree. Where they are 1/`agreement` different ones, the answer in the lead is taken to be
    as far ahead of every other one as of the second.

    Source: Meyerson et al. 2025 (arXiv 2511.09030), gambler's ruin.
    """
    if right <= 0 or right >= 1:
        return float(right > 0)
    agreement = max(FEWEST_AGREE, agreement)
    try:
        return 1 / (1 + ((1 - right) * agreement / right) ** lead / agreement)
    except OverflowError:
        return 0.0


def ahead_votes(right: float, lead: int, agreement: float = 1.0) -> float:
    """Expected votes until one answer is `lead` ahead.

    Exact where wrong answers agree. Else a mean of two estimates, by `agreement`: of a race against one wrong answer,
    with votes for the others lost, and of one against the commonest of all. Within a tenth of simulated votes where
    answers are mostly right, two fifths where they rarely are.

    Source: Meyerson et al. 2025 (arXiv 2511.09030): K(2P − 1)/(2p − 1), whose limit at p = ½ is K².
    """
    agreement = max(FEWEST_AGREE, agreement)
    counted = right + (1 - right) * agreement
    share = right / counted
    if abs(share - 0.5) < 1e-6:
        of_two = lead * lead / counted
    else:
        of_two = lead * (2 * ahead(share, lead) - 1) / (2 * share - 1) / counted
    if agreement >= 1:
        return of_two
    return agreement * of_two + (1 - agreement) * _votes_against_the_best(round(right, 3), lead, agreement)


@lru_cache(maxsize=1 << 14)
def _votes_against_the_best(right: float, lead: int, agreement: float) -> float:
    """Votes after which the right answer is expected to be `lead` ahead of the commonest of 1/`agreement` wrong ones.

    The votes of each are taken to follow a Poisson distribution.
    """
    votes = float(lead)
    for _ in range(SETTLED):
        mean = (1 - right) * agreement * votes
        term, more, most = math.exp(-mean), 1.0, 0.0
        for count in range(1, MANY):
            more -= term
            some = -math.expm1(math.log1p(-min(more, 1 - 1e-12)) / agreement) if more > 0 else 0.0
            most += some
            if some < 1e-3:
                break
            term *= mean / count
        votes = min(LONGEST * lead, (lead + most) / max(right, 1e-9))
    return votes


class Stopping(NamedTuple):
    """How trying until an answer is accepted ends.

    Attributes:
        attempts: how many are made, as expected.
        accepted: chance that one is accepted.
        kept: chance that none is, but some answer came that was refused: the last such one is kept.
    """

    attempts: float
    accepted: float
    kept: float


def stopping(accepted: float, refused: float, most: int) -> Stopping:
    """How at most `most` independent attempts end, each accepted or refused with these chances, or else worth nothing.

    Source: Brown et al. 2024 (arXiv 2407.21787) for a check that is exact (`refused` = 0).
    """
    passed = once(accepted, most)
    attempts = passed / accepted if accepted > 0 else float(most)
    return Stopping(attempts, passed, max(0.0, once(accepted + refused, most) - passed))


def once(chance: float, tries: int) -> float:
    """Chance that at least one of some independent tries succeeds; exact for the smallest chances too."""
    return 1.0 if chance >= 1 else -math.expm1(tries * math.log1p(-chance))


def share(part: float, whole: float) -> float:
    """A part's share of a whole, 0 of nothing."""
    return part / whole if whole > 0 else 0.0


def blended(independent: float, single: float, dependence: float) -> float:
    """An expectation where a share `dependence` of prompts gives every sample the same answer."""
    return independent + dependence * (single - independent)
