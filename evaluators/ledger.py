"""Limits that are never crossed: the most that a call may spend is reserved before it is sent.

It is settled when the answer is there. With a journal both are on disk before anything follows from them, and every
process that shares the journal shares the limits.
"""

from __future__ import annotations

import asyncio
import math
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import le

import msgspec
from msgspec.structs import replace

from undercut.evaluators.bill import (
    BILL,
    NOTHING,
    Row,
    Spent,
    add_settled,
    as_row,
    from_row,
    put_reserved,
    read_bill,
)
from undercut.evaluators.journal import Journal, Undo
from undercut.evaluators.models.base import Usage
from undercut.spaces.errors import BudgetError, RunFolderError, UsageError
from undercut.spaces.pricing import Price


class Reservation(msgspec.Struct, frozen=True, eq=False, gc=False):
    """The most that one call under way may spend."""

    worst: Spent
    price: Price | None


@dataclass(frozen=True, slots=True, eq=False)
class _Wish:
    """A call that waits for its reservation."""

    reservation: Reservation
    granted: asyncio.Future[Reservation]


ROUNDING = 1e-12
"""Share of a limit that sums of dollars may be off by: a limit of 0.3 leaves room for three calls of 0.1."""


class Ledger:
    """Counts what is spent, and reserves the worst case of every call before it is sent.

    One instance serves one event loop at a time.

    Args:
        max_calls: most requests; None is no limit, here and below.
        max_tokens: most tokens in and out.
        max_usd: most US dollars; models without a price are refused then.
        max_minutes: most minutes from now on; what is under way then is waited for, and nothing more is sent.
        spent: what was spent before; with a journal, the journal tells.
        untold: share, in [0, 1], of its worst case that a call counts with against `max_tokens` where nobody told its
            usage. Below 1, that limit holds for what was told and for an estimate of the rest.
        journal: where the bill is kept. What other ledgers have reserved there, those of other processes and of killed
            ones, counts as spent at its most.
        clock: the time in seconds, from any beginning.

    Raises:
        UsageError: a limit is below 0.
    """

    def __init__(
        self,
        max_calls: int | None = None,
        max_tokens: int | None = None,
        max_usd: float | None = None,
        max_minutes: float | None = None,
        *,
        spent: Spent = NOTHING,
        untold: float = 1.0,
        journal: Journal | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        limits: dict[str, float | None] = {
            "calls": max_calls,
            "tokens": max_tokens,
            "usd": max_usd,
            "minutes": max_minutes,
        }
        for name, limit in limits.items():
            if limit is not None and not limit >= 0:
                raise UsageError(f"a limit must be 0 or more, and --max-{name} is {limit}; leave it out for no limit")
        self._max_minutes = limits.pop("minutes")
        self._limits = limits
        self.untold = untold
        self._clock = clock
        self._begin = clock()
        self._journal = journal
        self._owner = uuid.uuid4().hex
        self._base, self._elsewhere = (
            (spent, NOTHING) if journal is None else read_bill(journal.rows(BILL), self._owner)
        )
        self._unwritten = NOTHING
        self._leased = as_row(NOTHING)
        self._reserved: set[Reservation] = set()
        self._worst, self._unpriced = NOTHING, 0  # of all that is reserved, and how many of them have no price
        self._wishes: list[_Wish] = []
        self._syncing: asyncio.Future[list[_Wish]] | None = None
        self._heard: asyncio.Future[list[_Wish]] | None = None

    @property
    def limits(self) -> dict[str, float]:
        """The most that may be spent, by unit: calls, tokens and US dollars, those of them that are limited."""
        return {unit: limit for unit, limit in self._limits.items() if limit is not None}

    @property
    def spent(self) -> Spent:
        """What is spent so far, without what our own calls under way may yet spend."""
        return self._base + self._unwritten + self._elsewhere

    def taken(self, unit: str, spent: Spent) -> float | None:
        """How much of a unit's limit is taken by what is spent: all of it, but a share of tokens that nobody told."""
        beyond = (1 - self.untold) * spent.uncertain if unit == "tokens" else 0
        known: float | None = getattr(spent, unit)
        return known if known is None else known - beyond

    @property
    def elsewhere(self) -> Spent:
        """The part of `spent` that other ledgers have reserved, at its most; it stays when their process was killed."""
        return self._elsewhere

    @property
    def time_left(self) -> float:
        """Seconds until nothing more may be sent; infinite without a limit."""
        if self._max_minutes is None:
            return math.inf
        return max(0.0, 60 * self._max_minutes - (self._clock() - self._begin))

    def check_time(self) -> None:
        """Do nothing while there is time.

        Raises:
            BudgetError: the time is up.
        """
        if not self.time_left:
            raise BudgetError(
                f"the run may take {self._max_minutes:g} minutes, and these are over; raise --max-minutes to go on"
            )

    async def reserve(self, prompt: int, completion: int, price: Price | None = None) -> Reservation:
        """Reserve the most that a call may spend, in tokens; waits while calls under way may leave enough unspent.

        Raises:
            BudgetError: the call could exceed a limit.
            RunFolderError: the journal could not be written.
        """
        usd = None if price is None else price.usd(prompt, completion)
        reservation = Reservation(Spent(1, prompt, completion, usd), price)
        if self._covered(reservation.worst):
            self._add(reservation)
            return reservation
        wish = _Wish(reservation, asyncio.get_running_loop().create_future())
        self._wishes.append(wish)
        self._changed()
        try:
            return await wish.granted
        except asyncio.CancelledError:
            if reservation in self._reserved:  # granted, and nobody there to send it
                self.cancel(reservation)
            raise

    def settle(self, reservation: Reservation, usage: Usage | None) -> None:
        """Put what a call really used in the place of its reservation; unknown counts are taken at their most."""
        worst = reservation.worst
        prompt = worst.prompt_tokens if usage is None or usage.prompt is None else usage.prompt
        completion = worst.completion_tokens if usage is None or usage.completion is None else usage.completion
        cached = 0 if usage is None else min(usage.cached, prompt)
        unmetered = usage is None or usage.prompt is None or usage.completion is None
        usd = None if reservation.price is None else reservation.price.usd(prompt, completion, cached)
        uncertain = prompt + completion if unmetered else 0
        self._close(reservation, Spent(1, prompt, completion, usd, int(unmetered), uncertain))

    def release(self, reservation: Reservation) -> None:
        """Drop the reservation of a call that no model answered: it counts as a call, and used no tokens."""
        self._close(reservation, Spent(calls=1, usd=None if reservation.price is None else 0.0))

    def cancel(self, reservation: Reservation) -> None:
        """Drop the reservation of a call that was not sent."""
        self._close(reservation, NOTHING)

    async def close(self) -> None:
        """Give back what is reserved on disk beyond the calls under way; the ledger can be used again."""
        if self._journal is not None and any(self._leased):
            sync, undo = self._step(keep=False)
            _tell(await self._journal.write(sync, undo=undo))

    def leave(self) -> None:
        """The same where no event loop is left: after a run that was broken off."""
        if self._journal is not None and (any(self._leased) or self._unwritten != NOTHING):
            self._journal.write_alone(self._step(keep=False)[0])

    def _close(self, reservation: Reservation, spent: Spent) -> None:
        self._reserved.remove(reservation)
        self._count(reservation, -1)
        self._unwritten += spent
        self._changed()

    def _add(self, reservation: Reservation) -> None:
        self._reserved.add(reservation)
        self._count(reservation, +1)

    def _count(self, reservation: Reservation, sign: int) -> None:
        """Keep the sum of what is reserved; it begins anew with every set of calls, so that no rounding adds up."""
        worst, old = reservation.worst, self._worst
        self._unpriced += sign * (worst.usd is None)
        self._worst = (
            NOTHING
            if not self._reserved
            else Spent(
                old.calls + sign * worst.calls,
                old.prompt_tokens + sign * worst.prompt_tokens,
                old.completion_tokens + sign * worst.completion_tokens,
                (old.usd or 0.0) + sign * (worst.usd or 0.0),
            )
        )

    def _most(self) -> Spent:
        """The most that our calls under way may spend."""
        return replace(self._worst, usd=None) if self._unpriced else self._worst

    # -- granting --------------------------------------------------------------------------------------------------

    def _covered(self, worst: Spent) -> bool:
        """Whether what is reserved on disk leaves room for a call, so that nothing need be written before it."""
        if self._wishes or not any(self._leased):
            return False
        self.check_time()
        return all(map(le, as_row(self._unwritten + self._most() + worst), self._leased))

    def _changed(self) -> None:
        """Look at the wishes again: now, or as part of the journal's next transaction."""
        if self._journal is None:
            _tell(self._granted())
            return
        loop = asyncio.get_running_loop()
        if self._syncing is None or self._syncing.done() or self._syncing.get_loop() is not loop:
            sync, undo = self._step()
            self._syncing = self._journal.write(sync, undo=undo)
        if self._wishes and self._heard is not self._syncing:  # without a wish, nobody waits to be told
            self._heard = self._syncing
            self._heard.add_done_callback(self._synced)

    def _sync(self, connection: sqlite3.Connection, keep: bool = True) -> list[_Wish]:
        """Write what was settled, read what others did, grant what can be granted, write what is reserved.

        What was reserved once stays so with `keep`, while it may, for the calls that follow: that saves a transaction
        a call.
        """
        self._syncing = None  # what changes from here on is of the next transaction
        if self._unwritten != NOTHING:
            add_settled(connection, self._unwritten)
            self._unwritten = NOTHING
        self._base, self._elsewhere = read_bill(connection.execute(BILL), self._owner)
        granted = self._granted()
        most = as_row(self._most())
        lease = tuple(map(max, most, self._leased)) if keep else most
        self._lease(connection, lease if self._exceeded(self.spent + from_row(*lease)) is None else most)
        return granted

    def _step(self, keep: bool = True) -> tuple[Callable[[sqlite3.Connection], list[_Wish]], Undo]:
        """A `_sync`, and what makes up for one that was not committed: all is as before, and no wish is granted."""
        before: list[tuple[Spent, Spent, Spent, Row]] = []
        waiting: list[_Wish] = []

        def sync(connection: sqlite3.Connection) -> list[_Wish]:
            before.append((self._unwritten, self._base, self._elsewhere, self._leased))
            waiting.extend(self._wishes)
            return self._sync(connection, keep)

        def undo(failed: RunFolderError) -> None:
            for state in before:
                self._unwritten, self._base, self._elsewhere, self._leased = state
            for wish in waiting:
                if wish.reservation in self._reserved:
                    self._reserved.remove(wish.reservation)
                    self._count(wish.reservation, -1)
            refused, self._wishes = [*waiting, *self._wishes], []
            for wish in refused:
                if not wish.granted.done():
                    wish.granted.set_exception(failed)

        return sync, undo

    def _lease(self, connection: sqlite3.Connection, lease: Row) -> None:
        """Have so much reserved on disk."""
        if lease == self._leased:
            return
        self._leased = lease
        put_reserved(connection, self._owner, lease)

    def _synced(self, done: asyncio.Future[list[_Wish]]) -> None:
        """Tell those whose wishes were granted, once that is committed."""
        if not done.cancelled() and done.exception() is None:
            _tell(done.result())

    def _granted(self) -> list[_Wish]:
        """Reserve what wishes can be granted, the oldest first, and refuse those that can never be."""
        if not self._wishes:
            return []
        granted: list[_Wish] = []
        waiting: list[_Wish] = []
        for wish in self._wishes:
            if wish.granted.done():  # whoever asked is gone
                continue
            refusal = self._refusal(wish.reservation.worst)
            if refusal is None:
                self._add(wish.reservation)
                granted.append(wish)
            elif self._reserved:
                waiting.append(wish)
            else:
                wish.granted.set_exception(refusal)
        self._wishes = waiting
        return granted

    def _refusal(self, worst: Spent) -> BudgetError | None:
        """Why a call must not be sent now, or None."""
        try:
            self.check_time()
        except BudgetError as refusal:
            return refusal
        spent = self.spent
        if self._limits["usd"] is not None and worst.usd is None:
            return BudgetError(
                "a limit in USD needs models with a known price, and one has none; use --max-tokens instead"
            )
        if self._limits["usd"] is not None and spent.usd is None:
            return BudgetError(
                "a limit in USD needs to know what was spent, and this run has used a model without a price; use "
                "--max-tokens instead"
            )
        name = self._exceeded(spent + self._most() + worst)
        if name is None:
            return None
        limit, so_far = self._limits[name], self.taken(name, spent)
        return BudgetError(
            f"the run may spend {limit:.12g} {name}, {so_far:.12g} are spent and the next call could exceed that; "
            f"raise --max-{name} to go on"
        )

    def _exceeded(self, total: Spent) -> str | None:
        """The limit that so much would exceed, or None."""
        for name, limit in self._limits.items():
            most = self.taken(name, total)
            if limit is not None and (most is None or most > limit * (1 + ROUNDING)):
                return name
        return None


def _tell(wishes: Iterable[_Wish]) -> None:
    for wish in wishes:
        if not wish.granted.done():
            wish.granted.set_result(wish.reservation)
