"""A model behind an OpenAI-compatible HTTP endpoint on this machine, for as long as a block of code runs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from undercut.evaluators.models.base import Model, Request


@dataclass
class Served:
    """An endpoint that is up: its URL up to and with `/v1`, and what it has answered so far."""

    url: str = ""
    calls: int = 0
    tokens: int = 0


@contextmanager
def served(model: Model) -> Iterator[Served]:
    """Serve `POST /v1/chat/completions` on a free port of the loopback, in a thread of its own."""
    from aiohttp import web

    tally, loop, ready = Served(), asyncio.new_event_loop(), threading.Event()

    async def answer(request: web.Request) -> web.Response:
        body = await request.json()
        asked = Request(
            body["messages"][-1]["content"],
            float(body.get("temperature") or 0.0),
            int(body.get("max_tokens") or body.get("max_completion_tokens") or 1024),
            int(body.get("seed") or 0),
        )
        made = await model.generate(asked)
        prompt, completion = made.usage.prompt or 0, made.usage.completion or 0
        tally.calls += 1
        tally.tokens += prompt + completion
        choice = {"index": 0, "message": {"role": "assistant", "content": made.text}, "finish_reason": made.finish}
        usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
        named = {"id": str(tally.calls), "object": "chat.completion", "created": 0, "model": body["model"]}
        return web.json_response({**named, "choices": [choice], "usage": usage})

    async def start() -> web.AppRunner:
        app = web.Application(client_max_size=1 << 26)
        app.router.add_post("/v1/chat/completions", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        tally.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        ready.set()
        return runner

    def serve() -> None:
        runner = loop.run_until_complete(start())
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    ready.wait()
    try:
        yield tally
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
