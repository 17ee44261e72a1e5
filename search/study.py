"""The Optuna study of a run: a journal in its folder, or a database that several runs share."""

from __future__ import annotations

import os
import uuid
import warnings
from collections.abc import Generator
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from undercut.evaluators.cache import ANSWERS
from undercut.spaces.errors import RunFolderError

JOURNAL, STUDY = "journal.log", "study.txt"
NOT_BEGUN = "{!r} holds a run that had not begun; start it again with `undercut search`"

_NONE_THERE = "--storage must be the URL of the database with the trials of {!r}, and it holds none"


class WholeLines(JournalFileOpenLock):
    """The right to write to a journal, which ends with a whole line for whoever has it.

    A process that was killed while it wrote, or whose disk was full, leaves half a line behind. Optuna passes over it,
    but writes on in the same line, which nobody could ever read again: it is cut off before.

    The lock is a file, and not Optuna's usual link: one that a killed process left is taken away once it is old, and
    how old a link is nobody can tell where its path was relative to another folder.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._path = path

    def acquire(self) -> bool:
        """Wait for the lock, and cut off half a line."""
        acquired = super().acquire()
        try:
            _cut_half_a_line(self._path)
        except BaseException:
            self.release()
            raise
        return acquired


def _cut_half_a_line(path: Path) -> None:
    with path.open("r+b") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return
        file.seek(-1, os.SEEK_END)
        if file.read() == b"\n":
            return
        file.seek(0)
        content = file.read()
        whole = content.rfind(b"\n") + 1
        if whole or content.startswith(b"{"):  # else it is no journal, and not ours to cut
            file.truncate(whole)


class Journal(JournalFileBackend):
    """A run's journal, as the process that writes it reads it: of a trial's attributes the `id` alone.

    Optuna reads everything that it has written and keeps it for good. No search looks at what its trials hold, so that
    this would only fill the memory, with some 7 kB a trial. In the file is all of it: `Store.trials` reads it there.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), WholeLines(path))

    def read_logs(self, log_number_from: int) -> Generator[dict[str, Any], None, None]:
        """What was written since, without the attributes of trials."""
        for log in super().read_logs(log_number_from):
            if "user_attrs" in log:
                log["user_attrs"] = {"id": log["user_attrs"]["id"]}
            yield log


def unnamed(folder: Path) -> bool:
    """Whether a folder is that of a run in a database that still tells runs apart by their folders' names."""
    return (folder / ANSWERS).exists() and not ((folder / JOURNAL).exists() or (folder / STUDY).exists())


def _name(folder: Path, begin: bool) -> str:
    """What a run's study is called in a database: as no other run's, wherever the folders are, or are moved to.

    Raises:
        RunFolderError: the folder cannot be written, or its file cannot be read.
    """
    path = folder / STUDY
    try:
        if begin and not path.exists() and not unnamed(folder):
            name = uuid.uuid4().hex
            draft = folder / f"{STUDY}.{name}"
            draft.write_text(name, encoding="ascii")
            try:
                os.link(draft, path)  # of several processes that begin a run at once, the first one names it
            except FileExistsError:
                pass
            except OSError:  # a file system without links
                draft.replace(path)
            draft.unlink(missing_ok=True)
        return folder.resolve().name if unnamed(folder) else path.read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        raise RunFolderError(
            f"{str(path)!r} must be a file that can be written and read, and it is not: {error}"
        ) from error


def _is_there(url: str) -> bool:
    """Whether a database may be there: to open one of SQLite that is not would make it."""
    kind, _, path = url.partition(":///")
    file = path.partition("?")[0]
    return not kind.startswith("sqlite") or file in ("", ":memory:") or file.startswith("file:") or Path(file).is_file()


def reach(url: str) -> None:
    """Do nothing where a database can be reached.

    Raises:
        RunFolderError: it cannot.
    """
    try:
        optuna.storages.get_storage(url)
    except Exception as error:  # databases fail in ways of their own
        raise _unreached(error) from error


def _unreached(error: Exception) -> RunFolderError:
    """What to say; the address is not repeated, since it may hold a password."""
    return RunFolderError(
        "--storage must be the URL of a database that can be reached, such as sqlite:///trials.db or "
        f"postgresql+psycopg://host/name, and the one given is not ({type(error).__name__})"
    )


def open_study(folder: Path, url: str | None, begin: bool) -> optuna.Study:
    """A run's study, made where there is none and one is to begin.

    Raises:
        RunFolderError: it can be neither found nor made.
    """
    name = JOURNAL if url is None else _name(folder, begin)  # a journal holds one, wherever it is moved
    if url is not None and not begin and not _is_there(url):
        raise RunFolderError(_NONE_THERE.format(str(folder)))
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        try:
            storage = optuna.storages.get_storage(url or JournalStorage(Journal(folder / JOURNAL)))
            if begin:
                return optuna.create_study(
                    study_name=name, storage=storage, directions=["maximize", "minimize"], load_if_exists=True
                )
            if name in optuna.get_all_study_names(storage):
                return optuna.load_study(study_name=name, storage=storage)
        except Exception as error:  # journals and databases fail in ways of their own
            if url is None and isinstance(error, PermissionError):
                raise RunFolderError(
                    f"{str(folder / JOURNAL)!r} must be a file that can be read, and it is not: {error.strerror}"
                ) from error
            if url is None:
                raise RunFolderError(
                    f"{str(folder / JOURNAL)!r} must be the journal of a run, and it cannot be read as one; choose "
                    "another folder"
                ) from error
            raise _unreached(error) from error
    if url is None:
        raise RunFolderError(NOT_BEGUN.format(str(folder)))
    raise RunFolderError(_NONE_THERE.format(str(folder)))
