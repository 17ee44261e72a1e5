"""What a search will cost, before it starts: the known designs are played through without a call.

Every prompt is written as the search will write it and counted; answers are made up, of the size that the primitives
declare. What the search will find cannot be known: the other genomes that it runs are taken to cost what designs cost
on average, and to be as many as searches usually run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from undercut.evaluators.cache import AnswerCache
from undercut.evaluators.engine import Engine
from undercut.evaluators.evaluate import evaluate, open_judges
from undercut.evaluators.ledger import Ledger
from undercut.evaluators.models.base import Model
from undercut.evaluators.models.made_up import MadeUpModel
from undercut.evaluators.models.registry import open_models, runs_here
from undercut.evaluators.task import SPLITS, Split, Task
from undercut.search.calibration import calibrate
from undercut.search.checks import Checks
from undercut.search.designs import known_designs
from undercut.search.rehearse import rehearse
from undercut.search.rounds import FEWEST, problems_of, shares
from undercut.search.settings import Settings
from undercut.search.units import known_unit
from undercut.spaces.cost import NO_COST, UNKNOWN, Cost
from undercut.spaces.genome import Genome
from undercut.spaces.space import Space

TRIED = 3
"""Problems of each size that the designs are played through on."""
HELD = 1.2
"""A search without a limit on its bill is held to this multiple of the tokens that are foretold for it."""


@dataclass(frozen=True, slots=True)
class Further:
    """What a search takes besides the known designs, in multiples of one design: genomes found share many calls.

    Attributes:
        tried: genomes run.
        finalists: genomes raced again.
        chosen: genomes measured at last.
        calibrated: times the first calibration that single calls are asked by themselves.
        known: how much of the known designs' last measurement is made: most of them are outdone by cheaper ones.
    """

    tried: float
    finalists: float
    chosen: float
    calibrated: float = 1.0
    known: float = 1.0


BLIND = (Further(0.0, 1.0, 0.0, known=0.3), Further(1.0, 2.5, 0.8, known=0.55), Further(24.0, 8.0, 4.0))
JUDGED = (Further(0.0, 1.0, 0.0), Further(5.0, 6.0, 2.5, 4.0), Further(48.0, 60.0, 36.0, 10.0))
"""Least, usual and most, where no answer can be judged and where some can. Usual and most were fitted by hand to the
searches in experiments/tasks and to some on the tasks that come with us."""


@dataclass(frozen=True, slots=True)
class Expense:
    """What a search is expected to spend, between the least and the most.

    Attributes:
        low: what it takes that finds nothing.
        mean: what it usually takes.
        high: what it takes at the most.
        least: about the least that a limit must leave for a result; many a search needs twice as much.
        share: how much of the tokens that its calls may take at their most they are expected to take, in (0, 1].
    """

    low: Cost
    mean: Cost
    high: Cost
    least: Cost
    share: float = 1.0


async def expense(settings: Settings, task: Task, models: Sequence[Model], judges: Sequence[Model] = ()) -> Expense:
    """What the search with these settings will spend on these models; no call is made.

    Raises:
        TaskError: the task has no problems of one of the sizes.
    """
    stand_ins = [MadeUpModel(model) for model in (*models, *judges)]
    toolbox = task.toolbox([model.name for model in models], settings.allow_code)
    space = Space(task.signature, toolbox, max_size=settings.max_size)
    blind = task.blind

    def engine() -> Engine:
        return Engine(stand_ins, cache=AnswerCache(), ledger=Ledger())

    first = engine()
    sizes = Checks(task, toolbox, settings).sizes
    await calibrate(space, task, first, sizes, settings.seed, lambda done, total: None)
    asked = _spent(first)
    counts = {split: problems_of(settings, task, split) for split in SPLITS}
    designs: dict[str, Genome] = {}
    few = {size: task.instances(size, TRIED, "search", settings.seed) for size in counts["test"]}
    for name, genome in known_designs(task, settings.sizes[0], len(models)):
        if name not in designs and rehearse(genome, few[settings.sizes[0]][:1], task, toolbox).right is not False:
            designs[name] = genome
    together, alone = dict[int, Cost](), dict[int, Cost]()
    each_bill = dict.fromkeys(designs, NO_COST)
    for size, problems in few.items():
        shared, total = engine(), NO_COST
        for name, genome in designs.items():
            own = engine()
            for each in (own, shared):
                await evaluate(genome, problems, task, toolbox, each)
            total += _spent(own)
            each_bill[name] += _spent(own) * (counts["test"][size] / len(problems))
        alone[size] = total * (1 / (len(problems) * max(1, len(designs))))
        together[size] = _spent(shared) * (1 / len(problems))
    bills = list(each_bill.values())
    paid = sum((bill * share for bill, share in zip(bills, shares(bills, [0.5] * len(bills)), strict=True)), NO_COST)
    measured = paid.tokens / (sum(bills, NO_COST).tokens or 1.0)  # what is dear is measured on fewer problems

    def phase(split: Split, each: Mapping[int, Cost]) -> Cost:
        """What a phase of the search takes, a problem of each size taking so much."""
        return sum((each[size] * count for size, count in counts[split].items()), NO_COST)

    def whole(further: Further) -> Cost:
        most = settings.evaluations - (len(designs) if blind else 0)
        run = phase("search", together) * blind + phase("search", alone) * max(0.0, min(further.tried, most))
        again = phase("select", alone) * further.finalists
        last = (phase("test", together) * further.known + phase("test", alone) * further.chosen) * measured
        return asked * further.calibrated + run + again + last

    low, mean, high = map(whole, BLIND if blind else JUDGED)
    fewest = problems_of(replace(settings, samples=min(FEWEST, settings.samples)), task, "test")
    least = sum((together[size] * count for size, count in fewest.items()), asked)
    used, most = (sum(getattr(each, name) for each in stand_ins) for name in ("used", "most"))
    return Expense(low, mean, high, least, min(1.0, used / most) if used else 1.0)


def _spent(engine: Engine) -> Cost:
    """What an engine has sent: calls, tokens and US dollars, since no more stands on a bill."""
    spent = engine.ledger.spent
    usd = UNKNOWN if spent.usd is None else spent.usd
    return Cost(calls=spent.calls, prefill=spent.prompt_tokens, decode=spent.completion_tokens, usd=usd)


def foretold(settings: Settings, task: Task, models: Sequence[Model], judges: Sequence[Model] = ()) -> Expense:
    """`expense`, for callers without an event loop."""
    return asyncio.run(expense(settings, task, models, judges))


def limited(settings: Settings, task: Task, begin: Callable[[], None] = lambda: None) -> Settings:
    """The settings with a limit on tokens where the bill has none: so many times what is foretold.

    A call whose usage no model tells counts as foretold and not at its most: that is many times as much, and would end
    the search soon after its first calls.

    A search whose models all run in this process, judges included, is left as it is: there is no bill. `begin` is
    called when all is found to be there that is needed to foretell one, which takes a while.

    Raises:
        ModelNameError: there is no such model, or its key is not set.
        UsageError: the unit of cost is not known for a model.
        TaskError: the task has no problems of one of the sizes.
    """
    limited = any(limit is not None for limit in (settings.max_calls, settings.max_tokens, settings.max_usd))
    if limited or all(runs_here(name) for name in (*settings.models, task.judge_model or settings.models[0])):
        return settings
    access = replace(settings.access, batch=False)  # tokens are foretold here, and not their price
    models = open_models(settings.models, access, task.primitives)
    known_unit(settings.cost, models)
    judges = open_judges(task, access)
    begin()
    expected = foretold(settings, task, models, judges)
    return replace(settings, max_tokens=limit_of(expected), untold=expected.share)


def limit_of(expense: Expense) -> int:
    """The tokens that a search is held to for which this is foretold, rounded to three digits."""
    most = HELD * expense.mean.tokens
    return int(round(most, 3 - len(str(int(most)))))
