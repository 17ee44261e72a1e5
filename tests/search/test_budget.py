"""What limits leave room for."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from undercut.evaluators.bill import Spent
from undercut.evaluators.ledger import Ledger
from undercut.evaluators.models.base import Price, Usage
from undercut.search.budget import SPARE, Budget, Room
from undercut.search.settings import Settings
from undercut.search.store import Store
from undercut.spaces.cost import UNKNOWN, Cost

amounts = st.floats(0, 1e6)
costs = st.builds(lambda calls, prefill, decode: Cost(calls=calls, prefill=prefill, decode=decode), *[amounts] * 3)


@given(amounts, amounts, costs, costs)
def test_what_fits_leaves_nothing_below_zero(calls: float, tokens: float, first: Cost, then: Cost) -> None:
    room = Room({"calls": calls, "tokens": tokens}, 1.5)
    if room.times(first) < 1:
        return
    rest = room.without(first)
    assert all(0 <= left <= room.left[unit] for unit, left in rest.left.items())
    if rest.times(then) >= 1:  # both fit one after the other where they fit together
        assert room.times(first + then) >= 1 - 1e-9


def test_without_limits_everything_fits() -> None:
    assert Room({}).times(Cost(calls=1e9, prefill=1e12)) == math.inf
    assert Room({"tokens": 10}).times(Cost(calls=3)) == math.inf  # what is not limited does not count
    assert Room({"tokens": 10}).times(Cost(prefill=UNKNOWN)) == math.inf  # nor what nobody knows
    assert Room({"tokens": 10, "usd": 2.0}).options == "--max-tokens and --max-usd"


async def spend(ledger: Ledger, calls: int) -> None:
    for _ in range(calls):
        ledger.settle(await ledger.reserve(8, 2), Usage(8, 2))
    await ledger.close()


async def lose(ledger: Ledger, calls: int) -> None:
    """Have calls under way that nobody will ever settle, as a process that is killed."""
    await asyncio.gather(*(ledger.reserve(8, 2) for _ in range(calls)))


def test_what_was_spent_at_a_point_is_what_it_was_when_the_run_first_came_there(tmp_path: Path) -> None:
    store = Store.create(tmp_path, Settings("sort"))
    ledger = Ledger(max_calls=100)
    budget = Budget(ledger, store)
    asyncio.run(spend(ledger, 20))
    early = budget.room(10)
    assert early.left == {"calls": 80} and early.dearer == SPARE * 2  # as many calls beside as for answers
    later = Ledger(max_calls=150, spent=Spent(calls=60))
    again = Budget(later, store).room(10)
    assert again.left == {"calls": 130} and again.dearer == early.dearer
    assert Budget(later, store).room(11).left == {"calls": 90}
    assert Budget(later, store).room(90, unlike=0.0).times(Cost(calls=1)) < math.inf  # more will have to be asked
    store.close()


def test_calls_that_were_lost_once_are_not_expected_to_be_lost_again(tmp_path: Path) -> None:
    """They are on the bill, and that is all: with a process that was killed, or when models failed for good."""
    store = Store.create(tmp_path, Settings("sort"))
    journal = store.answers.journal
    asyncio.run(spend(Ledger(journal=journal), 20))  # none of them brought an answer
    asyncio.run(lose(Ledger(journal=journal), 64))
    for answers, lost in ((10, 84), (11, 184)):
        room = Budget(Ledger(max_calls=500, journal=journal), store).room(answers)
        assert room.left == {"calls": 500 - lost} and room.dearer == SPARE
        asyncio.run(lose(Ledger(journal=journal), 100))
    kept = Budget(Ledger(max_calls=500, journal=journal), store).room(10)
    assert kept.left == {"calls": 416} and kept.dearer == SPARE
    goes_on = Ledger(max_calls=500, journal=journal)
    budget = Budget(goes_on, store)
    asyncio.run(spend(goes_on, 20))
    assert budget.room(12).dearer == pytest.approx(
        SPARE * 1.7
    )  # what is sent beside answers from now on is another matter
    store.close()


def test_calls_of_unknown_usage_take_what_the_bill_takes_them_for(tmp_path: Path) -> None:
    async def told_nothing(ledger: Ledger, calls: int) -> None:
        for _ in range(calls):
            ledger.settle(await ledger.reserve(150, 50, Price(1e-6, 1e-6)), None)

    store = Store.create(tmp_path, Settings("sort"))
    ledger = Ledger(max_tokens=10_000, max_usd=1.0)
    budget = Budget(ledger, store)
    asyncio.run(told_nothing(ledger, 10))
    forecast = Cost(calls=4, prefill=4, decode=4, usd=8e-6)
    assert budget.room(10, 0.0).untold == {"tokens": 0, "usd": 0}
    room = budget.room(10, untold=0.5)
    assert room.untold == {"tokens": 100, "usd": pytest.approx(100e-6)}
    assert room.times(forecast) == pytest.approx(8000 / (408 * SPARE))
    assert room.without(forecast).left["tokens"] == pytest.approx(8000 - 408 * SPARE)
    assert room.without(forecast).times(Cost(calls=1)) < room.times(Cost(calls=1))
    store.close()
