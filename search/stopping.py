"""What becomes of a run that is told to stop: by Ctrl-C, by a second one, by a signal to terminate."""

from __future__ import annotations

import signal
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

from undercut.spaces.errors import RunFolderError

if TYPE_CHECKING:
    from undercut.evaluators.ledger import Ledger

Result = TypeVar("Result")


def run_to_end(work: Coroutine[Any, Any, Result], ledger: Ledger) -> Result:
    """Run what closes its engine at its end; the ledger keeps nothing reserved, whatever ends it.

    Ctrl-C lets calls under way come to their end. A second one cuts that off: what was sent is on the bill at its most,
    and was reserved as well until it is given back.
    """
    import asyncio  # not needed by `undercut --help`

    try:
        return asyncio.run(work)
    except BaseException:
        with suppress(RunFolderError):  # it could not be written before either
            ledger.leave()
        raise


@contextmanager
def terminated_like_interrupted() -> Iterator[None]:
    """Take SIGTERM for Ctrl-C, unless somebody has other plans with it."""
    usual, on_interrupt = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    if usual is not signal.SIG_DFL or threading.current_thread() is not threading.main_thread():
        yield
        return
    ignored = on_interrupt is signal.SIG_IGN and hasattr(signal, "pthread_sigmask")
    if ignored:  # as in the background of a script: Ctrl-C is held back instead, since asyncio stops by its handler
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, usual)
        if ignored:
            signal.signal(signal.SIGINT, on_interrupt)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])


def _interrupt(number: int, frame: FrameType | None) -> None:
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler):
        raise KeyboardInterrupt
    handler(signal.SIGINT, frame)
