"""What tests of searches share."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from aiohttp import web

from undercut.evaluators.models.loopback import on_loopback

Serve = Callable[[Callable[[], web.Application]], str]


@pytest.fixture(scope="module")
def serve() -> Iterator[Serve]:
    """Runs an application on the loopback, in a thread of its own; gives the address that --api-base takes."""
    with ExitStack() as running:
        yield lambda make: running.enter_context(on_loopback(make))


@pytest.fixture
def heeded_interrupts() -> Iterator[None]:
    """SIGINT is heeded here and by children, also in the background of a shell, which has it ignored."""
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, usual)
