"""Intervals for accuracies: never of width 0."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Mean score in [0, 1] over samples, with an interval at the level that was asked for."""

    mean: float
    low: float
    high: float
    samples: int

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {"mean": self.mean, "low": self.low, "high": self.high, "samples": self.samples}


def accuracy(scores: list[float], level: float = 0.95) -> Accuracy:
    """Mean and Wilson interval of scores in [0, 1].

    For scores between 0 and 1 the interval is wider than need be: no such score varies more than a coin of its mean.

    Source: Wilson 1927 (JASA 22), as in Brown, Cai & DasGupta 2001, section 3.1.1.

    Raises:
        ValueError: there are no scores.
    """
    if not scores:
        raise ValueError("an accuracy needs at least one score")
    return wilson(math.fsum(scores) / len(scores), len(scores), level)


def wilson(mean: float, n: int, level: float = 0.95) -> Accuracy:
    """The Wilson interval of a mean of `n` scores."""
    z = NormalDist().inv_cdf(0.5 + level / 2)
    middle = (mean + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(mean * (1 - mean) / n + z * z / (4 * n * n))
    return Accuracy(mean, max(0.0, min(mean, middle - half)), min(1.0, max(mean, middle + half)), n)


def guaranteed(mean: float, n: int, level: float = 0.95) -> Accuracy:
    """An interval of the mean of `n` scores in [0, 1] that holds the true mean with a chance of at least `level`.

    Exact where all scores were 0 or 1, as far as their sum can tell; Chernoff's bound elsewhere.

    Source: Clopper & Pearson 1934 (Biometrika 26); Hoeffding 1963 (JASA 58), theorem 1.
    """
    total, miss = mean * n, (1 - level) / 2
    right = round(total)
    if math.isclose(total, right, abs_tol=1e-9):
        low = _where(lambda p: _at_least(right, n, p) >= miss)
        high = 1 - _where(lambda p: _at_least(n - right, n, p) >= miss)
    else:
        low = _where(lambda p: p >= mean or n * _divergence(mean, p) <= -math.log(miss))
        high = 1 - _where(lambda p: p >= 1 - mean or n * _divergence(1 - mean, p) <= -math.log(miss))
    return Accuracy(mean, min(mean, low), max(mean, high), n)


def anytime(mean: float, n: int, level: float = 0.95) -> Accuracy:
    """An interval of the mean of scores in [0, 1] that holds at all numbers of scores at once, however often one looks.

    The mixture of all likelihood ratios over a beta(½, ½) is a martingale, which seldom grows large.

    Source: Robbins 1970 (Annals of Mathematical Statistics 41); Howard et al. 2021 (Annals of Statistics 49), for
    scores between 0 and 1.
    """
    total, bound = mean * n, math.log(1 / (1 - level))
    mixed = math.lgamma(total + 0.5) + math.lgamma(n - total + 0.5) - math.lgamma(n + 1) - math.log(math.pi)

    def likely(hits: float, p: float) -> bool:
        return mixed - hits * math.log(max(p, 1e-300)) - (n - hits) * math.log1p(-p) <= bound

    low = _where(lambda p: p >= mean or likely(total, p))
    high = 1 - _where(lambda p: p >= 1 - mean or likely(n - total, p))
    return Accuracy(mean, min(mean, low), max(mean, high), n)


def _where(holds: Callable[[float], bool]) -> float:
    """The least chance at which something holds that holds at all greater ones."""
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return low


def _at_least(right: int, n: int, p: float) -> float:
    """Chance of so many successes or more in `n` tries."""
    if right <= 0 or p >= 1:
        return 1.0
    if p <= 0:
        return 0.0
    whole = math.lgamma(n + 1)
    return math.fsum(
        math.exp(whole - math.lgamma(k + 1) - math.lgamma(n - k + 1) + k * math.log(p) + (n - k) * math.log1p(-p))
        for k in range(right, n + 1)
    )


def _divergence(mean: float, p: float) -> float:
    """Kullback and Leibler's, of a coin of chance `p` from one of chance `mean`."""
    if p <= 0:
        return math.inf
    return mean * math.log(mean / p) + (1 - mean) * math.log((1 - mean) / (1 - p))
