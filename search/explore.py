"""A search for decompositions: calibrate, forecast many, run few."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from types import MappingProxyType

from undercut.evaluators.engine import Engine
from undercut.evaluators.ledger import Ledger
from undercut.evaluators.models.base import Model
from undercut.evaluators.task import Split, Task
from undercut.search.bench import Bench
from undercut.search.budget import Budget
from undercut.search.calibration import ask_again, ask_ahead, calibrate
from undercut.search.candidates import AT_ONCE, WRONG, Candidates
from undercut.search.checks import Checks
from undercut.search.front import STEP, Point, rounded, thinned
from undercut.search.plan import Plan
from undercut.search.progress import Progress
from undercut.search.proposers import open_proposer
from undercut.search.rounds import FIRST
from undercut.search.settings import Settings
from undercut.search.store import Store
from undercut.search.units import known_unit
from undercut.spaces.genome import Genome
from undercut.spaces.normal import normal, resampled
from undercut.spaces.space import Space

WARM_UP = 10
"""Batches of forecasts before the first look at the model: they cost nothing but time."""
DOUBTFUL, LAST_DOUBT = 0.1, 0.02
"""Where a forecast for the target is in more doubt than the first, the calls that it depends on are asked ahead of the
runs: else a few wrong answers by bad luck would rule a genome out for good. Before the search ends the second counts:
what is ruled out then is never run."""
UNLUCKY, HOPE = 0.5, 0.05
"""How far below the front a genome may have fallen by bad luck, and what it would have to add if its calls were right a
bit more often, to be given a second look before the search ends."""
PART, LOOKS, FAR_LOOKS = 0.25, 3, 7
"""Share of the calls of a run, as forecast, that are asked ahead of it at the first look at a genome; each further look
takes twice as many. There are `LOOKS` at most, but `FAR_LOOKS` at one on the front where the target is not measured."""
QUIET, HARD, HARD_QUIET = 8, 0.5, 24
"""Rounds without a promising genome after which the search ends: `QUIET`, but `HARD_QUIET` while nothing known is right
as often as `HARD`."""


class Search:
    """One run in progress.

    The order of events is fixed by the settings alone: rounds of proposals, of runs side by side, of news to the
    proposer. Concurrency changes how long that takes and nothing else.

    Attributes:
        bench: where genomes are run, and what that showed.
        candidates: the genomes looked at, and what they are worth.
        plan: what the runs to come will take, by forecast, and which of them there is room for.
        checks: the rehearsals of genomes.
    """

    def __init__(
        self,
        settings: Settings,
        task: Task,
        models: Sequence[Model],
        store: Store,
        progress: Progress,
        concurrency: int = 64,
        judges: Sequence[Model] = (),
    ) -> None:
        self.settings = settings
        self.task = task
        self.store = store
        self._progress = progress
        unit = known_unit(settings.cost, models)
        toolbox = task.toolbox([model.name for model in models], settings.allow_code)
        self.checks = Checks(task, toolbox, settings)
        for primitive in task.primitives:
            primitive.answer_size(*[1] * len(primitive.inputs))  # refused now, and not after the first calls
        self.space = Space(task.signature, toolbox, max_size=settings.max_size)
        limits = (settings.max_calls, settings.max_tokens, settings.max_usd, settings.max_minutes)
        self.ledger = Ledger(*limits, untold=settings.untold, journal=store.answers.journal)
        self.engine = Engine(
            [*models, *judges],
            cache=store.answers,
            ledger=self.ledger,
            concurrency=concurrency,
            workers=settings.workers,
        )
        self._proposer = open_proposer(settings.strategy, self.space, settings.seed)
        self.bench = Bench(task, toolbox, self.engine, store, unit, settings.seed)
        self.candidates = Candidates(settings, task, models, self.space, self.checks, self.bench, self._proposer)
        self.plan = Plan(settings, task, self.bench, self.candidates, Budget(self.ledger, store))
        self._asked_ahead = Counter[Genome]()

    async def explore(self) -> str:
        """Calibrate, then rounds of forecasts and runs; gives the reason why they ended.

        Every strategy begins with what the calibration came across: all small structures that would be right. Known
        designs with calls that nobody can judge are run before anything else: only their scores tell anything there.

        Raises:
            ModelError: a model could not answer; the run can be resumed.
            BudgetError: a limit was reached; the run can be resumed with a higher one.
        """
        settings = self.settings
        if self.task.blind:
            self.tell("search")
        else:
            self._progress("rehearse", 0, 1, "small structures")
        self.bench.calibration, known = await calibrate(
            self.space,
            self.task,
            self.engine,
            self.checks.sizes,
            settings.seed,
            lambda a, b: self._progress("calibrate", a, b, "calls"),
            self.bench.calibration,
        )
        self.plan.calibrated = self.bench.calibration.answers
        self.candidates.refit()
        designs = [normal(genome) for genome in self.candidates.designs().values()]
        unjudged = [
            genome
            for genome in designs
            if genome.size <= settings.max_size and self.candidates.forecaster.unjudged(genome)
        ]
        if unjudged:
            await self.race(self.plan.fitting(unjudged[: settings.evaluations], FIRST), "search", FIRST)
        for genome in [*known, *unjudged]:
            self.candidates.forecast(normal(genome))
        quiet, batches = 0, WARM_UP
        while quiet < self._patience() or await self._second_look():
            asked = sum(self._propose() for _ in range(batches))
            self.candidates.polish()
            left = self.settings.evaluations - len(self.bench.outcomes)
            promising = await self.vetted(self.bench.outcomes, min(AT_ONCE, left))
            chosen = self.plan.fitting(self.plan.in_step(promising, FIRST), FIRST)
            if promising and not chosen:
                return f"{self.plan.room().options} leaves room for the last measurement alone"
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

    def _propose(self) -> int:
        """Forecast a batch of the proposer's genomes; how many there were."""
        for asked in range(self._proposer.batch):
            genome = self._proposer.ask()
            if genome is None:
                return asked
            genome = normal(genome)
            if genome not in self.candidates.known:
                self.candidates.forecast(genome)
        self.tell("search")
        return self._proposer.batch

    def tell(self, phase: str) -> None:
        """Report progress."""
        run = len(self.bench.outcomes)
        words = f"{len(self.candidates.known):,} forecast, {run} run, {self.ledger.spent.calls:,} calls"
        self._progress(phase, run, max(run, self.settings.evaluations), words)

    def _patience(self) -> int:
        """Rounds without a promising genome that are enough by now: proposing costs time alone."""
        return QUIET if any(accuracy >= HARD for _, accuracy, _ in self.candidates.front()) else HARD_QUIET

    async def vetted(self, done: Collection[Genome], most: int = AT_ONCE) -> list[Genome]:
        """Candidates that still look promising once the least known of the calls that they depend on were asked.

        These are calls as they would be made at the target. Candidates that depend on how alike answers to one prompt
        are wait until no others are promising; then that is measured. No calls are asked for genomes that there is no
        room to run, and none for what would be right by luck alone.

        Raises:
            ModelError: a model could not answer.
            BudgetError: a limit would have been exceeded.
        """
        hoped = self.bench.calibration.unrepeated
        while True:
            chosen = self.candidates.promising(done, most)
            if not all(self.checks.holds_always(genome) for genome in chosen):
                self.candidates.drop_wrong()
                continue
            chosen = [genome for genome in chosen if not resampled(genome) & hoped.keys()] or chosen
            if not await self._ask_for(self.plan.fitting(chosen, FIRST)):
                return chosen
            self.candidates.learn()

    async def _second_look(self) -> bool:
        """Give candidates another chance that a few wrong answers may have ruled out by bad luck.

        Asks the calls that they hang on, until one of them looks promising; gives whether one does.

        Raises:
            ModelError: a model could not answer.
            BudgetError: a limit would have been exceeded.
        """
        for _ in range(QUIET):
            if not await self._ask_for(self.plan.fitting(self._hoped(), FIRST), LAST_DOUBT):
                return False
            self.candidates.learn()
            if self.candidates.promising(self.bench.outcomes):
                return True
        return False

    async def look_far(self) -> None:
        """Ask the calls that the front hangs on if the target is beyond all sizes measured: nothing else tells of it.

        Raises:
            ModelError: a model could not answer.
            BudgetError: a limit would have been exceeded.
        """
        if self.settings.target_size in self.plan.held(self.settings.samples):
            return
        while doubtful := [g for g, _, _ in self.candidates.front() if self._in_doubt(g, DOUBTFUL, FAR_LOOKS)]:
            if not (affordable := self.plan.fitting(doubtful, FIRST)):
                break
            await self._ask_for(affordable, DOUBTFUL, FAR_LOOKS)
            self.candidates.learn()

    def _hoped(self, most: int = AT_ONCE) -> list[Genome]:
        """Genomes not run that would be on the front if all calls were right a bit more often, which may well be so."""
        forecaster, known, ran = self.candidates.forecaster, self.candidates.known, self.bench.outcomes
        points = [(genome, *known[genome]) for genome in ran if known[genome] != WRONG]
        for genome in self.candidates.near_front(UNLUCKY):
            if genome not in ran and self._asked_ahead[genome] < LOOKS and not forecaster.unjudged(genome):
                best = forecaster.hoped(genome, self.settings.target_size)
                points.append((genome, rounded(best.accuracy or 0.0), rounded(self.bench.unit(best.cost))))
        hoped: list[Point[Genome]] = []
        for point in sorted(points, key=lambda point: (point[2], -point[1])):  # a front, since doubts take time
            if (not hoped or point[1] > hoped[-1][1]) and (point[0] in ran or self._in_doubt(point[0], LAST_DOUBT)):
                hoped.append(point)
        return [genome for genome, _, _ in thinned(hoped, HOPE) if genome not in ran][:most]

    def _in_doubt(self, genome: Genome, doubt: float, looks: int = LOOKS) -> bool:
        """Whether a forecast is in more doubt than that, and further calls may still be asked for the genome."""
        if self._asked_ahead[genome] >= looks or (forecaster := self.candidates.forecaster).unjudged(genome):
            return False
        return forecaster.doubt(genome, self.settings.target_size) > doubt

    async def _ask_for(self, genomes: Sequence[Genome], doubt: float = DOUBTFUL, looks: int = LOOKS) -> bool:
        """Ask calls that genomes in doubt depend on, first of all how alike answers are; gives whether any were."""
        table, forecaster = self.bench.calibration, self.candidates.forecaster
        if await ask_again(chain.from_iterable(map(resampled, genomes)), self.engine, table):
            return True
        asked = False
        for genome in genomes:
            if self._in_doubt(genome, doubt, looks):
                look = self._asked_ahead[genome]
                calls = PART * 2**look * forecaster.at(genome, self.checks.target).cost.samples
                problems = self.checks.at_target(max(0, look + 1 - LOOKS))
                self._asked_ahead[genome] += 1
                asked |= await ask_ahead(genome, problems, self.task, self.space, self.engine, table, calls)
        return asked

    def _reached(self) -> bool:
        """Whether a genome that was run is as accurate as the user asked for."""
        until = self.settings.until
        return until is not None and any(self.candidates.known[genome][0] >= until for genome in self.bench.outcomes)

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
        running = list(genomes)
        for count in rounds:
            if count > rounds[0]:
                self.candidates.learn_of(running)
                if split == "select":
                    running = [genome for genome in running if not self._settled(genome)]
            for size in self.settings.sizes:
                known = self.candidates.front()
                running = [genome for genome in running if not self._hopeless(genome, known)]
                telling = self.plan.telling(running, size)
                asked = {genome: min(count, math.ceil(rounds[-1] * parts.get(genome, 1.0))) for genome in telling}
                await self.bench.measure(asked, split, size)
                self.tell("search" if split == "search" else "measure")
        self.candidates.learn()
        for genome in genomes:
            self.bench.keep(genome, split)

    def _settled(self, genome: Genome) -> bool:
        """Whether a genome is on the front beyond doubt: even its lower end adds to the upper ends of all cheaper ones.

        These are the ends of the 90 % intervals, by calls and by own runs.
        """
        candidates, target = self.candidates, self.settings.target_size
        forecaster, (_, cost) = candidates.forecaster, candidates.known[genome]
        if forecaster.unjudged(genome):
            return False
        least = forecaster.given(genome, target, self.bench.seen(genome)).low or 0.0
        cheaper = [other for other, _, price in candidates.front() if price < cost and not forecaster.unjudged(other)]
        highest = [forecaster.given(other, target, self.bench.seen(other)).high or 0.0 for other in cheaper]
        return least >= STEP + max(highest, default=0.0)

    def _hopeless(self, genome: Genome, known: Sequence[Point[Genome]]) -> bool:
        """Whether even the upper end of what a genome's runs leave possible is below something known that is no dearer.

        That end holds however often one looks (see `anytime`). One whose runs cost far more than was forecast may turn
        out to be too dear.
        """
        if genome not in self.bench.outcomes or genome not in self.candidates.known:
            return False
        if not self.candidates.allows(genome):
            return True
        most = self.candidates.forecaster.most(self.bench.seen(genome), self.settings.target_size)
        _, cost = self.candidates.known[genome]
        return any(best > most and price <= cost for other, best, price in known if other != genome)
