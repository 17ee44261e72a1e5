"""How likely a structure is right, in closed form."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

MANY = 101
"""More votes than this are summed over their mean only."""


@lru_cache(maxsize=1 << 14)
def majority(right: float, votes: int) -> float:
    """Chance that more than half of `votes` independent answers are right, each right with chance `right`.

    Wrong answers are taken to agree, which is the worst case: a plurality over scattered errors does better. A tie,
    possible for an even number, is broken by the first answer, so half of the ties are won.
    """
    terms = [math.comb(votes, k) * right**k * (1 - right) ** (votes - k) for k in range(votes + 1)]
    won = sum(terms[votes // 2 + 1 :])
    return won + (terms[votes // 2] / 2 if votes % 2 == 0 else 0.0)


def valid_majority(right: float, valid: float, votes: int) -> float:
    """Chance that the majority of those of `votes` answers that are valid is right.

    Each is valid with chance `valid`, and a valid one right with chance `right`. Past `MANY` votes the number of valid
    ones is taken as expected.
    """
    if valid >= 1:
        return majority(right, votes)
    if votes > MANY:
        return majority(right, max(1, round(votes * valid)))
    return sum(
        math.comb(votes, k) * valid**k * (1 - valid) ** (votes - k) * majority(right, k) for k in range(1, votes + 1)
    )


def ahead(right: float, lead: int) -> float:
    """Chance that the right answer is the first to be `lead` votes ahead.

    Source: Meyerson et al. 2025 (arXiv 2511.09030), gambler's ruin.
    """
    if right <= 0 or right >= 1:
        return float(right > 0)
    return 1 / (1 + ((1 - right) / right) ** lead)


def ahead_votes(right: float, lead: int) -> float:
    """Expected votes until one of two answers is `lead` ahead.

    Source: Meyerson et al. 2025 (arXiv 2511.09030): K(2P − 1)/(2p − 1), whose limit at p = ½ is K².
    """
    if abs(right - 0.5) < 1e-6:
        return float(lead * lead)
    return lead * (2 * ahead(right, lead) - 1) / (2 * right - 1)


def lead_for(right: float, steps: float, target: float) -> int:
    """Smallest lead with which `steps` dependent steps all succeed with chance `target`.

    Source: Meyerson et al. 2025 (arXiv 2511.09030): K_min = ⌈ln(t^(−1/s) − 1) / ln((1 − p)/p)⌉.

    Raises:
        ValueError: a vote that is right half of the time or less never gets there.
    """
    if right >= 1:
        return 1
    if right <= 0.5:
        raise ValueError(f"voting needs answers that are right more often than not, not with chance {right}")
    return max(1, math.ceil(math.log(math.expm1(-math.log(target) / steps)) / math.log((1 - right) / right)))


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
