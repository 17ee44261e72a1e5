"""A search for decompositions: calibrate, forecast many, run few."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from types import MappingProxyType
from typing import TypeAlias

from undercut.evaluators.engine import Engine
from undercut.evaluators.ledger import Ledger
from undercut.evaluators.models.base import Model, price_of
from undercut.evaluators.task import Split, Task
from undercut.search.bench import Bench
from undercut.search.budget import KEPT, Budget, Room
from undercut.search.calibration import ask_again, ask_ahead, calibrate
from undercut.search.ceiling import Ceiling
from undercut.search.checks import Checks
from undercut.search.designs import known_designs
from undercut.search.forecast import Forecaster, aim, known_unit, unit_of
from undercut.search.front import STEP, TWIN, adds, front, thinned
from undercut.search.kin import Kin
from undercut.search.proposers import open_proposer
from undercut.search.rounds import FEWEST, FIRST, LEAST, problems_of, shares
from undercut.search.settings import Settings
from undercut.search.store import Store
from undercut.spaces.cost import NO_COST, Cost
from undercut.spaces.genome import Genome
from undercut.spaces.neighbours import neighbours
from undercut.spaces.normal import normal, resampled
from undercut.spaces.space import Space

Progress: TypeAlias = Callable[[str, int, int, str], None]
"""`progress(phase, done, total, words)`."""

AT_ONCE = 4
"""Genomes run on the model between two looks at the forecasts."""
RUNAWAY = 2.0
"""Times its forecast that a genome's own runs must cost to be believed rather than the calls that it makes."""
WRONG = (0.0, math.inf)
"""What a genome is worth that nobody should look at."""
WARM_UP = 10
"""Batches of forecasts before the first look at the model: they cost nothing but time."""
SURE = 0.95
"""Accuracy from which on runs at a size below the largest tell nothing: next to all would be right."""
RAZOR = 0.002
"""Share by which each node makes a genome dearer in the search's eyes, so that of equals the simpler one is kept."""
MARGIN = 0.25
"""How far below the front a forecast may lie and still be worked out again after every run."""
DOUBTFUL, LOOKS = 0.1, 3
"""Doubt in a forecast for the target from which on the calls that it hangs on are asked ahead of the runs, and how many
times at the most: a few wrong answers by bad luck would rule a genome out for good."""
QUIET, HARD, HARD_QUIET = 8, 0.5, 24
"""Rounds without a promising genome after which the search ends; more while nothing known is right so often."""


@dataclass
class Search:
    """One run in progress.

    The order of events is fixed by the settings alone: rounds of proposals, of runs side by side, of news to the
    proposer. Concurrency changes how long that takes and nothing else.
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
    _asked_ahead: Counter[Genome] = field(default_factory=Counter)
    _calibrated: int = 0  # answers of the first calibration

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
        self._budget = Budget(self.ledger, self.store)
        self.engine = Engine(
            [*self.models, *self.judges],
            cache=self.store.answers,
            ledger=self.ledger,
            concurrency=self.concurrency,
            workers=settings.workers,
        )
        self._proposer = open_proposer(settings.strategy, self.space, settings.seed)
        self.bench = Bench(self.task, self.toolbox, self.engine, self.store, self.unit, settings.seed)

    async def explore(self) -> str:
        """Calibrate, then rounds of forecasts and runs; gives the reason why they ended.

        Every strategy begins with what the calibration came across: all small structures that would be right. Where no
        answer can be judged it begins with the known designs, which are run: only measured scores tell anything there.

        Raises:
            ModelError: a model could not answer; the run can be resumed.
            BudgetError: a limit was reached; the run can be resumed with a higher one.
        """
        settings = self.settings
        sizes = [size for size in sorted({*settings.sizes, self.checks.target}) if self.task.has(size)]
        self.bench.calibration, known = await calibrate(
            self.space,
            self.task,
            self.engine,
            sizes,
            settings.seed,
            lambda a, b: self.progress("calibrate", a, b, "calls"),
        )
        self._calibrated = self.bench.calibration.answers
        self.refit()
        if self._blind:
            known = [normal(genome) for genome in self.designs().values() if genome.size <= self.settings.max_size]
            await self.race(self.fitting(known[: self.settings.evaluations], FIRST), "search", FIRST)
        for genome in known:
            self._forecast(normal(genome))
        quiet, batches = 0, WARM_UP
        while quiet < self._patience() or await self._second_look():
            asked = sum(self._propose() for _ in range(batches))
            self.polish()
            left = self.settings.evaluations - len(self.bench.outcomes)
            promising = await self.sounded(self.bench.outcomes, min(AT_ONCE, left))
            chosen = self.fitting(self.in_step(promising, FIRST), FIRST)
            if promising and not chosen:
                return f"{self.room().options} leaves room for the last measurement alone"
            if not chosen and not asked:
                return "every decomposition of the space was looked at"
            quiet, batches = (0 if chosen else quiet + 1), 1
            if chosen:
                await self.race(chosen, "search", FIRST)
            if self._reached():
                return f"a decomposition is forecast to be right {self.settings.until:.0%} of the time at the target"
            if len(self.bench.outcomes) >= self.settings.evaluations:
                return f"as many decompositions were run as --evaluations allows, {self.settings.evaluations}"
        return f"nothing new looked promising for {quiet} rounds"

    def _patience(self) -> int:
        """Rounds without a promising genome that are enough by now: proposing costs time alone."""
        return QUIET if any(accuracy >= HARD for _, accuracy, _ in self.front()) else HARD_QUIET

    # -- looking ---------------------------------------------------------------------------------------------------

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
            if self._blind:
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
        if self.forecaster.unjudged(genome):
            # What no call can tell of, only a model knows: one that asks none cannot be right but by chance.
            accuracy = self._kin.accuracy(genome) if forecast.cost.calls >= 1 else 0.0
        elif seen:
            accuracy = aim(*(self.forecaster.chance(genome, size, seen) for size in (largest, target)))
        else:
            near = self.forecaster.at(genome, largest).accuracy or 0.0
            accuracy = aim(near, min(near, forecast.accuracy or 0.0))
        work = self._work(forecast.cost)
        if seen:
            dearer = self._kin.dearer(genome, self.unit(self.forecaster.at(genome, largest).cost))
            if dearer > RUNAWAY or self.forecaster.unjudged(genome):
                cost, work = cost * dearer, work * dearer
        if self._ceiling.would_fall(accuracy, cost, work) and not self.checks.holds_far(genome):
            return *WRONG, math.inf  # all others would be held against it
        return accuracy, math.inf if math.isnan(cost) else cost * (1 + RAZOR * genome.size), work

    @cached_property
    def _blind(self) -> bool:
        """Whether no answer that a model may give in this task can be judged."""
        return all(primitive.reference is None for primitive in self.task.primitives)

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

    async def sounded(self, done: Collection[Genome], most: int = AT_ONCE) -> list[Genome]:
        """What is promising even when the calls were asked that it hangs on at the target and that are known least.

        What hangs on how alike answers to one prompt are waits until nothing else is promising; then that is measured.
        Of what there is no room to run no calls are asked.

        Raises:
            ModelError: a model could not answer.
            BudgetError: a limit would have been exceeded.
        """
        hoped = self.bench.calibration.wrong
        while True:
            chosen = self.promising(done, most)
            chosen = [genome for genome in chosen if not resampled(genome) & hoped.keys()] or chosen
            if not await self._ask_for(self.fitting(chosen, FIRST)):
                return chosen
            self._learn()

    async def _second_look(self) -> bool:
        """Ask what those hang on that better luck would bring onto the front, until one of them looks promising.

        Gives whether one does. A few wrong answers by bad luck rule out what nobody asks again.

        Raises:
            ModelError: a model could not answer.
            BudgetError: a limit would have been exceeded.
        """
        ran = self.bench.outcomes
        while True:
            forecaster = self.forecaster
            hoped = [(genome, *self._known[genome]) for genome in ran if self._known[genome] != WRONG]
            for genome in self._near_front():
                if genome not in ran and not forecaster.unjudged(genome) and self._in_doubt(genome):
                    best = forecaster.hoped(genome, self.settings.target_size)
                    hoped.append((genome, best.accuracy or 0.0, self.unit(best.cost)))
            chosen = [genome for genome, _, _ in thinned(front(hoped), DOUBTFUL) if genome not in ran][:AT_ONCE]
            if not await self._ask_for(self.fitting(chosen, FIRST)):
                return False
            self._learn()
            if self.promising(ran):
                return True

    def _in_doubt(self, genome: Genome) -> bool:
        """Whether a forecast hangs on calls that are not known well, and that may still be asked ahead of its runs."""
        return self._asked_ahead[genome] < LOOKS and self.forecaster.doubt(genome, self.checks.target) > DOUBTFUL

    async def _ask_for(self, genomes: Sequence[Genome]) -> bool:
        """Ask calls that genomes hang on, before all others how alike answers are; gives whether there were any."""
        table = self.bench.calibration
        if await ask_again(chain.from_iterable(map(resampled, genomes)), self.engine, table):
            return True
        doubtful = [genome for genome in genomes if self._in_doubt(genome)]
        self._asked_ahead.update(doubtful)
        asked = [
            await ask_ahead(
                genome, self.checks.at_target(self._asked_ahead[genome]), self.task, self.space, self.engine, table
            )
            for genome in doubtful
        ]
        return any(asked)

    def in_step(self, genomes: Sequence[Genome], rounds: Sequence[int]) -> list[Genome]:
        """Those genomes that a race costs no more for than all calls so far, or the cheapest if there is none.

        What is learned on the way often makes the dear ones needless, and no bill grows by leaps.
        """
        spent = self.bench.calibration.tokens()
        bill, sizes = self.forecaster.bill, self.settings.sizes
        prices = {genome: rounds[-1] * sum(bill(genome, size).tokens for size in sizes) for genome in genomes}
        # Tokens that a server does not tell are not a number, and nothing is more than that.
        return [genome for genome in genomes if not prices[genome] > max(min(prices.values()), spent)]

    def fitting(self, genomes: Sequence[Genome], rounds: Sequence[int]) -> list[Genome]:
        """Those genomes, in their order, whose race leaves enough of what is limited for the end of the search."""
        room = self.room()
        if not room.left:
            return list(genomes)
        found, room = list[Genome](), room.without(self.closing())
        for genome in genomes:
            price = self.bill([genome], dict.fromkeys(self.settings.sizes, rounds[-1]))
            if room.times(price) >= 1:
                found.append(genome)
                room = room.without(price)
        return found

    def room(self) -> Room:
        """What the limits leave. Decompositions are taken to go on sharing as many calls as those that were run."""
        answers, charged = self.bench.calibration.answers, self.bench.charged.calls
        return self._budget.room(answers, min(1.0, (answers - self._calibrated) / charged) if charged else 1.0)

    def bill(self, genomes: Iterable[Genome], problems: Mapping[int, int]) -> Cost:
        """What running genomes on so many problems of each size is forecast to cost."""
        bill = self.forecaster.bill
        return sum((bill(genome, size) * many for genome in genomes for size, many in problems.items()), NO_COST)

    def closing(self) -> Cost:
        """What races leave for the last measurement, of the front of what was run and of the known designs."""
        ran = front((genome, *self._known[genome]) for genome in self.bench.outcomes if genome in self._known)
        parts = self.parts([genome for genome, _, _ in thinned(ran)])
        some = self.measuring(parts, self.held(self.settings.samples)) * KEPT
        return max(some, self.bill(parts, self.held(FEWEST + 1)), key=lambda cost: cost.calls)

    def measuring(self, parts: Mapping[Genome, float], problems: Mapping[int, int]) -> Cost:
        """What running genomes on these shares of so many problems of each size is forecast to cost."""
        return sum((self.bill([genome], problems) * part for genome, part in parts.items()), NO_COST)

    def held(self, samples: int) -> dict[int, int]:
        """The problems of a last measurement on so many of the largest size, at most as many as were asked for."""
        settings = replace(self.settings, samples=min(samples, self.settings.samples))
        return problems_of(settings, self.task, "test")

    def parts(self, chosen: Sequence[Genome]) -> dict[Genome, float]:
        """Which share of its problems the last measurement runs each genome on: chosen ones and known designs.

        A known design gets few where another one that costs less is forecast to be as accurate: it cannot be the best.
        What the measurement itself shows has no say in that, so that its intervals hold.
        """
        designs = self.designs().values()
        found = self.shares(list(dict.fromkeys([*chosen, *designs])), self.held(self.settings.samples))
        worths = {genome: self.worth(genome) for genome in designs if not self.forecaster.unjudged(genome)}
        for genome, worth in worths.items():
            outdone = any(other[1] < worth[1] and not adds(*worth, *other) for other in worths.values())
            if outdone and genome not in chosen:
                found[genome] = LEAST
        return found

    def shares(self, genomes: Sequence[Genome], problems: Mapping[int, int]) -> dict[Genome, float]:
        """Which share of so many problems genomes are run on for all that they are worth to be known about as well."""
        bills = [self.bill([genome], problems) for genome in genomes]
        known = [genome in self.bench.outcomes or not self.forecaster.unjudged(genome) for genome in genomes]
        rights = [self.worth(genome)[0] if told else 0.5 for genome, told in zip(genomes, known, strict=True)]
        return dict(zip(genomes, shares(bills, rights), strict=True))

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
            if not self.forecaster.unjudged(other)
        )

    def _reached(self) -> bool:
        """Whether a genome that was run is as accurate as the user asked for."""
        until = self.settings.until
        return until is not None and any(self._known[genome][0] >= until for genome in self.bench.outcomes)

    def designs(self) -> dict[str, Genome]:
        """Known designs that are right for this task when every call is."""
        found: dict[str, Genome] = {}
        for name, genome in known_designs(self.task, self.settings.sizes[0], len(self.models)):
            if name not in found and self.checks.right(genome) is not False:
                found[name] = genome
        return found

    # -- racing ----------------------------------------------------------------------------------------------------

    async def race(
        self,
        genomes: Sequence[Genome],
        split: Split,
        rounds: Sequence[int],
        parts: Mapping[Genome, float] = MappingProxyType({}),
    ) -> None:
        """Run genomes on ever more problems, small sizes first; one that can no longer be on the front drops out.

        Some are run on no more than a part of the problems.

        Raises:
            ModelError: a model could not answer.
            BudgetError: a limit would have been exceeded.
        """
        running, done = list(genomes), 0
        for count in rounds:
            if done and split == "select":
                running = [genome for genome in running if not self._settled(genome)]
            for size in self.settings.sizes:
                known = self.front()
                running = [genome for genome in running if not self._hopeless(genome, known)]
                telling = self._telling(running, size)
                asked = {genome: min(count, math.ceil(rounds[-1] * parts.get(genome, 1.0))) for genome in telling}
                await self.bench.measure(asked, split, size)
                self.tell("search" if split == "search" else "measure")
            for genome in running:
                runs = [run for run in self.bench.outcomes[genome] if run.size == self.settings.sizes[-1]]
                self._kin.add(genome, [(run.score, self.unit(run.cost)) for run in runs])
            self._learn()
            done = count
        for genome in genomes:
            self.bench.keep(genome, split)

    def _settled(self, genome: Genome) -> bool:
        """Whether a genome is on the front beyond doubt: even its lower end adds to the upper ends of all cheaper ones.

        These are the ends of the 90 % intervals, by calls and by own runs.
        """
        forecaster, target, cost = self.forecaster, self.settings.target_size, self._known[genome][1]
        if forecaster.unjudged(genome):
            return False
        least = forecaster.given(genome, target, self.bench.seen(genome)).low or 0.0
        cheaper = [other for other, _, price in self.front() if price < cost and not forecaster.unjudged(other)]
        highest = [forecaster.given(other, target, self.bench.seen(other)).high or 0.0 for other in cheaper]
        return least >= STEP + max(highest, default=0.0)

    def _telling(self, genomes: Sequence[Genome], size: int) -> list[Genome]:
        """Those genomes whose runs at a size tell anything: all at the largest, elsewhere those that may well fail."""
        if size == self.settings.sizes[-1]:
            return list(genomes)
        forecaster, seen = self.forecaster, self.bench.seen
        return [
            genome
            for genome in genomes
            if forecaster.unjudged(genome) or forecaster.chance(genome, size, seen(genome)) < SURE
        ]

    def _hopeless(self, genome: Genome, known: Sequence[tuple[Genome, float, float]]) -> bool:
        """Whether even the upper end of what a genome's runs leave possible is below something known that is no dearer.

        That end holds however often one looks (see `anytime`). One whose runs cost far more than was forecast may turn
        out to be too dear.
        """
        if genome not in self.bench.outcomes or genome not in self._known:
            return False
        if not self._ceiling.allows(genome):
            return True
        most = self.forecaster.most(self.bench.seen(genome), self.settings.target_size)
        cost = self._known[genome][1]
        return any(best > most and price <= cost for other, best, price in known if other != genome)

    def tell(self, phase: str) -> None:
        """Report progress."""
        run = len(self.bench.outcomes)
        words = f"{len(self._known):,} forecast, {run} run, {self.ledger.spent.calls:,} calls"
        self.progress(phase, run, self.settings.evaluations, words)

    def _learn(self) -> None:
        """Fit the forecaster to all calls so far, and work out again what that may bring onto the front."""
        self.refit()
        for genome in self._near_front():
            self._forecast(genome)

    def refit(self) -> None:
        """Fit the forecaster to all calls so far."""
        shapes = [model.shape for model in self.models]
        rates = self.bench.calibration.rates(self.toolbox, shapes, [price_of(model) for model in self.models])
        workers, credit = self.settings.workers, self.bench.credit()
        self.forecaster = Forecaster(rates, self.task, self.toolbox, workers, self._spoiling, credit)
        self._current.clear()


def silent(phase: str, done: int, total: int, words: str) -> None:
    """No progress is shown."""
