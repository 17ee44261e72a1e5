"""What is to be solved: instances by size, a scorer, and the primitives that a model can be asked for."""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeAlias

from undercut.evaluators.scorers import exact
from undercut.spaces.errors import TaskError
from undercut.spaces.extent import Extent, of_size
from undercut.spaces.operators.base import Signature
from undercut.spaces.primitive import Primitive
from undercut.spaces.toolbox import Function, Toolbox
from undercut.spaces.types import Atom, ListOf, Type, size_of

Split: TypeAlias = Literal["search", "select", "test"]
SPLITS: tuple[Split, ...] = ("search", "select", "test")
PATIENCE = 1000
"""Draws of an instance until a task is said to have too few of them."""
MOST_ITEMS = 10**8
"""Items of all problems of a size and split together that are made: more would only fill the memory."""
WRITTEN = 10**18
"""Whole numbers below this can surely be written: Python refuses those of some thousand digits."""


@dataclass(frozen=True)
class Instance:
    """One problem: its inputs, the right output, and its size in items."""

    inputs: tuple[Any, ...]
    target: Any
    size: int

    @cached_property
    def content(self) -> str:
        """Digest by which its inputs are told from others."""
        return _digest(json.dumps(self.inputs))

    @cached_property
    def split(self) -> Split:
        """The split that it belongs to."""
        return split_of(self.inputs)


@dataclass(frozen=True, slots=True)
class Task:
    """A family of problems of growing size.

    Attributes:
        name: how the task is called.
        inputs: types of a problem's inputs.
        output: type of its output.
        primitives: what a model can be asked for.
        make: `make(size, generator) -> (inputs, target)`, a random problem; the generator is a `random.Random`.
        score: `score(output, target) -> [0, 1]`; exact equality, if not given.
        functions: what may be done in code, where the user allows code.
        selectors: functions that only say which way to go, by a choice; they are always allowed.
        sizes: the sizes that a search runs at, unless the user says otherwise.
        overlaps: how many items two windows of a split may share.
        summary: one line for lists.
        problems: problems from a file; where there are some, none are made.
        shapes: for each input a constant and a slope that give its own size from the problem's; if not given, lists
            have the problem's size and atoms are one item.
        judge: what a judge is asked about an output, where no code can score it: it takes the problem's inputs, the
            output and the target, and gives a share in [0, 1]. Its calls are on the run's bill.
        judge_model: the name of the model that judges; that of the run's first model, if not given.
        cut: cuts a text into the passages of a document, where inputs are documents.

    Raises:
        TaskError: it has no sizes, or some that are no whole numbers of 1 or more.

    Example:
        >>> from undercut.spaces.types import NUMBER, NUMBERS
        >>> task = Task("largest", (NUMBERS,), NUMBER, (), lambda n, rng: (([n] * n,), n))
        >>> task.instances(3, 1)[0].target
        3
    """

    name: str
    inputs: tuple[Type, ...]
    output: Type
    primitives: tuple[Primitive, ...]
    make: Callable[[int, random.Random], tuple[tuple[Any, ...], Any]] = field(compare=False)
    score: Callable[[Any, Any], float] = field(default=exact, compare=False)
    functions: tuple[Function, ...] = ()
    selectors: tuple[Function, ...] = ()
    sizes: tuple[int, ...] = (8, 16, 32)
    overlaps: tuple[int, ...] = (0,)
    summary: str = ""
    problems: tuple[Instance, ...] = field(default=(), compare=False)
    shapes: tuple[tuple[float, float], ...] = ()
    judge: Primitive | None = field(default=None, compare=False)
    judge_model: str | None = None
    cut: Callable[[str], list[str]] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if not self.sizes or not all(isinstance(size, int) and size >= 1 for size in self.sizes):
            raise TaskError(
                f"task {self.name!r} must have sizes that are whole numbers of 1 or more, as in (8, 16, 32), not "
                f"{self.sizes!s:.60}"
            )

    @property
    def signature(self) -> Signature:
        """What a decomposition of this task takes and gives."""
        return Signature(self.inputs, self.output)

    @property
    def digests(self) -> tuple[str, str]:
        """What changes with the task's prompts and types, and what with its problems from a file."""
        asked = [each for each in (*self.primitives, self.judge) if each is not None]
        told = (
            [*map(str, self.inputs), str(self.output)],
            [(each.name, each.prompts, [*map(str, each.inputs)], str(each.output)) for each in asked],
            [each.name for each in (*self.functions, *self.selectors)],
        )
        problems = [(problem.inputs, problem.target) for problem in self.problems]
        return _digest(told), _digest(problems)

    @property
    def blind(self) -> bool:
        """Whether nobody can tell whether a single answer is right: no primitive has a reference."""
        return all(primitive.reference is None for primitive in self.primitives)

    def toolbox(self, models: Sequence[str], allow_code: bool = False) -> Toolbox:
        """What genomes of this task may use, over these models."""
        functions = (*self.selectors, *(self.functions if allow_code else ()))
        return Toolbox(self.primitives, functions, models, overlaps=self.overlaps)

    def extents(self, size: int) -> tuple[Extent, ...]:
        """Extents of a problem's inputs at a size, by the task's shapes."""
        shapes = self.shapes or [(0, 1) if isinstance(kind, ListOf) else (1, 0) for kind in self.inputs]
        return tuple(
            of_size(constant + slope * size, kind) for (constant, slope), kind in zip(shapes, self.inputs, strict=True)
        )

    def instances(self, size: int, count: int, split: Split = "search", seed: int = 0) -> list[Instance]:
        """Problems of a size, random or from the file: the same for the same arguments.

        A problem belongs to one split by its own content, so no problem is ever in two of them.

        Raises:
            TaskError: there are not enough problems of this size, or the function that makes them makes others.
        """
        generator = random.Random(f"{self.name}/{size}/{split}/{seed}")
        if self.problems:
            return self._from_file(size, count, split, generator)
        self.check_count(size, count)
        found: list[Instance] = []
        for _ in range(count):
            for _ in range(PATIENCE):
                inputs, target = self._made(size, generator)
                if split_of(inputs) == split:
                    found.append(Instance(inputs, target, size))
                    break
            else:
                raise TaskError(
                    f"task {self.name!r} has too few problems of size {size} to keep some apart for {split!r}"
                )
        return found

    def check_count(self, size: int, count: int) -> None:
        """Do nothing where so many problems of a size can be had, as far as that can be told before they are made.

        Raises:
            TaskError: no machine would hold them.
        """
        if not self.problems and size * count > MOST_ITEMS:
            raise TaskError(
                f"problems are made of at most {MOST_ITEMS:,} items in all, and {count:,} of size {size:,} have more; "
                "fewer or smaller ones (--samples, --sizes) would do"
            )

    def check(self, inputs: Any, target: Any) -> None:
        """Hold a problem against the types of the task.

        Raises:
            ValueError: it has other inputs, or a target that no output can equal.
        """
        if not isinstance(inputs, list | tuple) or len(inputs) != len(self.inputs):
            raise ValueError(f"it must have a list of inputs, {len(self.inputs)} of them, and has {inputs!s:.60}")
        for value, kind in zip(inputs, self.inputs, strict=True):
            if not is_of(value, kind):
                raise ValueError(f"an input must be of type {kind}, and {_odd(value, kind)}")
        # a scorer of one's own may take any target, and so may a judge
        if self.score is exact and self.judge is None and not is_of(target, self.output):
            raise ValueError(f"the target must be of type {self.output}, and {_odd(target, self.output)}")

    def _made(self, size: int, generator: random.Random) -> tuple[tuple[Any, ...], Any]:
        """A random problem of any split, held against the task's types."""
        try:
            inputs, target = self.make(size, generator)
        except Exception as error:  # the user's code
            raise TaskError(
                f"the function that makes the problems of task {self.name!r} must give (inputs, target) for any size, "
                f"and at size {size} it raised {type(error).__name__}: {error}"
            ) from error
        try:
            self.check(inputs, target)
        except ValueError as error:
            raise TaskError(
                f"the function that makes the problems of task {self.name!r} must give what the task declares, and at "
                f"size {size} does not: {error}"
            ) from error
        return tuple(inputs), target

    def scored(self, output: Any, target: Any) -> float:
        """What an output is worth by the scorer: a number in [0, 1], or NaN where it gave no such number.

        Raises:
            TaskError: the scorer raised, or gave no number at all.
        """
        rule = f"the scorer of task {self.name!r} must give a number in [0, 1] for every {self.output}"
        try:
            given = self.score(output, target)
        except Exception as error:  # the user's code
            raise TaskError(
                f"{rule}, and for {str(output)[:60]!r} it raised {type(error).__name__}: {error}"
            ) from error
        try:
            score = float(given)
        except (TypeError, ValueError) as error:
            raise TaskError(f"{rule}, and for {str(output)[:60]!r} it gave {given!r:.60}") from error
        return score if 0 <= score <= 1 else math.nan

    def has(self, size: int) -> bool:
        """Whether there are problems of a size: any size, unless they come from a file."""
        return not self.problems or any(problem.size == size for problem in self.problems)

    def _from_file(self, size: int, count: int, split: Split, generator: random.Random) -> list[Instance]:
        """At most `count` problems of the file, drawn without repetition, also of one that stands there twice."""
        found: dict[str, Instance] = {}
        for problem in self.problems:
            if problem.size == size and problem.split == split:
                found.setdefault(problem.content, problem)
        fit = list(found.values())
        if not fit:
            if not self.has(size):
                sizes = sorted({problem.size for problem in self.problems})
                raise TaskError(f"the file has no problems of size {size} for {split!r}; it has sizes {sizes[:20]}")
            of_size = sum(problem.size == size for problem in self.problems)
            raise TaskError(
                f"a file needs problems of each size for search, select and test, and of the {of_size} of size {size} "
                f"none falls to {split!r}; of more that differ, about a third would"
            )
        generator.shuffle(fit)
        return fit[:count]


def _digest(told: Any) -> str:
    return hashlib.blake2b(repr(told).encode(), digest_size=12).hexdigest()


def split_of(inputs: Sequence[Any]) -> Split:
    """The split that a problem belongs to."""
    digest = hashlib.blake2b(json.dumps(list(inputs)).encode(), digest_size=4).digest()
    return SPLITS[int.from_bytes(digest, "big") % len(SPLITS)]


def is_of(value: Any, kind: Type) -> bool:
    """Whether a value can be of a type: lists where lists are due, and atoms that can be written and read again."""
    if isinstance(kind, ListOf):
        return isinstance(value, list) and (_whole(value, kind.item) or all(is_of(item, kind.item) for item in value))
    if isinstance(value, float) and math.isnan(value):  # it equals no answer
        return False
    try:
        written = kind.render(value)
        if kind.parse is str:
            return kind.render is not str or isinstance(value, str | int | float)
        found = kind.parse(written)
    except Exception:  # the user's code, on what it may not be written for
        return False
    numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in (found, value))
    return numbers or type(found) is type(value)


def _whole(values: list[Any], kind: Type) -> bool:
    """Whether values are plain whole numbers, and due to be: told without writing each, since problems are many."""
    if not isinstance(kind, Atom) or kind.parse is not int or kind.render is not str:
        return False
    return set(map(type, values)) == {int} and min(values) > -WRITTEN and max(values) < WRITTEN


def _odd(value: Any, kind: Type) -> str:
    """What of a value is not of its type, in words."""
    if isinstance(kind, ListOf) and isinstance(value, list):
        return next(_odd(item, kind.item) for item in value if not is_of(item, kind.item))
    return f"the {type(value).__name__} {value!r:.60} is no {kind}"


def size_of_inputs(inputs: Sequence[Any], kinds: Sequence[Type]) -> int:
    """A problem's size: that of its largest list, or of its largest input where there is none."""
    sizes = [size_of(value, kind) for value, kind in zip(inputs, kinds, strict=True) if isinstance(kind, ListOf)]
    return max(sizes or [size_of(value, kind) for value, kind in zip(inputs, kinds, strict=True)], default=1)
