"""What to expect of a decomposition whose calls nobody can judge: what was measured of those that are most like it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from statistics import fmean

from undercut.spaces.genome import Genome

NEAR = 1.0
"""How many traits two decompositions may differ in until what is known of one says e times less of the other."""
UNKNOWN = 0.5
"""Accuracy that is expected where nothing was run."""
DOUBT = 0.25
"""Weight of the mean of all that was measured, beside a weight of 1 for a decomposition that is the same."""


@lru_cache(maxsize=1 << 16)
def traits(genome: Genome) -> Counter[str]:
    """What a genome is made of: its nodes by operator, primitive and prompt, its sizes to a factor of two."""
    found: Counter[str] = Counter()
    for node in genome.walk():
        genes = node.genes
        what = genes.get("primitive", genes.get("function", ""))
        found[f"{node.op} {what}"] += 1
        for name, value in genes.items():
            if name in ("prompt", "model", "rule", "shape"):
                found[f"{node.op} {what} {name} {value}"] += 1
            elif isinstance(value, int) and not isinstance(value, bool) and value > 0:
                found[f"{node.op} {name} {round(math.log2(value))}"] += 1
    return found


class Kin:
    """What was measured of genomes at the largest size run, and what that says of others."""

    def __init__(self) -> None:
        self._seen: dict[Genome, tuple[float, float, int]] = {}

    def add(self, genome: Genome, runs: Sequence[tuple[float, float]]) -> None:
        """Take note of all runs of a genome so far: score in [0, 1] and cost of each."""
        score, cost = (fmean(values) for values in zip(*runs, strict=True))
        self._seen[genome] = (score, cost, len(runs))

    def accuracy(self, genome: Genome) -> float:
        """Accuracy to be expected, in [0, 1]: a genome's own scores, with one more as its kin make it likely.

        What was run and never right is worth nothing, whatever its kin: it is cheap because it fails early.
        """
        score, _, count = self._seen.get(genome, (0.0, 0.0, 0))
        return 0.0 if count and not score else (count * score + self._likely(genome)) / (count + 1)

    def dearer(self, genome: Genome, forecast: float) -> float:
        """How many times a forecast the genome's own runs cost; 1 where it was not run or that is unknown."""
        _, cost, _ = self._seen.get(genome, (0.0, math.nan, 0))
        return cost / forecast if 0 < forecast < math.inf and not math.isnan(cost) else 1.0

    def _likely(self, genome: Genome) -> float:
        """The mean over other genomes, weighted by how few traits they differ in."""
        others = {other: seen[0] for other, seen in self._seen.items() if other != genome}
        if not others:
            return UNKNOWN
        weights = {other: math.exp(-_apart(genome, other) / NEAR) for other in others}
        total = math.fsum(weights[other] * others[other] for other in others)
        return (total + DOUBT * fmean(others.values())) / (math.fsum(weights.values()) + DOUBT)


@lru_cache(maxsize=1 << 18)
def _apart(one: Genome, other: Genome) -> int:
    """In how many traits two genomes differ."""
    own, theirs = traits(one), traits(other)
    return (own - theirs).total() + (theirs - own).total()
