"""How large the calls are that a genome makes, and what it hangs on besides those that are larger than others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from undercut.spaces.estimate import CallRates, Rates
from undercut.spaces.genome import Genome, Node
from undercut.spaces.primitive import Primitive

ALIKE = 1 + 1e-9
"""Sizes are means, worked out along different ways: up to this factor they are the same."""


class _Passed:
    """Rates that are passed on as they are."""

    def __init__(self, rates: Rates) -> None:
        self._rates = rates

    def call(self, node: Node, primitive: Primitive, sizes: Sequence[float]) -> CallRates:
        """The rates of the call."""
        return self._rates.call(node, primitive, sizes)

    def dependence(self, node: Node) -> float:
        """The rates' dependence."""
        return self._rates.dependence(node)

    def agreement(self, node: Node, size: float) -> float:
        """The rates' agreement."""
        return self._rates.agreement(node, size)

    def catches(self, check: Genome, body: Genome) -> float:
        """The rates' share of what is caught."""
        return self._rates.catches(check, body)

    def shares(self, node: Node, primitive: Primitive, sizes: Sequence[float]) -> tuple[float, ...]:
        """The rates' shares."""
        return self._rates.shares(node, primitive, sizes)


class Watch(_Passed):
    """Rates that take note of the most items that each primitive is asked with."""

    def __init__(self, rates: Rates) -> None:
        super().__init__(rates)
        self.most: dict[str, float] = {}

    def call(self, node: Node, primitive: Primitive, sizes: Sequence[float]) -> CallRates:
        """The rates of the call."""
        self.most[primitive.name] = max(self.most.get(primitive.name, 0.0), sum(sizes))
        return super().call(node, primitive, sizes)


class UpTo(_Passed):
    """Rates by which only calls with no more items than `most` says, by primitive, can go wrong."""

    def __init__(self, rates: Rates, most: Mapping[str, float]) -> None:
        super().__init__(rates)
        self._most = most

    def call(self, node: Node, primitive: Primitive, sizes: Sequence[float]) -> CallRates:
        """The rates of the call."""
        rates = super().call(node, primitive, sizes)
        return rates if sum(sizes) <= self._most.get(primitive.name, 0.0) * ALIKE else CallRates(rates.cost)
