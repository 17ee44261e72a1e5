"""The bill: what was sent so far, as a value, and as rows of the journal."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import msgspec
from msgspec.structs import asdict, replace


class Spent(msgspec.Struct, frozen=True, gc=False):
    """What was sent so far, answers from our own cache not counted.

    Attributes:
        calls: requests sent, failed ones and those sent again included.
        prompt_tokens: prompt tokens.
        completion_tokens: tokens written.
        usd: US dollars; None once a call went to a model without a price.
        unmetered: calls whose usage nobody told (no answer came, or one without a count); they stand in the other
            fields with the most they may have used.
        uncertain: tokens of these calls, at their most; `tokens` less these are tokens that models told of.
    """

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    usd: float | None = 0.0
    unmetered: int = 0
    uncertain: int = 0

    @property
    def tokens(self) -> int:
        """Tokens in and out."""
        return self.prompt_tokens + self.completion_tokens

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)

    def bill(self) -> dict[str, Any]:
        """What a result tells of it, in JSON form."""
        sums = {"calls": self.calls, "tokens": self.tokens, "usd": self.usd}
        return {**sums, "unmetered": self.unmetered, "uncertain": self.uncertain}

    def part(self, share: float) -> Spent:
        """So great a share of all of it, in whole calls and tokens."""
        counts = {name: round(share * much) for name, much in asdict(self).items() if name != "usd"}
        return Spent(**counts, usd=None if self.usd is None else share * self.usd)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Spent:
        """Read the JSON form back."""
        return msgspec.convert(data, cls)

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.calls + other.calls,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            None if self.usd is None or other.usd is None else self.usd + other.usd,
            self.unmetered + other.unmetered,
            self.uncertain + other.uncertain,
        )


NOTHING = Spent()

Row: TypeAlias = tuple[Any, ...]
"""Calls, prompt tokens, completion tokens, US dollars where they are known, and the calls where they are not."""

BILL = "SELECT owner, calls, prompt, completion, usd, unpriced, unmetered, uncertain FROM bill"
"""The query for the rows that `read_bill` takes: what is settled has the owner '', what is reserved that ledger's."""


def as_row(spent: Spent) -> Row:
    """What is spent, as the first columns of a row after its owner; those of the two counts of doubt are left out."""
    return spent.calls, spent.prompt_tokens, spent.completion_tokens, spent.usd or 0.0, int(spent.usd is None)


def from_row(calls: int, prompt: int, completion: int, usd: float, unpriced: int, *doubt: int) -> Spent:
    """What `as_row` made a row of; `doubt` are the counts `unmetered` and `uncertain`, where they are there."""
    return Spent(calls, prompt, completion, None if unpriced else usd, *doubt)


def add_settled(connection: sqlite3.Connection, spent: Spent) -> None:
    """Add to what is settled."""
    connection.execute(
        "UPDATE bill SET calls = calls + ?, prompt = prompt + ?, completion = completion + ?, usd = usd + ?, "
        "unpriced = unpriced + ?, unmetered = unmetered + ?, uncertain = uncertain + ? WHERE owner = ''",
        (*as_row(spent), spent.unmetered, spent.uncertain),
    )


def put_reserved(connection: sqlite3.Connection, owner: str, reserved: Row) -> None:
    """Replace what a ledger has reserved."""
    if any(reserved):
        connection.execute("INSERT OR REPLACE INTO bill VALUES (?, ?, ?, ?, ?, ?, 0, 0)", (owner, *reserved))
    else:
        connection.execute("DELETE FROM bill WHERE owner = ?", (owner,))


def read_bill(rows: Iterable[Sequence[Any]], owner: str) -> tuple[Spent, Spent]:
    """What is settled, and what other ledgers than the owner's have reserved.

    Calls of a process that was killed may have been sent or not: all that is reserved elsewhere counts as uncertain.
    """
    settled = elsewhere = NOTHING
    for of, *sums in rows:
        if not of:
            settled = from_row(*sums)
        elif of != owner:
            most = from_row(*sums)
            elsewhere += replace(most, unmetered=most.calls, uncertain=most.tokens)
    return settled, elsewhere
