"""Rehearsal: a genome run on the primitives' references, before any model is asked.

It tells for nothing whether a genome would be right if every call were, what its calls would be, and how often one of
them that goes wrong spoils the result.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from undercut.evaluators.declared import DeclaredRates
from undercut.evaluators.models.wrong import leaves, plausible, slipped
from undercut.evaluators.task import Instance, Task
from undercut.spaces.errors import InvalidAnswer
from undercut.spaces.estimate import CallRates
from undercut.spaces.estimator import Estimator
from undercut.spaces.execution import run_now
from undercut.spaces.extent import extent_of
from undercut.spaces.genome import Genome, Node
from undercut.spaces.normal import bare
from undercut.spaces.operators import OPERATORS
from undercut.spaces.operators.route import BRANCH
from undercut.spaces.pricing import call_cost
from undercut.spaces.primitive import Primitive
from undercut.spaces.question import Job, Question
from undercut.spaces.toolbox import Function, Toolbox
from undercut.spaces.types import Type, size_of

MOST_CALLS, CALLS_PER_ITEM = 200, 20
"""Most calls on one instance: so many, and so many more for each item of it. A genome that asks more is wasteful."""
STEPS_PER_CALL = 5
"""Functions in code may run so many times as often as calls are made."""
MOST_ITEMS = 8
"""One call, or one function in code, may be shown so many times the items of the instance."""
SLIPS = 8
"""Wrong answers of which a check has to refuse one, on any of the instances."""
LONG, FAR_TOO_MANY = 256, 2.0
"""On instances larger than `LONG` a genome is not run at all where it is foreseen to ask `FAR_TOO_MANY` times the calls
that it may: it would take seconds to find that out."""
PLAIN = ("call", "code", "split", "join", "map", "reduce", "fold", "merge_blocks")
"""Operators whose calls can be foreseen exactly where every answer is right."""
FAULTS = 24
"""Calls that are made to go wrong, one at a time, to see what that does to the result."""


class _NoReferenceError(Exception):
    """A primitive has no reference, so nothing can be said before a model is asked."""


class _WastefulError(Exception):
    """The genome asks far more than the instance holds."""


class _SenselessError(Exception):
    """A primitive was asked about inputs that it does not expect, or a right answer was refused by a check."""


_UNFIT = (
    _NoReferenceError,
    _WastefulError,
    _SenselessError,
    InvalidAnswer,
    TypeError,
    ValueError,
    ArithmeticError,
    LookupError,
)
"""How a rehearsal ends that does not come to a result."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a rehearsal told.

    Attributes:
        right: whether every instance came out right, without waste, and every check of a retry accepted what was right
            and refused something that was not; None where a primitive has no reference.
        questions: the calls.
        idle: whether no instance ever took some branch of a route, so that nothing is known of that one.
    """

    right: bool | None
    questions: tuple[Question, ...] = ()
    idle: bool = False


def rehearse(genome: Genome, instances: Sequence[Instance], task: Task, toolbox: Toolbox) -> Rehearsal:
    """Run a genome on references; it ends at the first instance that comes out wrong."""
    walk = _Walk(genome, toolbox)
    for instance in instances:
        most = FAR_TOO_MANY * _most_calls(instance.size)
        if instance.size > LONG and _foreseen(genome, instance, task, toolbox) > most:
            return Rehearsal(False)
        walk.begin(instance.size)
        try:
            output = run_now(walk.apply(genome, instance.inputs))
        except _NoReferenceError:
            return Rehearsal(None)
        except _UNFIT:
            return Rehearsal(False)
        if task.scored(output, instance.target) != 1:
            return Rehearsal(False)
    if not all(walk.refusing.values()):
        return Rehearsal(False)
    routes = [node for node in genome.walk() if node.op == "route" and node.genes["pick"] == BRANCH]
    idle = any(body.key not in walk.applied for node in routes for body in node.bodies)
    return Rehearsal(True, tuple(walk.questions), idle)


def _most_calls(size: int) -> int:
    """Most calls that a genome worth a look makes on an instance of this size."""
    return MOST_CALLS + CALLS_PER_ITEM * size


def _foreseen(genome: Genome, instance: Instance, task: Task, toolbox: Toolbox) -> float:
    """The calls that a genome will make on an instance, as the walk with symbols counts them; 0 where none can tell."""
    core = bare(genome)
    calls = [node.genes["primitive"] for node in core.walk() if node.op == "call"]
    if not all(node.op in PLAIN for node in core.walk()) or any(
        toolbox.primitives[str(name)].reference is None for name in calls
    ):
        return 0.0
    extents = [extent_of(value, kind) for value, kind in zip(instance.inputs, task.inputs, strict=True)]
    try:
        return Estimator(_Counted(()), toolbox).apply(core, extents).cost.calls
    except _UNFIT:  # a law that is the user's code
        return 0.0


class _Counted(DeclaredRates):
    """Rates by which calls are counted, and nothing else."""

    def call(self, node: Node, primitive: Primitive, sizes: Sequence[float]) -> CallRates:
        """One call that is never wrong."""
        return CallRates(call_cost(0, 0))


def spoiling(
    genome: Genome,
    instances: Sequence[Instance],
    task: Task,
    toolbox: Toolbox,
    doubt: Callable[[Question], float],
    generator: random.Random,
) -> float:
    """Share of wrong calls that make the result wrong, in (0, 1]: a maximum may be right though one of its parts is
    not.

    Calls go wrong one at a time, in the small ways of `plausible`, and the more often the larger their `doubt`. A fault
    that a check sees is counted neither way. 1 where nothing can be told.
    """
    walk = _Walk(genome, toolbox)
    places: list[tuple[Instance, int]] = []
    doubts: list[float] = []
    spoiled, harmless = 1, 0
    try:
        for instance in instances:
            walk.questions = []
            walk.begin(instance.size)
            run_now(walk.apply(genome, instance.inputs))
            places += [(instance, index) for index in range(len(walk.questions))]
            doubts += [doubt(question) for question in walk.questions]
    except _UNFIT:
        return 1.0
    if not sum(doubts):
        return 1.0
    for instance, index in generator.choices(places, doubts, k=FAULTS):
        walk = _Walk(genome, toolbox, (index, generator))
        walk.begin(instance.size)
        try:
            output = run_now(walk.apply(genome, instance.inputs))
        except _SenselessError:
            continue
        except _UNFIT:
            spoiled += 1
        else:
            right = task.scored(output, instance.target) == 1
            spoiled, harmless = spoiled + (not right), harmless + right
    return spoiled / (spoiled + harmless)


def _faulty(primitive: Primitive, values: Sequence[Any], truth: Any, draw: random.Random) -> Any:
    """A wrong answer, with other items if possible: another order alone makes no difference to some tasks."""
    wrong = truth
    for _ in range(SLIPS):
        found = plausible(primitive, values, truth, draw)
        wrong = truth if found is None else found[1]
        if sorted(map(repr, leaves(wrong))) != sorted(map(repr, leaves(truth))):
            break
    return wrong


class _Walk:
    """The walk with references. Further samples of an answer would be the same, so votes are cast once.

    `fault` is the position of a question that is answered wrongly, and what draws the wrong answer. `refusing` holds,
    by key, the checks of retries, and whether they refused a slip; without a fault they are held against some.
    `applied` holds the keys of all genomes and bodies that were run.
    """

    sample: tuple[int, ...] = ()

    def __init__(self, genome: Genome, toolbox: Toolbox, fault: tuple[int, random.Random] | None = None) -> None:
        self._fault = fault
        self.refusing = {
            node.bodies[1].key: False for node in genome.walk() if node.op == "retry" and len(node.bodies) > 1
        }
        self.toolbox = toolbox
        if toolbox.functions:
            functions = [self._held(function) for function in toolbox.functions.values()]
            self.toolbox = Toolbox(list(toolbox.primitives.values()), functions, toolbox.models)
        self.questions: list[Question] = []
        self.applied: set[str] = set()

    def begin(self, size: int) -> None:
        """Begin an instance of this size."""
        self._calls = _most_calls(size)
        self._steps = STEPS_PER_CALL * self._calls
        self._most_items = MOST_ITEMS * (size + 2)

    async def ask(self, question: Question) -> Any:
        """Answer from the reference."""
        primitive, values = question.primitive, question.values
        if primitive.reference is None:
            raise _NoReferenceError
        self._calls -= 1
        if self._calls < 0:
            raise _WastefulError
        self._hold(primitive.inputs, values)
        if not primitive.sensible(values):
            raise _SenselessError
        self.questions.append(question)
        try:
            truth = primitive.reference(*values)
        except Exception as error:  # the user's code, on inputs that it may not be written for
            raise _SenselessError from error
        if self._fault is not None and self._fault[0] == len(self.questions) - 1:
            return _faulty(primitive, values, truth, self._fault[1])
        return truth

    async def apply(self, genome: Genome, inputs: Sequence[Any], sample: tuple[int, ...] | None = None) -> Any:
        """Run a genome; a check that refuses what is right would do so always."""
        self.applied.add(genome.key)
        values: dict[str, Any] = {f"x{index}": value for index, value in enumerate(inputs)}
        for node in genome.nodes:
            values[node.key] = await OPERATORS[node.op].run(node, [values[part.key] for part in node.inputs], self)
        result = values[genome.output.key]
        if genome.key in self.refusing:
            if not result:
                raise _SenselessError
            if self._fault is None and not self.refusing[genome.key]:
                await self._try_check(genome, inputs)
        return result

    async def _try_check(self, check: Genome, inputs: Sequence[Any]) -> None:
        """Hold a check against slips in the answer that it was given."""
        draw, asked = random.Random(repr(inputs)), len(self.questions)
        for _ in range(SLIPS):
            wrong = slipped(inputs[0], list(leaves(inputs)), draw)
            if wrong != inputs[0] and await self._refuses(check, (wrong, *inputs[1:])):
                self.refusing[check.key] = True
                break
        del self.questions[asked:]  # no decomposition asks these

    async def _refuses(self, check: Genome, inputs: Sequence[Any]) -> bool:
        tried, self.refusing = self.refusing, {}
        try:
            return not await self.apply(check, inputs)
        except _UNFIT:
            return False
        finally:
            self.refusing = tried

    async def parallel(self, jobs: Sequence[Job]) -> list[Any]:
        """Run genomes one after another, further samples of one not again."""
        results: list[Any] = []
        before: tuple[Genome | None, Sequence[Any]] = (None, ())
        for genome, inputs, sample in jobs:
            further = bool(sample) and sample[-1] > 0 and genome is before[0] and inputs == before[1]
            results.append(results[-1] if further else await self.apply(genome, inputs))
            before = genome, inputs
        return results

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
