"""gp: Optuna's Gaussian process over the choices that most genomes make."""

from __future__ import annotations

import importlib.util
import random
import warnings
from collections import Counter
from typing import Any

import optuna

from undercut.search.proposers.choices import Builder, Made
from undercut.search.proposers.told import Direction, Told, Worth, worth_of
from undercut.spaces.errors import MissingExtraError
from undercut.spaces.genome import Genome
from undercut.spaces.space import Space

WINDOW, FIRST = 120, 40
"""Genomes that the process is fitted to, since that takes their number cubed, and how many are random to begin with."""
WIDEST = 24
"""Choices that it is fitted over, those that most genomes make; of all others each value is as likely."""
EVERY = 8
"""Genomes between two directions of search."""


class Gauss:
    """Builds a genome choice by choice, and lets a Gaussian process say what the commonest choices should be.

    A process needs the same coordinates of every genome, and two genomes hardly ever make the same choices. Its
    coordinates are the choices that most of the latest `WINDOW` genomes made, called as `bayes` calls them; a genome
    that does not make one of them gets its first value. Positions among numbers are coordinates with an order,
    positions among operators have none. Weights between accuracy and cost change as they do in `bayes`.

    One genome takes about half a second of CPU, where one of `bayes` takes some 10 ms: `auto` does not ask it. Results
    would also hang on whether torch is there.

    Raises:
        MissingExtraError: torch or scipy is not installed.

    Source: Rasmussen & Williams 2006, chapter 2; Knowles 2006, ParEGO (IEEE TEC 10(1)), for the changing weights.
    """

    batch = 4

    def __init__(self, space: Space, seed: int) -> None:
        for package in ("torch", "scipy"):
            if importlib.util.find_spec(package) is None:
                raise MissingExtraError(package, "gp", "--strategy gp")
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._generator = random.Random(f"gp/{seed}")
        self._asked = 0
        self._open: dict[Genome, Made] = {}
        self._told = Told[Made](WINDOW)
        self._builder = Builder(space, self._generator, together=1)
        self._study: optuna.Study | None = None

    def ask(self) -> Genome | None:
        """A genome of the commonest choices as the process has them, and of random others."""
        if len(self._told) >= FIRST and (self._told.stale or self._asked % EVERY == 0):
            self._renew()
        self._asked += 1
        genome, made = self._builder.varied(self._suggested())
        if genome in self._told:
            self._add(made, self._told.worth(genome))  # or the process would propose it for ever
        genome, made = self._builder.unlike(genome, made, lambda each: each in self._told)
        if genome not in self._told:
            self._open[genome] = made
        return genome

    def tell(self, genome: Genome, accuracy: float, cost: float) -> None:
        """Learn what a genome is worth; one that was not asked for here is nothing to learn from."""
        worth = worth_of(accuracy, cost)
        made = self._open.pop(genome, None)
        if made is not None:
            self._add(made, worth)
        self._told.add(genome, made, worth)

    def _renew(self) -> None:
        """New weights, new coordinates, and a study of the latest genomes with what they are worth by these."""
        latest = self._told.latest()
        self._open.clear()
        self._direction = Direction.drawn((worth for _, worth in latest), self._generator)
        often = Counter(name for made, _ in latest for name in made)
        common = sorted(often, key=lambda name: (-often[name], name))[:WIDEST]
        self._coordinates = {name: _distribution(self._builder.among[name]) for name in common}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = optuna.samplers.GPSampler(n_startup_trials=1, seed=self._generator.getrandbits(32))
        self._study = optuna.create_study(sampler=sampler)
        for made, worth in latest:
            self._add(made, worth)

    def _suggested(self) -> Made:
        """What the process would have next; nothing to begin with."""
        if self._study is None:
            return {}
        trial = self._study.ask(self._coordinates)
        self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
        return dict(trial.params)

    def _add(self, made: Made, worth: Worth) -> None:
        """Tell the study of a genome, if there is one by now."""
        if self._study is None:
            return
        params = {name: made.get(name, 0) for name in self._coordinates}
        value = self._direction.loss(worth)
        self._study.add_trial(optuna.trial.create_trial(value=value, params=params, distributions=self._coordinates))


def _distribution(values: list[Any]) -> optuna.distributions.BaseDistribution:
    """Positions among some values: in order where these are numbers."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return optuna.distributions.IntDistribution(0, len(values) - 1)
    return optuna.distributions.CategoricalDistribution(range(len(values)))
