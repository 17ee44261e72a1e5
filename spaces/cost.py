"""The cost vector: one record for what was measured and for what is declared."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

UNKNOWN = math.nan
"""A figure that cannot be known. It survives every sum, and is null in JSON: never 0."""


@dataclass(frozen=True, slots=True)
class Cost:
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

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.calls + other.calls,
            self.samples + other.samples,
            self.prefill + other.prefill,
            self.cached + other.cached,
            self.decode + other.decode,
            self.passes + other.passes,
            self.depth + other.depth,
            self.flops + other.flops,
            self.aalp + other.aalp,
            self.usd + other.usd,
        )

    def __mul__(self, times: float) -> Cost:
        """The same work `times` times, one after another."""
        return self.repeated(times, depth=self.depth * times)

    def repeated(self, times: float, depth: float) -> Cost:
        """The same work `times` times, with the critical path given: `depth` is `self.depth` if all run at once."""
        return Cost(
            self.calls * times,
            self.samples * times,
            self.prefill * times,
            self.cached * times,
            self.decode * times,
            self.passes * times,
            depth,
            self.flops * times,
            self.aalp * times,
            self.usd * times,
        )

    def with_depth(self, depth: float) -> Cost:
        """The same work with another critical path."""
        return Cost(
            self.calls,
            self.samples,
            self.prefill,
            self.cached,
            self.decode,
            self.passes,
            depth,
            self.flops,
            self.aalp,
            self.usd,
        )

    @property
    def tokens(self) -> float:
        """Tokens in and out, each counted once."""
        return self.prefill + self.cached + self.decode

    def vector(self) -> tuple[float, ...]:
        """The fields in order, for arithmetic over many costs."""
        return tuple(getattr(self, name) for name in FIELDS)

    def to_dict(self) -> dict[str, Any]:
        """JSON form: the fields and `tokens`; figures that are unknown, or past every number, are null."""
        values = {name: getattr(self, name) for name in (*FIELDS, "tokens")}
        return {name: value if math.isfinite(value) else None for name, value in values.items()}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Cost:
        """Read the JSON form back."""
        return cls(**{name: UNKNOWN if data.get(name) is None else data[name] for name in FIELDS})


FIELDS: tuple[str, ...] = tuple(field.name for field in fields(Cost))
NO_COST = Cost()
UNLIMITED = Cost(*[math.inf] * len(FIELDS))
"""What work costs that grows past every number."""
