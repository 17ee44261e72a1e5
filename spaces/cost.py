"""The cost vector: one record for what was measured and for what is declared."""

from __future__ import annotations

import math
from operator import add
from typing import Any, NamedTuple

UNKNOWN = math.nan
"""A figure that cannot be known. It survives every sum, and is null in JSON: never 0."""


class Cost(NamedTuple):
    """What work over a model costs. `+` is one thing after another.

    Attributes:
        calls: requests sent.
        samples: completions written.
        prefill: prompt tokens computed afresh.
        cached: prompt tokens taken from a prefix cache.
        decode: tokens written.
        passes: forward passes: one for a prefill, one for every further token.
        depth: forward passes on the critical path, the only field that parallel work does not add up.
        flops: floating-point operations of the model (unknown without its shape).
        aalp: the seed paper's unit, m·Σ_{j<o}(n+j) with m in billions of parameters and no cache.
        usd: US dollars (unknown without a price).

    Source: Meyerson & Qiu 2025 (arXiv 2502.04358), Def. 2.2, for `aalp`.
    """

    calls: float = 0
    samples: float = 0
    prefill: float = 0
    cached: float = 0
    decode: float = 0
    passes: float = 0
    depth: float = 0
    flops: float = 0
    aalp: float = 0
    usd: float = 0

    def __add__(self, other: Cost) -> Cost:  # type: ignore[override]
        if self is NO_COST:
            return other
        return tuple.__new__(Cost, map(add, self, other))

    def __mul__(self, times: float) -> Cost:  # type: ignore[override]
        """The same work `times` times, one after another."""
        if times == 1:
            return self
        return tuple.__new__(Cost, [each * times for each in self])

    def __rmul__(self, times: float) -> Cost:  # type: ignore[override]
        """The same work `times` times, and no tuple repeated."""
        return self * times

    def repeated(self, times: float, depth: float) -> Cost:
        """The same work `times` times, with the critical path given: `depth` is `self.depth` if all run at once."""
        return (self * times).with_depth(depth)

    def with_depth(self, depth: float) -> Cost:
        """The same work with another critical path."""
        if depth == self.depth:
            return self
        calls, samples, prefill, cached, decode, passes, _, flops, aalp, usd = self
        return Cost(calls, samples, prefill, cached, decode, passes, depth, flops, aalp, usd)

    @property
    def tokens(self) -> float:
        """Tokens in and out, each counted once."""
        return self.prefill + self.cached + self.decode

    def to_dict(self) -> dict[str, Any]:
        """JSON form: the fields and `tokens`; figures that are unknown, or past every number, are null."""
        values = {name: getattr(self, name) for name in (*FIELDS, "tokens")}
        return {name: value if math.isfinite(value) else None for name, value in values.items()}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Cost:
        """Read the JSON form back."""
        return cls(**{name: UNKNOWN if data.get(name) is None else data[name] for name in FIELDS})


FIELDS: tuple[str, ...] = Cost._fields
NO_COST = Cost()
UNLIMITED = Cost(*[math.inf] * len(FIELDS))
"""What work costs that grows past every number."""
