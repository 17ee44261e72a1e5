"""The end of a search: choose the front on fresh problems, and measure it on others that nothing was chosen by."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from undercut.evaluators.evaluate import NO_RUNS, Evaluation
from undercut.evaluators.statistics import guaranteed
from undercut.search.budget import SPARE, Room
from undercut.search.explore import Search
from undercut.search.forecast import Seen
from undercut.search.front import Point, front, letter, thinned
from undercut.search.payback import payback
from undercut.search.picking import picked
from undercut.search.rounds import FEWEST, SELECT, held_beyond, held_out
from undercut.search.slope import slope_of
from undercut.search.units import field_of
from undercut.spaces.cost import NO_COST, Cost
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
    search.bench.calibration.unrepeated.clear()  # they will not be asked again: no more hope for them
    designs = search.candidates.designs()
    # They are measured anyway; where limits left no room to race them, their forecasts may have put them on the front.
    measured = list(designs.values()) if search.plan.room().left else []
    if not finalists and not (search.task.blind and measured):  # then nothing tells yet what makes sense
        finalists = search.candidates.promising(())
    points = list(dict.fromkeys([*finalists, *measured]))
    chosen = _affordable(search, thinned(front([(g, *search.candidates.worth(g)) for g in points])), designs.values())
    parts = search.plan.parts(chosen)  # one that was found again is measured once
    count = await _measured(search, parts)
    settings = replace(search.settings, samples=count)
    held, further = held_out(settings), held_beyond(settings, search.task)
    search.candidates.refit()
    items = {
        genome: {"name": name, **_item(search, genome, search.bench.shown(genome, "test"))}
        for genome, name in named(parts).items()
    }
    options, wanted = search.plan.room().options, search.settings.samples
    try:
        await _run(search, parts, further)
        count = await _measured(search, parts, count, beyond=False)  # with what the size beyond left over
    except BudgetError:
        if not search.ledger.time_left:
            raise
        further = {}
    if count < wanted:
        stopped += f"; {options} left room for {count} problems in the last measurement, not {wanted}"
    if not further and held_beyond(settings, search.task):
        stopped += f"; {options} left no room for the size beyond"
    for genome in parts:
        evaluation = search.bench.shown(genome, "test")
        items[genome] |= _at_once(evaluation, len(parts) * (len(held) + len(further))).to_dict()
        search.bench.keep(genome, "test")
    # What was never right is of no use, and may have been forecast to be: whatever it costs, it stands on no front.
    good = [genome for genome in chosen if any(seen.total for seen in search.bench.shown(genome, "test").seen.values())]
    best_first = sorted((items[genome] for genome in good or chosen), key=lambda item: -_cost_at_target(search, item))
    best_first = [{**item, "id": letter(position)} for position, item in enumerate(best_first)]
    baselines = [{**items[genome], "id": name} for name, genome in designs.items()]
    await search.engine.close()  # calls that a limit left nobody to wait for are on the bill as well
    spent, charged = search.ledger.spent.bill(), search.bench.charged
    result = {
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
        "payback": None,
        "constants": search.candidates.forecaster.constants(),
    }
    if best_first:  # of what an export takes unless told otherwise
        best = picked(result, "best")
        result["payback"] = payback(best, baselines, spent, settings.cost, settings.sizes[-1])
    return result


def named(genomes: Collection[Genome]) -> dict[Genome, str]:
    """What genomes are called beside each other: those that read alike, by all that they read."""
    alike = Counter(map(str, genomes))
    return {genome: str(genome) if alike[str(genome)] == 1 else genome.spelled() for genome in genomes}


def _affordable(search: Search, points: Sequence[Point[Genome]], designs: Collection[Genome]) -> list[Genome]:
    """Those points of a front that can be measured beside the known designs; one at least.

    What is left out first is what adds least to the next cheaper one, for what it takes to measure it.
    """
    kept, part, room = list(points), search.plan.held(FEWEST), search.plan.room()
    while len(kept) > 1 and room.times(search.plan.bill(dict.fromkeys([*(g for g, _, _ in kept), *designs]), part)) < 1:
        gains = [after[1] - before[1] for before, after in pairwise([(None, 0.0, 0.0), *kept])]
        times = [room.times(search.plan.bill([genome], part)) for genome, _, _ in kept]
        del kept[min(range(len(kept)), key=lambda place: gains[place] * times[place])]
    return [genome for genome, _, _ in kept]


async def _measured(search: Search, parts: Mapping[Genome, float], done: int = 0, *, beyond: bool = True) -> int:
    """Run genomes on their shares of the problems at all sizes run; gives how many of the largest size these were.

    As many as limits leave room for, beside the size `beyond` if that is yet to come. Under a limit a few are measured
    first, unless some were `done`; what they took tells how many more there is room for, and half of those are measured
    before that is worked out again.

    Raises:
        ModelError: a model could not answer.
        BudgetError: there is no room for a measurement that is worth its name.
    """
    wanted, room = search.settings.samples, search.plan.room()
    least = search.plan.bill(parts, search.plan.held(FEWEST))
    if not room.left:
        count = wanted
    elif done:
        count = _half_way(done, _most_that_fit(search, parts, done, room.left, 1.0, beyond))
    elif room.times(least) < 1:
        raise BudgetError(
            f"a result is measured on at least {FEWEST} problems, and {room.options} leaves no room for that; about "
            f"{_raised(search, room, least)} would (`undercut check` tells what a whole search takes)"
        )
    else:
        count = min(FEWEST, wanted)
    while count > done:
        try:
            await _run(search, parts, held_out(replace(search.settings, samples=count)))
        except BudgetError:  # what was to be run took more than was forecast
            if not done or not search.ledger.time_left:
                raise
            return done
        left = search.plan.room().left
        # The last call is only sent where the most that it could take is left.
        spare = {unit: most - search.engine.dearest.get(unit, 0.0) for unit, most in left.items()}
        forecast, _ = _between(search, parts, done, count)
        took = [(room.left[unit] - left[unit]) / (getattr(forecast, unit) or math.inf) for unit in left]
        dearer = max([0.01, *(share for share in took if not math.isnan(share))])
        most = _most_that_fit(search, parts, count, spare, dearer, beyond)
        room, done, count = search.plan.room(), count, _half_way(count, most)
    return done


def _half_way(done: int, most: int) -> int:
    """From what is done about half way to what is most."""
    return most - (most - done) // 2


def _raised(search: Search, room: Room, cost: Cost) -> str:
    """The options that would leave room for so much, rounded up to two digits that count."""
    limits, raised = search.ledger.limits, []
    for unit, much in room.lacking(cost).items():
        least = limits[unit] + much + search.engine.dearest.get(unit, 0.0)
        step = 10.0 ** (math.floor(math.log10(least)) - 1)
        raised.append(f"--max-{unit} {math.ceil(least / step) * step:.12g}")
    return " and ".join(raised)


def _most_that_fit(
    search: Search, parts: Mapping[Genome, float], done: int, left: Mapping[str, float], dearer: float, beyond: bool
) -> int:
    """On how many problems of the largest size there is room to run genomes, counting the `done` ones.

    With what is `left`, from which the problems of the size `beyond`, if it is yet to come, take their part. Runs so
    far took `dearer` times their forecast; those at the size beyond are not taken to need less than theirs, since small
    problems share more calls than large ones.
    """
    room = Room(left, SPARE * dearer)
    for count in range(search.settings.samples, done, -1):
        near, further = _between(search, parts, done, count)
        rest = Room(room.without(near).left, SPARE * max(1.0, dearer))
        if room.times(near) >= 1 and not (beyond and rest.times(further) < 1):
            return count
    return done


def _between(search: Search, parts: Mapping[Genome, float], done: int, count: int) -> tuple[Cost, Cost]:
    """What `count` problems of the largest size take: beyond the `done` ones at sizes run, and at the size beyond."""
    before, after = search.plan.held(done) if done else {}, search.plan.held(count)
    near = beyond = NO_COST
    for size, many in after.items():
        now, then = _shared(search, parts, size, many), _shared(search, parts, size, before.get(size, 0))
        if size in search.settings.sizes:
            near += sum((search.plan.bill([genome], {size: now[genome] - then[genome]}) for genome in parts), NO_COST)
        else:
            beyond += sum((search.plan.bill([genome], {size: now[genome]}) for genome in parts), NO_COST)
    return near, beyond


async def _run(search: Search, parts: Mapping[Genome, float], problems: Mapping[int, int]) -> None:
    """Run genomes on their shares of so many problems of each size."""
    for size, count in problems.items():
        await search.bench.measure(_shared(search, parts, size, count), "test", size)
        search.tell("measure")


def _shared(search: Search, parts: Mapping[Genome, float], size: int, count: int) -> dict[Genome, int]:
    """On how many of `count` problems of a size each genome is run: its share of them, but at least a few.

    The size beyond has half as many problems as the largest one, and a genome is run on as many of them as there.
    """
    few, whole = search.plan.held(FEWEST)[size], count if size in search.settings.sizes else 2 * count
    return {genome: min(count, max(few, math.ceil(whole * part))) for genome, part in parts.items()}


def _at_once(evaluation: Evaluation, statements: int) -> Evaluation:
    """The same with intervals that hold all at once, so many of them.

    Source: Bonferroni's inequality.
    """
    level = 1 - (1 - LEVEL) / statements
    intervals = {size: guaranteed(seen.mean, seen.samples, level) for size, seen in evaluation.accuracy.items()}
    return replace(evaluation, accuracy=intervals)


async def _finalists(search: Search) -> list[Genome]:
    """Race the genomes that may be on the front on one fresh set, and then those that this puts onto the front.

    Dear ones wait for the last look: by then something cheaper may do. Where nobody can judge a call, that is for what
    was run before. One that there is no room to race stands as it is.
    """
    await search.look_far()
    runs = [(genome, *search.candidates.worth(genome)) for genome in search.bench.outcomes]
    left = [genome for genome, _, _ in thinned(front(runs))]
    finalists: list[Genome] = []
    for look in range(LOOKS):
        fresh = search.plan.in_step(left, SELECT)
        if look == LOOKS - 1:
            fresh = [g for g in left if g in fresh or g in search.bench.outcomes or not search.task.blind]
        rounds = _rounds(search, fresh)
        racing = search.plan.fitting(fresh, rounds)
        parts = search.plan.shares([*finalists, *racing], dict.fromkeys(search.settings.sizes, rounds[-1]))
        await search.race(racing, "select", rounds, parts)
        finalists += [genome for genome in fresh if genome in search.bench.outcomes]
        search.candidates.polish()
        best = {genome for genome, _, _ in search.candidates.front()}
        waiting = [genome for genome in left if genome in best and genome not in finalists]
        left = list(dict.fromkeys([*waiting, *await search.vetted(finalists)]))
        if not left:
            break
    return finalists


def _rounds(search: Search, genomes: Sequence[Genome]) -> Sequence[int]:
    """As many rounds of a choice as there is room to race all of them for, one at least."""
    many = (SELECT[:count] for count in range(len(SELECT), 1, -1))
    return next((rounds for rounds in many if len(search.plan.fitting(genomes, rounds)) == len(genomes)), SELECT[:1])


def _item(search: Search, genome: Genome, evaluation: Evaluation) -> dict[str, Any]:
    forecaster, unit, target = search.candidates.forecaster, search.bench.unit, search.settings.target_size
    law = growth(lambda size: unit(forecaster.at(genome, size).cost))
    slope = slope_of(evaluation.cost, lambda size: forecaster.bill(genome, size), unit, search.settings.cost)
    return {
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
