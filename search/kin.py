"""Whether a decomposition that nobody can rehearse makes sense, by whether those do that are most like it."""

from __future__ import annotations

import math
from collections import Counter
from functools import lru_cache
from statistics import fmean
from typing import TypeAlias

from undercut.evaluators.attribution import PRIOR
from undercut.spaces.genome import GeneValue, Genome, Input, Node
from undercut.spaces.normal import bare

NEAR = 2.0
"""For every so many traits in which two decompositions differ, one says e times less about the other."""
DOUBT = 0.25
"""Weight of the mean over all structures that were run and one more at `PRIOR`; one with the same traits weighs 1."""

Traits: TypeAlias = frozenset[tuple[str, int]]
"""What a structure is made of, each with how often it is found there."""


@lru_cache(maxsize=1 << 16)
def traits(genome: Genome) -> Traits:
    """What makes the sense of a genome: its nodes by operator and primitive, and what each reads.

    No numbers, neither who is asked, in which words nor how often: what makes sense asked once does so asked again.
    """
    found = Counter[str]()
    for node in bare(genome).walk():
        what = f"{node.op} {_what(node)}"
        found[what] += 1
        for place, source in enumerate(node.inputs):
            origin = f"x{source.index}" if isinstance(source, Input) else f"{source.op} {_what(source)}"
            found[f"{what} {place} of {origin}"] += 1
        if "shape" in node.genes:
            found[f"{what} {node.genes['shape']}"] += 1
    return frozenset(found.items())


def _what(node: Node) -> GeneValue:
    return node.genes.get("primitive", node.genes.get("function", ""))


class Kin:
    """Which decompositions that were run make sense, what they cost, and what that says of others."""

    def __init__(self) -> None:
        self._sound: dict[Traits, dict[Genome, float]] = {}
        self._costs: dict[Genome, float] = {}

    def add(self, genome: Genome, sound: float, cost: float) -> None:
        """Take note of a genome that was run: the chance that it makes sense, in [0, 1], and its mean cost."""
        self._sound.setdefault(traits(genome), {})[genome] = sound
        self._costs[genome] = cost

    def dearer(self, genome: Genome, forecast: float) -> float:
        """How many times a forecast the genome's own runs cost; 1 where it was not run or that is unknown."""
        cost = self._costs.get(genome, math.nan)
        return cost / forecast if 0 < forecast < math.inf and not math.isnan(cost) else 1.0

    def sound(self, genome: Genome) -> float:
        """Chance that a genome makes sense: what runs of those with the same traits say, if there were any.

        Else the mean over all structures that were run, weighted by in how few traits they differ.
        """
        own = traits(genome)
        means = {each: fmean(sound.values()) for each, sound in self._sound.items()}
        mean = (math.fsum(means.values()) + PRIOR) / (len(means) + 1)
        if own in means:
            weights = {own: float(len(self._sound[own]))}
        else:
            weights = {each: math.exp(-_apart(own, each) / NEAR) for each in means}
        total = math.fsum(weight * means[each] for each, weight in weights.items())
        return (total + DOUBT * mean) / (math.fsum(weights.values()) + DOUBT)


@lru_cache(maxsize=1 << 18)
def _apart(one: Traits, other: Traits) -> int:
    """In how many traits two structures differ."""
    own, theirs = Counter(dict(one)), Counter(dict(other))
    return (own - theirs).total() + (theirs - own).total()
