"""What a genome will cost and how often it will be right, at any size, before it is run there."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np

from undercut.evaluators.evaluate import Scores
from undercut.evaluators.rates import FittedRates
from undercut.evaluators.statistics import anytime
from undercut.evaluators.task import Task
from undercut.search.larger import UpTo, Watch
from undercut.search.posterior import SHIFTS, Runs, evidence, posterior
from undercut.search.rehearse import spoiling
from undercut.spaces.cost import Cost
from undercut.spaces.estimator import Estimator
from undercut.spaces.genome import Genome
from undercut.spaces.toolbox import Toolbox

Seen: TypeAlias = Mapping[int, Scores]
"""A genome's own runs, by size."""

LEAST, MOST = 1e-3, 60.0
"""Hazards between which a genome's is held: no chance of being right is quite 1 or 0."""
FAULTY, REHEARSED = 3, 256
"""Problems on which calls are made to go wrong, to see whether that spoils the result, and their largest size."""
FAR = 0.9
"""Weight of the accuracy at the target size beside that at the largest size run, which decides where nothing reaches
the target."""
BY_RESULTS = "by whole results alone: nothing tells whether calls without a reference are right"
"""What is said of forecasts where no answer could be judged."""
LEVEL = 0.9
"""Level of the intervals."""


def aim(at_largest: float, at_target: float) -> float:
    """What a search makes as large as it can: the accuracy at the target, mostly."""
    return FAR * at_target + (1 - FAR) * at_largest


@dataclass(frozen=True, slots=True)
class Forecast:
    """Cost and accuracy of a genome at a size it need not have been run at.

    Attributes:
        cost: what running it costs there.
        accuracy: a chance in [0, 1]; None where it cannot be known.
        low: lower end of its 90 % interval.
        high: upper end.
        note: why the accuracy is None, or what makes it doubtful.
    """

    cost: Cost
    accuracy: float | None
    low: float | None = None
    high: float | None = None
    note: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON form; the accuracy has the names that measured ones have: `mean` also where it is the median."""
        known = None if self.accuracy is None else {"mean": self.accuracy, "low": self.low, "high": self.high}
        return {"cost": self.cost.to_dict(), "accuracy": known, "note": self.note}


class Forecaster:
    """Forecasts genomes of one task with rates fitted to measured calls.

    A genome's chance of being right is exp(−λ·h): h follows from the calls' rates, the structure, and how often a wrong
    call spoils the result; λ says how much more or less often this genome fails than they make one expect, because its
    inputs are not like those that were measured. λ is 1 until the genome itself was run, and then what its runs and h
    at their sizes say. Of calls larger than any made in those runs they say little: these keep the chances measured,
    if they can be measured without runs. No forecast is above what the runs at smaller sizes leave possible.

    Two views are held of how often a wrong call spoils the result: as often as the small slips of a rehearsal, or
    always, since the mistakes of a model may be of another kind. The runs of all genomes say which is likelier here.

    `credit`, in [0, 1], is what a result that is not fully right is worth, where a task's scores know more than right
    and wrong: the accuracy is the chance of being right plus that share of the rest. `spoiling` holds, by genome and
    size, which share of wrong calls spoils the result in a rehearsal, and is handed on to later forecasters of the same
    run. `ran` holds what was seen of each genome that was run.
    """

    def __init__(
        self,
        rates: FittedRates,
        task: Task,
        toolbox: Toolbox,
        workers: int | None = None,
        spoiling: dict[tuple[Genome, int], float] | None = None,
        credit: float = 0.0,
        ran: Mapping[Genome, Seen] = MappingProxyType({}),
    ) -> None:
        self._credit = credit
        self._ran = ran
        self._spoiling = {} if spoiling is None else spoiling
        self._task = task
        self._rates = rates
        self._toolbox = toolbox
        self._middle = Estimator(rates, toolbox, workers)
        self._ending = Estimator(rates, toolbox, workers, ends=True)
        self._known: dict[tuple[Genome, int, int | None], np.ndarray] = {}

    @cached_property
    def _estimators(self) -> list[Estimator]:
        return [Estimator(self._rates.shifted(shift), self._toolbox) if shift else self._middle for shift in SHIFTS]

    def at(self, genome: Genome, size: int) -> Forecast:
        """Cost and accuracy at a size by the calls alone, without an interval."""
        estimate = self._middle.apply(genome, self._task.extents(size))
        return Forecast(estimate.cost, self._scored(genome, math.exp(estimate.log_right)))

    def bill(self, genome: Genome, size: int) -> Cost:
        """Mean cost at a size over all runs, those included that a red flag ends early."""
        return self._ending.apply(genome, self._task.extents(size)).cost

    def given(self, genome: Genome, size: int, seen: Seen) -> Forecast:
        """Cost and accuracy at a size, with an interval, given what the genome's own runs showed."""
        cost = self._middle.apply(genome, self._task.extents(size)).cost
        unknown = self.unjudged(genome)
        if unknown and not seen:
            return Forecast(cost, None, note=f"no answer of {', '.join(unknown)} could be judged: it has no reference")
        chance, low, high = self._posterior(genome, size, seen)
        beyond = self.beyond(genome, size)
        note = f"beyond the sizes measured of {', '.join(beyond)}" if beyond else None
        return Forecast(cost, chance, low, high, BY_RESULTS if unknown else note)

    def doubt(self, genome: Genome, size: int) -> float:
        """How far the accuracy at a size may well be off its forecast, as the calls' chances are not known exactly.

        Half of what one standard deviation either way spans, all chances moved together.
        """
        extents = self._task.extents(size)
        worse, better = (
            self._estimators[SHIFTS.index(shift)].apply(genome, extents).log_right for shift in (-1.0, 1.0)
        )
        return abs(math.exp(better) - math.exp(worse)) / 2

    def hoped(self, genome: Genome, size: int) -> Forecast:
        """Cost and accuracy at a size if all chances of calls were one standard deviation better than they seem."""
        estimate = self._estimators[SHIFTS.index(1.0)].apply(genome, self._task.extents(size))
        return Forecast(estimate.cost, self._scored(genome, math.exp(estimate.log_right)))

    def chance(self, genome: Genome, size: int, seen: Seen) -> float:
        """Accuracy at a size given the genome's own runs: what the search goes by, judged calls or not."""
        return self._posterior(genome, size, seen)[0]

    def constants(self) -> list[dict[str, Any]]:
        """The constants of the law, as fitted; see `FittedRates.constants`."""
        return self._rates.constants()

    def unjudged(self, genome: Genome) -> list[str]:
        """Primitives of a genome of which no answer could be judged."""
        if not self._unjudged:
            return []
        asked = {str(node.genes["primitive"]) for node in genome.walk() if node.op == "call"}
        return sorted(asked & self._unjudged)

    @cached_property
    def _unjudged(self) -> set[str]:
        return {name for name in self._toolbox.primitives if self._rates.largest(name) is None}

    def beyond(self, genome: Genome, size: int) -> list[str]:
        """Primitives that a genome asks at this size of the problem with more items than any judged call had."""
        most = self._most_items(genome, size)
        return sorted(name for name, items in most.items() if items > (self._rates.largest(name) or 0))

    def _most_items(self, genome: Genome, size: int) -> dict[str, float]:
        """With how many items, at most, a genome asks each of its primitives at this size of the problem."""
        watch = Watch(self._rates)
        Estimator(watch, self._toolbox).apply(genome, self._task.extents(size))
        return watch.most

    def _posterior(self, genome: Genome, size: int, seen: Seen) -> tuple[float, float, float]:
        runs = self._runs(genome, seen)
        before = [each.hazards for each in runs if each.size <= size]
        hazards = known = np.maximum.reduce([*before, self._hazards(genome, size)])
        if runs and runs[-1].size < size and not self.unjudged(genome):
            known = np.maximum.reduce([*before, self._hazards(genome, size, runs[-1].size)]).clip(max=hazards)
        found = posterior(size, known, runs, self._odds(genome), hazards - known)
        chance, low, high = (self._scored(genome, each) for each in found)
        most = self.most(seen, size)
        return min(chance, most), min(low, most), min(high, most)

    def _runs(self, genome: Genome, seen: Seen) -> list[Runs]:
        unjudged = bool(self.unjudged(genome))
        return [
            Runs(size, self._hazards(genome, size), each.total if unjudged else each.right, each.runs)
            for size, each in sorted(seen.items())
        ]

    def _odds(self, genome: Genome) -> np.ndarray:
        """Logarithms of how likely each view of wrong calls is, by the runs of all other genomes."""
        return sum((each for other, each in self._evidence.items() if other != genome), np.zeros(2))

    @cached_property
    def _evidence(self) -> dict[Genome, np.ndarray]:
        """How likely each view makes the runs of each genome on which views differ."""
        return {
            genome: evidence(self._runs(genome, seen))
            for genome, seen in self._ran.items()
            if seen and any(self._spoils(genome, size) < 1 for size in seen)
        }

    @staticmethod
    def most(seen: Seen, size: int) -> float:
        """The largest accuracy that runs at this and smaller sizes leave possible, however often one looks."""
        below = [
            anytime(found.total / found.runs, found.runs, LEVEL).high for run, found in seen.items() if run <= size
        ]
        return min(below, default=1.0)

    def _scored(self, genome: Genome, right: float) -> float:
        """The accuracy where results are right with this chance; it is a score already where nobody can judge calls."""
        return right if self.unjudged(genome) else right + (1 - right) * self._credit

    def _hazards(self, genome: Genome, size: int, run: int | None = None) -> np.ndarray:
        """The genome's h by each view of what a wrong call does, at every shift of the rates.

        With `run`, what of it is due to calls no larger than those that the genome makes at that size.
        """
        place = genome, size, run
        if place not in self._known:
            self._known[place] = self._worked_out(*place)
        return self._known[place]

    def _worked_out(self, genome: Genome, size: int, run: int | None) -> np.ndarray:
        extents, estimators = self._task.extents(size), self._estimators
        if run is not None:
            most = self._most_items(genome, run)
            estimators = [Estimator(UpTo(each.rates, most), self._toolbox) for each in estimators]
        made = [estimator.apply(genome, extents) for estimator in estimators]
        right, valid = np.array([(each.log_right, each.log_valid) for each in made]).clip(-MOST).T
        # A red flag that nobody mends always spoils a result, another wrong answer some of the time.
        spoils = np.array([self._spoils(genome, size), 1.0])[:, None]
        hazards: np.ndarray = np.clip(np.maximum(0, valid - right) * spoils - valid, LEAST, MOST)
        return hazards

    def _spoils(self, genome: Genome, size: int) -> float:
        """Share of the genome's wrong calls that spoil its result if they are small slips; see `spoiling`."""
        size = min(size, REHEARSED)
        if (genome, size) not in self._spoiling:
            generator = random.Random(f"spoil/{genome.key}/{size}")
            instances = self._task.instances(size, FAULTY) if self._task.has(size) else ()
            self._spoiling[genome, size] = spoiling(
                genome, instances, self._task, self._toolbox, self._rates.wrong, generator
            )
        return self._spoiling[genome, size]
