"""evolution: NSGA-II over typed mutation and crossover, steady-state."""

from __future__ import annotations

import math
import random
from typing import Any

from deap import base, tools

from undercut.search.front import front, thinned
from undercut.spaces.genome import Expression, Genome, Node
from undercut.spaces.space import Library, Space, Types, Want
from undercut.spaces.types import Type
from undercut.spaces.variation import crossover, mutate, rebuild

ELITE = 0.5
"""How often a parent comes from the front itself, without the points that add next to no accuracy."""


class _Worth(base.Fitness):  # type: ignore[misc]
    """Accuracy up, cost down."""

    weights = (1.0, -1.0)


class _Individual:
    """A genome with its worth, in the form that DEAP's selection reads."""

    def __init__(self, genome: Genome, accuracy: float, cost: float) -> None:
        self.genome = genome
        self.fitness = _Worth()
        self.fitness.values = (accuracy, math.log(cost) if 0 < cost < math.inf else (1e9 if cost else -1e9))


class Evolution:
    """Keeps the best `keep` genomes by NSGA-II's rank and crowding; every new one is a child of two of them.

    Costs are compared as logarithms, so that crowding spreads the population over orders of magnitude. Children are
    told one by one and the population is cut when it has grown by half: nobody waits for a generation.

    Source: Deb et al. 2002, NSGA-II (IEEE TEC 6(2)), in DEAP's selNSGA2.
    """

    batch = 400

    def __init__(self, space: Space, generator: random.Random, keep: int = 60) -> None:
        self._space = space
        self._generator = generator
        self._keep = keep
        self._members: dict[Genome, _Individual] = {}
        self._kept: list[Genome] = []
        self._library: Library | None = None
        self._elite: list[Genome] = []

    def ask(self) -> Genome | None:
        """A mutant, a crossing, parts of the best put together anew, or now and then a random genome."""
        generator, space = self._generator, self._space
        draw = generator.random()
        if not self._members or draw < 0.1:
            return space.sample(generator)
        mother = self._parent()
        if draw < 0.35:
            if self._library is None:
                self._library = self._parts()
            return rebuild(space, mother, self._library, generator)
        child = crossover(space, mother, self._parent(), generator) if draw < 0.6 else mutate(space, mother, generator)
        return child if generator.random() < 0.7 else mutate(space, child, generator)

    def tell(self, genome: Genome, accuracy: float, cost: float) -> None:
        """Take a genome in, where it is worth anything, and let the worst go when there are many."""
        if accuracy <= 0:
            self._members.pop(genome, None)
            return
        self._members[genome] = _Individual(genome, accuracy, cost)
        if len(self._members) > self._keep * 3 // 2:
            kept: list[Any] = tools.selNSGA2(list(self._members.values()), self._keep, nd="log")
            self._members = {individual.genome: individual for individual in kept}
            self._kept, self._library = list(self._members), None
            worths: list[tuple[Genome, float, float]] = [(m.genome, *m.fitness.values) for m in self._members.values()]
            self._elite = [point[0] for point in thinned(front(worths))]

    def _parts(self) -> Library:
        """The parts of the genomes kept last, by what each gives and uses."""
        parts: dict[tuple[Type, Types], dict[tuple[Expression, Want], None]] = {}
        for genome in self._kept:
            for place in self._space.places(genome):
                if isinstance(place.expression, Node):
                    parts.setdefault(place.want[:2], {}).setdefault((place.expression, place.want))
        return {want: list(found) for want, found in parts.items()}

    def _parent(self) -> Genome:
        """One of the front, or the better of two random members."""
        if self._elite and self._generator.random() < ELITE:
            return self._generator.choice(self._elite)
        members = list(self._members.values())
        one, other = self._generator.choice(members), self._generator.choice(members)
        return other.genome if other.fitness.dominates(one.fitness) else one.genome
