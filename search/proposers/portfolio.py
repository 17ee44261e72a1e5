"""auto: several proposers, the next genome from whichever has paid best."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from undercut.search.front import front, thinned
from undercut.search.proposers.base import Proposer
from undercut.spaces.genome import Genome
from undercut.spaces.normal import normal

PRICES = {"evolution": 1.0, "bayes": 20.0, "random": 1.0}
"""The proposers that `auto` asks, with the CPU time of one genome beside that of the others."""
FORGET = 0.999
"""What is left of an arm's wins and losses after each genome it named: what paid early may not pay later."""
NEAR = 1.25
"""A genome wins unless something on the front is as accurate and so many times as cheap: too few get onto the front
itself to tell the arms apart."""


@dataclass
class Arm:
    """One proposer: the CPU time of a genome beside that of the others', and how its genomes did."""

    proposer: Proposer
    price: float
    wins: float = 0.0
    losses: float = 0.0


class Portfolio:
    """Asks the proposer whose genomes come near the front most often for the CPU time they take.

    Which one is drawn by Thompson sampling, so that none is ever given up; all of them are told everything.

    Source: Thompson 1933 (Biometrika 25); Russo et al. 2018, A Tutorial on Thompson Sampling, section 3.
    """

    batch = 400

    def __init__(self, arms: Mapping[str, Arm], generator: random.Random) -> None:
        self._arms = dict(arms)
        self._generator = generator
        self._asked: dict[Genome, Arm] = {}
        self._told: set[Genome] = set()
        self._front: dict[Genome, tuple[float, float]] = {}

    def ask(self) -> Genome | None:
        """A genome of the arm with the luckiest draw; an arm that has none left is dropped."""
        while self._arms:
            draw = self._generator.betavariate
            scores = {name: draw(1 + arm.wins, 1 + arm.losses) / arm.price for name, arm in self._arms.items()}
            name = max(scores, key=lambda each: scores[each])
            arm = self._arms[name]
            genome = arm.proposer.ask()
            if genome is not None:
                arm.wins, arm.losses = arm.wins * FORGET, arm.losses * FORGET + 1
                told_as = normal(genome)
                if told_as not in self._told:
                    self._asked.setdefault(told_as, arm)
                return genome
            del self._arms[name]
        return None

    def tell(self, genome: Genome, accuracy: float, cost: float) -> None:
        """Pass news on, and give the arm that named the genome its due."""
        for each in self._arms.values():
            each.proposer.tell(genome, accuracy, cost)
        self._told.add(genome)
        arm = self._asked.pop(genome, None)
        if accuracy <= 0 or (arm is None and genome not in self._front):
            return
        beaten = any(right >= accuracy and price * NEAR <= cost for right, price in self._front.values())
        if arm is not None and not beaten:
            arm.wins, arm.losses = arm.wins + 1, arm.losses - 1
        self._front[genome] = (accuracy, cost)
        points = thinned(front((each, *worth) for each, worth in self._front.items()))
        self._front = {each: (right, price) for each, right, price in points}
