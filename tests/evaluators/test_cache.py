"""The store of answers: found by content, committed before used, shared between processes, never misread."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undercut.evaluators import journal
from undercut.evaluators.bill import Spent
from undercut.evaluators.cache import AnswerCache
from undercut.evaluators.identity import answer_key
from undercut.evaluators.ledger import Ledger
from undercut.evaluators.models.base import Completion, Usage
from undercut.spaces.errors import RunFolderError

ANSWER = Completion("1 2 é", Usage(7, 3, 2), "stop")
OTHER = Completion("9", Usage(None, None), "length")


@pytest.fixture(params=["memory", "file"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "answers.sqlite" if request.param == "file" else None


def test_what_was_put_is_found_whole(path: Path | None) -> None:
    cache = AnswerCache(path)
    assert cache.get("a") is None and len(cache) == 0
    assert asyncio.run(cache.put("a", ANSWER)) == ANSWER
    asyncio.run(cache.put("b", OTHER))
    assert cache.get("a") == ANSWER and cache.get("b") == OTHER and len(cache) == 2
    cache.close()
    cache.close()


def test_the_first_answer_stays(path: Path | None) -> None:
    cache = AnswerCache(path)
    asyncio.run(cache.put("a", ANSWER))
    assert asyncio.run(cache.put("a", OTHER)) == ANSWER
    assert cache.get("a") == ANSWER and len(cache) == 1
    cache.close()


def test_an_answer_is_committed_before_it_is_used(tmp_path: Path) -> None:
    path = tmp_path / "answers.sqlite"
    cache, witness = AnswerCache(path), AnswerCache(path)

    async def use() -> None:
        await asyncio.gather(*(cache.put(f"k{index}", ANSWER) for index in range(50)))
        assert len(witness) == 50  # another connection sees only what is committed

    asyncio.run(use())
    cache.close()
    witness.close()


def test_who_writes_alone_waits_for_no_turn_of_the_loop(tmp_path: Path) -> None:
    path = tmp_path / "answers.sqlite"
    cache, witness = AnswerCache(path), AnswerCache(path)

    async def use() -> None:
        pending = asyncio.ensure_future(cache.put("a", OTHER))
        await asyncio.sleep(0)  # it is written, and not yet committed
        later: list[str] = []
        asyncio.get_running_loop().call_soon(later.append, "another turn")
        assert await cache.put_all([("b", ANSWER)], now=True) == [ANSWER]
        assert not later and witness.get("b") == ANSWER and witness.get("a") == OTHER
        assert await pending == OTHER

    asyncio.run(use())
    cache.close()
    witness.close()


@given(st.text(), st.text(), st.floats(0, 2), st.integers(1, 10**6), st.lists(st.integers(0, 99), max_size=3))
def test_a_key_is_the_digest_of_the_json_of_all_that_an_answer_depends_on(
    model: str, prompt: str, temperature: float, cap: int, sample: list[int]
) -> None:
    asked = json.dumps([1, model, prompt, temperature, cap, sample])
    assert answer_key(model, prompt, temperature, cap, tuple(sample)) == hashlib.sha256(asked.encode()).hexdigest()


def test_answers_of_one_turn_are_committed_together(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path / "answers.sqlite")
    statements: list[str] = []
    assert cache.journal is not None and cache.journal._connection is not None
    cache.journal._connection.set_trace_callback(statements.append)

    async def use() -> None:
        await asyncio.gather(*(cache.put(f"k{index}", ANSWER) for index in range(20)))

    asyncio.run(use())
    assert sum(statement.startswith("COMMIT") for statement in statements) == 1
    cache.close()


def test_answers_survive_a_second_opening_and_a_close_with_some_pending(tmp_path: Path) -> None:
    path = tmp_path / "answers.sqlite"

    async def use() -> None:
        cache = AnswerCache(path)
        pending = asyncio.create_task(cache.put("a", ANSWER))
        await asyncio.sleep(0)
        cache.close()
        assert await pending == ANSWER

    asyncio.run(use())
    again = AnswerCache(path)
    assert again.get("a") == ANSWER
    again.close()


def test_one_asker_who_leaves_takes_nobody_elses_answer(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path / "answers.sqlite")

    async def use() -> None:
        leaving = asyncio.create_task(cache.put("a", ANSWER))
        staying = asyncio.create_task(cache.put("b", ANSWER))
        await asyncio.sleep(0)
        leaving.cancel()
        assert await staying == ANSWER

    asyncio.run(use())
    assert len(cache) == 2
    cache.close()


def test_two_stores_over_one_file_agree_on_the_first_answer(tmp_path: Path) -> None:
    path = tmp_path / "answers.sqlite"
    one, two = AnswerCache(path), AnswerCache(path)
    assert asyncio.run(one.put("a", ANSWER)) == ANSWER
    assert asyncio.run(two.put("a", OTHER)) == ANSWER
    one.close()
    two.close()


def test_what_cannot_be_stored_keeps_nothing_else_from_being(tmp_path: Path) -> None:
    """SQLite has no form for half of a surrogate pair, nor for an integer of more than 64 bits."""
    path = tmp_path / "answers.sqlite"
    cache = AnswerCache(path)

    async def use() -> list[object]:
        halved, huge = Completion("\ud83d", Usage(1, 1)), Completion("1", Usage(1, 2**80))
        puts = (cache.put("a", ANSWER), cache.put("b", halved), cache.put("c", huge), cache.put("d", OTHER))
        return list(await asyncio.gather(*puts, return_exceptions=True))

    first, halved, huge, last = asyncio.run(use())
    assert (first, last) == (ANSWER, OTHER)
    assert isinstance(halved, RunFolderError) and isinstance(huge, RunFolderError)
    cache.close()
    again = AnswerCache(path)
    assert len(again) == 2 and again.get("a") == ANSWER
    again.close()


def test_answers_that_could_not_be_written_are_written_when_it_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "BUSY_SECONDS", 0.0)
    cache = AnswerCache(tmp_path / "answers.sqlite")
    other = sqlite3.connect(tmp_path / "answers.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(RunFolderError, match="locked"):
        asyncio.run(cache.put("a", ANSWER))
    other.execute("ROLLBACK")
    other.close()
    cache.close()
    again = AnswerCache(tmp_path / "answers.sqlite")
    assert again.get("a") == ANSWER
    again.close()


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("this is a text, and long enough for a header of a database, which it is not" * 20)
    with pytest.raises(RunFolderError, match="SQLite"):
        AnswerCache(text)
    with pytest.raises(RunFolderError, match="folder"):
        AnswerCache(tmp_path / "nowhere" / "answers")


@pytest.mark.parametrize("version", [0, 99])
def test_another_database_is_refused_and_left_alone(tmp_path: Path, version: int) -> None:
    path = tmp_path / "other.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE things (x)")
        connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    with pytest.raises(RunFolderError, match="another database"):
        AnswerCache(path)
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("things",)]
    connection.close()


def test_a_store_of_the_first_version_is_taken_over_with_its_bill(tmp_path: Path) -> None:
    path = tmp_path / "answers.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE answers (key TEXT PRIMARY KEY, text TEXT NOT NULL, finish TEXT NOT NULL, prompt INTEGER, "
            "completion INTEGER, cached INTEGER, usd REAL) WITHOUT ROWID"
        )
        rows = [("a", ANSWER.text, "stop", 7, 3, 2, 0.5), ("b", "9", "length", None, None, 0, None)]
        connection.executemany("INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    for _ in range(2):
        cache = AnswerCache(path)
        assert cache.get("a") == ANSWER and cache.get("b") == OTHER
        assert Ledger(journal=cache.journal).spent == Spent(2, 7, 3, None, 1)
        cache.close()


PARTS = st.tuples(
    st.sampled_from(["m", "n"]),
    st.sampled_from(["p", "q", "p\x00"]),
    st.sampled_from([0.0, 0.7]),
    st.sampled_from([1, 16]),
    st.sampled_from([(), (1,), (0, 1), (1, 1)]),
)


def test_a_store_that_can_only_be_read_is_not_said_to_be_no_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(connection: sqlite3.Connection) -> None:
        raise sqlite3.OperationalError("attempt to write a readonly database")

    monkeypatch.setattr(journal, "_ahead", refused)
    with pytest.raises(RunFolderError, match=r"a SQLite file that can be written, and .* is not: attempt to write"):
        AnswerCache(tmp_path / "answers.sqlite")


@given(PARTS, PARTS)
@settings(max_examples=200)
def test_a_key_stands_for_all_that_an_answer_depends_on(
    one: tuple[str, str, float, int, tuple[int, ...]], two: tuple[str, str, float, int, tuple[int, ...]]
) -> None:
    assert (answer_key(*one) == answer_key(*two)) == (one == two)


def test_a_key_does_not_tell_0_from_0() -> None:
    assert answer_key("m", "p", 0, 16, ()) == answer_key("m", "p", 0.0, 16, [])


def test_processes_that_open_a_new_store_at_once_all_get_it(tmp_path: Path) -> None:
    gate = threading.Barrier(4)

    def opened(path: Path) -> int:
        gate.wait()
        cache = AnswerCache(path)
        cache.close()
        return 1

    with ThreadPoolExecutor(4) as pool:
        for number in range(20):
            assert sum(pool.map(opened, [tmp_path / f"{number}.sqlite"] * 4)) == 4
