"""The walk with symbols: what a genome costs, and how likely it is right, without running it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from undercut.spaces.cost import NO_COST, UNLIMITED
from undercut.spaces.estimate import Estimate, Rates, beside, likely
from undercut.spaces.extent import Extent, joined, total
from undercut.spaces.genome import Genome, Input
from undercut.spaces.operators import OPERATORS
from undercut.spaces.toolbox import Toolbox
from undercut.spaces.workers import makespan, share

KEPT = 2_000
"""Results that a walk keeps; a long search would fill the memory with those of genomes that it never sees again.

Ten times as many take a search for sorting 26 MB more and save it no time.
"""


class Estimator:
    """Walks genomes with the rates of one model or run; results are kept by body and extents.

    Args:
        rates: what single calls take, and how often they are right.
        toolbox: what the genomes may use.
        workers: how many calls can run at the same time, for the critical path; None is without limit.
        ends: whether the cost is what is billed, the mean over all runs, including those that an unmended red flag ends
            early; otherwise it is what a result costs, that of a run that goes on to its end.
    """

    def __init__(self, rates: Rates, toolbox: Toolbox, workers: int | None = None, ends: bool = False) -> None:
        self.rates = rates
        self.toolbox = toolbox
        self.workers = workers
        self.ends = ends
        self._known: dict[tuple[str, tuple[Extent, ...]], Estimate] = {}
        self._narrower: dict[int | None, Estimator] = {workers: self}
        self._within = False

    def apply(self, genome: Genome, inputs: Sequence[Extent]) -> Estimate:
        """Estimate a genome on inputs of these extents; one that grows past every number costs `UNLIMITED`."""
        key = (genome.key, tuple(inputs))
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._walk(genome, inputs) if self._within else self._walk_whole(genome, inputs)
        return known

    def parallel(
        self, genome: Genome, jobs: Sequence[tuple[Sequence[Extent], float]]
    ) -> tuple[list[tuple[Estimate, float]], Estimate]:
        """Estimate a body side by side on inputs of these extents, so many times each: one by one, and together."""
        each = self._narrowed(sum(count for _, count in jobs))
        made = [(each.apply(genome, inputs), count) for inputs, count in jobs]
        extent = joined([(estimate.extent, count) for estimate, count in made])
        return made, beside(made, extent, self.workers)

    def alikeness(self, genome: Genome) -> float:
        """How alike two samples of a body are: as those of its most repeatable call; code always repeats itself."""
        return max((self.rates.dependence(node) for node in genome.walk() if node.op == "call"), default=1.0)

    def agreement(self, genome: Genome, inputs: Sequence[Extent]) -> float:
        """Chance that two wrong results of a body are the same: as for the call whose wrong answers agree most.

        Taken at the size of all that the body is given: of k pieces, two wrong results have the same one wrong in one
        of k cases.
        """
        size = sum(total(extent) for extent in inputs)
        return max((self.rates.agreement(node, size) for node in genome.walk() if node.op == "call"), default=1.0)

    def _narrowed(self, jobs: float) -> Estimator:
        """The walk of one of so many jobs that share the workers."""
        workers = share(self.workers, jobs)
        if workers not in self._narrower:
            self._narrower[workers] = narrower = Estimator(self.rates, self.toolbox, workers, self.ends)
            narrower._narrower, narrower._within = self._narrower, True
        return self._narrower[workers]

    def _walk_whole(self, genome: Genome, inputs: Sequence[Extent]) -> Estimate:
        if len(self._known) > KEPT:  # between two genomes, so that nothing is looked for in vain
            self._known.clear()
        self._within = True
        try:
            return self._walk(genome, inputs)
        except OverflowError:
            return Estimate(math.inf, UNLIMITED, -math.inf, -math.inf)
        finally:
            self._within = False

    def _walk(self, genome: Genome, inputs: Sequence[Extent]) -> Estimate:
        if len(genome.nodes) == 1:  # as most bodies are: the same at half the price
            (node,) = genome.nodes
            made = OPERATORS[node.op].cost(node, [inputs[s.index] for s in node.inputs if isinstance(s, Input)], self)
            return made._replace(log_going=made.log_valid) if self.ends else made
        extents: dict[str, Extent] = {f"x{index}": extent for index, extent in enumerate(inputs)}
        finish: dict[str, float] = dict.fromkeys(extents, 0)
        cost, right, valid, going = NO_COST, 0.0, 0.0, 0.0
        shares: tuple[float, ...] = ()
        began: float = 0  # of the wave, as in the walk with a model
        free = self.workers is None and not self.ends  # then it does not matter what runs side by side
        for wave in ([node] for node in genome.nodes) if free else genome.waves:
            each = self if free else self._narrowed(len(wave))
            depths: list[tuple[float, float]] = []
            before = going
            for node in wave:
                made = OPERATORS[node.op].cost(node, [extents[source.key] for source in node.inputs], each)
                extents[node.key], shares = made.extent, made.shares  # the output is the last one
                expected = likely(made.cost, before)
                finish[node.key] = max([0, *(finish[s.key] for s in node.inputs)]) + expected.depth
                depths.append((expected.depth, 1))
                cost += expected
                right += made.log_right
                valid += made.log_valid
                going += made.log_valid if self.ends else 0.0
            if self.workers is not None:
                began += makespan(depths, self.workers)
                finish |= dict.fromkeys([node.key for node in wave], began)
        key = genome.output.key
        return Estimate(extents[key], cost.with_depth(finish[key]), right, valid, going, shares)
