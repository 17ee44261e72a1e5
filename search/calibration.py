"""The first phase of a run: measure single calls by size, on the inputs that decompositions give them."""

from __future__ import annotations

import asyncio
import math
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, count, islice, product
from statistics import fmean
from typing import Any

import msgspec
from msgspec.structs import replace

from undercut.evaluators.calibrate import Answered, Calibration, key_of
from undercut.evaluators.engine import Engine
from undercut.evaluators.success import Asked, Chance
from undercut.evaluators.task import Instance, Task
from undercut.evaluators.trace import Trace
from undercut.search.rehearse import rehearse
from undercut.spaces.genome import Genome
from undercut.spaces.normal import bare
from undercut.spaces.operators.call import shuffled
from undercut.spaces.primitive import Primitive
from undercut.spaces.question import Question
from undercut.spaces.space import Space
from undercut.spaces.toolbox import WARM

DRAWS = 600
"""Random genomes whose rehearsals supply the inputs of calls, where they come out right."""
SMALL, STRUCTURES = 3, 3000
"""All structures of up to so many nodes are rehearsed first, at most so many of them."""
SIMPLE, INSTANCES = 12, 12
"""So many of the smallest right ones are rehearsed on so many instances of each size."""
GRID, SAMPLES = 12, 2
"""Sizes of a primitive that are measured first, at most, and inputs asked at each: just enough to tell which
decompositions may be worth more calls."""
REWORDED = 24
"""One in so many inputs is asked in all wordings, the others in the first: one wording tells much of another."""
WAVES, MORE, APART, KNOWN = 4, 4, 1.15, 0.05
"""How often more calls are made where least is known, at how many sizes each time, how far these are apart, and the
doubt up to which a chance is known well enough."""
LEFT = 0.1
"""The doubt up to which what an earlier run measured is left as it is: it has had its waves."""
REPEATS = 32
"""Wrong calls of a primitive that are asked again, twice in the same words and twice with their items shuffled."""
GROUPS, TELLING = 3, 0.1
"""At how many sizes calls of a genome are asked ahead of its runs, and how much must hang on one of these sizes, as a
share of what hangs on the first."""
AHEAD, MANY = 3, 64
"""How many calls of each of these sizes are asked ahead at least, and how many at most. Whether many calls are all
right, or a vote comes to the right end, is not told by a few."""
WIDE, HOPELESS = 0.4, 0.05
"""Standard deviation of its log-odds up to which a small chance is known well enough for votes, which cost the more the
smaller it is; and the chance below which votes are of no use."""


def gather_questions(
    space: Space, task: Task, sizes: Sequence[int], seed: int
) -> tuple[dict[str, dict[int, list[tuple[Any, ...]]]], list[Genome]]:
    """The inputs that calls get inside genomes that would be right, by primitive and total size; and these genomes.

    A primitive that they hardly ever ask is asked about the problems themselves.
    """
    generator = random.Random(f"calibrate/{seed}")
    instances = [instance for size in sizes for instance in task.instances(size, INSTANCES, seed=seed)]
    found: dict[str, dict[int, dict[bytes | str, tuple[Any, ...]]]] = {}

    def rehearsed(genome: Genome, on: Sequence[Instance]) -> bool | None:
        rehearsal = rehearse(genome, on, task, space.toolbox)
        for question in rehearsal.questions:
            primitive, values = question.primitive, question.values
            size = sum(primitive.sizes(values))
            found.setdefault(primitive.name, {}).setdefault(size, {}).setdefault(_content(values), values)
        return rehearsal.right

    right: dict[Genome, None] = {}
    cores: dict[Genome, bool | None] = {}
    drawn = (space.sample(generator) for _ in range(DRAWS))
    for genome in chain(islice(space.skeletons(generator, min(SMALL, space.max_size)), STRUCTURES), drawn):
        core = bare(genome)
        if core not in cores:
            cores[core] = rehearsed(core, instances[::INSTANCES])
        if cores[core]:
            right.setdefault(genome)
    for genome in sorted(right, key=lambda each: (each.size, each.key))[:SIMPLE]:
        rehearsed(genome, instances)
    for name, primitive in space.toolbox.primitives.items():
        if sum(map(len, found.get(name, {}).values())) < GRID:
            for size, each in _on_problems(primitive, task, instances).items():
                found.setdefault(name, {}).setdefault(size, {}).update(each)
    inputs = {name: {size: list(each.values()) for size, each in by_size.items()} for name, by_size in found.items()}
    return inputs, list(right)


def _content(values: tuple[Any, ...]) -> bytes | str:
    """What tells inputs apart: their JSON where they have one, in a fraction of the time of their `repr`."""
    try:
        return msgspec.json.encode(values)
    except (TypeError, ValueError, OverflowError):
        return repr(values)


def _on_problems(
    primitive: Primitive, task: Task, instances: Sequence[Instance]
) -> dict[int, dict[bytes | str, tuple[Any, ...]]]:
    """Inputs that a primitive can take from a problem itself, where they are what it expects."""
    found: dict[int, dict[bytes | str, tuple[Any, ...]]] = {}
    if primitive.reference is None or not set(primitive.inputs) <= set(task.inputs):
        return found
    for instance in instances:
        values = tuple(instance.inputs[task.inputs.index(kind)] for kind in primitive.inputs)
        if primitive.sensible(values):
            found.setdefault(sum(primitive.sizes(values)), {}).setdefault(_content(values), values)
    return found


def spread(inputs: Mapping[int, Sequence[Any]], most: int) -> list[int]:
    """At most `most` sizes, about evenly spaced in their logarithms; of near ones, that with the most inputs."""
    sizes = sorted(inputs)
    if len(sizes) <= most:
        return sizes
    low, high = math.log(sizes[0] + 1), math.log(sizes[-1] + 1)
    bins: dict[int, list[int]] = {}
    for size in sizes:
        bins.setdefault(min(most - 1, int(most * (math.log(size + 1) - low) / (high - low))), []).append(size)
    return [max(near, key=lambda size: (min(SAMPLES, len(inputs[size])), size)) for near in bins.values()]


async def calibrate(
    space: Space,
    task: Task,
    engine: Engine,
    sizes: Sequence[int],
    seed: int,
    progress: Callable[[int, int], None],
    earlier: Calibration | None = None,
) -> tuple[Calibration, list[Genome]]:
    """Ask every model every primitive with a reference, at times in all its wordings, greedily, at sizes of its inputs.

    First on a grid of sizes, then at those where the chance of being right is least known: where it changes. What was
    measured `earlier` needs no grid. Gives the counts, and those small and random genomes that would be right, whose
    calls these were.

    Raises:
        ModelError: a model could not answer.
        BudgetError: a limit would have been exceeded.
    """
    if task.blind:
        return Calibration(), []
    generator = random.Random(f"choose/{seed}")
    inputs, right = gather_questions(space, task, sizes, seed)
    for by_size in inputs.values():
        for values in by_size.values():
            generator.shuffle(values)
    models = len(space.toolbox.models)
    primitives = space.toolbox.primitives
    table = earlier or Calibration()
    measured = [name for name in primitives if table.successes(name) is not None]
    places = {name: count() for name in primitives}

    def next_inputs(name: str, size: int) -> list[Question]:
        values = inputs[name][size]
        taken, inputs[name][size] = values[:SAMPLES], values[SAMPLES:]
        return [q for each in taken for q in variants(primitives[name], each, models, next(places[name]))]

    done = total = 0

    async def one(question: Question) -> Answered:
        nonlocal done
        answered = await _answered(question, engine)
        done += 1
        progress(done, total)
        return answered

    for wave in range(1 + WAVES):
        questions = [
            question
            for name, by_size in sorted(inputs.items())
            for size in (
                least_known(table, primitives[name], by_size, models, LEFT if name in measured else KNOWN)
                if wave or name in measured
                else spread(by_size, GRID)
            )
            for question in next_inputs(name, size)
        ]
        total += len(questions)
        for name, model in product({question.primitive.name for question in questions}, range(models)):
            if not table.repeated(name, model):
                table.unrepeated.setdefault(name, [])  # votes are hoped for, also where nothing turns out to be wrong
        table.add_asked(await asyncio.gather(*(one(question) for question in questions)))
    return table, right


async def ask_ahead(
    genome: Genome,
    problems: Sequence[Instance],
    task: Task,
    space: Space,
    engine: Engine,
    table: Calibration,
    calls: float,
) -> bool:
    """Ask those calls of a genome on some problems whose uncertain chances its forecast depends on most.

    They get the inputs that they would get if every call were right; those that were asked before tell nothing new, and
    others are asked. Gives whether there were any. A few such calls tell what it would take many to find out by running
    the whole genome. Of about so many `calls` each kind gets its share in the genome's, but no fewer than `AHEAD` and
    no more than `MANY`.

    Raises:
        ModelError: a model could not answer.
        BudgetError: a limit would have been exceeded.
    """
    alike: dict[tuple[str, Asked, tuple[int, ...]], dict[str, Question]] = {}
    often = Counter[tuple[str, Asked, tuple[int, ...]]]()
    for question in rehearse(genome, problems, task, space.toolbox).questions:
        asked = Asked(question.model, question.prompt, question.temperature)
        key = (question.primitive.name, asked, tuple(question.primitive.sizes(question.values)))
        alike.setdefault(key, {}).setdefault(engine.key_of(question), question)
        often[key] += 1
    known = {key: found.chance(*key[1:]) for key in alike if (found := table.successes(key[0])) is not None}
    # How far one standard deviation of the log-odds of all calls of a size moves the log of their all being right.
    weights = {key: often[key] * chance.spread * (1 - chance.at()) for key, chance in known.items()}
    heaviest = sorted(weights, key=lambda key: -weights[key])[:GROUPS]
    chosen = [key for key in heaviest if weights[key] > TELLING * weights[heaviest[0]]]
    counted = table.keys
    questions = list[Question]()
    for key in chosen:
        fresh = (question for name, question in alike[key].items() if name not in counted)
        questions += islice(fresh, max(AHEAD, round(min(MANY, calls * often[key] / often.total()))))
    table.add_asked(await asyncio.gather(*(_answered(question, engine) for question in questions)))
    return bool(questions)


def least_known(
    table: Calibration, primitive: Primitive, inputs: Mapping[int, Sequence[Any]], models: int, enough: float = KNOWN
) -> list[int]:
    """At most `MORE` sizes that have inputs left and whose chance of being right is known least, the worst first.

    Judged by the first wording: the others are asked ahead of the runs of genomes that look promising with them.
    """
    successes = table.successes(primitive.name)
    if successes is None:
        return []
    ways = [Asked(model, 0, 0.0) for model in range(models)]
    doubts = {
        size: fmean(max(_doubt(successes.chance(way, primitive.sizes(each))) for way in ways) for each in values[:3])
        for size, values in inputs.items()
        if values
    }
    chosen: list[int] = []
    for size in sorted(doubts, key=lambda size: -doubts[size]):
        apart = all(not 1 / APART < (size + 1) / (other + 1) < APART for other in chosen)
        if len(chosen) < MORE and doubts[size] > enough and apart:
            chosen.append(size)
    return chosen


def _doubt(chance: Chance) -> float:
    """How uncertain a chance is; for a small one, also how uncertain it leaves what votes would cost."""
    small = chance.mean < 0 and chance.at(1) > HOPELESS
    return max(chance.doubt, KNOWN * chance.spread / WIDE) if small else chance.doubt


async def ask_again(primitives: Iterable[str], engine: Engine, table: Calibration) -> bool:
    """Ask calls of these primitives again that came out wrong; gives whether there were any that had not been yet.

    How alike answers are is what votes and retries hang on, and nothing else does.

    Raises:
        ModelError: a model could not answer.
        BudgetError: a limit would have been exceeded.
    """
    again = [each for name in sorted(set(primitives) & set(table.unrepeated)) for each in repeats(table, name)]
    repeated = await asyncio.gather(*(_answered(question, engine) for question, _, _ in again))
    for (question, first, shuffle), (_, record, _) in zip(again, repeated, strict=True):
        table.add_repeat(first.record, record, shuffle)
        table.unrepeated.pop(question.primitive.name, None)
    return bool(again)


async def _answered(question: Question, engine: Engine) -> Answered:
    trace = Trace()
    answer = await engine.asker(trace)(question)
    return Answered(question, trace.records[0], answer.value)


def repeats(table: Calibration, name: str) -> list[tuple[Question, Answered, bool]]:
    """Further samples of a primitive's calls that came out wrong, with the first and whether their items are shuffled.

    Half of them are the calls that were most likely to be right: where every answer is wrong, further samples say
    nothing about whether they succeed independently. They still say how often wrong answers agree, which changes with
    the size, so the other half is spread over the rest.
    """
    successes = table.successes(name)
    assert successes is not None  # some were judged
    found = sorted(
        table.unrepeated[name],
        key=lambda each: -successes.chance(key_of(each.record).asked, each.record.input_sizes).at(),
    )
    likely, rest = found[: REPEATS // 2], found[REPEATS // 2 :]
    step = max(1.0, len(rest) / (REPEATS - REPEATS // 2))
    again: list[tuple[Question, Answered, bool]] = []
    for first in [*likely, *(rest[int(place * step)] for place in range(round(len(rest) / step)))]:
        for sample in ((1,), (2,)):
            warm = replace(first.question, temperature=WARM, sample=sample)
            again.append((warm, first, False))
            if warm.primitive.permutable():
                values = tuple(shuffled(warm.primitive, warm.values, sample))
                again.append((replace(warm, values=values), first, True))
    return again


def variants(primitive: Primitive, values: tuple[Any, ...], models: int, place: int) -> list[Question]:
    """The inputs at one place among others asked of every model, with its first prompt or, of every few, with all."""
    prompts = len(primitive.prompts) if place % REWORDED == 0 else 1
    return [Question(primitive, values, prompt, model) for model in range(models) for prompt in range(prompts)]
