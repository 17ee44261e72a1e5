"""exhaustive: every genome of the space, small ones first."""

from __future__ import annotations

from undercut.spaces.genome import Genome
from undercut.spaces.space import Space


class Exhaustive:
    """Names every genome once, in order of size: the oracle on small spaces."""

    batch = 200

    def __init__(self, space: Space) -> None:
        self._genomes = space.enumerate()

    def ask(self) -> Genome | None:
        """The next genome, or None after the last."""
        return next(self._genomes, None)

    def tell(self, genome: Genome, accuracy: float, cost: float) -> None:
        """Nothing to learn."""
