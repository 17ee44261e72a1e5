"""How likely a structure is right, in closed form."""

from __future__ import annotations

import math


def majority(right: float, votes: int) -> float:
    """Chance that more than half of `votes` independent answers are right, each right with chance `right`.

    Wrong answers are taken to agree, which is the worst case: a plurality over scattered errors does better. A tie,
    possible for an even number, is broken by the first answer, so half of the ties are won.
    """
    terms = [math.comb(votes, k) * right**k * (1 - right) ** (votes - k) for k in range(votes + 1)]
    won = sum(terms[votes // 2 + 1 :])
    return won + (terms[votes // 2] / 2 if votes % 2 == 0 else 0.0)


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
    if right <= 0.5:
        raise ValueError(f"voting needs answers that are right more often than not, not with chance {right}")
    return max(1, math.ceil(math.log(math.expm1(-math.log(target) / steps)) / math.log((1 - right) / right)))


def attempts(valid: float, most: int) -> float:
    """Expected attempts until an answer is valid, at most `most`."""
    return float(most) if valid <= 0 else (1 - (1 - valid) ** most) / valid


def blended(independent: float, single: float, dependence: float) -> float:
    """Chance of success where a share `dependence` of prompts gives every sample the same answer."""
    return (1 - dependence) * independent + dependence * single
