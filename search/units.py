"""The units that a cost is told in, and for which models they are known."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from undercut.evaluators.models.base import Model, billed_price_of, price_of
from undercut.spaces.cost import Cost
from undercut.spaces.errors import UsageError
from undercut.spaces.pricing import call_cost

UNITS: dict[str, Callable[[Cost], float]] = {
    "tokens": lambda cost: cost.tokens,
    "passes": lambda cost: cost.passes,
    "flops": lambda cost: cost.flops,
    "aalp": lambda cost: cost.aalp,
    "usd": lambda cost: cost.usd,
    "latency": lambda cost: cost.depth,
}
"""What `--cost` may name, as functions of the cost vector."""


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


def can_be_billed(max_usd: float | None, models: Sequence[Model]) -> None:
    """Do nothing where there is no limit in US dollars, or these models, judges among them, all have prices.

    Raises:
        UsageError: one has none.
    """
    unpriced = [model.name for model in models if billed_price_of(model) is None]
    if max_usd is not None and unpriced:
        raise UsageError(
            f"--max-usd needs the price of every model and judge, and {unpriced[0]!r} has none; --prices FILE gives it "
            "one, or --max-tokens is the limit instead (`undercut resume` takes --unlimited --max-tokens N)"
        )
