"""What races and measurements will take, by forecast, and which of them the limits of a search leave room for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from undercut.evaluators.task import Task
from undercut.search.bench import Bench
from undercut.search.budget import KEPT, Budget, Room
from undercut.search.candidates import Candidates
from undercut.search.front import adds, front, thinned
from undercut.search.rounds import FEWEST, LEAST, problems_of, shares
from undercut.search.settings import Settings
from undercut.spaces.cost import NO_COST, Cost
from undercut.spaces.genome import Genome

SURE = 0.9
"""At sizes below the largest, genomes of this accuracy or more are not raced: next to all runs would be right."""


class Plan:
    """Which of the runs to come there is room for.

    Attributes:
        calibrated: how many different answers the first calibration took.
    """

    def __init__(self, settings: Settings, task: Task, bench: Bench, candidates: Candidates, budget: Budget) -> None:
        self._settings = settings
        self._task = task
        self._bench = bench
        self._candidates = candidates
        self._budget = budget
        self.calibrated = 0
        self._held: dict[int, dict[int, int]] = {}

    def room(self) -> Room:
        """What the limits leave. Decompositions yet to be run are taken to share as many calls as those that were."""
        known, charged = self._bench.calibration, self._bench.charged.calls
        unlike = min(1.0, (known.answers - self.calibrated) / charged) if charged else 1.0
        return self._budget.room(known.answers, unlike, known.untold)

    def bill(self, genomes: Iterable[Genome], problems: Mapping[int, int]) -> Cost:
        """What running genomes on so many problems of each size is forecast to cost."""
        bill = self._candidates.forecaster.bill
        return sum((bill(genome, size) * many for genome in genomes for size, many in problems.items()), NO_COST)

    def in_step(self, genomes: Sequence[Genome], rounds: Sequence[int]) -> list[Genome]:
        """Those genomes whose race costs no more than all calls so far, or the cheapest if there is none.

        What is learned on the way often makes the dear ones needless, and no bill grows by leaps. Where nobody can
        judge a call, forecasts are not worth a leap, and dear ones wait until as much was spent.
        """
        spent = self._bench.calibration.tokens()
        bill, sizes = self._candidates.forecaster.bill, self._settings.sizes
        prices = {genome: rounds[-1] * sum(bill(genome, size).tokens for size in sizes) for genome in genomes}
        least = spent if self._task.blind and self._bench.outcomes else min(prices.values(), default=0.0)
        # Tokens that a server does not tell are not a number, and nothing is more than that.
        return [genome for genome in genomes if not prices[genome] > max(least, spent)]

    def fitting(self, genomes: Sequence[Genome], rounds: Sequence[int]) -> list[Genome]:
        """Those genomes, in their order, whose race leaves enough of what is limited for the end of the search."""
        room = self.room()
        if not room.left:
            return list(genomes)
        found, room = list[Genome](), room.without(self.closing())
        for genome in genomes:
            telling = [size for size in self._settings.sizes if self.telling([genome], size)]
            price = self.bill([genome], dict.fromkeys(telling, rounds[-1]))
            if room.times(price) >= 1:
                found.append(genome)
                room = room.without(price)
        return found

    def telling(self, genomes: Iterable[Genome], size: int) -> list[Genome]:
        """Those genomes whose runs at a size tell anything: all at the largest, elsewhere those that may well fail."""
        forecaster, seen = self._candidates.forecaster, self._bench.seen
        return [
            genome
            for genome in genomes
            if size == self._settings.sizes[-1]
            or forecaster.unjudged(genome)
            or forecaster.chance(genome, size, seen(genome)) < SURE
        ]

    def closing(self) -> Cost:
        """What races must leave for the last measurement, of the front of what was run and of the known designs."""
        known = self._candidates.known
        ran = front((genome, *known[genome]) for genome in self._bench.outcomes if genome in known)
        parts = self.parts([genome for genome, _, _ in thinned(ran)])
        some = self.measuring(parts, self.held(self._settings.samples)) * KEPT
        return max(some, self.bill(parts, self.held(FEWEST + 1)), key=lambda cost: cost.calls)

    def measuring(self, parts: Mapping[Genome, float], problems: Mapping[int, int]) -> Cost:
        """What running genomes on these shares of so many problems of each size is forecast to cost."""
        return sum((self.bill([genome], problems) * part for genome, part in parts.items()), NO_COST)

    def held(self, samples: int) -> dict[int, int]:
        """By size, the problems of a last measurement on `samples` of the largest, at most as many as asked for."""
        samples = min(samples, self._settings.samples)
        if samples not in self._held:
            self._held[samples] = problems_of(replace(self._settings, samples=samples), self._task, "test")
        return self._held[samples]

    def parts(self, chosen: Sequence[Genome]) -> dict[Genome, float]:
        """On which share of its problems the last measurement runs each genome: those chosen and the known designs.

        A known design gets few where another one that costs less is forecast to be as accurate: it cannot be the best.
        What the measurement itself shows has no say in that, so that its intervals hold.
        """
        designs = self._candidates.designs().values()
        found = self.shares(list(dict.fromkeys([*chosen, *designs])), self.held(self._settings.samples))
        worths = {genome: self._candidates.worth(genome) for genome in designs}
        for genome, worth in worths.items():
            outdone = any(other[1] < worth[1] and not adds(*worth, *other) for other in worths.values())
            if outdone and genome not in chosen:
                found[genome] = LEAST
        return found

    def shares(self, genomes: Sequence[Genome], problems: Mapping[int, int]) -> dict[Genome, float]:
        """On which share of so many problems each genome is run, so that for the bill all accuracies are known best."""
        bills = [self.bill([genome], problems) for genome in genomes]
        rights = [self._candidates.worth(genome)[0] for genome in genomes]
        return dict(zip(genomes, shares(bills, rights), strict=True))
