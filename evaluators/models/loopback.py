"""An endpoint on this machine for as long as a block of code runs, for studies and tests."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from aiohttp import web

from undercut.evaluators.models.base import Model
from undercut.evaluators.models.server import ChatServer


@contextmanager
def on_loopback(make: Callable[[], web.Application], port: int = 0) -> Iterator[str]:
    """Run an application on the loopback, in a thread of its own; gives the address for --api-base.

    The port is a free one unless it is named: a server's address is part of what its models are known by.

    Raises:
        OSError: there is no free port, or the one named is taken.
    """
    loop, ready = asyncio.new_event_loop(), threading.Event()
    found: list[str] = []
    failed: list[OSError] = []

    async def start(runner: web.AppRunner) -> None:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        found.append(f"http://127.0.0.1:{runner.addresses[0][1]}/v1")

    async def stop(runner: web.AppRunner) -> None:
        await runner.cleanup()
        left = asyncio.all_tasks() - {asyncio.current_task()}  # replies that stall
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def run() -> None:
        asyncio.set_event_loop(loop)
        runner = web.AppRunner(make(), access_log=None, shutdown_timeout=0.1)
        try:
            loop.run_until_complete(start(runner))
        except OSError as error:
            failed.append(error)
        ready.set()
        if found:
            loop.run_forever()
        loop.run_until_complete(stop(runner))
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ready.wait()
    try:
        if failed:
            raise failed[0]
        yield found[0]
    finally:
        if found:
            loop.call_soon_threadsafe(loop.stop)
        thread.join()


@contextmanager
def served(*models: Model, port: int = 0) -> Iterator[tuple[str, ChatServer]]:
    """Serve models on the loopback: the address for --api-base, and the server, which counts what it answers."""
    server = ChatServer(models)
    with on_loopback(server.application, port) as base:
        yield base, server
