"""random: independent draws from the space."""

from __future__ import annotations

import random

from undercut.spaces.genome import Genome
from undercut.spaces.space import Space


class AtRandom:
    """Draws from the space and learns nothing: what the others are held against."""

    batch = 200

    def __init__(self, space: Space, generator: random.Random) -> None:
        self._space = space
        self._generator = generator

    def ask(self) -> Genome | None:
        """A random genome."""
        return self._space.sample(self._generator)

    def tell(self, genome: Genome, accuracy: float, cost: float) -> None:
        """Nothing to learn."""
