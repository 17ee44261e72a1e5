"""Rehearsal: a genome run on the primitives' references, before any model is asked.

It tells for nothing whether a genome would be right if every call were, and what its calls would be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from undercut.evaluators.task import Instance, Task
from undercut.spaces.errors import InvalidAnswer
from undercut.spaces.execution import run_now
from undercut.spaces.genome import Genome
from undercut.spaces.operators import OPERATORS
from undercut.spaces.question import Job, Question
from undercut.spaces.toolbox import Function, Toolbox
from undercut.spaces.types import Type, size_of

MOST_CALLS, CALLS_PER_ITEM = 200, 20
"""A genome that asks more on one instance, for a start and for each item of it, is not worth a look."""
STEPS_PER_CALL = 5
"""Nor is one that runs functions in code more than so many times as often as that."""
MOST_ITEMS = 8
"""Nor is one that shows the model, or a function in code, more than so many times the instance at once."""


class _NoReferenceError(Exception):
    """A primitive has no reference, so nothing can be said before a model is asked."""


class _WastefulError(Exception):
    """The genome asks far more than the instance holds."""


class _SenselessError(Exception):
    """A primitive was asked about inputs that it does not expect, or a right answer was refused by a check."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a rehearsal told.

    Attributes:
        right: whether every instance came out right, without waste; None where a primitive has no reference.
        questions: the calls, as primitive names and inputs.
    """

    right: bool | None
    questions: tuple[tuple[str, tuple[Any, ...]], ...] = ()


def rehearse(genome: Genome, instances: Sequence[Instance], task: Task, toolbox: Toolbox) -> Rehearsal:
    """Run a genome on references; it ends at the first instance that comes out wrong."""
    walk = _Walk(toolbox)
    for instance in instances:
        walk.begin(instance.size)
        try:
            output = run_now(walk.apply(genome, instance.inputs))
        except _NoReferenceError:
            return Rehearsal(None)
        except (_WastefulError, _SenselessError, InvalidAnswer, TypeError, ValueError, ArithmeticError, LookupError):
            return Rehearsal(False)
        if task.score(output, instance.target) < 1:
            return Rehearsal(False)
    return Rehearsal(True, tuple(walk.questions))


class _Walk:
    """The walk with references. Further samples of an answer would be the same, so votes are cast once."""

    sample: tuple[int, ...] = ()

    def __init__(self, toolbox: Toolbox) -> None:
        self.toolbox = toolbox
        if toolbox.functions:
            functions = [self._held(function) for function in toolbox.functions.values()]
            self.toolbox = Toolbox(list(toolbox.primitives.values()), functions, toolbox.models)
        self.questions: list[tuple[str, tuple[Any, ...]]] = []

    def begin(self, size: int) -> None:
        """Begin an instance of this size."""
        self._calls = MOST_CALLS + CALLS_PER_ITEM * size
        self._steps = STEPS_PER_CALL * self._calls
        self._most_items = MOST_ITEMS * (size + 2)

    async def ask(self, question: Question) -> Any:
        """Answer from the reference."""
        primitive, values = question.primitive, question.values
        if primitive.reference is None:
            raise _NoReferenceError
        self._spend(1)
        self._hold(primitive.inputs, values)
        if primitive.expects is not None and not primitive.expects(*values):
            raise _SenselessError
        self.questions.append((primitive.name, values))
        return primitive.reference(*values)

    async def apply(self, genome: Genome, inputs: Sequence[Any], sample: tuple[int, ...] | None = None) -> Any:
        """Run a genome; a second try means that its check refuses what is right, and would do so always."""
        if sample and sample[-1]:
            raise _SenselessError
        values: dict[str, Any] = {f"x{index}": value for index, value in enumerate(inputs)}
        for node in genome.nodes():
            values[node.key] = await OPERATORS[node.op].run(node, [values[part.key] for part in node.inputs], self)
        return values[genome.output.key]

    async def parallel(self, jobs: Sequence[Job]) -> list[Any]:
        """Run genomes one after another."""
        if len(jobs) > 1 and jobs[0][2] != jobs[1][2]:  # samples of one body
            before = self._calls
            result = await self.apply(*jobs[0][:2])
            self._spend((before - self._calls) * (len(jobs) - 1))
            return [result] * len(jobs)
        return [await self.apply(genome, inputs) for genome, inputs, _ in jobs]

    def _spend(self, calls: int) -> None:
        self._calls -= calls
        if self._calls < 0:
            raise _WastefulError

    def _held(self, function: Function) -> Function:
        """The function, refusing inputs and repetitions out of all proportion: code is free, and may double things."""

        def run(*values: Any) -> Any:
            self._steps -= 1
            if self._steps < 0:
                raise _WastefulError
            self._hold(function.inputs, values)
            return function.run(*values)

        return replace(function, run=run)

    def _hold(self, kinds: Sequence[Type], values: Sequence[Any]) -> None:
        if sum(size_of(value, kind) for value, kind in zip(values, kinds, strict=True)) > self._most_items:
            raise _WastefulError
