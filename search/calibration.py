"""The first phase of a run: measure single calls by size, on the inputs that decompositions give them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any

from undercut.evaluators.calibrate import Calibration
from undercut.evaluators.engine import Engine
from undercut.evaluators.task import Task
from undercut.evaluators.trace import Trace
from undercut.search.rehearse import rehearse
from undercut.spaces.primitive import Primitive
from undercut.spaces.question import Question
from undercut.spaces.space import Space
from undercut.spaces.types import size_of

POOL, DRAWS = 80, 1500
"""Genomes whose rehearsals supply the inputs, and how many are drawn at most to find that many right ones."""
GRID, SAMPLES = 10, 12
"""Sizes of a primitive that are measured, and calls at each."""


def gather_questions(
    space: Space, task: Task, sizes: Sequence[int], seed: int
) -> dict[str, dict[int, list[tuple[Any, ...]]]]:
    """Inputs of calls, by primitive and total size, as they occur inside genomes that would be right."""
    generator = random.Random(f"calibrate/{seed}")
    instances = [instance for size in sizes for instance in task.instances(size, 1, seed=seed)]
    found: dict[str, dict[int, dict[str, tuple[Any, ...]]]] = {}
    right = 0
    for _ in range(DRAWS):
        rehearsal = rehearse(space.sample(generator), instances, task, space.toolbox)
        for name, values in rehearsal.questions:
            primitive = space.toolbox.primitives[name]
            size = sum(size_of(value, kind) for value, kind in zip(values, primitive.inputs, strict=True))
            found.setdefault(name, {}).setdefault(size, {}).setdefault(repr(values), values)
        right += bool(rehearsal.right)
        if right >= POOL:
            break
    return {name: {size: list(each.values()) for size, each in by_size.items()} for name, by_size in found.items()}


def spread(sizes: Sequence[int], count: int) -> list[int]:
    """At most `count` of the sizes, evenly apart in their logarithms, both ends among them."""
    sizes = sorted(sizes)
    if len(sizes) <= count:
        return sizes
    low, high = sizes[0] + 1, sizes[-1] + 1
    wanted = [low * (high / low) ** (index / (count - 1)) - 1 for index in range(count)]
    return sorted({min(sizes, key=lambda size: abs(size - want)) for want in wanted})


async def calibrate(
    space: Space,
    task: Task,
    engine: Engine,
    sizes: Sequence[int],
    seed: int,
    progress: Callable[[int, int], None],
) -> Calibration:
    """Ask every primitive with a reference at a grid of sizes, with every prompt and model, greedily.

    Raises:
        ModelError: a model could not answer.
        BudgetError: a limit would have been exceeded.
    """
    generator = random.Random(f"choose/{seed}")
    questions: list[Question] = []
    for name, by_size in sorted(gather_questions(space, task, sizes, seed).items()):
        primitive = space.toolbox.primitives[name]
        for size in spread(list(by_size), GRID):
            inputs = by_size[size]
            for values in generator.sample(inputs, min(SAMPLES, len(inputs))):
                questions += variants(primitive, values, len(space.toolbox.models))
    trace = Trace()
    ask, done = engine.asker(trace), 0

    async def one(question: Question) -> None:
        nonlocal done
        await ask(question)
        done += 1
        progress(done, len(questions))

    await asyncio.gather(*(one(question) for question in questions))
    table = Calibration()
    # Answers come in any order, and sums of floats depend on it.
    table.add(sorted(trace.records, key=lambda record: record.key), space.toolbox.primitives)
    return table


def variants(primitive: Primitive, values: tuple[Any, ...], models: int) -> list[Question]:
    """The same inputs asked with every prompt of every model."""
    return [
        Question(primitive, values, prompt, model)
        for model in range(models)
        for prompt in range(len(primitive.prompts))
    ]
