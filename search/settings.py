"""What a run was asked to do: everything that its result depends on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from undercut.evaluators.models.registry import Access
from undercut.evaluators.models.sheet import Sheet
from undercut.search.proposers import STRATEGIES
from undercut.search.units import unit_of
from undercut.spaces.errors import UsageError

LARGEST = 100
"""Most nodes of a genome that a search may ask for: far more than any that it would get to."""
WHOLE = ("target_size", "seed", "workers", "max_calls", "max_tokens", "evaluations", "samples", "max_size")
REAL = ("timeout", "max_usd", "max_minutes", "untold", "ceiling", "until")
OPEN = ("workers", "timeout", "max_calls", "max_tokens", "max_usd", "max_minutes", "until")
"""Settings that are whole numbers, those that are any numbers, and those of them that may be None."""


def check_sizes(sizes: object) -> tuple[int, ...]:
    """The problem sizes, where that is what they are.

    Raises:
        UsageError: they are not whole numbers of 1 or more.
    """
    listed = isinstance(sizes, Sequence) and not isinstance(sizes, str)
    found = tuple(sizes) if isinstance(sizes, Sequence) and listed else ()
    if not found or not all(type(size) is int and size >= 1 for size in found):
        said = list(found) if listed else repr(sizes)
        raise UsageError(f"--sizes must be whole numbers of 1 or more, as in 8,16,32, not {said}")
    return found


@dataclass(frozen=True, slots=True)
class Settings:
    """A run's settings, checked.

    Attributes:
        task: what the user called the task.
        models: names of the models; a call's gene picks one of them.
        strategy: the proposer.
        sizes: the problem sizes run, in items, ascending.
        target_size: the size whose forecast is the objective; at least the largest of `sizes`.
        cost: the objective's unit.
        seed: everything random follows from it.
        allow_code: whether the task's functions may be used.
        workers: how many calls can run at the same time when the result is used, for its latency; None is no limit.
        sheet: prices and shapes of models that the user gave.
        batch: whether prices are those of requests that may wait.
        api_base: where the models are served; None for their own provider.
        timeout: longest wait for one answer, in seconds; None is the models' own. No result depends on it.
        data: a file with the task's instances; None generates them.
        home: the folder in which a run that is kept was begun, from which `task` and `data` are named; None is the
            current one. No result depends on it.
        max_calls, max_tokens, max_usd: limits of the bill; None is no limit.
        untold: share, above 0 and up to 1, of its worst case that a call counts with against `max_tokens` where no
            model tells its usage. It is 1 where the user set that limit, so that it is never exceeded; else what calls
            are foretold to use.
        max_minutes: how many minutes a run may take, counted anew each time that it is resumed; None is no limit.
        evaluations: most genomes run on the model before the front is chosen; up to a dozen may join while it is.
        samples: instances of the largest size in the last measurement, with half as many of each other size; a dear
            genome gets down to a quarter of them.
        max_size: most nodes of a genome.
        ceiling: a genome is not looked at where its cost is more than so many times that of the cheapest right answer,
            which is a run's cost divided by its accuracy; where latency is the cost, also where its forward passes are
            more than so many times the fewest that a right answer takes.
        until: accuracy in [0, 1], at the target, at which the search for more ends; None goes on.

    Raises:
        UsageError: a setting cannot be used.
    """

    task: str
    models: tuple[str, ...] = ("embedded",)
    strategy: str = "auto"
    sizes: tuple[int, ...] = (8, 16, 32)
    target_size: int = 64
    cost: str = "tokens"
    seed: int = 0
    allow_code: bool = False
    workers: int | None = None
    sheet: Sheet = field(default_factory=Sheet)
    batch: bool = False
    api_base: str | None = None
    timeout: float | None = field(default=None, compare=False)
    data: str | None = None
    home: str | None = field(default=None, compare=False)
    max_calls: int | None = None
    max_tokens: int | None = None
    max_usd: float | None = None
    max_minutes: float | None = None
    untold: float = field(default=1.0, compare=False)
    evaluations: int = 32
    samples: int = 50
    max_size: int = 9
    ceiling: float = 32.0
    until: float | None = None

    def __post_init__(self) -> None:
        unit_of(self.cost)
        if self.strategy not in STRATEGIES:
            raise UsageError(f"--strategy must be one of {', '.join(STRATEGIES)}, and {self.strategy!r} is not")
        if not self.models or not all(isinstance(name, str) for name in self.models):
            raise UsageError(f"--model must name a model, as in embedded, not {list(self.models)}")
        self._check_numbers()
        check_sizes(self.sizes)
        if list(self.sizes) != sorted(set(self.sizes)):
            raise UsageError(f"--sizes must ascend without doubles, as in 8,16,32, not {list(self.sizes)}")
        if self.target_size < self.sizes[-1]:
            raise UsageError(
                f"--target-size must be at least the largest of --sizes ({self.sizes[-1]}), not {self.target_size}"
            )
        for name in ("evaluations", "samples", "max_size", "workers"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise UsageError(f"--{name.replace('_', '-')} must be 1 or more, not {getattr(self, name)}")
        if self.max_size > LARGEST:
            raise UsageError(f"--max-size must be at most {LARGEST}, not {self.max_size}")
        if not 1 <= self.ceiling < math.inf:
            raise UsageError(f"--ceiling must be a number of 1 or more, not {self.ceiling}")
        if self.until is not None and not 0 < self.until <= 1:
            raise UsageError(f"--until must be an accuracy above 0 and up to 1, as in 0.95, not {self.until}")
        if not 0 < self.untold <= 1:
            raise UsageError(f"untold must be a share above 0 and up to 1, not {self.untold}")
        for name in ("max_calls", "max_tokens", "max_usd", "max_minutes"):
            limit = getattr(self, name)
            if limit is not None and not limit >= 0:
                raise UsageError(
                    f"--{name.replace('_', '-')} must be 0 or more, not {limit}; without it there is no limit"
                )

    def _check_numbers(self) -> None:
        for name in (*WHOLE, *REAL):
            value = getattr(self, name)
            kinds = (int,) if name in WHOLE else (int, float)
            if not (value is None and name in OPEN) and type(value) not in kinds:
                what = "a whole number" if name in WHOLE else "a number"
                raise UsageError(f"--{name.replace('_', '-')} must be {what}, not {value!r}")

    @property
    def access(self) -> Access:
        """How the models are reached."""
        return Access(self.api_base, self.timeout, self.sheet, self.batch)

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        data: dict[str, Any] = msgspec.to_builtins(self)
        return data

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Settings:
        """Read the JSON form back.

        Raises:
            UsageError: these are no settings.
        """
        try:
            return msgspec.convert(data, cls)
        except msgspec.ValidationError as error:
            raise UsageError(f"settings must be those of a run, and these are not: {error}") from error
