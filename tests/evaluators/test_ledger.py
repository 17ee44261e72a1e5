"""The bill: never above a limit, whatever the order, and never below what was sent."""

from __future__ import annotations

import asyncio
import json
import math
import random
import sqlite3
from collections.abc import Coroutine
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undercut.evaluators import journal as journal_module
from undercut.evaluators.bill import Spent
from undercut.evaluators.journal import Journal
from undercut.evaluators.ledger import Ledger
from undercut.evaluators.models.base import Usage
from undercut.spaces.errors import BudgetError, RunFolderError, UsageError
from undercut.spaces.pricing import Price

PRICE = Price(prompt=0.001, completion=0.004, cached=0.0005)


@st.composite
def jobs(draw: st.DrawFn) -> dict[str, Any]:
    """A call: its worst case, what it really uses, when it asks, how long it takes, and how it ends."""
    prompt, completion = draw(st.integers(0, 50)), draw(st.integers(0, 50))
    used = draw(st.integers(0, prompt))
    return {
        "worst": (prompt, completion),
        "usage": Usage(used, draw(st.integers(0, completion)), draw(st.integers(0, used))),
        "before": draw(st.integers(0, 5)),
        "during": draw(st.integers(0, 5)),
        "end": draw(st.sampled_from(["settle", "settle", "settle", "release", "unknown"])),
    }


@given(
    st.lists(jobs(), max_size=25),
    st.none() | st.integers(0, 12),
    st.none() | st.integers(0, 500),
    st.none() | st.floats(0, 1),
)
@settings(max_examples=300, deadline=None)
def test_no_limit_is_ever_crossed(
    work: list[dict[str, Any]], calls: int | None, tokens: int | None, usd: float | None
) -> None:
    ledger = Ledger(calls, tokens, usd)
    refused = 0

    def check() -> None:
        spent = ledger.spent
        assert calls is None or spent.calls <= calls
        assert tokens is None or spent.tokens <= tokens
        assert usd is None or (spent.usd is not None and spent.usd <= usd + 1e-9)

    async def run(job: dict[str, Any]) -> None:
        nonlocal refused
        for _ in range(job["before"]):
            await asyncio.sleep(0)
        try:
            prompt, completion = job["worst"]
            reservation = await ledger.reserve(prompt, completion, PRICE)
        except BudgetError:
            refused += 1
            return
        for _ in range(job["during"]):
            await asyncio.sleep(0)
        if job["end"] == "release":
            ledger.release(reservation)
        else:
            ledger.settle(reservation, job["usage"] if job["end"] == "settle" else None)
        check()

    async def run_all() -> None:
        await asyncio.gather(*(run(job) for job in work))

    asyncio.run(run_all())
    check()
    assert ledger.spent.calls + refused == len(work)
    assert not (refused and calls is tokens is usd is None)


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_ledgers_that_share_a_journal_share_the_limit(data: st.DataObject) -> None:
    """Three ledgers, one of which is killed, 256 calls at once: what was sent never exceeds the limit."""
    calls = data.draw(st.none() | st.integers(0, 300))
    tokens = data.draw(st.none() | st.integers(0, 12_000))
    usd = data.draw(st.none() | st.floats(0, 20))
    generator = random.Random(data.draw(st.integers(0, 2**32)))
    sent: list[tuple[int, int]] = []  # what a server would count, whatever becomes of the answer

    async def one(ledger: Ledger, dies: bool) -> None:
        prompt, completion = generator.randrange(50), generator.randrange(50)
        try:
            reservation = await ledger.reserve(prompt, completion, PRICE)
        except BudgetError:
            return
        used = generator.randrange(prompt + 1), generator.randrange(completion + 1)
        sent.append(used)
        for _ in range(generator.randrange(6)):
            await asyncio.sleep(0)
        if dies and generator.random() < 0.5:
            return  # killed: nobody settles it
        ledger.settle(reservation, Usage(*used) if generator.random() < 0.9 else None)

    async def together(ledgers: list[Ledger]) -> None:
        dying = [asyncio.create_task(one(ledgers[0], True)) for _ in range(86)]
        await asyncio.gather(*(one(ledger, False) for ledger in ledgers[1:] for _ in range(85)))
        for task in dying:  # some of them wait for what is never settled
            task.cancel()
        await asyncio.gather(*dying, return_exceptions=True)
        for ledger in ledgers[1:]:
            await ledger.close()

    with TemporaryDirectory() as folder:
        journals = [Journal(Path(folder, "answers.sqlite")) for _ in range(3)]
        asyncio.run(together([Ledger(calls, tokens, usd, journal=journal) for journal in journals]))
        for journal in journals:
            journal.close()
        again = Journal(Path(folder, "answers.sqlite"))
        spent = Ledger(journal=again).spent
        again.close()
    assert calls is None or len(sent) <= spent.calls <= calls
    assert tokens is None or sum(map(sum, sent)) <= spent.tokens <= tokens
    assert spent.usd is not None and sum(PRICE.usd(*used) for used in sent) <= spent.usd + 1e-9
    assert usd is None or spent.usd <= usd + 1e-9
    if calls is tokens is usd is None:
        assert len(sent) >= 170


def test_what_a_killed_process_had_under_way_is_on_the_bill(tmp_path: Path) -> None:
    async def use(ledger: Ledger) -> None:
        await ledger.reserve(10, 20, PRICE)

    journal = Journal(tmp_path / "answers.sqlite")
    asyncio.run(use(Ledger(journal=journal)))
    journal.close()
    again = Journal(tmp_path / "answers.sqlite")
    spent = Ledger(journal=again).spent
    assert (spent.calls, spent.tokens, spent.unmetered, spent.uncertain) == (1, 30, 1, 30)
    with pytest.raises(BudgetError, match="1 are spent"):
        asyncio.run(use(Ledger(max_calls=1, journal=again)))
    again.close()


def test_time_is_a_limit() -> None:
    now = [0.0]
    ledger = Ledger(max_minutes=2, clock=lambda: now[0])
    assert settled(ledger, Usage(1, 1)).calls == 1
    now[0] = 119.9
    ledger.check_time()
    assert ledger.time_left == pytest.approx(0.1) and Ledger().time_left == math.inf
    now[0] = 120.0
    with pytest.raises(BudgetError, match="raise --max-minutes"):
        ledger.check_time()
    with pytest.raises(BudgetError, match="2 minutes"):
        settled(ledger, Usage(1, 1))


def test_a_call_that_was_not_sent_is_not_on_the_bill() -> None:
    ledger = Ledger(max_calls=1)

    async def run() -> None:
        for _ in range(3):
            ledger.cancel(await ledger.reserve(10, 10, PRICE))

    asyncio.run(run())
    assert ledger.spent == Spent()


def settled(ledger: Ledger, *usages: Usage | None, price: Price | None = None) -> Spent:
    """What is spent after calls with these usages, each with a worst case of 10 and 10 tokens."""

    async def run() -> None:
        for usage in usages:
            ledger.settle(await ledger.reserve(10, 10, price), usage)

    asyncio.run(run())
    return ledger.spent


def test_what_was_used_is_what_is_billed() -> None:
    spent = settled(Ledger(), Usage(5, 2), Usage(7, 3, cached=4), price=PRICE)
    assert (spent.calls, spent.prompt_tokens, spent.completion_tokens, spent.tokens) == (2, 12, 5, 17)
    assert spent.usd == pytest.approx(0.001 * (5 + 3) + 0.0005 * 4 + 0.004 * 5)


def test_usage_that_is_not_told_is_taken_at_its_most() -> None:
    spent = settled(Ledger(), Usage(None, None), None, Usage(3, 1), price=PRICE)
    assert (spent.calls, spent.prompt_tokens, spent.completion_tokens, spent.unmetered) == (3, 23, 21, 2)


def test_without_a_price_the_dollars_are_unknown_for_good() -> None:
    ledger = Ledger()
    assert settled(ledger, Usage(1, 1)).usd is None
    assert settled(ledger, Usage(1, 1), price=PRICE).usd is None


def test_a_limit_in_dollars_refuses_models_without_a_price() -> None:
    with pytest.raises(BudgetError, match="--max-tokens"):
        settled(Ledger(max_usd=1), Usage(1, 1))


def test_a_limit_in_dollars_refuses_a_run_that_lost_count_of_them() -> None:
    with pytest.raises(BudgetError, match="without a price"):
        settled(Ledger(max_usd=1, spent=Spent(calls=1, usd=None)), Usage(1, 1), price=PRICE)


def test_the_error_says_limit_spent_and_what_to_raise() -> None:
    ledger = Ledger(max_tokens=30)
    with pytest.raises(BudgetError, match=r"30 tokens, 14 are spent .* raise --max-tokens"):
        settled(ledger, Usage(7, 7), Usage(1, 1))
    assert ledger.spent.calls == 1


def test_a_call_waits_for_what_others_may_leave() -> None:
    ledger = Ledger(max_tokens=30)
    order: list[str] = []

    async def first() -> None:
        reservation = await ledger.reserve(10, 10)
        order.append("first is under way")
        for _ in range(3):
            await asyncio.sleep(0)
        ledger.settle(reservation, Usage(2, 2))

    async def second() -> None:
        reservation = await ledger.reserve(10, 10)
        order.append("second is under way")
        ledger.settle(reservation, Usage(3, 3))

    async def run() -> None:
        await asyncio.gather(first(), second())

    asyncio.run(run())
    assert order == ["first is under way", "second is under way"]
    assert ledger.spent.tokens == 10


def test_one_who_waits_and_leaves_blocks_nobody() -> None:
    ledger = Ledger(max_calls=2, max_tokens=20)

    async def run() -> None:
        reservation = await ledger.reserve(10, 10)
        leaving = asyncio.create_task(_used(ledger))
        staying = asyncio.create_task(_used(ledger))
        await asyncio.sleep(0)
        leaving.cancel()
        ledger.settle(reservation, Usage(0, 0))
        await staying

    asyncio.run(run())
    assert ledger.spent.calls == 2


def _used(ledger: Ledger) -> Coroutine[Any, Any, None]:
    async def use() -> None:
        ledger.settle(await ledger.reserve(10, 10), Usage(1, 1))

    return use()


def test_a_bill_that_cannot_be_written_refuses_everyone_who_asks(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "bill.sqlite")
    ledger = Ledger(journal=journal)
    journal.close()

    async def run() -> None:
        for _ in range(2):
            with pytest.raises(RunFolderError, match="must stay readable and writable"):
                await asyncio.wait_for(ledger.reserve(1, 1), 10)

    asyncio.run(run())


def test_a_bill_that_could_not_be_written_is_written_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process holds the file while calls are settled and others ask: nothing is forgotten or granted."""
    monkeypatch.setattr(journal_module, "BUSY_SECONDS", 0.0)
    path = tmp_path / "bill.sqlite"
    journal = Journal(path)
    ledger = Ledger(max_calls=3, journal=journal)
    other = sqlite3.connect(path, isolation_level=None)

    async def use() -> None:
        first, second = await ledger.reserve(10, 10, PRICE), await ledger.reserve(10, 10, PRICE)
        other.execute("BEGIN IMMEDIATE")
        ledger.settle(first, Usage(4, 5))
        ledger.settle(second, None)
        for _ in range(2):
            with pytest.raises(RunFolderError, match="locked"):
                await asyncio.gather(ledger.reserve(100, 1, PRICE), ledger.reserve(100, 1, PRICE))
        other.execute("ROLLBACK")
        assert (ledger.spent.calls, ledger.spent.tokens, ledger.spent.unmetered) == (2, 29, 1)
        ledger.settle(await ledger.reserve(10, 10, PRICE), Usage(1, 1))
        with pytest.raises(BudgetError, match="3 are spent"):
            await ledger.reserve(1, 1, PRICE)
        await ledger.close()

    asyncio.run(use())
    other.close()
    journal.close()
    again = Journal(path)
    spent = Ledger(journal=again).spent
    assert (spent.calls, spent.tokens, spent.unmetered) == (3, 31, 1)
    again.close()


def test_what_is_reserved_can_be_given_back_without_an_event_loop(tmp_path: Path) -> None:
    """A run that is broken off has none left: what it sent is on the bill, at its most, and no more than that."""
    journal = Journal(tmp_path / "bill.sqlite")
    ledger = Ledger(journal=journal)

    async def use() -> None:
        calls = [await ledger.reserve(10, 10, PRICE) for _ in range(3)]
        ledger.settle(calls[0], Usage(1, 1))
        ledger.settle(calls[1], None)
        ledger.cancel(calls[2])

    asyncio.run(use())
    ledger.leave()
    journal.close()
    again = Journal(tmp_path / "bill.sqlite")
    found = Ledger(journal=again)
    assert (found.spent.calls, found.spent.tokens, found.elsewhere) == (2, 22, Spent())
    again.close()


def test_a_limit_in_dollars_leaves_room_for_what_adds_up_to_it() -> None:
    ledger, tenth = Ledger(max_usd=0.3), Price(prompt=0.01, completion=0.0)
    spent = settled(ledger, *[Usage(10, 0)] * 3, price=tenth)
    assert spent.usd == 0.1 + 0.1 + 0.1 > 0.3
    with pytest.raises(BudgetError, match="raise --max-usd"):
        settled(ledger, Usage(1, 0), price=tenth)


def test_a_failed_call_is_a_call_without_tokens() -> None:
    ledger = Ledger()

    async def run() -> None:
        ledger.release(await ledger.reserve(10, 10, PRICE))

    asyncio.run(run())
    assert ledger.spent == Spent(calls=1)


def test_a_run_goes_on_from_what_was_spent() -> None:
    before = Spent.from_dict(json.loads(json.dumps(Spent(3, 10, 20, 0.5, 1).to_dict())))
    assert before == Spent(3, 10, 20, 0.5, 1)
    with pytest.raises(BudgetError, match="3 are spent"):
        settled(Ledger(max_calls=3, spent=before), Usage(1, 1))


@pytest.mark.parametrize("limits", [{"max_calls": -1}, {"max_tokens": -5}, {"max_usd": float("nan")}])
def test_a_limit_below_nothing_is_refused(limits: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="--max-"):
        Ledger(**limits)
