"""What becomes of a run that is told to stop: by Ctrl-C, by a second one, by a signal to terminate."""

from __future__ import annotations

import signal
import threading
from collections.abc import Coroutine, Iterable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

from undercut.spaces.errors import RunFolderError

if TYPE_CHECKING:
    from undercut.evaluators.engine import Engine
    from undercut.evaluators.models.base import Model

Result = TypeVar("Result")


def run_to_end(work: Coroutine[Any, Any, Result], engine: Engine, models: Iterable[Model]) -> Result:
    """Run work in an event loop, and close the engine and the models that it asks; nothing is left reserved.

    Ctrl-C lets calls under way come to their end. A second one cuts that off: what was sent stands on the bill at its
    most, and its reservation is given back, so that it does not count twice.
    """
    import asyncio  # not needed by `undercut --help`

    async def whole() -> Result:
        try:
            return await work
        finally:
            await engine.close()
            for model in models:
                await model.close()

    try:
        return asyncio.run(whole())
    except BaseException:
        with suppress(RunFolderError):  # it could not be written before either
            engine.ledger.leave()
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
