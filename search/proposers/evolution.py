"""evolution: NSGA-II over typed mutation and crossover, steady-state."""

from __future__ import annotations

import math
import random
from typing import Any

from deap import base, tools

from undercut.spaces.genome import Genome
from undercut.spaces.space import Space
from undercut.spaces.variation import crossover, mutate


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

    batch = 200

    def __init__(self, space: Space, generator: random.Random, keep: int = 60, start: int = 200) -> None:
        self._space = space
        self._generator = generator
        self._keep = keep
        self._start = start
        self._asked = 0
        self._members: dict[Genome, _Individual] = {}

    def ask(self) -> Genome | None:
        """A random genome at first and now and then; else a mutant, or a crossing of two."""
        self._asked += 1
        generator = self._generator
        if self._asked <= self._start or not self._members or generator.random() < 0.1:
            return self._space.sample(generator)
        mother = self._parent()
        if generator.random() < 0.35:
            child = crossover(self._space, mother, self._parent(), generator)
            return child if generator.random() < 0.5 else mutate(self._space, child, generator)
        child = mutate(self._space, mother, generator)
        return child if generator.random() < 0.7 else mutate(self._space, child, generator)

    def tell(self, genome: Genome, accuracy: float, cost: float) -> None:
        """Take a genome in, where it is worth anything, and let the worst go when there are many."""
        if accuracy <= 0:
            self._members.pop(genome, None)
            return
        self._members[genome] = _Individual(genome, accuracy, cost)
        if len(self._members) > self._keep * 3 // 2:
            kept: list[Any] = tools.selNSGA2(list(self._members.values()), self._keep, nd="log")
            self._members = {individual.genome: individual for individual in kept}

    def _parent(self) -> Genome:
        """The better of two random members."""
        members = list(self._members.values())
        one, other = self._generator.choice(members), self._generator.choice(members)
        return other.genome if other.fitness.dominates(one.fitness) else one.genome
