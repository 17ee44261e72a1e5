"""What a genome's own runs, and those of all others, make of the accuracy that its calls let one expect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

SHIFTS = (-2.0, -1.0, 0.0, 1.0, 2.0)
"""Standard deviations by which all chances of calls are moved together, to see what not knowing them exactly does."""
FACTORS = np.exp(np.linspace(-4, 10, 113))
"""Values of λ, the factor on a genome's hazard, that are weighed against each other."""
FACTOR_SPREAD, FACTOR_FREEDOM = 0.4, 3.0
"""Scale and degrees of freedom of Student's t that log λ is expected to follow: mostly near 0, at times far off."""
GROWTHS = {0.0: 0.8, -0.5: 0.15, -1.0: 0.05}
"""Powers of the size with which λ may grow, and how likely each is taken to be: of more parts, a smaller share may
decide whether the result is right."""
TOGETHER = 0.5
"""Correlation of the shift of calls larger than any that were run with that of all others: they come of one fit, and
yet what is known of a size was mostly measured near it."""
PARTS = (0.5, 0.05, 0.95)
"""Where the median and the ends of a 90 % interval part all chances that are possible."""


class Runs(NamedTuple):
    """What runs at one size have shown: h there (see `posterior`), how many were right, and their number."""

    size: int
    hazards: np.ndarray
    right: float
    samples: int


def posterior(
    size: float,
    hazards: np.ndarray,
    runs: Sequence[Runs],
    odds: np.ndarray | float = 0.0,
    larger: np.ndarray | None = None,
) -> tuple[float, float, float]:
    """A chance exp(−λ·h − h′) at a size, and its 90 % interval, given what was seen of others with the same λ.

    λ may fall with the size: it is λ·(size / largest size run)^γ, with γ one of `GROWTHS`. h′ is due to calls larger
    than any in the runs: these say nothing of λ for them, and little of their shift.

    What is told of it is the mean at sizes up to the largest run, where it makes up for luck: of many, the best seem
    better than they are. Beyond that it is the median. There the mean is drawn down by a small chance that all rates
    are far worse than they seem, and genomes that were never run are taken at their likeliest rates, too.

    Args:
        size: of the problem.
        hazards: h, shape (views, len(SHIFTS)): by each view of what a wrong call does, for each shift of the rates.
        runs: what was seen at each size.
        odds: logarithms of how likely each view is, but for a common term, shape (views,).
        larger: h′, of the same shape as h; None is none.
    """
    weight = _weights(hazards, runs) + np.reshape(odds, (-1, 1, 1))
    largest = _largest(runs, size)
    total = _spread(size, hazards, largest)
    if larger is not None and larger.any():  # over shifts of these, growths, views, shifts and factors
        total = total + np.transpose(larger)[:, None, :, None, None]
        weight = weight + _shifted()[:, None, None, :, None]
    weight = np.exp(weight - weight.max()).ravel()
    chances = np.exp(-total).ravel()
    order = np.argsort(chances)
    below = np.cumsum(weight[order]) / weight.sum()
    median, low, high = chances[order][np.minimum(np.searchsorted(below, PARTS), len(order) - 1)]
    mean = weight @ chances / weight.sum()
    return float(median if size > largest else mean), float(low), float(high)


def evidence(runs: Sequence[Runs]) -> np.ndarray:
    """Logarithm of how likely some runs are by each view, but for a common term: shape (views,)."""
    weight = _weights(runs[0].hazards, runs)
    found: np.ndarray = np.logaddexp.reduce(weight, axis=(0, 2, 3))
    return found


def _weights(hazards: np.ndarray, runs: Sequence[Runs]) -> np.ndarray:
    """Logarithms of the prior times the likelihood, over growths, views, shifts and factors."""
    tail = np.log1p((np.log(FACTORS) / FACTOR_SPREAD) ** 2 / FACTOR_FREEDOM) * (FACTOR_FREEDOM + 1) / 2
    prior = np.log(list(GROWTHS.values()))[:, None, None, None] - (np.array(SHIFTS) ** 2)[:, None] / 2 - tail
    weight: np.ndarray = np.repeat(prior, len(hazards), axis=1)
    for each in runs:
        total = _spread(each.size, each.hazards, _largest(runs))
        weight = weight - each.right * total + (each.samples - each.right) * np.log(-np.expm1(-total))
    return weight


def _shifted() -> np.ndarray:
    """Logarithm of how likely each shift of larger calls is given that of the others: shape (theirs, the others')."""
    shifts = np.array(SHIFTS)
    weight = -((shifts[:, None] - TOGETHER * shifts) ** 2) / 2 / (1 - TOGETHER**2)
    given: np.ndarray = weight - np.logaddexp.reduce(weight, axis=0)
    return given


def _spread(size: float, hazards: np.ndarray, largest: float) -> np.ndarray:
    """λ·h at a size over growths, views, shifts and factors."""
    growths = np.array(list(GROWTHS))[:, None, None, None]
    total: np.ndarray = (size / largest) ** growths * hazards[..., None] * FACTORS
    return total


def _largest(runs: Sequence[Runs], otherwise: float = 1.0) -> float:
    return max((each.size for each in runs), default=otherwise)
