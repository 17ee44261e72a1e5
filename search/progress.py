"""How far a run is: what tells it, and how it is shown, as a bar on a terminal or a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import TypeAlias

from rich import progress
from rich.console import Console

Progress: TypeAlias = Callable[[str, int, int, str], None]
"""`progress(phase, done, total, words)`."""

EVERY = 10.0
"""Seconds between two lines where there is no terminal."""


def silent(phase: str, done: int, total: int, words: str) -> None:
    """No progress is shown."""


class Bar:
    """Shows the phases of a run on standard error; use it as a context manager and pass `update` as the run's progress.

    Args:
        title: a line that stands above the first phase.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._console = Console(stderr=True)
        self._bars = progress.Progress(
            progress.TextColumn("{task.description:<10}"),
            progress.TextColumn("{task.fields[words]:<42}"),
            progress.BarColumn(bar_width=24),
            progress.TimeElapsedColumn(),
            console=self._console,
        )
        self._phases: dict[str, progress.TaskID] = {}
        self._told = 0.0

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._phases and self._console.is_terminal:  # it writes an empty line even where it never started
            self._bars.stop()

    def begin(self) -> None:
        """Print the title, if it does not stand there yet."""
        if self._title:
            self._console.print(self._title, highlight=False, markup=False, soft_wrap=True)
        self._title = ""

    def update(self, phase: str, done: int, total: int, words: str) -> None:
        """Show how far a phase is; one that another follows is over."""
        self.begin()
        if not self._phases and self._console.is_terminal:
            self._bars.start()
        if self._console.is_terminal:
            if phase not in self._phases:
                for task in self._bars.tasks:
                    self._bars.update(task.id, completed=task.total)
                    self._bars.stop_task(task.id)
                self._phases[phase] = self._bars.add_task(phase, total=total, words=words)
            words = f"{done:,} of {total:,} {words}" if phase == "calibrate" else words
            self._bars.update(self._phases[phase], completed=done, total=total, words=words)
        elif phase not in self._phases or time.monotonic() - self._told > EVERY:
            self._phases.setdefault(phase, progress.TaskID(0))
            self._told = time.monotonic()
            self._console.print(f"{phase} {done:,}/{total:,} {words}", highlight=False, soft_wrap=True)
