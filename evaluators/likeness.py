"""How alike several samples of one question are: what votes and retries hang on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from undercut.evaluators.statistics import Accuracy
from undercut.evaluators.success import SHIFTS, Chance

INDEPENDENT = 0.5
"""Chance that samples are independent, before anything was seen.

Without it some likeness would always be left, however many samples show none, and spoil every long chain of votes.
"""
LIKENESSES = np.arange(1, 100) / 100
"""The likenesses that are weighed against that, each as likely as the others."""
LEVEL = 0.95


class Again(NamedTuple):
    """Further samples of a question whose first answer was wrong: how often such are right, and how many were."""

    usual: Chance
    right: int
    samples: int


def likeness(asked: Mapping[Again, int]) -> Accuracy:
    """How alike samples are, in [0, 1], from how many questions did how well when they were asked again.

    A share d of all questions is taken to give every sample the same answer, and the others independent ones: of those
    whose first answer was wrong, a share d is never right. The mean is 0 where d = 0 is likelier than not. Chances that
    are not known are averaged over, all moved together: next to a cliff they may say anything.

    Args:
        asked: what came of questions whose first answer was wrong, and for how many of them just that.

    Raises:
        ValueError: nothing was asked again.
    """
    if not asked:
        raise ValueError("how alike samples are takes at least one question that was asked again")
    many = np.array([*asked.values()], dtype=float)
    means, spreads, right, samples = np.array([(*usual, *came) for usual, *came in asked]).T
    odds = np.clip(means + SHIFTS[:, None] * spreads, -30, 30)
    log_right, log_wrong = -np.log1p(np.exp(-odds)), -np.log1p(np.exp(odds))
    apart = right * log_right + (samples - right) * log_wrong  # if samples are independent; shape (shifts, questions)
    never = np.where(right == 0, 0.0, -np.inf)
    dependent = np.logaddexp(np.log(LIKENESSES)[:, None, None] + never, np.log1p(-LIKENESSES)[:, None, None] + apart)
    likely = np.concatenate([apart[None], dependent]) @ many - SHIFTS**2 / 2
    priors = np.array([INDEPENDENT, *np.full(len(LIKENESSES), (1 - INDEPENDENT) / len(LIKENESSES))])
    weights = priors * np.exp(likely - likely.max()).sum(axis=1)
    weights /= weights.sum()
    below, every = np.cumsum(weights), np.array([0.0, *LIKENESSES])
    low, high = every[np.searchsorted(below, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]).clip(max=len(every) - 1)]
    mean = 0.0 if weights[0] > 0.5 else float(weights[1:] @ LIKENESSES / weights[1:].sum())
    return Accuracy(mean, min(mean, float(low)), max(mean, float(high)), int(many @ samples))
