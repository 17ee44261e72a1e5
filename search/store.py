"""Where a run lives: an Optuna study for its trials, a file of answers beside it."""

from __future__ import annotations

import json
import math
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from undercut.evaluators.bill import Spent
from undercut.evaluators.cache import ANSWERS, AnswerCache
from undercut.evaluators.earlier import Measured, read_all, to_json
from undercut.evaluators.identity import digest
from undercut.evaluators.task import Task
from undercut.search.files import write_whole
from undercut.search.settings import Settings
from undercut.search.study import JOURNAL, NOT_BEGUN, STUDY, open_study, reach, unnamed
from undercut.spaces.errors import RunFolderError
from undercut.spaces.genome import Genome


def resuming(folder: Path, url: str | None, options: Sequence[str] = ()) -> str:
    """The command that goes on with a run; a database's address may hold a password, and is not repeated."""
    words = ["undercut resume", shlex.quote(str(folder)), *options]
    return f"`{' '.join(words)}{'' if url is None else ' --storage URL'}`"


CALIBRATION, EARLIER = "calibration.json", "earlier.json"
"""Files with what a run has measured of single calls by its end, and with what it began with of other runs."""


class Store:
    """A run's study and answers.

    Every genome that was run is a trial with its genome and outcomes as attributes; the settings, the final front and
    what was spent wherever a limit was looked at are attributes of the study. A run resumes by doing again what it did,
    with every answer it had already in `answers`. What it has measured of single calls by its end lies beside them for
    runs to come, and so does what it began with of earlier ones. Where the study lies in a database that several runs
    share, a file in the folder has its name there.
    """

    def __init__(self, folder: Path, url: str | None = None, *, begin: bool = False, reading: bool = False) -> None:
        self.folder = folder
        self.study = open_study(folder, url, begin)
        self.answers = AnswerCache(None if reading else folder / ANSWERS)
        self._url = url
        self._ids = {trial.user_attrs["id"] for trial in self.study.get_trials(deepcopy=False)}

    @classmethod
    def create(
        cls, folder: Path, settings: Settings, url: str | None = None, reuse: Sequence[Path | str] = ()
    ) -> Store:
        """Begin a run in a folder that holds none, or go on with the same run; with the answers of the runs in others.

        Raises:
            RunFolderError: the folder cannot be written, or holds another run; the database cannot be reached; one of
                the others holds no answers.
        """
        try:
            present = [*folder.iterdir()] if folder.exists() else []
            foreign = [path.name for path in present if path.name not in _known(folder)]
            if url is None and unnamed(folder):  # of an `eval`, whose calls would stand on this run's bill
                foreign.append(ANSWERS)
            if foreign and not (folder / JOURNAL).exists():
                raise RunFolderError(
                    f"--out must be an empty folder or one of this run, and {str(folder)!r} holds {foreign[0]!r}"
                )
            if url is not None:
                reach(url)  # neither is made for the other if that is refused
            folder.mkdir(parents=True, exist_ok=True)
            if not os.access(folder, os.W_OK):
                raise PermissionError(f"no permission to write in {folder}")
        except OSError as error:
            raise RunFolderError(
                f"--out must be a folder that can be written, and {str(folder)!r} is not: {error}"
            ) from error
        store = cls(folder, url, begin=True)
        earlier = store.study.user_attrs.get("settings")
        if earlier is not None and Settings.from_dict(earlier) != settings:
            store.close()
            raise RunFolderError(
                f"{str(folder)!r} holds a run with other settings; {resuming(folder, url)} goes on with that one, and "
                "--out names a folder for a new one"
            )
        try:
            for other in reuse:
                store.reuse(Path(other))
        except BaseException:
            store.close()
            raise
        if earlier is None:  # only now has the run begun: what was cut off before cannot be resumed without the answers
            store._learn([Path(other) for other in reuse])
            store.study.set_user_attr("settings", {**settings.to_dict(), "home": settings.home or os.getcwd()})
        return store

    @classmethod
    def open(cls, folder: Path, url: str | None = None, *, reading: bool = False) -> Store:
        """Open a run that is there; where it is only for `reading`, without its answers, which writes nothing.

        Raises:
            RunFolderError: the folder holds none, or the database none of that folder.
        """
        if url is None and not (folder / JOURNAL).exists() and (folder / STUDY).exists():
            raise RunFolderError(f"the trials of the run in {str(folder)!r} lie in a database; --storage URL names it")
        if url is not None and (folder / JOURNAL).exists():
            raise RunFolderError(f"the trials of the run in {str(folder)!r} lie in its folder; leave out --storage")
        if not (folder / JOURNAL).exists() if url is None else not ((folder / STUDY).exists() or unnamed(folder)):
            raise RunFolderError(
                f"DIR must be the folder of a run, and {str(folder)!r} holds none; `undercut search` makes one"
            )
        store = cls(folder, url, reading=reading)
        if "settings" not in store.study.user_attrs:
            store.close()
            raise RunFolderError(NOT_BEGUN.format(str(folder)))
        return store

    @property
    def settings(self) -> Settings:
        """What the run was asked to do."""
        return Settings.from_dict(self.study.user_attrs["settings"])

    @property
    def digests(self) -> list[str] | None:
        """Those of the task that the run began with (see `Task.digests`), where they were kept."""
        found: list[str] | None = self.study.user_attrs.get("digests")
        return found

    def hold_to(self, task: Task) -> None:
        """Do nothing where a task is what the run began with; else it would mix two in one result.

        Raises:
            RunFolderError: it has changed since.
        """
        if self.digests is None:
            self.study.set_user_attr("digests", list(task.digests))
        elif self.digests != [*task.digests]:
            raise RunFolderError(
                f"a run goes on with the task that it began with, and the prompts, the types or the problems of "
                f"{self.settings.task!r} have changed; put them back, or begin anew in another folder"
            )

    def measured(self, calibration: Measured) -> None:
        """Keep what the run measured of single calls, for runs to come."""
        self._write(CALIBRATION, to_json([calibration]))

    def earlier(self) -> tuple[Measured, ...]:
        """What the runs whose answers this one began with have measured of single calls.

        Raises:
            RunFolderError: the file that holds it cannot be read.
        """
        path = self.folder / EARLIER
        return read_all(path) if path.exists() else ()

    def _learn(self, folders: Sequence[Path]) -> None:
        """Keep a copy of what other runs measured of single calls."""
        found = [each for folder in folders if (path := folder / CALIBRATION).exists() for each in read_all(path)]
        if found:
            self._write(EARLIER, to_json(found))

    def _write(self, name: str, text: bytes) -> None:
        """Write a file in the run's folder, all of it or nothing."""
        try:
            write_whole(self.folder / name, text)
        except OSError as error:
            raise RunFolderError(
                f"a run's folder must be writable, and {str(self.folder)!r} is not: {error}"
            ) from error

    @property
    def result(self) -> dict[str, Any] | None:
        """The run's front in its JSON form, once it has ended."""
        found: dict[str, Any] | None = self.study.user_attrs.get("result")
        return found

    def finish(self, result: dict[str, Any]) -> None:
        """Keep the run's front."""
        self.study.set_user_attr("result", result)

    def add(self, genome: Genome, stage: str, values: Sequence[float], evaluation: dict[str, Any]) -> None:
        """Keep what a genome was measured to be at a stage of the run; the same again is not kept twice.

        A run that goes on with a higher limit may measure it on more problems: that is another trial.

        A value that nobody knows is kept as infinite: Optuna takes none that is not a number, and one reply without
        usage leaves a genome's mean cost unknown. `evaluation` says that it is.
        """
        identity = f"{genome.key}/{stage}/{digest(json.dumps([values, evaluation]))}"
        if identity in self._ids:
            return
        self._ids.add(identity)
        attributes = {"id": identity, "genome": json.dumps(genome.to_dict()), "name": str(genome), "stage": stage}
        known = [math.inf if math.isnan(value) else value for value in values]
        trial = optuna.trial.create_trial(values=known, user_attrs={**attributes, "evaluation": evaluation})
        self.study.add_trial(trial)

    def trials(self) -> list[optuna.trial.FrozenTrial]:
        """All trials in their order, with all that they hold: read anew, since `study` has no more than their ids."""
        storage = self._url or JournalStorage(JournalFileBackend(str(self.folder / JOURNAL)))
        study = optuna.load_study(study_name=self.study.study_name, storage=storage)
        found: list[optuna.trial.FrozenTrial] = study.get_trials(deepcopy=False)
        return found

    def spent_by(self, answers: int, spent: Spent, lost: int) -> tuple[Spent, int]:
        """What the run had spent when it first had so many different answers, and how many calls of it were lost.

        If it has them only now, that is what is given, and it is kept.
        """
        name = f"spent/{answers}"
        known = self.study.user_attrs.get(name)
        if known is not None:
            return Spent.from_dict(known), known.get("lost", 0)
        self.study.set_user_attr(name, {**spent.to_dict(), "lost": lost})
        return spent, lost

    def reuse(self, folder: Path) -> int:
        """Take over the answers of another run, so that they are not asked for again; how many there were.

        Raises:
            RunFolderError: the folder holds none that can be read.
        """
        assert self.answers.journal is not None
        return self.answers.journal.take(folder / ANSWERS)

    def close(self) -> None:
        """Close the answers."""
        self.answers.close()


def _known(folder: Path) -> set[str]:
    return {path.name for name in (JOURNAL, ANSWERS, STUDY, CALIBRATION, EARLIER) for path in folder.glob(f"{name}*")}
