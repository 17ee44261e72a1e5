"""What a proposer is."""

from __future__ import annotations

from typing import Protocol

from undercut.spaces.genome import Genome


class Proposer(Protocol):
    """Names genomes to try, and learns what they were worth.

    A proposer is asked and told from one thread, in an order that does not depend on how long anything took; with
    the same space, seed and tells it gives the same genomes. It may give a genome again.
    """

    batch: int
    """Genomes worth asking for between two looks at the model; dear proposers name a smaller number."""

    def ask(self) -> Genome | None:
        """The next genome to try; None when there is none left."""
        ...

    def tell(self, genome: Genome, accuracy: float, cost: float) -> None:
        """What a genome is worth: accuracy in [0, 1], forecast or measured, and cost in the run's unit.

        A genome that is known to be wrong is told with accuracy 0 and an infinite cost. Later news of the same
        genome replaces earlier.
        """
        ...
