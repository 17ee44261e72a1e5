"""What is known of single calls: how many tokens they take, and how often they are right, by size.

Every call whose primitive has a reference is judged by it, wherever the call was made. The table turns into `Rates`
for the walk with symbols: token counts as lines in the sizes, success as a smooth curve in the size.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from undercut.evaluators.trace import CallRecord
from undercut.spaces.estimate import CallRates
from undercut.spaces.genome import Node
from undercut.spaces.pricing import Price, Shape, call_cost
from undercut.spaces.primitive import Primitive
from undercut.spaces.toolbox import Toolbox

ALIKE = 0.85
ALIKE_SHUFFLED = 0.5
"""How alike two samples of one prompt, or of one prompt with its items shuffled, are taken to be until measured.

Said with the weight of one sample that could have come out right.
"""


class Key(NamedTuple):
    """What calls are told apart by: everything that changes the prompt's wording or who answers it."""

    primitive: str
    model: int
    prompt: int
    temperature: float


@dataclass(slots=True)
class Cell:
    """Calls of one key on inputs of one size: sums over `calls` calls, of which `judged` were judged."""

    calls: int = 0
    valid: int = 0
    judged: int = 0
    right: int = 0
    prompt: float = 0.0
    completion: float = 0.0
    output: float = 0.0


@dataclass
class Calibration:
    """Counts of calls by key and input sizes; an answer that several candidates share counts once."""

    cells: dict[Key, dict[tuple[float, ...], Cell]] = field(default_factory=dict)
    repeats: dict[tuple[str, int, bool], tuple[float, float]] = field(default_factory=dict)
    _counted: set[str] = field(default_factory=set)

    def add(self, records: Iterable[CallRecord], primitives: Mapping[str, Primitive]) -> None:
        """Count calls that were not counted before."""
        for record in records:
            if record.key in self._counted:
                continue
            self._counted.add(record.key)
            sizes = tuple(float(size) for size in record.input_sizes)
            key = Key(record.primitive, record.model, record.prompt, record.temperature)
            cell = self.cells.setdefault(key, {}).setdefault(sizes, Cell())
            output = record.output_size if record.output_size is not None else primitives[record.primitive].law(*sizes)
            cell.calls += 1
            cell.valid += not record.flagged
            if record.right is not None:
                cell.judged += 1
                cell.right += record.right
            cell.prompt += math.nan if record.usage.prompt is None else record.usage.prompt
            cell.completion += math.nan if record.usage.completion is None else record.usage.completion
            cell.output += output

    def add_repeat(self, record: CallRecord, shuffled: bool, right: bool) -> None:
        """Count a further sample of a call whose first answer was wrong.

        Held against how often such calls are right at all: independent samples would be right as often.
        """
        sizes = tuple(float(size) for size in record.input_sizes)
        cell = self.cells[Key(record.primitive, record.model, record.prompt, record.temperature)][sizes]
        key = (record.primitive, record.model, shuffled)
        expected, seen = self.repeats.get(key, (0.0, 0.0))
        self.repeats[key] = (expected + cell.right / max(1, cell.judged), seen + right)

    def rates(self, toolbox: Toolbox, shapes: Sequence[Shape | None], prices: Sequence[Price | None]) -> FittedRates:
        """Fit what is known so far."""
        return FittedRates(self, toolbox, shapes, prices)


class _Fit:
    """Curves of one key: tokens in, tokens out, chance of no red flag, chance of being right without one."""

    def __init__(self, cells: Mapping[tuple[float, ...], Cell]) -> None:
        sizes = np.array(list(cells), dtype=float)
        table = np.array([_row(cell) for cell in cells.values()])
        self.calls, self.valid, self.judged, self.right = table[:, :4].T
        self.total = sizes.sum(axis=1)
        self.largest = float(self.total.max())
        self.prompt = _line(sizes, table[:, 4], self.calls)
        self.completion = _line(table[:, 6:7], table[:, 5], self.calls)

    @cached_property
    def right_curve(self) -> _Curve:
        return _Curve(self.total, self.right, self.judged)

    @cached_property
    def valid_curve(self) -> _Curve:
        return _Curve(self.total, self.valid, self.calls)


class FittedRates:
    """`Rates` for the walk with symbols, from a calibration.

    `shift` moves every chance by so many standard deviations: −1.64 and 1.64 give the ends of a 90 % interval that
    takes all chances to be wrong in the same direction.
    """

    def __init__(
        self,
        calibration: Calibration,
        toolbox: Toolbox,
        shapes: Sequence[Shape | None],
        prices: Sequence[Price | None],
        shift: float = 0.0,
    ) -> None:
        self._toolbox = toolbox
        self._shapes = shapes
        self._prices = prices
        self._shift = shift
        self._calibration = calibration
        self._fits = {key: _Fit(cells) for key, cells in calibration.cells.items()}
        self._known: dict[tuple[Any, ...], CallRates] = {}

    def shifted(self, shift: float) -> FittedRates:
        """The same rates with every chance moved by so many standard deviations."""
        return FittedRates(self._calibration, self._toolbox, self._shapes, self._prices, shift)

    def call(self, node: Node, primitive: Primitive, sizes: Sequence[float]) -> CallRates:
        """Rates of one call; a key that was never asked takes those of the nearest one."""
        genes = node.genes
        key = Key(primitive.name, int(genes["model"]), int(genes["prompt"]), float(genes["temperature"]))
        asked = (key, *sizes)
        known = self._known.get(asked)
        if known is None:
            known = self._known[asked] = self._call(key, primitive, sizes)
        return known

    def _call(self, key: Key, primitive: Primitive, sizes: Sequence[float]) -> CallRates:
        shape, price = self._shapes[key.model], self._prices[key.model]
        near = self._nearest(key)
        if near is None:
            words = len(primitive.prompts[key.prompt].split())
            guess = call_cost(words + sum(sizes), 1 + primitive.law(*sizes), 0, shape, price)
            return CallRates(guess, 0.5 if primitive.reference else 1.0)
        fit = self._fits[near]
        longer = len(primitive.prompts[key.prompt].split()) - len(primitive.prompts[near.prompt].split())
        prompt = max(1.0, float(fit.prompt[0] + longer + np.dot(fit.prompt[1:], sizes)))
        completion = max(1.0, float(fit.completion[0] + fit.completion[1] * primitive.law(*sizes)))
        cost = call_cost(prompt, completion, 0, shape, price)
        size = sum(sizes)
        valid = fit.valid_curve.at(size, self._shift)
        right = fit.right_curve.at(size, self._shift) if fit.judged.sum() else valid
        return CallRates(cost, min(right, valid), valid)

    def _nearest(self, key: Key) -> Key | None:
        """The key itself, or the best known one of its primitive: same model, then same prompt, then temperature."""
        if key in self._fits:
            return key
        mine = [known for known in self._fits if known.primitive == key.primitive]
        return max(
            mine,
            key=lambda known: (
                known.model == key.model,
                known.prompt == key.prompt,
                -abs(known.temperature - key.temperature),
                self._fits[known].calls.sum(),
            ),
            default=None,
        )

    def dependence(self, node: Node) -> float:
        """How alike two samples of one call are: as measured; all the way where nothing makes them differ."""
        shuffled = bool(node.genes.get("shuffle"))
        if not shuffled and not float(node.genes["temperature"]):
            return 1.0
        key = (str(node.genes["primitive"]), int(node.genes["model"]), shuffled)
        expected, seen = self._calibration.repeats.get(key, (0.0, 0.0))
        alike = ALIKE_SHUFFLED if shuffled else ALIKE
        return min(1.0, max(0.0, 1 - (seen + 1 - alike) / (expected + 1)))


def _row(cell: Cell) -> list[float]:
    mean = [cell.prompt / cell.calls, cell.completion / cell.calls, cell.output / cell.calls]
    return [cell.calls, cell.valid, cell.judged, cell.right, *mean]


def _line(sizes: np.ndarray, tokens: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Constant and slopes of tokens in sizes: least squares, held weakly to one token an item.

    The hold decides where sizes do not vary.
    """
    columns = np.hstack([np.ones((len(sizes), 1)), sizes])
    prior = np.array([0.0, *np.ones(sizes.shape[1])])
    hold = np.diag([1e-9, *np.full(sizes.shape[1], 1e-2)])
    if np.isnan(tokens).any():
        return np.full(columns.shape[1], math.nan)
    left = columns.T @ (weights[:, None] * columns) + hold
    return prior + np.linalg.solve(left, columns.T @ (weights * (tokens - columns @ prior)))


class _Curve:
    """Chance of success by size: near what was counted at like sizes, a logistic curve where little was.

    The logistic is in the size itself, since a model's success falls off a cliff rather than a slope.
    """

    HOLD = 2.0
    """Calls that the logistic curve counts for beside the counts."""
    WIDTH = 0.15
    """Sizes within this share of each other inform one another."""

    def __init__(self, sizes: np.ndarray, successes: np.ndarray, calls: np.ndarray) -> None:
        self._sizes, self._successes, self._calls = sizes, successes, calls
        self._scale = max(1.0, float(sizes.max()))
        self._known: dict[tuple[float, float], float] = {}
        self._logistic = self._fitted()

    def _fitted(self) -> np.ndarray:
        """Two coefficients by Newton's method, held weakly to a high success that falls with the size."""
        columns = np.stack([np.ones_like(self._sizes), self._sizes / self._scale], axis=1)
        centre, hold = np.array([4.0, -2.0]), np.diag([0.05, 0.05])
        beta = centre.copy()
        for _ in range(25):
            chance = 1 / (1 + np.exp(-np.clip(columns @ beta, -30, 30)))
            weight = self._calls * chance * (1 - chance)
            gradient = columns.T @ (self._successes - self._calls * chance) - hold @ (beta - centre)
            step = np.linalg.solve(columns.T @ (weight[:, None] * columns) + hold, gradient)
            beta = beta + np.clip(step, -3, 3)
            if np.abs(step).max() < 1e-6:
                break
        return beta

    def at(self, size: float, shift: float) -> float:
        """Chance of success at a size, moved by `shift` standard deviations."""
        known = self._known.get((size, shift))
        if known is None:
            known = self._known[size, shift] = self._at(size, shift)
        return known

    def _at(self, size: float, shift: float) -> float:
        falling = 1 / (1 + math.exp(-min(30.0, max(-30.0, float(self._logistic @ [1, size / self._scale])))))
        apart = np.abs(np.log((self._sizes + 1) / (size + 1))) / self.WIDTH
        near = np.clip(1 - apart, 0, None)
        calls = float(near @ self._calls) + self.HOLD
        chance = (float(near @ self._successes) + self.HOLD * falling) / calls
        spread = math.sqrt(max(chance * (1 - chance), 0.25 / calls) / calls) if shift else 0.0
        return min(1.0, max(0.0, chance + shift * spread))
