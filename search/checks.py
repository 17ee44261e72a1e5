"""Whether genomes would be right if every call were: rehearsed near and far off, and on every way that they may go."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property

from undercut.evaluators.declared import DeclaredRates
from undercut.evaluators.task import Instance, Task
from undercut.search.rehearse import rehearse
from undercut.search.settings import Settings
from undercut.spaces.errors import TaskError
from undercut.spaces.estimate import CallRates
from undercut.spaces.estimator import Estimator
from undercut.spaces.extent import Extent, extent_of
from undercut.spaces.genome import Genome, Node, inputs_read
from undercut.spaces.normal import bare
from undercut.spaces.operators import OPERATORS
from undercut.spaces.operators.base import SIZES
from undercut.spaces.pricing import call_cost
from undercut.spaces.primitive import Primitive
from undercut.spaces.question import Question
from undercut.spaces.toolbox import Toolbox

REHEARSED, FARTHEST = max(SIZES), 1024
"""Largest problems that all genomes are rehearsed on, and those near the front. Many a rehearsal takes time and memory
as the square of its problem, and no genome was seen yet that is right up to here and wrong farther off."""
CHOOSING, VARIED = ("route", "guard"), 16
"""Operators that do not do the same on every problem, and on how many more small problems genomes with them are
rehearsed."""
AT_TARGET = 24
"""Problems of the target's size on which what is about to be run is rehearsed, and whose calls may be asked at one
look: several genomes ask some of the same ones."""
FORESEEN = 1.5
"""In a rehearsal, calls may be shown so many times the items that the walk with symbols expects."""


class Checks:
    """The rehearsals of one search. Genomes that differ in nothing but votes, retries and wording share one.

    Attributes:
        target: the target size, at most `FARTHEST`.
        sizes: the sizes that are run and the target, those of them that the task has, at most `FARTHEST` each. Where
            problems come from a file, both may be as large as the largest size that is run.
    """

    def __init__(self, task: Task, toolbox: Toolbox, settings: Settings) -> None:
        self._task = task
        self._making = replace(task, problems=())
        self._toolbox = toolbox
        self._settings = settings
        self._cores: dict[Genome, Genome] = {}
        self._distinct: dict[Genome, Genome] = {}
        self._right: dict[Genome, bool | None] = {}
        self._far: set[Genome] = set()
        self._always: set[Genome] = set()
        self._ahead: dict[int, list[Instance]] = {}
        farthest = max(FARTHEST, settings.sizes[-1]) if task.problems else FARTHEST
        self.target = min(settings.target_size, farthest)
        self.sizes = [size for size in sorted({*self._held(settings.sizes), self.target}) if task.has(size)]

    def right(self, genome: Genome) -> bool | None:
        """Whether the genome would be right at each size that matters; None where a primitive has no reference.

        One with a branch that no problem takes is not: it may be anything there, and is another genome without it.
        """
        core = self._core(genome)
        if core not in self._right:
            chooses = any(node.op in CHOOSING for node in core.walk())
            problems = [*self._near, *self._varied] if chooses else self._near
            found = rehearse(core, problems, self._task, self._toolbox)
            self._right[core] = found.right and not found.idle if found.right is not None else _may_be_right(core)
        return self._right[core]

    def holds_far(self, genome: Genome) -> bool:
        """Whether a genome that would be right so far would be so at the target and beyond it as well.

        Sizes multiply where operators stand in each other: of pieces of 12, taken 20 at a time, there is only one up to
        240. Only genomes near the front are rehearsed on problems as large as that, since those take their time. Nor
        does a genome hold whose calls are shown far more than its forecast takes them to be: it hopes for too much.
        """
        core = self._core(genome)
        if core not in self._far:
            self._far.add(core)
            if self.right(genome):
                found = rehearse(core, self._far_off, self._task, self._toolbox)
                if found.right is False or not self._foreseen(core, found.questions):
                    self._right[core] = False
        return self._right[core] is not False

    def holds_always(self, genome: Genome) -> bool:
        """Whether a genome that would be right at the target would be so on any problem of that size.

        What throws away half of a list has its maximum half of the time, and of thousands some come through one or two
        rehearsals. Only genomes that are about to be run are held to this many.
        """
        core = self._core(genome)
        if core not in self._always:
            self._always.add(core)
            if self.right(genome) and rehearse(core, self.at_target(), self._task, self._toolbox).right is False:
                self._right[core] = False
        return self._right.get(core) is not False

    def _foreseen(self, core: Genome, questions: Sequence[Question]) -> bool:
        """Whether what a rehearsal far off asked is about what the walk with symbols expects there.

        Which way a choice goes is known of the model alone, so that genomes that choose are not held to it.
        """
        if any(node.op in CHOOSING for node in core.walk()):
            return True
        shown = _Items()
        for question in questions:
            shown.count(question.primitive, question.primitive.sizes(question.values))
        expected = _Items()
        walk = Estimator(expected, self._toolbox)
        total = sum(walk.apply(core, self._extents(problem)).cost.tokens for problem in self._far_off)
        return shown.total <= FORESEEN * total and all(
            most <= FORESEEN * expected.most.get(name, 0.0) for name, most in shown.most.items()
        )

    def _extents(self, problem: Instance) -> list[Extent]:
        """Extents of a problem's inputs, its own and not the task's: a task need not say how large its atoms are."""
        return [extent_of(value, kind) for value, kind in zip(problem.inputs, self._task.inputs, strict=True)]

    def at_target(self, batch: int = 0) -> list[Instance]:
        """Problems of the target's size, whose calls may be asked ahead of runs: others in each batch."""
        if batch not in self._ahead:
            self._ahead[batch] = self._instances([self.target] * AT_TARGET, batch * AT_TARGET)
        return self._ahead[batch]

    @cached_property
    def _near(self) -> list[Instance]:
        """Small problems first, which most wrong genomes fail already.

        The last one is beyond the target, so that nothing passes that is right only up to there; where the target is
        far off, it is beyond all sizes that genes propose.
        """
        sizes = self._held(self._settings.sizes)
        reach = min(self.target, max(sizes[-1], REHEARSED))
        return self._instances([*sizes, sizes[0], reach, beyond(reach)])

    @cached_property
    def _varied(self) -> list[Instance]:
        """Small problems, enough of them for every branch to be taken by some."""
        return self._instances(self._held(self._settings.sizes[:1]) * VARIED)

    @cached_property
    def _far_off(self) -> list[Instance]:
        return self._instances([self.target, beyond(self.target)])

    def _instances(self, sizes: Sequence[int], first: int = 0) -> list[Instance]:
        """One problem of each size, without those that the task does not have and that are not to be run."""
        found: list[Instance] = []
        for position, size in enumerate(sizes, first):
            try:
                found += self._task.instances(size, 1, "search", self._settings.seed + position)
            except TaskError:
                if size in self._settings.sizes:
                    raise
                with suppress(TaskError):  # a file has none, but a task that makes some can be rehearsed on those
                    found += self._making.instances(size, 1, "search", self._settings.seed + position)
        return found

    def _held(self, sizes: Sequence[int]) -> list[int]:
        """Sizes, none beyond the target's."""
        return list(dict.fromkeys(min(size, self.target) for size in sizes))

    def _core(self, genome: Genome) -> Genome:
        """What is left of a genome where every answer is right."""
        if genome not in self._cores:
            core = bare(genome)
            self._cores[genome] = self._distinct.setdefault(core, core)  # many share one, and few are the same object
        return self._cores[genome]


def _may_be_right(core: Genome) -> bool | None:
    """False where a body ignores what it is applied to: no rehearsal is needed to see that. Else None."""
    for node in core.walk():
        if node.bodies and not inputs_read(node.bodies[0].output).issuperset(OPERATORS[node.op].handed(node)):
            return False
    return None


class _Items(DeclaredRates):
    """Rates by which a call costs a token, and one more for every item that it is shown.

    Attributes:
        most: the most of that in one call, by primitive.
        total: all that was counted.
    """

    def __init__(self) -> None:
        super().__init__(())
        self.most: dict[str, float] = {}
        self.total = 0.0

    def count(self, primitive: Primitive, sizes: Sequence[float]) -> float:
        """Count a call on inputs of these sizes."""
        shown = 1 + sum(sizes)
        self.most[primitive.name] = max(self.most.get(primitive.name, 0.0), shown)
        self.total += shown
        return shown

    def call(self, node: Node, primitive: Primitive, sizes: Sequence[float]) -> CallRates:
        """Never wrong."""
        return CallRates(call_cost(self.count(primitive, sizes), 0))


def beyond(size: int) -> int:
    """A size well beyond another, that few chunk sizes divide."""
    return 2 * size + 3
