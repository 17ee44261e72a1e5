"""The end of a search: choose the front on fresh problems, and measure it on others that nothing was chosen by."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from types import MappingProxyType
from typing import Any

from undercut.evaluators.evaluate import NO_RUNS, Evaluation
from undercut.evaluators.statistics import guaranteed
from undercut.search.bench import measured
from undercut.search.budget import SPARE, Room
from undercut.search.explore import Search
from undercut.search.forecast import Seen, field_of
from undercut.search.front import front, thinned
from undercut.search.payback import payback
from undercut.search.rounds import FEWEST, SELECT, held_beyond, held_out, problems_of, shares
from undercut.search.settings import Settings
from undercut.search.slope import slope_of
from undercut.spaces.errors import BudgetError
from undercut.spaces.genome import Genome
from undercut.spaces.growth import growth

LOOKS = 4
"""How often the front is looked at and what is new on it raced, before it is measured for good."""
LEVEL = 0.95
"""Chance that all intervals of a result hold at once."""


async def conclude(search: Search, stopped: str) -> dict[str, Any]:
    """Choose the front on one fresh set, measure it and the known designs on another, also at a size beyond those run.

    Forecasts are made before anything is run there.

    Raises:
        ModelError: a model could not answer.
        BudgetError: a limit would have been exceeded.
    """
    finalists = await _finalists(search)
    search.bench.calibration.wrong.clear()  # nothing hopes for these any more
    designs = search.designs()
    chosen = _affordable(search, thinned(front([(g, *search.worth(g)) for g in finalists])), designs.values())
    genomes = list(dict.fromkeys([*chosen, *designs.values()]))  # one that was found again is measured once
    begun, settings = await _afforded(search, genomes)
    if settings != search.settings:
        wanted, count = search.settings.samples, settings.samples
        stopped += f"; {search.room().options} left room for {count} problems in the last measurement, not {wanted}"
    held, further = held_out(settings), held_beyond(settings, search.task)
    found = await _measured(search, genomes, held, begun)
    search.refit()
    items = {genome: _item(search, genome, evaluation) for genome, evaluation in zip(genomes, found, strict=True)}
    found = await _measured(search, genomes, further)
    for genome, evaluation in zip(genomes, found, strict=True):
        items[genome] |= measured(_at_once(evaluation, len(genomes) * (len(held) + len(further))))
        search.bench.keep(genome, "test")
    best_first = sorted((items[genome] for genome in chosen), key=lambda item: -_cost_at_target(search, item))
    best_first = [{**item, "id": letter(position)} for position, item in enumerate(best_first)]
    baselines = [{**items[genome], "id": name} for name, genome in designs.items()]
    spent, charged = search.ledger.spent.bill(), search.bench.charged
    return {
        "task": settings.task,
        "models": list(settings.models),
        "seed": settings.seed,
        "sizes": list(settings.sizes),
        "target_size": settings.target_size,
        "cost": settings.cost,
        "prices": settings.sheet.date,
        "stopped": stopped,
        "spent": spent,
        "uncached": {name: _known(getattr(charged, name)) for name in ("calls", "tokens", "usd")},
        "front": best_first,
        "baselines": baselines,
        "payback": payback(best_first, baselines, spent, settings.cost, settings.sizes[-1]),
        "constants": search.forecaster.constants(),
    }


def _affordable(
    search: Search, points: Sequence[tuple[Genome, float, float]], designs: Collection[Genome]
) -> list[Genome]:
    """Those points of a front that can be measured beside the known designs; one at least.

    What is left out first is what adds least to the next cheaper one, for what it takes to measure it.
    """
    kept, part, room = list(points), _problems(search, FEWEST), search.room()
    while len(kept) > 1 and room.times(search.bill(dict.fromkeys([*(g for g, _, _ in kept), *designs]), part)) < 1:
        gains = [after[1] - before[1] for before, after in pairwise([(None, 0.0, 0.0), *kept])]
        times = [room.times(search.bill([genome], part)) for genome, _, _ in kept]
        del kept[min(range(len(kept)), key=lambda place: gains[place] * times[place])]
    return [genome for genome, _, _ in kept]


def _problems(search: Search, samples: int) -> dict[int, int]:
    """The problems of a last measurement on at most so many of the largest size."""
    few = replace(search.settings, samples=min(samples, search.settings.samples))
    return problems_of(few, search.task, "test")


async def _afforded(search: Search, genomes: Sequence[Genome]) -> tuple[dict[int, int], Settings]:
    """The run's settings, with as many problems for the last measurement as its limits leave room for.

    Where there are limits a few problems are measured at once and given, too. They tell whether the rest will take more
    than is forecast; it is not hoped to take less, since small problems share more calls than large ones.

    Raises:
        ModelError: a model could not answer.
        BudgetError: there is no room for a measurement that is worth its name.
    """
    settings, room = search.settings, search.room()
    if not room.left:
        return {}, settings
    whole, part = _problems(search, settings.samples), _problems(search, FEWEST)
    if room.times(search.bill(genomes, part)) < 1:
        raise BudgetError(
            f"a result is measured on at least {FEWEST} problems, and {room.options} leaves no room for that; raise it "
            "and resume (`undercut check` tells what a search takes)"
        )
    begun = {size: part[size] for size in settings.sizes}
    for size, count in begun.items():
        await search.bench.measure(dict.fromkeys(genomes, count), "test", "test", size)
        search.tell("measure")
    left, forecast = search.room().left, search.bill(genomes, begun)
    took = [(room.left[unit] - left[unit]) / (getattr(forecast, unit) or math.inf) for unit in left]
    dearer = max([1.0, *(share for share in took if not math.isnan(share))])
    rest = {size: count - begun.get(size, 0) for size, count in whole.items()}
    times = min(1.0, Room(left, SPARE * dearer).times(search.measuring(genomes, rest)))
    few = min(FEWEST, settings.samples)
    return begun, replace(settings, samples=few + int((settings.samples - few) * times))


async def _measured(
    search: Search, genomes: Sequence[Genome], held: Mapping[int, int], begun: Mapping[int, int] = MappingProxyType({})
) -> list[Evaluation]:
    """What the last measurement has shown so far, so many problems of these sizes included; some were begun with."""
    parts = shares([search.bill([genome], held) for genome in genomes])
    found: list[Evaluation] = []
    for size, count in held.items():
        first = begun.get(size, 0)
        problems = {g: max(first, math.ceil(count * part)) for g, part in zip(genomes, parts, strict=True)}
        found = await search.bench.measure(problems, "test", "test", size, first)
        search.tell("measure")
    return found or [search.bench.shown(genome, "test") for genome in genomes]


def _at_once(evaluation: Evaluation, statements: int) -> Evaluation:
    """The same with intervals that hold all at once, so many of them.

    Source: Bonferroni's inequality.
    """
    level = 1 - (1 - LEVEL) / statements
    intervals = {size: guaranteed(seen.mean, seen.samples, level) for size, seen in evaluation.accuracy.items()}
    return replace(evaluation, accuracy=intervals)


async def _finalists(search: Search) -> list[Genome]:
    """Race what may be on the front on one fresh set; what that puts on the front is raced there too.

    What is dear waits for the last look: by then something cheaper may do. What there is no room to race stands as it
    is; where there was none to run anything, that is what is hoped for most.
    """
    runs = [(genome, *search.worth(genome)) for genome in search.bench.outcomes]
    left = [genome for genome, _, _ in thinned(front(runs))]
    finalists: list[Genome] = []
    for look in range(LOOKS):
        fresh = search.in_step(left, SELECT) if look < LOOKS - 1 else left
        await search.race(search.fitting(fresh, SELECT), "select", SELECT)
        finalists += [genome for genome in fresh if genome in search.bench.outcomes]
        search.polish()
        best = {genome for genome, _, _ in search.front()}
        waiting = [genome for genome in left if genome in best and genome not in finalists]
        left = list(dict.fromkeys([*waiting, *await search.sounded(finalists)]))
        if not left:
            break
    return finalists or search.promising(())


def _item(search: Search, genome: Genome, evaluation: Evaluation) -> dict[str, Any]:
    forecaster, unit, target = search.forecaster, search.unit, search.settings.target_size
    law = growth(lambda size: unit(forecaster.at(genome, size).cost))
    slope = slope_of(evaluation.cost, lambda size: forecaster.bill(genome, size), unit, search.settings.cost)
    return {
        "name": str(genome),
        "genome": genome.to_dict(),
        "predicted": {str(target): forecaster.given(genome, target, _together(search, genome, evaluation)).to_dict()},
        "law": None if law is None else str(law),
        "slope": slope.to_dict(),
    }


def _together(search: Search, genome: Genome, evaluation: Evaluation) -> Seen:
    """All of a genome's runs, those by which it was chosen and those of the last measurement."""
    seen = dict(search.bench.seen(genome))
    for size, scores in evaluation.seen.items():
        seen[size] = seen.get(size, NO_RUNS).plus(scores)
    return seen


def _cost_at_target(search: Search, item: dict[str, Any]) -> float:
    predicted = item["predicted"][str(search.settings.target_size)]["cost"]
    value = predicted[field_of(search.settings.cost)]
    return math.inf if value is None else float(value)


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def letter(position: int) -> str:
    """What the item at a position of a front is called."""
    return chr(ord("a") + position) if position < 26 else f"z{position}"
