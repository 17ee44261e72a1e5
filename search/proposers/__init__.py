"""Proposers: what to try next. Each reads what was told of earlier genomes and names new ones."""

from __future__ import annotations

import random

from undercut.search.proposers.base import Proposer
from undercut.spaces.errors import UsageError
from undercut.spaces.space import Space

STRATEGIES = ("auto", "evolution", "bayes", "gp", "random", "exhaustive")

__all__ = ["STRATEGIES", "Proposer", "open_proposer"]


def open_proposer(strategy: str, space: Space, seed: int) -> Proposer:
    """The proposer of a name.

    Raises:
        UsageError: there is none of that name.
        MissingExtraError: it needs a package that is not installed.
    """
    generator = random.Random(f"propose/{seed}")
    if strategy == "auto":
        from undercut.search.proposers.portfolio import PRICES, Arm, Portfolio

        arms = {name: Arm(open_proposer(name, space, seed), price) for name, price in PRICES.items()}
        return Portfolio(arms, generator)
    if strategy == "random":
        from undercut.search.proposers.at_random import AtRandom

        return AtRandom(space, generator)
    if strategy == "exhaustive":
        from undercut.search.proposers.exhaustive import Exhaustive

        return Exhaustive(space)
    if strategy == "evolution":
        from undercut.search.proposers.evolution import Evolution

        return Evolution(space, generator)
    if strategy == "bayes":
        from undercut.search.proposers.bayes import Bayes

        return Bayes(space, seed)
    if strategy == "gp":
        from undercut.search.proposers.gauss import Gauss

        return Gauss(space, seed)
    raise UsageError(f"--strategy must be one of {', '.join(STRATEGIES)}, and {strategy!r} is not")
