"""The file that a run cannot lose: answers that were paid for, and the bill.

Everything that is written in one turn of the event loop is one transaction, and is committed before it is used. Who
knows that nobody else will write in this turn need not wait for its end.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, TypeVar

from undercut.spaces.errors import RunFolderError

T = TypeVar("T")
Undo: TypeAlias = Callable[[RunFolderError], None]
VERSION = 2
"""Of the tables; a file of a version that is not known is refused, never misread."""
BUSY_SECONDS = 60.0
UNSTORABLE = (OverflowError, UnicodeError)
"""What is raised for a value that SQLite has no form for."""
_TABLES = (
    """CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY, text TEXT NOT NULL, finish TEXT NOT NULL, prompt INTEGER, completion INTEGER, cached INTEGER
) WITHOUT ROWID""",
    # What is settled, in the row of owner '', and what is reserved, in a row for each ledger with calls under way.
    """CREATE TABLE IF NOT EXISTS bill (
    owner TEXT PRIMARY KEY, calls INTEGER, prompt INTEGER, completion INTEGER, usd REAL, unpriced INTEGER,
    unmetered INTEGER, uncertain INTEGER
) WITHOUT ROWID""",
)
_EMPTY = "INSERT OR IGNORE INTO bill VALUES ('', 0, 0, 0, 0.0, 0, 0, 0)"
_FROM_1 = (
    """INSERT INTO bill SELECT '', count(*), total(prompt), total(completion), total(usd), count(*) - count(usd),
    count(*) - count(prompt + completion), 0 FROM answers""",
    "ALTER TABLE answers DROP COLUMN usd",
)


class _Write(NamedTuple):
    """An operation that waits for its transaction."""

    operation: Callable[[sqlite3.Connection], Any]
    future: asyncio.Future[Any]
    undo: Undo | None


class Journal:
    """A SQLite file that several processes may share.

    A commit survives the death of the process; one of the machine may lose the last moments. One instance serves one
    event loop at a time.

    Args:
        path: the file, made where there is none.

    Raises:
        RunFolderError: the file cannot be opened, or is no such journal of a version that is known.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = _opened(Path(path))
        self._pending: list[_Write] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        """The rows that a query finds.

        Raises:
            RunFolderError: the file can no longer be read.
        """
        try:
            return self._open.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def write(
        self, operation: Callable[[sqlite3.Connection], T], *, now: bool = False, undo: Undo | None = None
    ) -> asyncio.Future[T]:
        """Let an operation be part of this turn's transaction, in the order in which they came.

        The future has its result once that is committed, or a `RunFolderError` where nothing of it could be; `undo` is
        told of that at once, so that no memory differs from what is on disk. It is done at the end of the turn, or
        `now`.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._pending.append(_Write(operation, future, undo))
        if now:
            self._commit()
        elif len(self._pending) == 1 or loop is not self._loop:
            self._loop = loop
            loop.call_soon(self._commit)
        return future

    def write_alone(self, operation: Callable[[sqlite3.Connection], T]) -> T:
        """Commit an operation after all that is pending, outside any event loop.

        Raises:
            RunFolderError: it could not be.
        """
        self._commit()
        try:
            with self._open as connection:
                connection.execute("BEGIN IMMEDIATE")
                return operation(connection)
        except (sqlite3.Error, *UNSTORABLE) as error:
            raise self._failed(error) from error

    def take(self, path: Path) -> int:
        """Copy the answers of another journal that are not here yet; how many. Its bill stays its own.

        Raises:
            RunFolderError: there is none, or none of this version, or it cannot be read.
        """
        refusal = f"answers can be reused from the journal of a run of this version, and {path} is none"
        if not path.is_file():
            raise RunFolderError(refusal)
        try:
            self._open.execute("ATTACH DATABASE ? AS earlier", (str(path),))
            try:
                if self._open.execute("PRAGMA earlier.user_version").fetchone()[0] != VERSION:
                    raise RunFolderError(refusal)
                return self._open.execute("INSERT OR IGNORE INTO answers SELECT * FROM earlier.answers").rowcount
            finally:
                self._open.execute("DETACH DATABASE earlier")
        except sqlite3.Error as error:
            raise RunFolderError(f"{refusal}: {error}") from error

    def close(self) -> None:
        """Commit what is pending and close the file; a second call does nothing."""
        if self._connection is not None:
            self._commit()
            self._connection.close()
            self._connection = None

    @property
    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise sqlite3.ProgrammingError("it was closed")
        return self._connection

    def _commit(self) -> None:
        batch, self._pending = self._pending, []
        if not batch:
            return
        try:
            with self._open as connection:
                connection.execute("BEGIN IMMEDIATE")
                results = [_tried(write, connection) for write in batch]
        except sqlite3.Error as error:
            results = [error] * len(batch)
        failures = [self._failed(result) if isinstance(result, Exception) else None for result in results]
        for write, failed in reversed(list(zip(batch, failures, strict=True))):  # what came last is undone first
            if failed is not None and write.undo is not None:
                write.undo(failed)
        for (_, future, _), result, failed in zip(batch, results, failures, strict=True):
            if future.done() or future.get_loop().is_closed():  # whoever asked may be gone
                continue
            if failed is None:
                future.set_result(result)
            else:
                future.set_exception(failed)
                future.exception()  # not all of them are waited for, and the next write tells as well

    def _failed(self, error: Exception) -> RunFolderError:
        return RunFolderError(f"the store of answers must stay readable and writable, and {self._path} is not: {error}")


def _tried(write: _Write, connection: sqlite3.Connection) -> Any:
    """What an operation gives; the error itself where a value cannot be stored, which leaves the others as they are."""
    try:
        return write.operation(connection)
    except UNSTORABLE as error:
        return error


def _ahead(connection: sqlite3.Connection) -> None:
    """Have changes written ahead. Where two do that at once, SQLite lets neither wait, and tells one of them off."""
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.01)


def _opened(path: Path) -> sqlite3.Connection:
    # Transactions are opened by hand: the module's own rules differ between Python versions.
    try:
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    except sqlite3.Error as error:
        raise RunFolderError(
            f"the store of answers must be a file in a folder that exists, and {path} cannot be opened: {error}"
        ) from error
    try:
        with connection:  # one look at both: another process may be making the tables
            connection.execute("BEGIN")
            tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version not in (1, VERSION) and (version or tables):
            raise RunFolderError(
                f"the store of answers must be of version {VERSION}, and {path} is another database, of version "
                f"{version}; choose another folder"
            )
        _ahead(connection)
        connection.execute("PRAGMA synchronous = NORMAL")
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            version = connection.execute("PRAGMA user_version").fetchone()[0]  # another process may have been faster
            for statement in (*_TABLES, *(_FROM_1 if version == 1 else ()), _EMPTY):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")
    except sqlite3.Error as error:
        connection.close()
        raise RunFolderError(
            f"the store of answers must be a SQLite file that can be written, and {path} is not: {error}; choose "
            "another folder"
        ) from error
    except RunFolderError:
        connection.close()
        raise
    return connection
