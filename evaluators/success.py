"""How often single calls come out well, by size: counts of successes smoothed by a Gaussian process.

Source: Rasmussen & Williams 2006, Gaussian Processes for Machine Learning, algorithms 3.1 and 3.2 (Laplace's
approximation), with a binomial likelihood.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

LEVEL, FALL = 4.0, -2.0
"""Log-odds of success expected before anything is seen: at size 0, and what a scale's worth of items adds."""
LEVEL_SPREAD, FALL_SPREAD, BUMP_SPREAD = 2.0, 4.0, 2.5
"""Standard deviations around that, in log-odds: of the level, of the fall, and of what is neither (cliffs, bumps)."""
SHAPE = 0.5
"""Share of the last of these variances that depends on the size of each input and not on their sum alone: one item
merged into forty is not as hard as twenty into twenty."""
REACH = 0.5
"""How far in the logarithm of the size one count speaks for another: the length scale of a Matérn 3/2 kernel, which
lets a success fall off a cliff and yet carries on smoothly."""
CLOSE = math.sqrt(3) / REACH
SHARED = (0.5, 0.25, 0.15, 0.1)
"""Parts of the prior variance that all calls share, then those of one model, of one prompt, of one temperature."""
STEPS = 40
PLACES = 6
"""Decimal places of what is fitted, here log-odds: its last bits are not the same on all machines, and would tell apart
what is alike."""
SHIFTS = np.linspace(-2.0, 2.0, 9)
"""Standard deviations by which all chances may be off together, in the same direction: what is averaged over."""


class Asked(NamedTuple):
    """What calls of one primitive are told apart by: everything that changes the wording or who answers."""

    model: int
    prompt: int
    temperature: float


class Chance(NamedTuple):
    """What is known of a chance: its log-odds are about normal with this mean and standard deviation."""

    mean: float
    spread: float

    def at(self, shift: float = 0.0) -> float:
        """The chance in [0, 1], moved by `shift` standard deviations."""
        return 1 / (1 + math.exp(-min(40.0, max(-40.0, self.mean + shift * self.spread))))

    @property
    def doubt(self) -> float:
        """How far from the likeliest chance the true one may well lie: half of what one deviation either way spans."""
        return (self.at(1) - self.at(-1)) / 2


class Successes:
    """Successes among calls of one primitive, by how it was asked and by size.

    Calls that differ in nothing but the temperature are taken to be most alike, less so those with another prompt,
    least those of another model. So something is known of a way of asking that was never tried, from the others.

    Args:
        asked: how each group of calls was asked.
        sizes: sizes of its inputs in items, shape (groups, inputs).
        calls: how many each group holds, none of them 0.
        right: how many of those came out well.
        level: log-odds of success expected before anything is seen, at size 0.
        fall: what a scale's worth of items is expected to add to them.
        fall_spread: standard deviation around that.
    """

    def __init__(
        self,
        asked: Sequence[Asked],
        sizes: Sequence[Sequence[float]],
        calls: Sequence[float],
        right: Sequence[float],
        level: float = LEVEL,
        fall: float = FALL,
        fall_spread: float = FALL_SPREAD,
    ) -> None:
        self._level, self._fall, self._fall_spread = level, fall, fall_spread
        self._asked = list(asked)
        self._sizes = np.array(sizes, dtype=float)
        self._total = self._sizes.sum(axis=1)
        self._logs = CLOSE * np.log1p(np.vstack([self._total, self._sizes.T]))
        self._known: dict[tuple[Asked, tuple[float, ...]], Chance] = {}
        self._parts: dict[Asked, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
        self._calls = np.array(calls, dtype=float)
        self._right = np.array(right, dtype=float)
        self._largest = float(self._total.max())
        self._scale = max(1.0, self._largest)

    def chance(self, asked: Asked, sizes: Sequence[float]) -> Chance:
        """What is known of calls asked this way on inputs of these sizes in items.

        Beyond the largest size seen, they are not expected to be right more often than there.
        """
        place = (asked, tuple(sizes))
        known = self._known.get(place)
        if known is None:
            known = self._chance(asked, sizes)
            total = sum(sizes)
            if total > self._largest:
                known = min(known, self._chance(asked, [size * self._largest / total for size in sizes]))
            self._known[place] = known
        return known

    def _chance(self, asked: Asked, sizes: Sequence[float]) -> Chance:
        root, slope = self._fitted
        kernel = self._alike(asked, sizes)
        fall = sum(sizes) / self._scale
        own = LEVEL_SPREAD**2 + (self._fall_spread * fall) ** 2 + BUMP_SPREAD**2
        explained = root @ kernel
        mean = self._level + self._fall * fall + float(kernel @ slope)
        spread = math.sqrt(max(0.0, own - float(explained @ explained)))
        return Chance(round(mean, PLACES), round(spread, PLACES))

    def _alike(self, asked: Asked, sizes: Sequence[float]) -> np.ndarray:
        """Covariance of the log-odds of these calls with those of every group."""
        if asked not in self._parts:
            parts = np.array([_shared(asked, other) for other in self._asked])
            falls = (self._fall_spread / self._scale) ** 2 * self._total
            self._parts[asked] = (parts * LEVEL_SPREAD**2, parts * falls, parts * BUMP_SPREAD**2)
        level, fall, bump = self._parts[asked]
        total = float(sum(sizes))
        apart = self._logs - np.array([[CLOSE * math.log1p(size)] for size in (total, *sizes)])
        near = _near(np.abs(apart[0]))
        if len(sizes) > 1:  # of one input, the sum says it all
            near = (1 - SHAPE) * near + SHAPE * _near(np.sqrt(np.add.reduce(apart[1:] ** 2)))
        kernel: np.ndarray = level + fall * total + bump * near
        return kernel

    @cached_property
    def _fitted(self) -> tuple[np.ndarray, np.ndarray]:
        """Newton's method for the likeliest log-odds: inverse root of B times that of the weights, and the gradient."""
        prior = self._level + self._fall * self._total / self._scale
        kernel = np.stack([self._alike(*each) for each in zip(self._asked, self._sizes, strict=True)])
        odds = prior.copy()
        for _ in range(STEPS):
            chance = 1 / (1 + np.exp(-np.clip(odds, -40, 40)))
            gradient = self._right - self._calls * chance
            weight = np.maximum(self._calls * chance * (1 - chance), 1e-9)
            root = np.sqrt(weight)
            inner = np.eye(len(odds)) + root[:, None] * kernel * root
            target = weight * (odds - prior) + gradient
            solved = target - root * np.linalg.solve(inner, root * (kernel @ target))
            step = prior + kernel @ solved - odds
            odds = odds + np.clip(step, -3, 3)
            if np.abs(step).max() < 1e-6:
                break
        return np.linalg.inv(np.linalg.cholesky(inner)) * root, gradient


def _near(apart: np.ndarray) -> np.ndarray:
    """Correlation at a distance in logarithms, in units of the reach: Matérn 3/2."""
    near: np.ndarray = (1 + apart) * np.exp(-apart)
    return near


def _shared(one: Asked, other: Asked) -> float:
    """How much two ways of asking have in common, in [0, 1]."""
    every, model, prompt, temperature = SHARED
    if one.model != other.model:
        return every
    if one.prompt != other.prompt:
        return every + model
    return every + model + prompt + (temperature if one.temperature == other.temperature else 0.0)
