"""The first phase of a run: measure single calls by size, on the inputs that decompositions give them."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice
from typing import Any

from undercut.evaluators.calibrate import Calibration
from undercut.evaluators.engine import Engine
from undercut.evaluators.task import Instance, Task
from undercut.evaluators.trace import CallRecord, Trace
from undercut.search.rehearse import rehearse
from undercut.spaces.genome import Genome
from undercut.spaces.operators.call import shuffled
from undercut.spaces.primitive import Primitive
from undercut.spaces.question import Question
from undercut.spaces.space import Space
from undercut.spaces.types import size_of

DRAWS = 600
"""Random genomes whose rehearsals supply the inputs of calls, where they come out right."""
SMALL, STRUCTURES = 3, 3000
"""All structures of up to so many nodes are rehearsed first, at most so many of them."""
SIMPLE = 12
"""The smallest right ones are rehearsed on as many instances as there are calls to a size."""
GRID, SAMPLES = 12, 12
"""Sizes of a primitive that are measured, and calls at each."""
WARM = 0.7
"""Temperature at which calls that came out wrong are asked again."""
REPEATS = 16
"""Wrong calls of a primitive that are asked again, twice in the same words and twice with their items shuffled."""


def gather_questions(
    space: Space, task: Task, sizes: Sequence[int], seed: int
) -> tuple[dict[str, dict[int, list[tuple[Any, ...]]]], list[Genome]]:
    """Inputs of calls, by primitive and total size, as they occur inside genomes that would be right; and those."""
    generator = random.Random(f"calibrate/{seed}")
    instances = [instance for size in sizes for instance in task.instances(size, SAMPLES, seed=seed)]
    found: dict[str, dict[int, dict[str, tuple[Any, ...]]]] = {}

    def rehearsed(genome: Genome, on: Sequence[Instance]) -> bool | None:
        rehearsal = rehearse(genome, on, task, space.toolbox)
        for name, values in rehearsal.questions:
            primitive = space.toolbox.primitives[name]
            size = sum(size_of(value, kind) for value, kind in zip(values, primitive.inputs, strict=True))
            found.setdefault(name, {}).setdefault(size, {}).setdefault(repr(values), values)
        return rehearsal.right

    right: dict[Genome, None] = {}
    drawn = (space.sample(generator) for _ in range(DRAWS))
    for genome in chain(islice(space.skeletons(generator, SMALL), STRUCTURES), drawn):
        if genome not in right and rehearsed(genome, instances[::SAMPLES]):
            right.setdefault(genome)
    for genome in sorted(right, key=lambda each: (each.size, each.key))[:SIMPLE]:
        rehearsed(genome, instances)
    inputs = {name: {size: list(each.values()) for size, each in by_size.items()} for name, by_size in found.items()}
    return inputs, list(right)


def spread(inputs: Mapping[int, Sequence[Any]], count: int) -> list[int]:
    """At most `count` sizes, about evenly apart in their logarithms; of near ones that with the most inputs."""
    sizes = sorted(inputs)
    if len(sizes) <= count:
        return sizes
    low, high = math.log(sizes[0] + 1), math.log(sizes[-1] + 1)
    bins: dict[int, list[int]] = {}
    for size in sizes:
        bins.setdefault(min(count - 1, int(count * (math.log(size + 1) - low) / (high - low))), []).append(size)
    return [max(near, key=lambda size: (min(SAMPLES, len(inputs[size])), size)) for near in bins.values()]


async def calibrate(
    space: Space,
    task: Task,
    engine: Engine,
    sizes: Sequence[int],
    seed: int,
    progress: Callable[[int, int], None],
) -> tuple[Calibration, list[Genome]]:
    """Ask every primitive with a reference at a grid of sizes, with every prompt and model, greedily.

    Gives what was counted, and the small or random genomes whose calls these were: they would be right.

    Raises:
        ModelError: a model could not answer.
        BudgetError: a limit would have been exceeded.
    """
    generator = random.Random(f"choose/{seed}")
    questions: list[Question] = []
    inputs_by_size, right = gather_questions(space, task, sizes, seed)
    for name, by_size in sorted(inputs_by_size.items()):
        primitive = space.toolbox.primitives[name]
        for size in spread(by_size, GRID):
            inputs = by_size[size]
            for values in generator.sample(inputs, min(SAMPLES, len(inputs))):
                questions += variants(primitive, values, len(space.toolbox.models))
    done = 0

    async def one(question: Question) -> CallRecord:
        nonlocal done
        trace = Trace()
        await engine.asker(trace)(question)
        done += 1
        progress(done, max(done, len(questions)))
        return trace.records[0]

    first = await asyncio.gather(*(one(question) for question in questions))
    table = Calibration()
    table.add(first, space.toolbox.primitives)
    # The further samples say how alike answers are, and not how often they are right: they were chosen for failing.
    again = repeats([(question, record) for question, record in zip(questions, first, strict=True)])
    for (_, record, shuffle), repeat in zip(again, await asyncio.gather(*(one(q) for q, _, _ in again)), strict=True):
        table.add_repeat(record, shuffle, bool(repeat.right))
    return table, right


def repeats(asked: Sequence[tuple[Question, CallRecord]]) -> list[tuple[Question, CallRecord, bool]]:
    """Further samples of calls that came out wrong, with the first record and whether their items are shuffled."""
    taken: dict[str, int] = {}
    again: list[tuple[Question, CallRecord, bool]] = []
    for question, record in asked:
        primitive = question.primitive
        if record.right is not False or taken.setdefault(primitive.name, 0) >= REPEATS:
            continue
        taken[primitive.name] += 1
        for sample in ((1,), (2,)):
            warm = replace(question, temperature=WARM, sample=sample)
            again.append((warm, record, False))
            if primitive.permutable():
                values = tuple(shuffled(primitive, question.values, sample))
                again.append((replace(warm, values=values), record, True))
    return again


def variants(primitive: Primitive, values: tuple[Any, ...], models: int) -> list[Question]:
    """The same inputs asked with every prompt of every model."""
    return [
        Question(primitive, values, prompt, model)
        for model in range(models)
        for prompt in range(len(primitive.prompts))
    ]
