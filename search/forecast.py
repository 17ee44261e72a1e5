"""What a genome will cost and how often it will be right, at any size, before it is run there."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from undercut.evaluators.calibrate import FittedRates
from undercut.evaluators.models.base import Model, price_of
from undercut.evaluators.task import Task
from undercut.spaces.cost import Cost
from undercut.spaces.errors import UsageError
from undercut.spaces.estimator import Estimator
from undercut.spaces.genome import Genome
from undercut.spaces.pricing import call_cost
from undercut.spaces.toolbox import Toolbox

UNITS: dict[str, Callable[[Cost], float]] = {
    "tokens": lambda cost: cost.tokens,
    "passes": lambda cost: cost.passes,
    "flops": lambda cost: cost.flops,
    "aalp": lambda cost: cost.aalp,
    "usd": lambda cost: cost.usd,
    "latency": lambda cost: cost.depth,
}
"""What `--cost` may name, as functions of the cost vector."""
SPREAD = 1.64
"""Standard deviations on either side that make a 90 % interval."""


def unit_of(name: str) -> Callable[[Cost], float]:
    """The cost unit of a name.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in UNITS:
        raise UsageError(f"--cost must be one of {', '.join(UNITS)}, and {name!r} is not")
    return UNITS[name]


def field_of(unit: str) -> str:
    """The field that holds a unit in the JSON form of a cost."""
    return "depth" if unit == "latency" else unit


def known_unit(name: str, models: Sequence[Model]) -> Callable[[Cost], float]:
    """The cost unit of a name, where it can be known for these models.

    Raises:
        UsageError: there is none of that name, or a model lacks what it needs.
    """
    unit = unit_of(name)
    for model in models:
        one = call_cost(1, 1, 0, model.shape, price_of(model))
        if math.isnan(unit(one)):
            known = [other for other, measure in UNITS.items() if not math.isnan(measure(one))]
            raise UsageError(f"--cost {name} cannot be known for {model.name!r}; these can: {', '.join(known)}")
    return unit


@dataclass(frozen=True, slots=True)
class Forecast:
    """Cost and accuracy of a genome at a size it need not have been run at.

    `accuracy` is a chance in [0, 1] with the ends of its 90 % interval; None where it cannot be known.
    """

    cost: Cost
    accuracy: float | None
    low: float | None = None
    high: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        known = None if self.accuracy is None else {"mean": self.accuracy, "low": self.low, "high": self.high}
        return {"cost": self.cost.to_dict(), "accuracy": known}


class Forecaster:
    """Forecasts genomes of one task with rates fitted to measured calls."""

    def __init__(self, rates: FittedRates, task: Task, toolbox: Toolbox) -> None:
        self._task = task
        self._estimators = [Estimator(rates.shifted(shift), toolbox) for shift in (0.0, -SPREAD, SPREAD)]

    def at(self, genome: Genome, size: int) -> Forecast:
        """Cost and accuracy at a size, without the accuracy's interval."""
        estimate = self._estimators[0].apply(genome, self._task.extents(size))
        return Forecast(estimate.cost, math.exp(estimate.log_right))

    def interval(self, genome: Genome, size: int) -> Forecast:
        """Cost and accuracy at a size, with the accuracy's interval."""
        extents = self._task.extents(size)
        middle, low, high = (estimator.apply(genome, extents) for estimator in self._estimators)
        return Forecast(middle.cost, *(math.exp(each.log_right) for each in (middle, low, high)))
