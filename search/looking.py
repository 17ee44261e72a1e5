"""What a search knows of all the genomes that it has looked at: forecasts, and the front of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import TypeAlias

from undercut.evaluators.attribution import LUCK
from undercut.evaluators.engine import Engine
from undercut.evaluators.ledger import Ledger
from undercut.evaluators.models.base import Model, price_of
from undercut.evaluators.rates import FittedRates
from undercut.evaluators.task import Task
from undercut.search.bench import Bench
from undercut.search.ceiling import Ceiling
from undercut.search.checks import Checks
from undercut.search.designs import known_designs
from undercut.search.forecast import Forecaster, aim, known_unit, unit_of
from undercut.search.front import TWIN, adds, front, thinned
from undercut.search.kin import Kin
from undercut.search.proposers import open_proposer
from undercut.search.settings import Settings
from undercut.search.store import Store
from undercut.spaces.genome import Genome
from undercut.spaces.neighbours import neighbours
from undercut.spaces.normal import normal
from undercut.spaces.space import Space

Progress: TypeAlias = Callable[[str, int, int, str], None]
"""`progress(phase, done, total, words)`."""

AT_ONCE = 4
"""Genomes run on the model between two looks at the forecasts."""
RUNAWAY = 2.0
"""Times its forecast that a genome's own runs must cost to be believed rather than the calls that it makes."""
WRONG = (0.0, math.inf)
"""What a genome is worth that nobody should look at."""
RAZOR = 0.002
"""Share by which each node makes a genome dearer in the search's eyes, so that of equals the simpler one is kept."""
SENSE = 0.1
"""Chance of making sense below which a genome is not looked at, where that is what has to be found out."""
MARGIN = 0.25
"""How far below the front a forecast may lie and still be worked out again after every run."""


@dataclass
class Looking:
    """Genomes that a search has looked at, and what running some of them has shown.

    What one is worth is what the search aims at, mostly the accuracy at the target, and its cost there, by all calls
    and by its own runs so far.
    """

    settings: Settings
    task: Task
    models: Sequence[Model]
    store: Store
    progress: Progress
    concurrency: int = 64
    judges: Sequence[Model] = ()
    _kin: Kin = field(default_factory=Kin)
    _known: dict[Genome, tuple[float, float]] = field(default_factory=dict)
    _around: dict[Genome, list[Genome]] = field(default_factory=dict)
    _spoiling: dict[tuple[Genome, int], float] = field(default_factory=dict)
    _current: set[Genome] = field(default_factory=set)

    def __post_init__(self) -> None:
        settings = self.settings
        self.unit = known_unit(settings.cost, self.models)
        self._work = unit_of("passes") if settings.cost == "latency" else self.unit
        self._ceiling = Ceiling(settings.ceiling)
        self.toolbox = self.task.toolbox([model.name for model in self.models], settings.allow_code)
        self.checks = Checks(self.task, self.toolbox, settings)
        for primitive in self.task.primitives:
            primitive.answer_size(*[1] * len(primitive.inputs))  # refused now, and not after the first calls
        self.space = Space(self.task.signature, self.toolbox, max_size=settings.max_size)
        limits = (settings.max_calls, settings.max_tokens, settings.max_usd, settings.max_minutes)
        self.ledger = Ledger(*limits, journal=self.store.answers.journal)
        self.engine = Engine(
            [*self.models, *self.judges],
            cache=self.store.answers,
            ledger=self.ledger,
            concurrency=self.concurrency,
            workers=settings.workers,
        )
        self._proposer = open_proposer(settings.strategy, self.space, settings.seed)
        self.bench = Bench(self.task, self.toolbox, self.engine, self.store, self.unit, settings.seed)

    def _propose(self) -> int:
        """Forecast a batch of the proposer's genomes; how many there were."""
        for asked in range(self._proposer.batch):
            genome = self._proposer.ask()
            if genome is None:
                return asked
            genome = normal(genome)
            if genome not in self._known:
                self._forecast(genome)
        self.tell("search")
        return self._proposer.batch

    def polish(self) -> None:
        """Forecast all that is one step away from the best of each size, until nothing new comes to them.

        What was forecast before the table learned of more calls is forecast again. The best of small genomes are
        footholds: operators that add next to nothing to the best of all leave no room for a step. Where only likeness
        to what was run tells anything, one step is taken: its slopes are too slight to be climbed to their end.
        """
        polished: set[Genome] = set()
        while fresh := [genome for genome in self._footholds() if genome not in polished]:
            for genome in fresh:
                polished.add(genome)
                if genome not in self._current or not self.checks.holds_far(genome):
                    self._forecast(genome)
                if self._known[genome] != WRONG:
                    if genome not in self._around:
                        self._around[genome] = list(dict.fromkeys(map(normal, neighbours(self.space, genome))))
                    for near in self._around[genome]:
                        if near not in self._current:
                            self._forecast(near)
            if self.task.blind:
                break

    def _footholds(self) -> list[Genome]:
        """The fronts of what is known among the genomes of at most so many nodes and of just so many, for every number.

        What is best of its size alone may be a step that shows only with the next one, such as cutting up a list where
        it takes two to be cut up.
        """
        of_size: dict[int, list[tuple[Genome, float, float]]] = {}
        for point in self._affordable_known():
            of_size.setdefault(point[0].size, []).append(point)
        best: list[tuple[Genome, float, float]] = []
        found: dict[Genome, None] = {}
        for size in sorted(of_size):
            alone = front(of_size[size])
            best = front([*best, *alone])
            found |= dict.fromkeys(genome for genome, _, _ in [*thinned(best), *thinned(alone)])
        return list(found)

    def _forecast(self, genome: Genome) -> None:
        """Work out what a genome is worth by what is known now, and tell the proposer."""
        self._current.add(genome)
        accuracy, cost, work = self._worth(genome)
        self._known[genome] = accuracy, cost
        judged = genome in self.bench.outcomes or not self.forecaster.unjudged(genome)
        self._ceiling.add(genome, accuracy if judged else 0.0, cost, work)
        self._proposer.tell(genome, *((accuracy, cost) if self._ceiling.allows(genome) else WRONG))

    def worth(self, genome: Genome) -> tuple[float, float]:
        """What the search aims at, mostly the accuracy at the target, and the cost there."""
        accuracy, cost, _ = self._worth(genome)
        return accuracy, cost

    def _worth(self, genome: Genome) -> tuple[float, float, float]:
        """The same, and the work of a run."""
        if self.checks.right(genome) is False:
            return *WRONG, math.inf
        largest, target = self.settings.sizes[-1], self.settings.target_size
        forecast = self.forecaster.at(genome, target)
        cost = self.unit(forecast.cost)
        seen = self.bench.seen(genome)
        if seen:
            accuracy = aim(*(self.forecaster.chance(genome, size, seen) for size in (largest, target)))
        else:
            near = self.forecaster.at(genome, largest).accuracy or 0.0
            accuracy = aim(near, min(near, forecast.accuracy or 0.0))
        unjudged = self.forecaster.unjudged(genome)
        if unjudged:  # nobody can rehearse it either
            accuracy = self._by_sense(genome, accuracy) if forecast.cost.calls >= 1 else 0.0
        work = self._work(forecast.cost)
        if seen:
            dearer = self._kin.dearer(genome, self.unit(self.forecaster.at(genome, largest).cost))
            if dearer > RUNAWAY or unjudged:
                cost, work = cost * dearer, work * dearer
        if self._ceiling.would_fall(accuracy, cost, work) and not self.checks.holds_far(genome):
            return *WRONG, math.inf  # all others would be held against it
        return accuracy, math.inf if math.isnan(cost) else cost * (1 + RAZOR * genome.size), work

    def _by_sense(self, genome: Genome, accuracy: float) -> float:
        """What a genome is worth that may make no sense, where it would be right so often if it made some.

        Nothing where it most likely makes none, however lucky its runs, and where it was never right: then it is cheap
        because it fails early.
        """
        size = self.settings.sizes[-1]
        ran = self.bench.seen(genome).get(size)
        sound = self.bench.attribution.sound(genome, size) if ran else self._kin.sound(genome)
        if not sound or sound < SENSE or (ran and not ran.total):
            return 0.0
        senseless = (ran.total + LUCK) / (ran.runs + 1) if ran else 0.0
        return sound * accuracy + (1 - sound) * min(accuracy, senseless)

    def front(self) -> list[tuple[Genome, float, float]]:
        """The front of what is known."""
        return thinned(front(self._affordable_known()))

    def _affordable_known(self) -> list[tuple[Genome, float, float]]:
        allows = self._ceiling.allows
        return [(genome, *worth) for genome, worth in self._known.items() if worth[0] > 0 and allows(genome)]

    def _near_front(self) -> list[Genome]:
        """Genomes that some news could bring onto the front.

        None cheaper is more than `MARGIN` more accurate, and none that costs less than half is as accurate.
        """
        near, best = [], 0.0
        known = sorted(self._known.items(), key=lambda item: (item[1][1], -item[1][0]))
        halves, half = iter(known), 0.0
        _, (ahead, price) = next(halves, (None, WRONG))
        for genome, (accuracy, cost) in known:
            best = max(best, accuracy)
            while 2 * price < cost:
                half = max(half, ahead)
                _, (ahead, price) = next(halves)
            if accuracy > max(best - MARGIN, half):
                near.append(genome)
        return near

    def promising(self, done: Collection[Genome], most: int = AT_ONCE) -> list[Genome]:
        """Genomes on the front of what is known that were not run yet, the most accuracy for its cost first.

        One that is forecast to be next to the same as one that was run is passed over: runs bring down what was hoped
        for too much, and would make every twin look better than what was run, for as long as there are any.
        """
        gains: dict[Genome, float] = {}
        below = 0.0
        for genome, accuracy, cost in self.front():
            if genome not in done and not self._is_twin(genome, done):
                gains[genome] = (accuracy - below) / cost if cost else math.inf
            below = accuracy
        return sorted(gains, key=lambda genome: -gains[genome])[:most]

    def _is_twin(self, genome: Genome, done: Collection[Genome]) -> bool:
        """Whether some genome that was run costs no more and is forecast from calls alone to be no less accurate.

        Beyond what is within the noise, and unless its runs rule that out.
        """
        target = self.settings.target_size
        accuracy, cost = self._known[genome]
        hoped = self.forecaster.at(genome, target).accuracy or 0.0
        return any(
            self._known[other][1] <= cost * TWIN
            and not adds(hoped, cost, self.forecaster.at(other, target).accuracy or 0.0, self._known[other][1])
            and self.forecaster.most(self.bench.seen(other), target) >= accuracy
            for other in done
        )

    def designs(self) -> dict[str, Genome]:
        """Known designs that are right for this task when every call is."""
        found: dict[str, Genome] = {}
        for name, genome in known_designs(self.task, self.settings.sizes[0], len(self.models)):
            if name not in found and self.checks.right(genome) is not False:
                found[name] = genome
        return found

    def _learn(self) -> None:
        """Fit the forecaster to all calls so far, and work out again what that may bring onto the front."""
        self.refit()
        for genome in self._near_front():
            self._forecast(genome)

    def _learn_of(self, genomes: Iterable[Genome]) -> None:
        """The same for some genomes and, until nothing is there by what was known before, for those on the front.

        That takes a fraction of the time, and misses only what rises. What was never forecast stays so: the designs
        that a search begins with where nothing can be judged run to the end of their race.
        """
        self.refit()
        genomes = [genome for genome in genomes if genome in self._known]
        while stale := [genome for genome in genomes if genome not in self._current]:
            for genome in stale:
                self._forecast(genome)
            genomes = [genome for genome, _, _ in self.front()]

    def refit(self) -> None:
        """Fit the forecaster to all calls so far."""
        shapes = [model.shape for model in self.models]
        prices = [price_of(model) for model in self.models]
        self._learn_of_kin()
        attributed = self.bench.attribution.found()
        rates = FittedRates(self.bench.calibration, self.toolbox, shapes, prices, attributed=attributed)
        workers, credit = self.settings.workers, self.bench.credit()
        self.forecaster = Forecaster(rates, self.task, self.toolbox, workers, self._spoiling, credit)
        self._current.clear()

    def _learn_of_kin(self) -> None:
        """Take note of what all runs so far cost, and of which of them make sense."""
        largest, sound = self.settings.sizes[-1], self.bench.attribution.sound
        for genome, outcomes in self.bench.outcomes.items():
            costs = [self.unit(outcome.cost) for outcome in outcomes if outcome.size == largest]
            if costs:
                self._kin.add(genome, sound(genome, largest) or 0.0, fmean(costs))

    def tell(self, phase: str) -> None:
        """Report progress."""
        run = len(self.bench.outcomes)
        words = f"{len(self._known):,} forecast, {run} run, {self.ledger.spent.calls:,} calls"
        self.progress(phase, run, self.settings.evaluations, words)


def silent(phase: str, done: int, total: int, words: str) -> None:
    """No progress is shown."""
