"""The candidates of a search: all genomes that it has looked at, what they are forecast to be, and their front."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Callable, Collection, Iterable, Sequence
from statistics import fmean
from typing import TypeAlias

from undercut.evaluators.attribution import LUCK
from undercut.evaluators.models.base import Model, price_of
from undercut.evaluators.rates import FittedRates
from undercut.evaluators.task import Task
from undercut.search.bench import Bench
from undercut.search.ceiling import Ceiling
from undercut.search.checks import Checks
from undercut.search.designs import known_designs
from undercut.search.forecast import Forecaster, aim
from undercut.search.front import TWIN, Point, adds, front, rounded, thinned
from undercut.search.kin import Kin
from undercut.search.proposers import Proposer
from undercut.search.settings import Settings
from undercut.search.units import unit_of
from undercut.spaces.genome import Genome
from undercut.spaces.neighbours import neighbours
from undercut.spaces.normal import normal
from undercut.spaces.space import Space

CLIMBED = 50_000
"""Genomes known after which no new neighbours are looked at, for a bound on time and memory. Of six searches that were
counted two, of sorting and of sums on the embedded model, knew 49,000 when they ended, the others 10,000 to 38,000."""
AT_ONCE = 4
"""Genomes run on the model between two looks at the forecasts."""
RUNAWAY = 2.0
"""Where a genome's own runs cost more than so many times its forecast, they are believed and not the forecast."""
WRONG = (0.0, math.inf)
"""The worth of a genome that need not be looked at any more."""
RAZOR = 0.002
"""Share by which each node makes a genome dearer in the search's eyes, so that of equals the simpler one is kept."""
SENSE = 0.1
"""Chance of making sense below which a genome is not looked at, where nothing but runs can tell whether it makes
any."""
MARGIN = 0.25
"""How far below the front a forecast may lie and still be worked out again after every run."""

Rank: TypeAlias = tuple[float, float, int, Genome]
"""Where a genome stands among all: by its cost, of equals the most accurate first, then the one known first."""


class Candidates:
    """Genomes that a search has looked at, and what each of them is worth.

    A genome's worth is its accuracy, mostly that at the target size (see `aim`), and its cost there, by all calls and
    by its own runs so far. The proposer is told of every worth that is worked out.

    Attributes:
        known: the worth of each genome when it was last worked out.
        forecaster: makes the forecasts, from all calls up to the last `refit`; missing until the first one.
    """

    forecaster: Forecaster

    def __init__(
        self,
        settings: Settings,
        task: Task,
        models: Sequence[Model],
        space: Space,
        checks: Checks,
        bench: Bench,
        proposer: Proposer,
    ) -> None:
        self._settings = settings
        self._task = task
        self._models = models
        self._space = space
        self._checks = checks
        self._bench = bench
        self._proposer = proposer
        self._work = unit_of("passes") if settings.cost == "latency" else bench.unit
        self._ceiling = Ceiling(settings.ceiling)
        self._kin = Kin()
        self.known: dict[Genome, tuple[float, float]] = {}
        self._order: dict[Genome, int] = {}  # in which they came to be known
        self._ranked: list[Rank] = []  # all that are known, in order
        self._front: list[Point[Genome]] | None = None  # until the next forecast
        self._current: set[Genome] = set()  # what was forecast since the last refit
        self._around: dict[Genome, list[Genome]] = {}  # neighbours of what was polished
        self._spoiling: dict[tuple[Genome, int], float] = {}  # kept from forecaster to forecaster

    def polish(self) -> None:
        """Forecast all that is one step away from the best of each size, until nothing new comes to them.

        Forecasts from before the last `refit` are made again. The best of the smaller genomes are footholds too: the
        best of all may be so full of operators which add next to nothing that there is no room for another. Where
        nothing but likeness to what was run tells genomes apart, only one step is taken: such forecasts differ too
        little to be climbed to the top.
        """
        polished: set[Genome] = set()
        while fresh := [genome for genome in self._footholds() if genome not in polished]:
            for genome in fresh:
                polished.add(genome)
                if genome not in self._current or not self._checks.holds_far(genome):
                    self.forecast(genome)
                if self.known[genome] != WRONG and (genome in self._around or len(self.known) < CLIMBED):
                    if genome not in self._around:
                        self._around[genome] = list(dict.fromkeys(map(normal, neighbours(self._space, genome))))
                    for near in self._around[genome]:
                        if near not in self._current:
                            self.forecast(near)
            if self._task.blind:
                break

    def _footholds(self) -> list[Genome]:
        """For every number of nodes, the fronts of the known genomes of at most that many, and of exactly that many.

        The best of one size may be a step that pays only with the next one, such as cutting up one list of two that
        have to be cut up.
        """
        of_size = self._fronts(lambda genome: genome.size)
        best: list[Point[Genome]] = []
        found: dict[Genome, None] = {}
        for _, alone in sorted(of_size.items()):
            best = front([*best, *alone])
            found |= dict.fromkeys(genome for genome, _, _ in [*thinned(best), *thinned(alone)])
        return list(found)

    def forecast(self, genome: Genome) -> None:
        """Work out what a genome is worth by what is known now, and tell the proposer."""
        self._current.add(genome)
        accuracy, cost, work = self._worth(genome)
        judged = genome in self._bench.outcomes or not self.forecaster.unjudged(genome)
        self._keep(genome, accuracy, cost, work, judged)
        self._proposer.tell(genome, *((accuracy, cost) if self.allows(genome) else WRONG))

    def _keep(self, genome: Genome, accuracy: float, cost: float, work: float, judged: bool = True) -> None:
        """Keep a worth, and its place among all others: there are tens of thousands, whose front is often asked for."""
        self._ceiling.add(genome, accuracy if judged else 0.0, cost, work)
        self._front = None
        order = self._order.setdefault(genome, len(self._order))
        if genome in self.known:
            before, price = self.known[genome]
            del self._ranked[bisect_left(self._ranked, (price, -before, order, genome))]
        insort(self._ranked, (cost, -accuracy, order, genome))
        self.known[genome] = accuracy, cost

    def worth(self, genome: Genome) -> tuple[float, float]:
        """What the search aims at, mostly the accuracy at the target, and the cost there."""
        accuracy, cost, _ = self._worth(genome)
        return accuracy, cost

    def _worth(self, genome: Genome) -> tuple[float, float, float]:
        """The same, and the work of a run."""
        if self._checks.right(genome) is False:
            return *WRONG, math.inf
        largest, target = self._settings.sizes[-1], self._settings.target_size
        forecast = self.forecaster.at(genome, target)
        cost = self._bench.unit(forecast.cost)
        seen = self._bench.seen(genome)
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
            dearer = self._kin.dearer(genome, self._bench.unit(self.forecaster.at(genome, largest).cost))
            if dearer > RUNAWAY or unjudged:
                cost, work = cost * dearer, work * dearer
        if self._ceiling.would_fall(accuracy, cost, work) and not self._checks.holds_far(genome):
            return *WRONG, math.inf  # all others would be held against it
        cost = math.inf if math.isnan(cost) else cost * (1 + RAZOR * genome.size)
        return rounded(accuracy), rounded(cost), rounded(work)

    def _by_sense(self, genome: Genome, accuracy: float) -> float:
        """The accuracy of a genome that may make no sense, from the accuracy that it has if it makes sense.

        0 where it most likely makes none, however lucky its runs, and where it was never right: then it is cheap only
        because it fails early.
        """
        size = self._settings.sizes[-1]
        ran = self._bench.seen(genome).get(size)
        sound = self._bench.attribution.sound(genome, size) if ran else self._kin.sound(genome)
        if not sound or sound < SENSE or (ran and not ran.total):
            return 0.0
        senseless = (ran.total + LUCK) / (ran.runs + 1) if ran else 0.0
        return sound * accuracy + (1 - sound) * min(accuracy, senseless)

    def front(self) -> list[Point[Genome]]:
        """The front of what is known."""
        if self._front is None:
            self._front = thinned(self._fronts(lambda genome: 0).get(0, []))
        return self._front

    def _fronts(self, group: Callable[[Genome], int]) -> dict[int, list[Point[Genome]]]:
        """By group, the front of those known genomes that are cheap enough and right at least at times."""
        found: dict[int, list[Point[Genome]]] = {}
        for cost, lost, _, genome in self._ranked:
            best = found.setdefault(group(genome), [])
            if -lost > (best[-1][1] if best else 0.0) and self.allows(genome):
                best.append((genome, -lost, cost))
        return found

    def near_front(self, margin: float = MARGIN) -> list[Genome]:
        """Genomes that some news could bring onto the front.

        None cheaper is more than the margin more accurate, and none that costs less than half is as accurate.
        """
        near, best = [], 0.0
        halves, half = iter(self._ranked), 0.0
        price, loss, *_ = next(halves, (math.inf, 0.0))
        for cost, lost, _, genome in self._ranked:
            accuracy = -lost
            best = max(best, accuracy)
            while 2 * price < cost:
                half = max(half, -loss)
                price, loss, *_ = next(halves)
            if accuracy > max(best - margin, half):
                near.append(genome)
        return near

    def promising(self, done: Collection[Genome], most: int = AT_ONCE) -> list[Genome]:
        """Genomes on the front of what is known that were not run yet, the most accuracy for its cost first.

        Near twins of what was run are passed over: a run brings down a forecast that hoped for too much, and then each
        twin in turn would look better than what was run.
        """
        gains: dict[Genome, float] = {}
        below = 0.0
        for genome, accuracy, cost in self.front():
            if genome not in done and not self._is_twin(genome, done):
                gains[genome] = (accuracy - below) / cost if cost else math.inf
            below = accuracy
        return sorted(gains, key=lambda genome: -gains[genome])[:most]

    def _is_twin(self, genome: Genome, done: Collection[Genome]) -> bool:
        """Whether some genome that was run costs no more and is no less accurate, forecast from calls alone.

        Both to within the noise, and unless its runs rule that accuracy out.
        """
        target = self._settings.target_size
        accuracy, cost = self.known[genome]
        hoped = self.forecaster.at(genome, target).accuracy or 0.0
        return any(
            self.known[other][1] <= cost * TWIN
            and not adds(hoped, cost, self.forecaster.at(other, target).accuracy or 0.0, self.known[other][1])
            and self.forecaster.most(self._bench.seen(other), target) >= accuracy
            for other in done
        )

    def designs(self) -> dict[str, Genome]:
        """Known designs that are right for this task when every call is."""
        found: dict[str, Genome] = {}
        for name, genome in known_designs(self._task, self._settings.sizes[0], len(self._models)):
            if name not in found and self._checks.right(genome) is not False:
                found[name] = genome
        return found

    def allows(self, genome: Genome) -> bool:
        """Whether a genome that was forecast is cheap enough to be looked at."""
        return self._ceiling.allows(genome)

    def drop_wrong(self) -> None:
        """Forecast again those near the front that were found to be wrong since."""
        for genome in self.near_front():
            if self._checks.right(genome) is False:
                self.forecast(genome)

    def learn(self) -> None:
        """Fit the forecaster to all calls so far, and forecast again all that this may bring onto the front."""
        self.refit()
        for genome in self.near_front():
            self.forecast(genome)

    def learn_of(self, genomes: Iterable[Genome]) -> None:
        """Fit the forecaster to all calls so far, and forecast again only some genomes and those on the front.

        This goes on until the whole front was forecast anew. It takes a fraction of the time of `learn`, and misses
        only genomes that would rise onto the front. Genomes that were never forecast are passed over: where nothing can
        be judged, a search begins with a race of known designs, and that goes on to its end.
        """
        self.refit()
        genomes = [genome for genome in genomes if genome in self.known]
        while stale := [genome for genome in genomes if genome not in self._current]:
            for genome in stale:
                self.forecast(genome)
            genomes = [genome for genome, _, _ in self.front()]

    def refit(self) -> None:
        """Fit the forecaster to all calls so far."""
        shapes = [model.shape for model in self._models]
        prices = [price_of(model) for model in self._models]
        self._learn_of_kin()
        attributed = self._bench.attribution.found()
        rates = FittedRates(self._bench.calibration, self._bench.toolbox, shapes, prices, attributed=attributed)
        self.forecaster = Forecaster(
            rates,
            self._task,
            self._bench.toolbox,
            self._settings.workers,
            spoiling=self._spoiling,
            credit=self._bench.credit(),
            ran={genome: self._bench.seen(genome) for genome in self._bench.outcomes},
        )
        self._current.clear()

    def _learn_of_kin(self) -> None:
        """Take note of what all runs so far cost, and of which of them make sense."""
        largest, sound = self._settings.sizes[-1], self._bench.attribution.sound
        for genome, outcomes in self._bench.outcomes.items():
            costs = [self._bench.unit(outcome.cost) for outcome in outcomes if outcome.size == largest]
            if costs:
                self._kin.add(genome, sound(genome, largest) or 0.0, fmean(costs))
