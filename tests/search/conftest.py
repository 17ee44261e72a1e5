"""What tests of searches share."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest
from aiohttp import web

Serve = Callable[[Callable[[], web.Application]], str]


@pytest.fixture(scope="module")
def serve() -> Iterator[Serve]:
    """Runs an application on the loopback, in a thread of its own; gives the address that --api-base takes."""
    stops: list[Callable[[], None]] = []

    def start(make: Callable[[], web.Application]) -> str:
        loop, ready, found = asyncio.new_event_loop(), threading.Event(), []

        def run() -> None:
            asyncio.set_event_loop(loop)
            runner = web.AppRunner(make(), access_log=None, shutdown_timeout=0.1)
            loop.run_until_complete(runner.setup())
            loop.run_until_complete(web.TCPSite(runner, "127.0.0.1", 0).start())
            found.append(f"http://127.0.0.1:{runner.addresses[0][1]}/v1")
            ready.set()
            loop.run_forever()
            loop.run_until_complete(runner.cleanup())
            left = asyncio.all_tasks(loop)  # replies that stall
            for task in left:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            loop.close()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        assert ready.wait(20)

        def stop() -> None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(20)

        stops.append(stop)
        return found[0]

    yield start
    for stop in stops:
        stop()
