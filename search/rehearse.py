"""Rehearsal: a genome run on the primitives' references, before any model is asked.

It tells for nothing whether a genome would be right if every call were, and what its calls would be.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from undercut.evaluators.models.wrong import leaves, slipped
from undercut.evaluators.task import Instance, Task
from undercut.spaces.errors import InvalidAnswer
from undercut.spaces.execution import Execution, run_now
from undercut.spaces.genome import Genome
from undercut.spaces.normal import bare
from undercut.spaces.question import Answer, Ask, Question
from undercut.spaces.toolbox import Function, Toolbox
from undercut.spaces.types import Type, size_of

MOST_CALLS, CALLS_PER_ITEM = 200, 20
"""A genome that asks more on one instance, for a start and for each item of it, is not worth a look."""
STEPS_PER_CALL = 5
"""Nor is one that runs functions in code more than so many times as often as that."""
SLIPS = 8
"""Wrong answers of which a check has to refuse one, on any of the instances."""
MOST_ITEMS = 8
"""Nor is one that shows the model, or a function in code, more than so many times the instance at once."""


class _NoReferenceError(Exception):
    """A primitive has no reference, so nothing can be said before a model is asked."""


class _WastefulError(Exception):
    """The genome asks far more than the instance holds."""


class _SenselessError(Exception):
    """A primitive was asked about inputs that it does not expect."""


class _Checking(Execution):
    """Holds the checks of retries against right answers, which they must accept, and wrong ones, for `refusing`."""

    __slots__ = ("_refusing",)

    def __init__(self, ask: Ask, toolbox: Toolbox, refusing: dict[str, bool], sample: tuple[int, ...] = ()) -> None:
        super().__init__(ask, toolbox, sample, concurrent=False)
        self._refusing = refusing

    def _child(self, sample: tuple[int, ...], beside: int = 1) -> Execution:
        return _Checking(self._ask, self.toolbox, self._refusing, sample)

    async def apply(self, genome: Genome, inputs: Sequence[Any], sample: tuple[int, ...] | None = None) -> Any:
        found = await super().apply(genome, inputs, sample)
        if genome.key in self._refusing:
            if not found:
                raise _SenselessError
            draw = random.Random(repr(inputs))
            for _ in range(SLIPS):
                wrong = slipped(inputs[0], list(leaves(inputs)), draw)
                if not self._refusing[genome.key] and wrong != inputs[0]:
                    self._refusing[genome.key] = await self._refuses(genome, (wrong, *inputs[1:]))
        return found

    async def _refuses(self, check: Genome, inputs: Sequence[Any]) -> bool:
        try:
            return not await super().apply(check, inputs)
        except (_SenselessError, InvalidAnswer, TypeError, ValueError, ArithmeticError, LookupError):
            return False


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a rehearsal told.

    Attributes:
        right: whether every instance came out right, without waste, and every check of a retry accepted what was right
            and refused something that was not; None where a primitive has no reference.
        questions: the calls, as primitive names and inputs.
    """

    right: bool | None
    questions: tuple[tuple[str, tuple[Any, ...]], ...] = ()


def rehearse(genome: Genome, instances: Sequence[Instance], task: Task, toolbox: Toolbox) -> Rehearsal:
    """Run a genome on references, each sampled call once; it ends at the first instance that comes out wrong."""
    genome = bare(genome)
    questions: list[tuple[str, tuple[Any, ...]]] = []
    calls_left = steps_left = most_items = 0

    def hold(kinds: Sequence[Type], values: Sequence[Any]) -> None:
        if sum(size_of(value, kind) for value, kind in zip(values, kinds, strict=True)) > most_items:
            raise _WastefulError

    def held(function: Function) -> Function:
        """The function, refusing inputs and repetitions out of all proportion: code is free, and may double things."""

        def run(*values: Any) -> Any:
            nonlocal steps_left
            steps_left -= 1
            if steps_left < 0:
                raise _WastefulError
            hold(function.inputs, values)
            return function.run(*values)

        return replace(function, run=run)

    async def ask(question: Question) -> Answer:
        nonlocal calls_left
        calls_left -= 1
        reference = question.primitive.reference
        if reference is None:
            raise _NoReferenceError
        if calls_left < 0:
            raise _WastefulError
        hold(question.primitive.inputs, question.values)
        if question.primitive.expects is not None and not question.primitive.expects(*question.values):
            raise _SenselessError
        questions.append((question.primitive.name, question.values))
        return Answer(reference(*question.values))

    if toolbox.functions:
        functions = [held(function) for function in toolbox.functions.values()]
        toolbox = Toolbox(list(toolbox.primitives.values()), functions, toolbox.models)
    refusing = {node.bodies[1].key: False for node in genome.walk() if node.op == "retry"}
    for instance in instances:
        calls_left = MOST_CALLS + CALLS_PER_ITEM * instance.size
        steps_left = STEPS_PER_CALL * calls_left
        most_items = MOST_ITEMS * (instance.size + 2)
        try:
            output = run_now(_Checking(ask, toolbox, refusing).apply(genome, instance.inputs))
        except _NoReferenceError:
            return Rehearsal(None)
        except (_WastefulError, _SenselessError, InvalidAnswer, TypeError, ValueError, ArithmeticError, LookupError):
            return Rehearsal(False)
        if task.score(output, instance.target) < 1:
            return Rehearsal(False)
    return Rehearsal(True, tuple(questions)) if all(refusing.values()) else Rehearsal(False)
