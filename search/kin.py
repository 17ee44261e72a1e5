"""Whether a decomposition that nobody can rehearse makes sense, by whether those do that are most like it."""

from __future__ import annotations

import math
from collections import Counter
from functools import lru_cache

from undercut.evaluators.attribution import PRIOR
from undercut.spaces.genome import GeneValue, Genome, Input, Node

NEAR = 2.0
"""For every so many traits in which two decompositions differ, one says e times less about the other."""
DOUBT = 0.25
"""Weight of the mean over all that was run and one more at `PRIOR`; a decomposition with the same traits weighs 1."""


@lru_cache(maxsize=1 << 16)
def traits(genome: Genome) -> Counter[str]:
    """What a genome is made of: its nodes by operator, primitive and prompt, and what each reads; no numbers."""
    found: Counter[str] = Counter()
    for node in genome.walk():
        genes = node.genes
        what = _what(node)
        found[f"{node.op} {what}"] += 1
        for place, source in enumerate(node.inputs):
            origin = f"x{source.index}" if isinstance(source, Input) else f"{source.op} {_what(source)}"
            found[f"{node.op} {what} {place} of {origin}"] += 1
        for name, value in genes.items():
            if name in ("prompt", "model", "rule", "shape"):
                found[f"{node.op} {what} {name} {value}"] += 1
    return found


def _what(node: Node) -> GeneValue:
    return node.genes.get("primitive", node.genes.get("function", ""))


class Kin:
    """Which decompositions that were run make sense, what they cost, and what that says of others."""

    def __init__(self) -> None:
        self._seen: dict[Genome, tuple[float, float]] = {}

    def add(self, genome: Genome, sound: float, cost: float) -> None:
        """Take note of a genome that was run: the chance that it makes sense, in [0, 1], and its mean cost."""
        self._seen[genome] = (sound, cost)

    def dearer(self, genome: Genome, forecast: float) -> float:
        """How many times a forecast the genome's own runs cost; 1 where it was not run or that is unknown."""
        _, cost = self._seen.get(genome, (0.0, math.nan))
        return cost / forecast if 0 < forecast < math.inf and not math.isnan(cost) else 1.0

    def sound(self, genome: Genome) -> float:
        """Chance that a genome makes sense: the mean over others, weighted by how few traits they differ in."""
        others = {other: sound for other, (sound, _) in self._seen.items() if other != genome}
        weights = {other: math.exp(-_apart(genome, other) / NEAR) for other in others}
        total = math.fsum(weights[other] * others[other] for other in others)
        mean = (math.fsum(others.values()) + PRIOR) / (len(others) + 1)
        return (total + DOUBT * mean) / (math.fsum(weights.values()) + DOUBT)


@lru_cache(maxsize=1 << 18)
def _apart(one: Genome, other: Genome) -> int:
    """In how many traits two genomes differ."""
    own, theirs = traits(one), traits(other)
    return (own - theirs).total() + (theirs - own).total()
