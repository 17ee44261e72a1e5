"""What a proposer was told of the genomes that it named, and one number for their accuracy and cost."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from typing import Generic, NamedTuple, TypeAlias, TypeVar

from undercut.spaces.genome import Genome

Worth: TypeAlias = tuple[float, float]
"""Accuracy, and the logarithm of cost: infinite for what is wrong."""

Made = TypeVar("Made")


def worth_of(accuracy: float, cost: float) -> Worth:
    """Accuracy and the logarithm of cost; a genome that costs nothing counts as a wrong one."""
    return accuracy, math.log(cost) if 0 < cost < math.inf else math.inf


class Told(Generic[Made]):
    """What is known of the latest genomes: how each was made, and what it is worth by the last news of it.

    Only a proposer's own genomes are taken in: of others nobody knows which choices make them.

    Attributes:
        stale: whether there is later news of some genome, or nobody ever asked for the `latest`.
    """

    def __init__(self, window: int) -> None:
        self._window = window
        self._known: dict[Genome, tuple[Made, Worth]] = {}
        self.stale = True

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, genome: Genome) -> bool:
        return genome in self._known

    def worth(self, genome: Genome) -> Worth:
        """What a genome that is known is worth."""
        return self._known[genome][1]

    def add(self, genome: Genome, made: Made | None, worth: Worth) -> None:
        """Take in a genome, or news of it: then how it was made need not be given again."""
        if made is None:
            if genome not in self._known:
                return
            made, before = self._known[genome]
            self.stale = self.stale or before != worth
        self._known[genome] = made, worth

    def latest(self) -> list[tuple[Made, Worth]]:
        """The latest `window` genomes, in the order in which they came; all others are forgotten."""
        self.stale = False
        for old in list(self._known)[: -self._window]:
            del self._known[old]
        return list(self._known.values())


class Direction(NamedTuple):
    """What makes one number of accuracy and cost, for one direction of search towards the front.

    Attributes:
        weight: of accuracy, in [0, 1]; the rest is that of cost.
        low: logarithm of the lowest cost known.
        high: that of the highest.
    """

    weight: float
    low: float
    high: float

    @classmethod
    def drawn(cls, worths: Iterable[Worth], generator: random.Random) -> Direction:
        """A random direction among genomes of these accuracies and logarithms of cost."""
        logs = [cost for _, cost in worths if cost < math.inf]
        return cls(generator.random(), min(logs, default=0.0), max(logs, default=1.0))

    def loss(self, worth: Worth) -> float:
        """Tchebycheff's distance from the best accuracy and the lowest cost; 2 for what is wrong."""
        accuracy, cost = worth
        if accuracy <= 0 or cost == math.inf:
            return 2.0
        dear = min(1.0, max(0.0, (cost - self.low) / max(1e-9, self.high - self.low)))
        parts = (self.weight * (1 - accuracy), (1 - self.weight) * dear)
        return max(parts) + 0.05 * sum(parts)
