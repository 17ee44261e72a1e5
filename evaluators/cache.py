"""Answers that were had once and are never paid for again.

An answer lies under the digest of what asked for it (see `answer_key`), so that no order of events, and no candidate,
can change what is found. Neither keys nor headers are ever stored.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from undercut.evaluators.journal import Journal
from undercut.evaluators.models.base import Completion, Usage
from undercut.spaces.errors import RunFolderError

ANSWERS = "answers.sqlite"
"""What the file of answers in a folder is called."""
_FIND = "SELECT text, finish, prompt, completion, cached FROM answers WHERE key = ?"


class AnswerCache:
    """Completions by key, in memory, or in a journal that several processes may share.

    `put` returns only when the answer is committed. Of two answers to one key the first one stays, and `put` returns
    that one. One instance serves one event loop at a time.

    Args:
        path: the journal's file, made where there is none; None keeps everything in memory.

    Attributes:
        journal: the journal, None in memory.

    Raises:
        RunFolderError: the file cannot be opened, or is no journal of a version that is known.
    """

    def __init__(self, path: Path | str | None = None) -> None:
        self._memory: dict[str, Completion] = {}
        self._unsaved: list[tuple[str, Completion]] = []
        self._unmet: set[str] = set()
        self.journal = None if path is None else Journal(path)

    def __len__(self) -> int:
        """Number of answers."""
        if self.journal is None:
            return len(self._memory)
        return int(self.journal.rows("SELECT count(*) FROM answers")[0][0])

    @property
    def unmet(self) -> int:
        """How many of the answers that were there when it was told to `watch` were not asked for since."""
        return len(self._unmet)

    def watch(self) -> None:
        """Note from here on which answers are asked for.

        Raises:
            RunFolderError: the file can no longer be read.
        """
        rows = [] if self.journal is None else self.journal.rows("SELECT key FROM answers")
        self._unmet = {key for (key,) in rows}

    def get(self, key: str) -> Completion | None:
        """The answer under a key, or None.

        Raises:
            RunFolderError: the file can no longer be read.
        """
        self._unmet.discard(key)
        if self.journal is None:
            return self._memory.get(key)
        rows = self.journal.rows(_FIND, (key,))
        return _completion(rows[0]) if rows else None

    async def put(self, key: str, completion: Completion) -> Completion:
        """Store an answer; returns the one stored under this key from now on.

        Raises:
            RunFolderError: it could not be written.
        """
        return (await self.put_all([(key, completion)]))[0]

    async def put_all(self, answers: Sequence[tuple[str, Completion]], *, now: bool = False) -> list[Completion]:
        """Store several answers at once, all of them or none; returns those stored under their keys from now on.

        They are committed with all that this turn of the event loop writes, or `now`.

        Raises:
            RunFolderError: they could not be written.
        """
        if self.journal is None:
            return [self._memory.setdefault(key, completion) for key, completion in answers]
        return await self.journal.write(
            lambda connection: [_insert(connection, answer) for answer in answers],
            now=now,
            undo=lambda _: self._unsaved.extend(answers),
        )

    def close(self) -> None:
        """Commit what is pending, and once more what could not be committed, and close the file.

        A second call does nothing.
        """
        if self.journal is None:
            return
        unsaved, self._unsaved = self._unsaved, []
        for answer in unsaved:  # they were paid for, and the disk may have room again
            with suppress(RunFolderError):
                self.journal.write_alone(partial(_insert, answer=answer))
        self.journal.close()


def _insert(connection: sqlite3.Connection, answer: tuple[str, Completion]) -> Completion:
    """Store an answer; gives the one stored under its key."""
    key, completion = answer
    usage = completion.usage
    row = (key, completion.text, completion.finish, usage.prompt, usage.completion, usage.cached)
    if connection.execute("INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?, ?)", row).rowcount:
        return completion
    return _completion(connection.execute(_FIND, (key,)).fetchone())


def _completion(row: Sequence[Any]) -> Completion:
    text, finish, prompt, completion, cached = row
    return Completion(text, Usage(prompt, completion, cached), finish)
