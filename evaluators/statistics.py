"""Intervals for accuracies: never of width 0, in closed form."""

from __future__ import annotations

import math
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
