"""Whether measured cost grows as the fitted law says, and if not, why."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from undercut.spaces.cost import Cost

SLACK = 0.1
"""By how much two log-log slopes may differ before one contradicts the other."""


@dataclass(frozen=True, slots=True)
class Slope:
    """How steeply a cost grows between the smallest and the largest size run, on log-log axes.

    Attributes:
        measured: of the cost that was measured; None where it is unknown or there is one size only.
        law: of the law, with its fitted constants, over the same sizes.
        flag: why they differ by more than `SLACK`; None where they agree.
    """

    measured: float | None
    law: float | None
    flag: str | None

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)


def slope_of(
    measured: Mapping[int, Cost], law: Callable[[int], Cost], unit: Callable[[Cost], float], name: str
) -> Slope:
    """Hold the growth of a measured cost against that of a law.

    Args:
        measured: mean cost by size in items.
        law: the law's cost at a size.
        unit: which figure is compared.
        name: what it is called.
    """
    small, large = min(measured), max(measured)
    costs = {size: (measured[size], law(size)) for size in (small, large)}
    found, said = (_steepness(small, large, *(unit(costs[size][k]) for size in (small, large))) for k in (0, 1))
    if found is None or said is None or abs(found - said) <= SLACK:
        return Slope(found, said, None)
    calls, tokens = (
        [_ratio(of(costs[size][0]), of(costs[size][1])) for size in (small, large)] for of in (_calls, _each)
    )
    if abs(math.log(calls[1] / calls[0])) > abs(math.log(tokens[1] / tokens[0])):
        cause = f"it takes {calls[0]:.2g} times the expected calls at {small} and {calls[1]:.2g} times at {large}"
    else:
        cause = f"a call takes {tokens[0]:.2g} times the law's tokens at {small} and {tokens[1]:.2g} times at {large}"
    return Slope(
        found,
        said,
        f"its cost in {name} grows as n^{found:.2f} from {small} to {large}, and the law says n^{said:.2f}: {cause}",
    )


def _steepness(small: int, large: int, first: float, last: float) -> float | None:
    if small == large or not (0 < first < math.inf and 0 < last < math.inf):
        return None
    return math.log(last / first) / math.log(large / small)


def _calls(cost: Cost) -> float:
    return cost.calls


def _each(cost: Cost) -> float:
    return cost.tokens / cost.calls if cost.calls else 0.0


def _ratio(found: float, said: float) -> float:
    return found / said if found > 0 and said > 0 else 1.0
