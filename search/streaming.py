"""A fold over a file: read as it is needed, kept step by step, and taken up again where it was cut off."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from undercut.evaluators.cache import ANSWERS, AnswerCache
from undercut.evaluators.engine import Engine
from undercut.evaluators.ledger import Ledger
from undercut.evaluators.models.base import Model
from undercut.evaluators.models.registry import Access, open_models
from undercut.evaluators.models.sheet import Sheet
from undercut.evaluators.task import Task, is_of
from undercut.evaluators.tasks import located, open_task
from undercut.evaluators.tasks.rows import decoded
from undercut.evaluators.trace import Trace
from undercut.search.files import write_whole
from undercut.search.progress import Progress, silent
from undercut.search.single import FROM_FILE, read_inputs, validate
from undercut.search.stopping import run_to_end
from undercut.search.units import can_be_billed
from undercut.spaces.cost import NO_COST, Cost
from undercut.spaces.errors import GenomeError, RunFolderError, TaskError, UsageError
from undercut.spaces.genome import Genome, Input, Node, inputs_read
from undercut.spaces.operators.base import whole_gene
from undercut.spaces.operators.fold import beginning
from undercut.spaces.types import ListOf, Type

STATE = "stream.json"
EVERY = 256
"""Steps after which the state is written down; those since then are gone through again from the answers kept."""


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be folded, checked as far as that goes without reading the file.

    Attributes:
        genome: the genome as data; a fold and nothing around it.
        task: what the user called the task.
        inputs: JSON texts, one of them `@FILE` with one item of a list in JSON on each line.
        models: names of the models.
        allow_code, api_base, timeout, sheet, batch, workers, home: as in a search's settings.
    """

    genome: dict[str, Any]
    task: str
    inputs: tuple[str, ...]
    models: tuple[str, ...] = ("embedded",)
    allow_code: bool = False
    api_base: str | None = None
    timeout: float | None = field(default=None, compare=False)
    sheet: Sheet = field(default_factory=Sheet)
    batch: bool = False
    workers: int | None = None
    home: str | None = field(default=None, compare=False)

    @property
    def access(self) -> Access:
        """How the models are reached."""
        return Access(self.api_base, self.timeout, self.sheet, self.batch)


@dataclass(slots=True)
class Place:
    """How far a fold has come.

    Attributes:
        items: how many items of the file are behind it.
        digest: of those items' lines, so that another file is not taken for the same one.
        state: what is carried; None before the first step.
        cost: what all steps cost uncached.
        failure: the class of the failure that ended it, and `reason` that in words.
    """

    items: int = 0
    digest: str = ""
    state: Any = None
    cost: Cost = NO_COST
    failure: str | None = None
    reason: str | None = None

    def take(self, step: Trace, cost: Cost, items: int, digest: str) -> None:
        """Take note of a step and its cost; unless it failed, so many more items are behind, lines with this digest."""
        self.failure, self.reason = step.failure, step.reason
        self.cost += cost
        if step.failure is None:
            self.items, self.digest, self.state = self.items + items, digest, step.output


def is_streamed(inputs: Sequence[str]) -> bool:
    """Whether one of the inputs on the command line stands in a file."""
    return any(text.startswith(FROM_FILE) for text in inputs)


def holds_stream(folder: Path) -> bool:
    """Whether a folder is that of a fold over a file."""
    return (folder / STATE).exists()


def work_of(folder: Path) -> Work:
    """What the fold in a folder is about.

    Raises:
        RunFolderError: the folder's state cannot be read.
    """
    return _read(folder)[0]


def limits_of(folder: Path) -> dict[str, int | float]:
    """The limits that the fold in a folder was last held to, by option.

    Raises:
        RunFolderError: the folder's state cannot be read.
    """
    return _read(folder)[2]


def work_of_options(
    genome: Genome, task: str, inputs: Sequence[str], models: Sequence[str], options: dict[str, Any]
) -> tuple[Work, dict[str, Any]]:
    """The work that a command's options describe, and those options that are not part of it: limits and the like."""
    mine = {name: value for name, value in options.items() if name in Work.__dataclass_fields__}
    work = Work(genome.to_dict(), task, tuple(inputs), tuple(models), **mine)
    return work, {name: value for name, value in options.items() if name not in mine}


def run_stream(
    work: Work,
    folder: Path,
    *,
    max_calls: int | None = None,
    max_tokens: int | None = None,
    max_usd: float | None = None,
    max_minutes: float | None = None,
    concurrency: int = 64,
    progress: Progress = silent,
    watch: Callable[[int, Any], None] = lambda items, state: None,
    task: Task | None = None,
    models: Sequence[Model] | None = None,
) -> dict[str, Any]:
    """Carry a fold through its file, from the start or from where the folder says that it was cut off.

    `watch` is called after every step with the number of items read and the state. `task` and `models` stand in for
    those that the work names.

    Raises:
        UsageError: the genome, an input, the file or the folder cannot be used.
        ModelError: a model could not answer; the same call goes on.
        BudgetError: a limit was reached; the same call with a higher one goes on.
    """
    found = task or open_task(work.task, home=work.home)
    toolbox = found.toolbox(work.models, work.allow_code)
    genome = Genome.from_dict(work.genome)
    validate(genome, found, toolbox)
    node, path, rest = _parts(genome, work, found)
    place = _place_in(folder, work)
    limits = {"max_calls": max_calls, "max_tokens": max_tokens, "max_usd": max_usd, "max_minutes": max_minutes}
    start, shared = beginning(node, rest, toolbox)
    with closing(_Lines(path, found.inputs[_streamed(work.inputs)])) as lines:
        lines.skip(place)
        if place.items == 0:
            place.state = start
        opened = models or open_models(work.models, work.access, found.primitives)
        can_be_billed(max_usd, opened)
        _keep(folder, work, place, limits)
        with closing(AnswerCache(folder / ANSWERS)) as answers:
            ledger = Ledger(max_calls, max_tokens, max_usd, max_minutes, journal=answers.journal)
            engine = Engine(opened, cache=answers, ledger=ledger, concurrency=concurrency, workers=work.workers)

            async def steps() -> None:
                size, taken = whole_gene(node, "size"), 0
                try:
                    while place.failure is None and (chunk := list(islice(lines, size))):
                        trace = await engine.run(node.bodies[0], (place.state, chunk, *shared), toolbox)
                        place.take(trace, trace.cost(opened), len(chunk), lines.digest)
                        progress("run", place.items, lines.count, f"{ledger.spent.calls:,} calls")
                        watch(place.items, place.state)
                        taken += 1
                        if taken % EVERY == 0:
                            _keep(folder, work, place, limits)
                finally:
                    _keep(folder, work, place, limits)

            run_to_end(steps(), engine, opened)
    return {
        "output": place.state if place.failure is None else None,
        "failure": place.failure,
        "reason": place.reason,
        "items": place.items,
        "cost": place.cost.to_dict(),
        "spent": ledger.spent.bill(),
    }


class _Lines:
    """The items of a file, one on each line, read one by one."""

    def __init__(self, path: Path, kind: Type) -> None:
        assert isinstance(kind, ListOf)  # a fold has no other
        self._path, self._kind = path, kind
        self._hash = hashlib.blake2b(digest_size=16)
        self._read = 0
        try:
            if not path.is_file():
                raise OSError("it is not a file")
            with path.open("rb") as file:
                self.count = sum(1 for _ in file)
            self._file = path.open("rb")  # closed by `close`
        except OSError as error:
            raise TaskError(
                f"an input written {FROM_FILE}FILE must be a file with an item in JSON on each line, and "
                f"{str(path)!r} cannot be read: {error.strerror or error}"
            ) from error

    @property
    def digest(self) -> str:
        """Of all lines read so far."""
        return self._hash.hexdigest()

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        line = self._next()
        try:
            item = decoded(line)
            if not is_of(item, self._kind.item):
                raise ValueError(f"{line[:60]!r} is not")
        except ValueError as error:
            raise TaskError(
                f"line {self._read} of {self._path} must be an item of type {self._kind.item} in JSON: {error}"
            ) from error
        return item

    def skip(self, place: Place) -> None:
        """Go to a place.

        Raises:
            TaskError: the lines before it are not those that were read then.
        """
        try:
            for _ in range(place.items):
                self._next()
        except StopIteration:
            pass
        if place.items and self.digest != place.digest:
            raise TaskError(
                f"a run goes on with the file that it began with, and the first {place.items:,} lines of {self._path} "
                "have changed; put them back, or begin anew in another folder"
            )

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _next(self) -> bytes:
        line = next(self._file)
        self._hash.update(line if line.endswith(b"\n") else line + b"\n")  # the last one may get its end later
        self._read += 1
        return line


def _streamed(inputs: Sequence[str]) -> int:
    """The position of the input that stands in a file."""
    return next(position for position, text in enumerate(inputs) if text.startswith(FROM_FILE))


def _parts(genome: Genome, work: Work, task: Task) -> tuple[Node, Path, list[Any]]:
    """The fold, the file of its list, and the values of its other inputs.

    Raises:
        UsageError: the genome or an input cannot be used.
    """
    values = read_inputs(work.inputs, task, work.task)
    position, fold = _streamed(work.inputs), genome.output
    if not isinstance(fold, Node) or fold.op != "fold" or fold.inputs[0] != Input(position):
        raise GenomeError(
            f"an input is read from {FROM_FILE}FILE bit by bit where the whole decomposition is a fold over it, and "
            f"this one is {genome}; give the input as JSON"
        )
    rest: list[Any] = []
    first = len(fold.inputs) - len(beginning(fold, fold.inputs[1:], task.toolbox(work.models))[1])
    for place, source in enumerate(fold.inputs[1:], 1):
        idle = place >= first and 2 + place - first not in inputs_read(fold.bodies[0].output)
        value = values[source.index] if isinstance(source, Input) else None
        if not idle and (value is None or isinstance(value, Path)):
            raise GenomeError(
                f"a fold over {FROM_FILE}FILE takes its other inputs just as they are given, in JSON, and this one is "
                f"{genome}"
            )
        rest.append(None if idle else value)
    return fold, located(str(values[position]), work.home), rest


def _place_in(folder: Path, work: Work) -> Place:
    """How far this work has come in a folder: at its start where the folder is not there or empty.

    Raises:
        RunFolderError: the folder holds something else, or its state cannot be read.
    """
    if not holds_stream(folder):
        if folder.exists() and any(folder.iterdir()):
            raise RunFolderError(f"--out must be an empty folder or one of this run, and {str(folder)!r} is neither")
        return Place()
    kept, place, _ = _read(folder)
    if kept != work:
        raise RunFolderError(f"{str(folder)!r} holds other work; --out names a folder for a new run")
    return place


def _keep(folder: Path, work: Work, place: Place, limits: Mapping[str, float | None]) -> None:
    """Write down how far a fold has come; a reader finds the old place or the new one, never half of it.

    A step that failed is not written down: it is gone through again, from the answers kept, and fails again.
    """
    if place.failure is not None:
        return
    text = json.dumps(
        {
            "work": {**msgspec.to_builtins(work), "home": work.home or os.getcwd()},
            "place": {**msgspec.to_builtins(place), "cost": place.cost.to_dict()},
            "limits": {name: limit for name, limit in limits.items() if limit is not None},
        }
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / STATE, text)
    except OSError as error:
        raise RunFolderError(
            f"{str(folder)!r} must be a folder that can be written, and is not: {error.strerror}"
        ) from error


def _read(folder: Path) -> tuple[Work, Place, dict[str, int | float]]:
    try:
        data = json.loads((folder / STATE).read_text(encoding="utf-8"))
        place = {**data["place"], "cost": Cost.from_dict(data["place"]["cost"])}
        limits = msgspec.convert(data.get("limits", {}), dict[str, int | float])
        return msgspec.convert(data["work"], Work), Place(**place), limits
    except (OSError, ValueError, KeyError, TypeError, UsageError, msgspec.ValidationError) as error:
        raise RunFolderError(
            f"{str(folder / STATE)!r} must be the state of a run, and cannot be read: {error}"
        ) from error
