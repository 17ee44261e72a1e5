"""A search: calibrate, forecast many, run few, measure the best afresh."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

from undercut.evaluators.calibrate import Calibration
from undercut.evaluators.engine import Engine
from undercut.evaluators.evaluate import Evaluation, Outcome, evaluate
from undercut.evaluators.ledger import Ledger
from undercut.evaluators.models.base import Model, price_of
from undercut.evaluators.models.registry import open_models
from undercut.evaluators.task import Instance, Split, Task
from undercut.evaluators.tasks import open_task
from undercut.search.calibration import calibrate
from undercut.search.designs import known_designs
from undercut.search.forecast import Forecaster, aim, field_of, known_unit
from undercut.search.front import front, thinned
from undercut.search.payback import payback
from undercut.search.proposers import open_proposer
from undercut.search.rehearse import rehearse
from undercut.search.settings import Settings
from undercut.search.slope import slope_of
from undercut.search.store import Store
from undercut.spaces.errors import TaskError
from undercut.spaces.genome import Genome
from undercut.spaces.growth import growth
from undercut.spaces.normal import bare, normal
from undercut.spaces.operators.base import SIZES
from undercut.spaces.space import Space
from undercut.spaces.variation import neighbours

Progress: TypeAlias = Callable[[str, int, int, str], None]
"""`progress(phase, done, total, words)`."""

AT_ONCE = 4
"""Genomes run on the model between two looks at the forecasts."""
FIRST, SELECT = 8, 24
"""Instances a size for a candidate, and for a finalist."""
LOOKS = 4
"""How often the front is looked at and what is new on it measured, before it is measured for good."""
WRONG = (0.0, math.inf)
"""What a genome is worth that nobody should look at."""
WARM_UP = 10
"""Batches of forecasts before the first look at the model: they cost nothing but time."""
RAZOR = 0.002
"""Share by which each node makes a genome dearer in the search's eyes, so that of equals the simpler one is kept."""
REHEARSED, CALIBRATED = max(SIZES), 1024
"""Largest problems that are rehearsed, and whose calls are calibrated, where the target is farther off than that."""
MARGIN = 0.25
"""How far below the front a forecast may lie and still be worked out again after every run."""
QUIET = 8
"""Rounds without a promising genome after which the search ends."""


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
    _rehearsed: dict[Genome, bool | None] = field(default_factory=dict)
    _outcomes: dict[Genome, list[Outcome]] = field(default_factory=dict)
    _known: dict[Genome, tuple[float, float]] = field(default_factory=dict)
    _cheapest: float = math.inf

    def __post_init__(self) -> None:
        settings = self.settings
        self.unit = known_unit(settings.cost, self.models)
        self.toolbox = self.task.toolbox([model.name for model in self.models], settings.allow_code)
        for primitive in self.task.primitives:
            primitive.answer_size(*[1] * len(primitive.inputs))  # refused now, and not after the first calls
        self.space = Space(self.task.signature, self.toolbox, max_size=settings.max_size)
        self.ledger = Ledger(
            settings.max_calls, settings.max_tokens, settings.max_usd, spent=self.store.answers.spent()
        )
        self.engine = Engine(
            self.models,
            cache=self.store.answers,
            ledger=self.ledger,
            concurrency=self.concurrency,
            workers=settings.workers,
        )

    async def run(self) -> dict[str, Any]:
        """Search to the end and give the front in its JSON form.

        Raises:
            ModelError: a model could not answer; the run can be resumed.
            BudgetError: a limit was reached; the run can be resumed with a higher one.
        """
        settings = self.settings
        sizes = [size for size in sorted({*settings.sizes, self._reach(CALIBRATED)}) if self.task.has(size)]
        self.calibration, small = await calibrate(
            self.space,
            self.task,
            self.engine,
            sizes,
            settings.seed,
            lambda a, b: self.progress("calibrate", a, b, "calls"),
        )
        self._refit()
        await self._explore(small)
        result = await self._conclude()
        self.store.finish(result)
        return result

    # -- looking ---------------------------------------------------------------------------------------------------

    async def _explore(self, known: Sequence[Genome]) -> None:
        """Rounds of forecasts and runs, until the runs are used up or nothing new looks promising.

        Every strategy begins with what the calibration came across: all small structures that would be right.
        """
        self._proposer = open_proposer(self.settings.strategy, self.space, self.settings.seed)
        for genome in known:
            self._forecast(normal(genome))
        quiet, batches = 0, WARM_UP
        while quiet < QUIET and len(self._outcomes) < self.settings.evaluations:
            asked = sum(self._propose() for _ in range(batches))
            self._polish()
            chosen = self._promising()
            if not chosen and not asked:
                break
            quiet, batches = (0 if chosen else quiet + 1), 1
            if chosen:
                await self._measure(chosen, "search", FIRST)
                self._refit()
                for genome in self._near_front():
                    self._forecast(genome)

    def _propose(self) -> int:
        """Forecast a batch of the proposer's genomes; how many there were."""
        for asked in range(self._proposer.batch):
            genome = self._proposer.ask()
            if genome is None:
                return asked
            self._forecast(normal(genome))
        self.progress("search", len(self._outcomes), self.settings.evaluations, self._words())
        return self._proposer.batch

    def _polish(self) -> None:
        """Turn every gene of the genomes on the forecast's front by one step."""
        for genome, _, _ in self._front():
            for near in neighbours(self.space, genome):
                if normal(near) not in self._known:
                    self._forecast(normal(near))

    def _forecast(self, genome: Genome) -> None:
        """Work out what a genome is worth by what is known now, and tell the proposer."""
        worth = self._known[genome] = self._worth(genome)
        if worth[0] > 0:
            self._cheapest = min(self._cheapest, worth[1])
        self._proposer.tell(genome, *(worth if self._affordable(worth) else WRONG))

    def _affordable(self, worth: tuple[float, float]) -> bool:
        return worth[1] <= self.settings.ceiling * self._cheapest

    def _worth(self, genome: Genome) -> tuple[float, float]:
        """What the search aims at, mostly the accuracy at the target, and the cost there."""
        if self._right(genome) is False:
            return WRONG
        largest, target = self.settings.sizes[-1], self.settings.target_size
        forecast = self._forecaster.at(genome, target)
        seen = Evaluation.of(self._outcomes.get(genome, ())).seen()
        if seen:
            accuracy = aim(*(self._forecaster.chance(genome, size, seen) for size in (largest, target)))
        else:
            near = self._forecaster.at(genome, largest).accuracy or 0.0
            accuracy = aim(near, min(near, forecast.accuracy or 0.0))
        cost = self.unit(forecast.cost)
        return accuracy, math.inf if math.isnan(cost) else cost * (1 + RAZOR * genome.size)

    def _right(self, genome: Genome) -> bool | None:
        """Whether the genome would be right if every call were, at each size that matters."""
        core = bare(genome)
        if core not in self._rehearsed:
            self._rehearsed[core] = rehearse(core, self._checks, self.task, self.toolbox).right
        return self._rehearsed[core]

    @cached_property
    def _checks(self) -> list[Instance]:
        """Instances for rehearsals: small ones first, which most wrong genomes fail already.

        The last one is beyond the target, so that nothing passes which is right up to there alone; for a target that is
        far off, it is beyond all numbers that genes propose.
        """
        reach = self._reach(REHEARSED)
        sizes = [*self.settings.sizes, self.settings.sizes[0], reach, beyond(reach)]
        found: list[Instance] = []
        for position, size in enumerate(sizes):
            try:
                found += self.task.instances(size, 1, "search", self.settings.seed + position)
            except TaskError:
                if size in self.settings.sizes:
                    raise
        return found

    def _reach(self, most: int) -> int:
        """The target size, or where that is larger than `most`, the largest of what is run and `most`."""
        return min(self.settings.target_size, max(self.settings.sizes[-1], most))

    def _front(self) -> list[tuple[Genome, float, float]]:
        """The front of what is known."""
        return thinned(
            front((g, *worth) for g, worth in self._known.items() if worth[0] > 0 and self._affordable(worth))
        )

    def _near_front(self) -> list[Genome]:
        """Genomes that some news could bring onto the front: none cheaper is more than `MARGIN` more accurate."""
        near, best = [], 0.0
        for genome, (accuracy, _) in sorted(self._known.items(), key=lambda item: (item[1][1], -item[1][0])):
            best = max(best, accuracy)
            if accuracy > 0 and accuracy > best - MARGIN:
                near.append(genome)
        return near

    def _promising(self) -> list[Genome]:
        """Genomes on the front of what is known that were not run yet, the most accurate first."""
        left = self.settings.evaluations - len(self._outcomes)
        fresh = [point for point in self._front() if point[0] not in self._outcomes]
        return [genome for genome, _, _ in sorted(fresh, key=lambda point: -point[1])][: min(AT_ONCE, left)]

    # -- measuring -------------------------------------------------------------------------------------------------

    def _instances(self, size: int, count: int, split: Split) -> list[Instance]:
        return self.task.instances(size, count, split, self.settings.seed)

    async def _measure(self, genomes: Sequence[Genome], split: Split, count: int) -> list[Evaluation]:
        """Run genomes side by side on the same instances; every call is counted in the calibration."""
        instances = [instance for size in self.settings.sizes for instance in self._instances(size, count, split)]
        runs = [evaluate(genome, instances, self.task, self.toolbox, self.engine) for genome in genomes]
        evaluations = []
        for genome, outcomes in zip(genomes, await asyncio.gather(*runs), strict=True):
            for outcome in outcomes:
                self.calibration.add(outcome.records)
            if split != "test":
                self._outcomes.setdefault(genome, []).extend(replace(outcome, records=()) for outcome in outcomes)
            evaluation = Evaluation.of(outcomes)
            evaluations.append(evaluation)
            largest = self.settings.sizes[-1]
            values = (evaluation.accuracy[largest].mean, self.unit(evaluation.cost[largest]))
            self.store.add(genome, split, values, measured(evaluation))
            phase = "search" if split == "search" else "measure"
            self.progress(phase, len(self._outcomes), self.settings.evaluations, self._words())
        return evaluations

    def _words(self) -> str:
        return f"{len(self._known):,} forecast, {len(self._outcomes)} run, {self.ledger.spent.calls:,} calls"

    def _refit(self) -> None:
        shapes = [model.shape for model in self.models]
        rates = self.calibration.rates(self.toolbox, shapes, [price_of(model) for model in self.models])
        self._forecaster = Forecaster(rates, self.task, self.toolbox, self.settings.workers)

    # -- concluding ------------------------------------------------------------------------------------------------

    async def _conclude(self) -> dict[str, Any]:
        """Choose the front on one fresh set, measure it and the known designs on another."""
        finalists = await self._finalists()
        chosen = [genome for genome, _, _ in thinned(front([(g, *self._worth(g)) for g in finalists]))]
        designs = self._designs()
        measured_now = await self._measure([*chosen, *designs.values()], "test", self.settings.samples)
        self._refit()
        items = [
            self._item(genome, found) for genome, found in zip([*chosen, *designs.values()], measured_now, strict=True)
        ]
        best_first = sorted(items[: len(chosen)], key=lambda item: -self._cost_at_target(item))
        for position, item in enumerate(best_first):
            item["id"] = letter(position)
        for name, item in zip(designs, items[len(chosen) :], strict=True):
            item["id"] = name
        bill = self.ledger.spent
        spent = {"calls": bill.calls, "tokens": bill.tokens, "usd": bill.usd}
        return {
            "task": self.settings.task,
            "models": list(self.settings.models),
            "seed": self.settings.seed,
            "target_size": self.settings.target_size,
            "cost": self.settings.cost,
            "spent": spent,
            "front": best_first,
            "baselines": items[len(chosen) :],
            "payback": payback(best_first, items[len(chosen) :], spent, self.settings.cost),
            "constants": self._forecaster.constants(),
        }

    async def _finalists(self) -> list[Genome]:
        """Measure what may be on the front on one fresh set; what that puts on the front is measured there too."""
        fresh = [g for g, accuracy, _ in front([(g, *self._worth(g)) for g in self._outcomes]) if accuracy > 0]
        finalists: list[Genome] = []
        for _ in range(LOOKS):
            await self._measure(fresh, "select", SELECT)
            finalists += fresh
            self._refit()
            for genome in self._near_front():
                self._forecast(genome)
            fresh = [g for g, _, _ in sorted(self._front(), key=lambda point: -point[1]) if g not in finalists][
                :AT_ONCE
            ]
            if not fresh:
                break
        return finalists

    def _designs(self) -> dict[str, Genome]:
        """Known designs that are right for this task when every call is."""
        found: dict[str, Genome] = {}
        for name, genome in known_designs(self.task, self.settings.sizes[0]):
            if name not in found and self._right(genome) is not False:
                found[name] = genome
        return found

    def _item(self, genome: Genome, evaluation: Evaluation) -> dict[str, Any]:
        target = self.settings.target_size
        forecast = self._forecaster.given(genome, target, evaluation.seen())
        law = growth(lambda size: self.unit(self._forecaster.at(genome, size).cost))
        return {
            "id": None,
            "name": str(genome),
            "genome": genome.to_dict(),
            **measured(evaluation),
            "predicted": {str(target): forecast.to_dict()},
            "law": None if law is None else str(law),
            "slope": slope_of(
                evaluation.cost, lambda size: self._forecaster.bill(genome, size), self.unit, self.settings.cost
            ).to_dict(),
        }

    def _cost_at_target(self, item: dict[str, Any]) -> float:
        predicted = item["predicted"][str(self.settings.target_size)]["cost"]
        value = predicted[field_of(self.settings.cost)]
        return math.inf if value is None else float(value)


def beyond(size: int) -> int:
    """A size well beyond another, that few chunk sizes divide."""
    return 2 * size + 3


def measured(evaluation: Evaluation) -> dict[str, Any]:
    """An evaluation in its JSON form."""
    return {
        "accuracy": {str(size): found.to_dict() for size, found in evaluation.accuracy.items()},
        "cost": {str(size): found.to_dict() for size, found in evaluation.cost.items()},
        "failures": evaluation.failures,
    }


def letter(position: int) -> str:
    """What the item at a position of a front is called."""
    return chr(ord("a") + position) if position < 26 else f"z{position}"


def _silent(phase: str, done: int, total: int, words: str) -> None:
    """No progress is shown."""


def run_search(
    settings: Settings,
    folder: Path | str,
    *,
    storage: str | None = None,
    concurrency: int = 64,
    progress: Progress = _silent,
    resume: bool = False,
    task: Task | None = None,
    models: Sequence[Model] | None = None,
) -> dict[str, Any]:
    """Run a search to its end in a folder, or go on with the one that is there; the one blocking door.

    `task` and `models` stand in for those that the settings name.

    Raises:
        UsageError: something in the settings or the folder cannot be used.
        ModelError: a model could not answer; the run can be resumed.
        BudgetError: a limit was reached; the run can be resumed.
    """
    found = task or open_task(settings.task, settings.data)
    opened = models or open_models(
        settings.models,
        api_base=settings.api_base,
        primitives=found.primitives,
        sheet=settings.sheet,
        batch=settings.batch,
    )
    store = Store.open(Path(folder), storage) if resume else Store.create(Path(folder), settings, storage)

    async def whole() -> dict[str, Any]:
        search = Search(settings, found, opened, store, progress, concurrency)
        try:
            return await search.run()
        finally:
            await search.engine.close()
            for model in opened:
                await model.close()

    try:
        return asyncio.run(whole())
    finally:
        store.close()


__all__ = ["Calibration", "Progress", "Search", "run_search"]
