"""The walk with symbols: what a genome costs, and how likely it is right, without running it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from undercut.spaces.cost import NO_COST, UNLIMITED
from undercut.spaces.estimate import Estimate, Rates
from undercut.spaces.extent import Extent
from undercut.spaces.genome import Genome
from undercut.spaces.operators import OPERATORS
from undercut.spaces.toolbox import Toolbox


class Estimator:
    """Walks genomes with the rates of one model or run; results are kept by body and extents."""

    def __init__(self, rates: Rates, toolbox: Toolbox) -> None:
        self.rates = rates
        self.toolbox = toolbox
        self._known: dict[tuple[str, tuple[Extent, ...]], Estimate] = {}
        self._within = False

    def apply(self, genome: Genome, inputs: Sequence[Extent]) -> Estimate:
        """Estimate a genome on inputs of these extents; one that grows past every number costs `UNLIMITED`."""
        key = (genome.key, tuple(inputs))
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._walk(genome, inputs) if self._within else self._walk_whole(genome, inputs)
        return known

    def alikeness(self, genome: Genome) -> float:
        """How alike two samples of a body are: as those of its most repeatable call; code always repeats itself."""
        return max((self.rates.dependence(node) for node in genome.walk() if node.op == "call"), default=1.0)

    def _walk_whole(self, genome: Genome, inputs: Sequence[Extent]) -> Estimate:
        self._within = True
        try:
            return self._walk(genome, inputs)
        except OverflowError:
            return Estimate(math.inf, UNLIMITED, -math.inf, -math.inf)
        finally:
            self._within = False

    def _walk(self, genome: Genome, inputs: Sequence[Extent]) -> Estimate:
        extents: dict[str, Extent] = {f"x{index}": extent for index, extent in enumerate(inputs)}
        finish: dict[str, float] = dict.fromkeys(extents, 0)
        cost, right, valid = NO_COST, 0.0, 0.0
        for node in genome.nodes():
            made = OPERATORS[node.op].cost(node, [extents[source.key] for source in node.inputs], self)
            extents[node.key] = made.extent
            finish[node.key] = max((finish[s.key] for s in node.inputs), default=0) + made.cost.depth
            cost += made.cost
            right += made.log_right
            valid += made.log_valid
        key = genome.output.key
        return Estimate(extents[key], cost.with_depth(finish[key]), right, valid)
