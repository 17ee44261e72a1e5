"""Answers that were had once and are never paid for again.

An answer lies under the digest of what asked for it, so that no order of events, and no candidate, can change what is
found. Neither keys nor headers are ever stored.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from undercut.evaluators.ledger import Spent
from undercut.evaluators.models.base import Completion, Usage
from undercut.spaces.errors import RunFolderError

VERSION = 1
"""Of the table and of the key; a store of another version is refused, never misread."""
BUSY_SECONDS = 60.0
_TABLE = """CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY, text TEXT NOT NULL, finish TEXT NOT NULL, prompt INTEGER, completion INTEGER, cached INTEGER,
    usd REAL
) WITHOUT ROWID"""
_COLUMNS = "text, finish, prompt, completion, cached"


def answer_key(model: str, prompt: str, temperature: float, max_tokens: int, sample: Sequence[int]) -> str:
    """Digest of all that an answer depends on: the model's identity, the prompt, its parameters and the sample."""
    asked = json.dumps([VERSION, model, prompt, float(temperature), int(max_tokens), list(sample)])
    return hashlib.sha256(asked.encode()).hexdigest()


class AnswerCache:
    """Completions by key, in memory, or in a SQLite file that several processes may share.

    `put` returns only when the answer is committed, together with all others of the same turn of the event loop. A
    commit survives the death of the process; one of the machine may lose the last moments. Of two answers to one key
    the first one stays, and `put` returns that one. One instance serves one event loop at a time.

    Args:
        path: the SQLite file, made where there is none; None keeps everything in memory.

    Raises:
        RunFolderError: the file cannot be opened, or is no such store of this version.
    """

    def __init__(self, path: Path | str | None = None) -> None:
        self._memory: dict[str, Completion] = {}
        self._connection = None if path is None else _opened(Path(path))
        self._path = path
        self._pending: list[tuple[str, Completion, float | None, asyncio.Future[Completion]]] = []

    def __len__(self) -> int:
        """Number of answers."""
        if self._connection is None:
            return len(self._memory)
        return int(self._connection.execute("SELECT count(*) FROM answers").fetchone()[0])

    def get(self, key: str) -> Completion | None:
        """The answer under a key, or None.

        Raises:
            RunFolderError: the file can no longer be read.
        """
        if self._connection is None:
            return self._memory.get(key)
        try:
            row = self._connection.execute(f"SELECT {_COLUMNS} FROM answers WHERE key = ?", (key,)).fetchone()
        except sqlite3.Error as error:
            raise self._failed(error) from error
        return None if row is None else _completion(row)

    def spent(self) -> Spent:
        """What all answers here were billed: calls, tokens, US dollars (unknown once one of them is)."""
        if self._connection is None:
            return Spent()
        row = self._connection.execute(
            "SELECT count(*), total(prompt), total(completion), total(usd), "
            "count(*) - count(usd), count(*) - count(prompt + completion) FROM answers"
        ).fetchone()
        calls, prompt, completion, usd, unpriced, unmetered = row
        return Spent(calls, int(prompt), int(completion), None if unpriced else usd, unmetered)

    async def put(self, key: str, completion: Completion, usd: float | None = None) -> Completion:
        """Store an answer and what it was billed in US dollars; returns the one stored under this key from now on.

        Raises:
            RunFolderError: it could not be written.
        """
        if self._connection is None:
            return self._memory.setdefault(key, completion)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Completion] = loop.create_future()
        self._pending.append((key, completion, usd, future))
        if len(self._pending) == 1:
            loop.call_soon(self._commit)
        return await future

    def close(self) -> None:
        """Commit what is pending and close the file; a second call does nothing."""
        if self._connection is not None:
            self._commit()
            self._connection.close()
            self._connection = None

    def _commit(self) -> None:
        batch, self._pending = self._pending, []
        if self._connection is None or not batch:
            return
        try:
            with self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                kept = [self._insert(key, completion, usd) for key, completion, usd, _ in batch]
        except sqlite3.Error as error:
            for *_, future in batch:
                if not future.done():
                    future.set_exception(self._failed(error))
            return
        for completion, (*_, future) in zip(kept, batch, strict=True):
            if not future.done():  # whoever asked may be gone
                future.set_result(completion)

    def _insert(self, key: str, completion: Completion, usd: float | None) -> Completion:
        assert self._connection is not None
        usage = completion.usage
        row = (key, completion.text, completion.finish, usage.prompt, usage.completion, usage.cached, usd)
        if self._connection.execute("INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?)", row).rowcount:
            return completion
        return _completion(self._connection.execute(f"SELECT {_COLUMNS} FROM answers WHERE key = ?", (key,)).fetchone())

    def _failed(self, error: sqlite3.Error) -> RunFolderError:
        return RunFolderError(f"the store of answers must stay readable and writable, and {self._path} is not: {error}")


def _opened(path: Path) -> sqlite3.Connection:
    # Transactions are opened by hand: the module's own rules differ between Python versions.
    try:
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    except sqlite3.Error as error:
        raise RunFolderError(
            f"the store of answers must be a file in a folder that exists, and {path} cannot be opened: {error}"
        ) from error
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if version != VERSION and (version or tables):
            raise RunFolderError(
                f"the store of answers must be of version {VERSION}, and {path} is another database, of version "
                f"{version}; choose another folder"
            )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(_TABLE)
        connection.execute(f"PRAGMA user_version = {VERSION}")
    except sqlite3.Error as error:
        connection.close()
        raise RunFolderError(
            f"the store of answers must be a SQLite file, and {path} is not: {error}; choose another folder"
        ) from error
    except RunFolderError:
        connection.close()
        raise
    return connection


def _completion(row: Sequence[Any]) -> Completion:
    text, finish, prompt, completion, cached = row
    return Completion(text, Usage(prompt, completion, cached), finish)
