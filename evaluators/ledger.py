"""The run's bill: what was really sent, and a limit that is never crossed."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass, fields
from typing import Any

from undercut.evaluators.models.base import Usage
from undercut.spaces.errors import BudgetError, UsageError
from undercut.spaces.pricing import Price


@dataclass(frozen=True, slots=True)
class Spent:
    """What was sent so far, answers from our own cache not counted.

    Attributes:
        calls: requests, failed ones included; sending one again after a passing failure is still the same request.
        prompt_tokens: prompt tokens.
        completion_tokens: tokens written.
        usd: US dollars; None once a call went to a model without a price.
        unmetered: calls whose usage the model did not tell; they stand in the other fields with the most they may
            have used.
    """

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    usd: float | None = 0.0
    unmetered: int = 0

    @property
    def tokens(self) -> int:
        """Tokens in and out."""
        return self.prompt_tokens + self.completion_tokens

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Spent:
        """Read the JSON form back."""
        return cls(**{field.name: data[field.name] for field in fields(cls) if field.name in data})

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.calls + other.calls,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            None if self.usd is None or other.usd is None else self.usd + other.usd,
            self.unmetered + other.unmetered,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Reservation:
    """The most that one call under way may spend."""

    worst: Spent
    price: Price | None


class Ledger:
    """Counts what is spent, and reserves the worst case of every call before it is sent.

    One instance serves one event loop at a time.

    Args:
        max_calls: most requests; None is no limit, here and below.
        max_tokens: most tokens in and out.
        max_usd: most US dollars; models without a price are refused then.
        spent: what was spent before, for a run that goes on.

    Raises:
        UsageError: a limit is below 0.
    """

    def __init__(
        self,
        max_calls: int | None = None,
        max_tokens: int | None = None,
        max_usd: float | None = None,
        *,
        spent: Spent | None = None,
    ) -> None:
        for name, limit in (("calls", max_calls), ("tokens", max_tokens), ("usd", max_usd)):
            if limit is not None and not limit >= 0:
                raise UsageError(f"a limit must be 0 or more, and --max-{name} is {limit}; leave it out for no limit")
        self._max_calls = max_calls
        self._max_tokens = max_tokens
        self._max_usd = max_usd
        self._spent = spent or Spent()
        self._reserved: set[Reservation] = set()
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def spent(self) -> Spent:
        """What is spent so far, without what calls under way may yet spend."""
        return self._spent

    async def reserve(self, prompt: int, completion: int, price: Price | None = None) -> Reservation:
        """Reserve the most that a call may spend, in tokens; waits while calls under way may leave enough unspent.

        Raises:
            BudgetError: the call could exceed a limit.
        """
        usd = None if price is None else price.usd(prompt, completion)
        reservation = Reservation(Spent(1, prompt, completion, usd), price)
        while (refusal := self._refusal(reservation.worst)) is not None:
            if not self._reserved:
                raise refusal
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            await future
        self._reserved.add(reservation)
        return reservation

    def settle(self, reservation: Reservation, usage: Usage | None) -> None:
        """Put what a call really used in the place of its reservation; unknown counts are taken at their most."""
        worst = reservation.worst
        prompt = worst.prompt_tokens if usage is None or usage.prompt is None else usage.prompt
        completion = worst.completion_tokens if usage is None or usage.completion is None else usage.completion
        cached = 0 if usage is None else min(usage.cached, prompt)
        unmetered = int(usage is None or usage.prompt is None or usage.completion is None)
        usd = None if reservation.price is None else reservation.price.usd(prompt, completion, cached)
        self._close(reservation, Spent(1, prompt, completion, usd, unmetered))

    def release(self, reservation: Reservation) -> None:
        """Drop the reservation of a call that no model answered: it counts as a call, and used no tokens."""
        self._close(reservation, Spent(calls=1, usd=None if reservation.price is None else 0.0))

    def _close(self, reservation: Reservation, spent: Spent) -> None:
        self._reserved.remove(reservation)
        self._spent += spent
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def _refusal(self, worst: Spent) -> BudgetError | None:
        """Why a call must not be sent now, or None."""
        if self._max_calls is self._max_tokens is self._max_usd is None:
            return None
        if self._max_usd is not None and worst.usd is None:
            return BudgetError(
                "a limit in USD needs models with a known price, and one has none; use --max-tokens instead"
            )
        if self._max_usd is not None and self._spent.usd is None:
            return BudgetError(
                "a limit in USD needs to know what was spent, and this run has used a model without a price; use "
                "--max-tokens instead"
            )
        total = sum((reservation.worst for reservation in self._reserved), self._spent) + worst
        checks: tuple[tuple[str, float | None, float | None, float | None], ...] = (
            ("calls", self._max_calls, self._spent.calls, total.calls),
            ("tokens", self._max_tokens, self._spent.tokens, total.tokens),
            ("usd", self._max_usd, self._spent.usd, total.usd),
        )
        for name, limit, spent, most in checks:
            if limit is not None and spent is not None and most is not None and most > limit:
                return BudgetError(
                    f"the run may spend {limit:g} {name}, {spent:g} are spent and the next call could exceed that; "
                    f"raise --max-{name} and resume"
                )
        return None
