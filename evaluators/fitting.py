"""What counts of calls say: tokens as lines in the sizes, success as a smooth curve in them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from operator import mul
from typing import Any, NamedTuple

import numpy as np

from undercut.evaluators.success import FALL, FALL_SPREAD, LEVEL, PLACES, Asked, Chance, Successes

SURE = 8.0
"""Log-odds that an answer raises no red flag, before anything is seen, at every size: few answers do."""
FLAT = 2.0
"""Standard deviation of what a scale's worth of items adds to these log-odds: one flag at the largest size seen does
not mean that all answers eight times as large raise one."""
BINS, MOST_BINS = (0.05, 0.1, 0.2, 0.4, 0.8), 120
"""Where success is fitted, sizes with logarithms about this close are counted as one: by the first of these widths that
leaves at most `MOST_BINS` groups."""


ANYONE = Asked(0, 0, 0.0)
"""The one way of asking under which choices are counted: which option is due does not depend on the wording."""


class Key(NamedTuple):
    """A primitive, and how it was asked."""

    primitive: str
    asked: Asked


@dataclass(slots=True)
class Cell:
    """Calls of one key on inputs of one size: sums over `calls` calls.

    Of these, `refused` told their usage and raised a red flag, with `refusal` tokens written; `answered` told it and
    raised none, with `completion` tokens, since a refusal is not as long as an answer. `prompt` and `cached` are the
    tokens in of both. `first` were a prompt's first sample, further ones were perhaps asked because that one was wrong;
    `valid`, `judged` and `right` count first ones, `further` and `further_right` the judged others. `chosen` counts the
    options of an answer that is a choice, wrong ones left out: what is known is how often each is due.
    """

    calls: int = 0
    answered: int = 0
    refused: int = 0
    first: int = 0
    valid: int = 0
    judged: int = 0
    right: int = 0
    further: int = 0
    further_right: int = 0
    prompt: float = 0.0
    cached: float = 0.0
    completion: float = 0.0
    refusal: float = 0.0
    chosen: Counter[int] = field(default_factory=Counter)

    def plus(self, other: Cell) -> Cell:
        """The sums over the calls of both."""
        return Cell(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))


@dataclass(frozen=True, slots=True)
class Line:
    """Tokens as a constant and a slope for each size, with a standard error for each of them."""

    terms: tuple[float, ...]
    errors: tuple[float, ...]

    @classmethod
    def fit(cls, sizes: np.ndarray, tokens: np.ndarray, weights: np.ndarray) -> Line:
        """Least squares, held weakly to one token an item: the hold decides where sizes do not vary.

        Args:
            sizes: in items, shape (groups, sizes).
            tokens: mean of each group.
            weights: calls of each group.
        """
        columns = np.hstack([np.ones((len(sizes), 1)), sizes])
        prior = np.array([0.0, *np.ones(sizes.shape[1])])
        hold = np.diag([1e-9, *np.full(sizes.shape[1], 1e-2)])
        left = columns.T @ (weights[:, None] * columns) + hold
        terms = prior + np.linalg.solve(left, columns.T @ (weights * (tokens - columns @ prior)))
        rest = tokens - columns @ terms
        spare = max(1, len(tokens) - columns.shape[1])
        errors = np.sqrt(np.diag(np.linalg.inv(left)) * float(weights @ rest**2) / spare)
        return cls(tuple(np.round(terms, PLACES).tolist()), tuple(errors.tolist()))

    @classmethod
    def unknown(cls, sizes: int) -> Line:
        """Of calls with so many sizes whose tokens nobody told."""
        return cls((math.nan,) * (1 + sizes), (math.nan,) * (1 + sizes))

    def at(self, sizes: Sequence[float]) -> float:
        """Tokens at these sizes."""
        constant, *slopes = self.terms
        return constant + math.fsum(map(mul, slopes, sizes))

    def to_dicts(self) -> list[dict[str, float | None]]:
        """JSON form of the terms, each with its 95 % interval; unknown ones are null."""
        return [
            {"mean": _known(term), "low": _known(term - 1.96 * error), "high": _known(term + 1.96 * error)}
            for term, error in zip(self.terms, self.errors, strict=True)
        ]


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


class TokenFit:
    """Lines of one key: tokens in, and tokens out where no red flag is raised; tokens of a refusal.

    Calls whose usage nobody told have no say in them.
    """

    def __init__(self, cells: Mapping[tuple[float, ...], Cell], law: Callable[..., float]) -> None:
        self.calls = float(sum(cell.calls for cell in cells.values()))
        self.refusal: float | None = None
        self.cached = 0.0
        told = {sizes: cell for sizes, cell in cells.items() if cell.answered + cell.refused}
        if not told:
            self.prompt, self.completion = Line.unknown(len(next(iter(cells)))), Line.unknown(1)
            return
        every = list(told.values())
        calls = np.array([cell.answered + cell.refused for cell in every], dtype=float)
        prompt = np.array([cell.prompt for cell in every]) / calls
        answers = [(c.answered, c.completion, law(*sizes)) for sizes, c in told.items() if c.answered]
        answered, completion, output = np.array(answers).reshape(-1, 3).T
        self.prompt = Line.fit(np.array(list(told), dtype=float), prompt, calls)
        self.completion = Line.fit(output[:, None], completion / answered, answered)
        refused = sum(cell.refused for cell in every)
        self.refusal = sum(cell.refusal for cell in every) / refused if refused else None
        self.cached = sum(cell.cached for cell in every) / max(1.0, float(prompt @ calls))


class OutcomeFit:
    """Curves of one primitive: chance of no red flag, chance of being right."""

    def __init__(self, cells: Mapping[Key, Mapping[tuple[float, ...], Cell]]) -> None:
        self._cells = [(key.asked, sizes, cell) for key, by_size in cells.items() for sizes, cell in by_size.items()]
        self._options: dict[int, list[Successes | None]] = {}
        self._shares: dict[tuple[float, ...], tuple[float, ...]] = {}
        self.largest = max((sum(sizes) for _, sizes, cell in self._cells if cell.judged), default=None)
        self._flagged = any(cell.valid < cell.first for _, _, cell in self._cells)
        self._edge = max((sizes for _, sizes, _ in self._cells), key=sum, default=())

    @cached_property
    def right(self) -> Successes | None:
        """Of judged first samples; None where none was."""
        return self._successes([(c.judged, c.right) for _, _, c in self._cells], LEVEL, FALL, FALL_SPREAD)

    @cached_property
    def right_of_all(self) -> Successes | None:
        """Of all judged samples: where those of a prompt are independent, each tells as much as the first."""
        if not any(cell.further for _, _, cell in self._cells):
            return self.right
        counts = [(c.judged + c.further, c.right + c.further_right) for _, _, c in self._cells]
        return self._successes(counts, LEVEL, FALL, FALL_SPREAD)

    def valid(self, asked: Asked, sizes: Sequence[float]) -> Chance:
        """What is known of first samples raising no red flag; the same at all sizes where none ever raised one."""
        if self._valid is None:
            return Chance(math.inf, 0.0)
        return self._valid.chance(asked, sizes if self._flagged else self._edge)

    @cached_property
    def _valid(self) -> Successes | None:
        return self._successes([(c.first, c.valid) for _, _, c in self._cells], SURE, 0.0, FLAT)

    def shares(self, options: int, sizes: Sequence[float]) -> tuple[float, ...] | None:
        """How often each of some options is the answer at these sizes, whoever is asked; None where none was seen."""
        if options not in self._options:
            level = -math.log(max(1, options - 1))
            counted = [cell.chosen for _, _, cell in self._cells]
            self._options[options] = [
                self._successes([(seen.total(), seen[option]) for seen in counted], level, 0.0, FALL_SPREAD, ANYONE)
                for option in range(options)
            ]
        key = (options, *sizes)
        if key not in self._shares:
            chances = [fit.chance(ANYONE, sizes).at() for fit in self._options[options] if fit is not None]
            self._shares[key] = tuple(chance / sum(chances) for chance in chances)
        return self._shares[key] or None

    def _successes(
        self,
        counts: Sequence[tuple[int, int]],
        level: float,
        fall: float,
        fall_spread: float,
        asked: Asked | None = None,
    ) -> Successes | None:
        """Fit (calls, good ones) of each cell; with `asked`, as if all had been asked that way."""
        rows = [(asked or a, s, *count) for (a, s, _), count in zip(self._cells, counts, strict=True)]
        return smoothed(rows, level, fall, fall_spread)


def smoothed(
    rows: Sequence[tuple[Asked, Sequence[float], float, float]],
    level: float = LEVEL,
    fall: float = FALL,
    fall_spread: float = FALL_SPREAD,
) -> Successes | None:
    """Fit how calls were asked, their sizes, how many there were and how many were good; None where there were none.

    Calls of like sizes are counted as one, the coarser the more there are: the fit takes their number cubed.
    """
    counted = [(way, np.array(sizes), calls, good) for way, sizes, calls, good in rows if calls]
    for width in BINS:
        bins: dict[Any, list[Any]] = {}
        for way, sizes, calls, good in counted:
            place = (way, *np.round(np.log1p([sizes.sum(), *sizes]) / width).tolist())
            many = bins.setdefault(place, [way, 0.0, 0, 0])
            many[1:] = many[1] + sizes * calls, many[2] + calls, many[3] + good
        if len(bins) <= MOST_BINS:
            break
    if not bins:
        return None
    groups = list(bins.values())
    means = [sizes / calls for _, sizes, calls, _ in groups]
    ways, counts, hits = ([group[place] for group in groups] for place in (0, 2, 3))
    return Successes(ways, means, counts, hits, level, fall, fall_spread)
