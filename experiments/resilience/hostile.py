"""A server that fails a share of its requests in nine ways, and keeps its own count of everything."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from undercut.evaluators.models.server import ChatServer

FAULTS = ("429", "500", "reset", "stall", "html", "empty", "malformed", "duplicate", "slow")
HARMLESS = ("duplicate", "slow")
"""Faults after which the answer can be read all the same."""
LOST = ("reset", "stall", "malformed")
"""Faults after which the model has answered, and nobody can read what."""
UNTOLD = (*LOST, "html")
"""Faults after which nobody knows whether the model has answered."""
HTML = "<html><head><title>Gateway</title></head><body>Please try again.</body></html>"


@dataclass
class Books:
    """What the server counts: requests, faults by kind, tokens it told of and tokens of answers that got lost."""

    received: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    prompt: int = 0
    completion: int = 0
    lost: int = 0
    asked: list[dict[str, Any]] = field(default_factory=list)

    @property
    def told(self) -> int:
        """Tokens of replies that could be read."""
        return self.prompt + self.completion

    @property
    def charged(self) -> int:
        """Tokens that this server would send a bill for."""
        return self.told + self.lost


class Hostile:
    """Stands before a `ChatServer` and fails requests; which ones depends on their content and on how often they came.

    Args:
        server: what answers.
        share: of the requests that fail.
        seed: which ones.
        stall: how long a stalled reply stalls, and
        slow: how long a slow one takes, in seconds.
        most_stalls: after so many stalled replies the others are reset instead; None is no limit.
        echo: what every refusal repeats, as some servers do with the key.
    """

    def __init__(
        self,
        server: ChatServer,
        share: float = 0.3,
        seed: int = 0,
        *,
        stall: float = 60.0,
        slow: float = 0.05,
        most_stalls: int | None = None,
        echo: str = "",
    ) -> None:
        self._server = server
        self._share, self._seed, self._stall, self._slow, self._echo = share, seed, stall, slow, echo
        self._most_stalls = most_stalls
        self._seen: Counter[bytes] = Counter()
        self.books = Books()

    def application(self) -> web.Application:
        """The endpoint, to be run by aiohttp."""
        app = self._server.application()
        app.middlewares.append(self._between)
        return app

    @web.middleware
    async def _between(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if request.method != "POST":
            response: web.StreamResponse = await handler(request)
            return response
        body = await request.read()
        books = self.books
        books.received += 1
        books.asked.append(json.loads(body))
        fault = self._fault(body)
        books.faults[fault or "none"] += 1
        error = {"error": {"message": f"no: {self._echo}", "type": "server_error", "param": None, "code": None}}
        if fault == "429":
            return web.json_response(error, status=429, headers={"Retry-After": "0"})
        if fault == "500":
            return web.json_response(error, status=500)
        if fault == "html":
            return web.Response(text=HTML, content_type="text/html")
        reply: web.Response = await handler(request)
        assert isinstance(reply.body, bytes)
        data = json.loads(reply.body)
        if reply.status != 200:
            return reply
        usage = data["usage"]
        if fault in LOST:
            books.lost += usage["total_tokens"]
            return await self._lose(request, fault, reply.body)
        if fault == "empty":
            usage["completion_tokens"], usage["total_tokens"], data["choices"] = 0, usage["prompt_tokens"], []
        elif fault == "duplicate":
            data["choices"] *= 2
        elif fault == "slow":
            await asyncio.sleep(self._slow)
        books.prompt += usage["prompt_tokens"]
        books.completion += usage["completion_tokens"]
        return web.json_response(data)

    def _fault(self, body: bytes) -> str | None:
        digest = hashlib.sha256(body).digest()
        self._seen[digest] += 1
        draw = random.Random(f"{self._seed}/{digest.hex()}/{self._seen[digest]}")
        fault = draw.choice(FAULTS) if draw.random() < self._share else None
        return "reset" if fault == "stall" and self.books.faults["stall"] == self._most_stalls else fault

    async def _lose(self, request: web.Request, fault: str, body: bytes) -> web.StreamResponse:
        """Send half of a reply, and then nothing, an end, or no end."""
        if fault == "malformed":
            return web.Response(body=body[: len(body) // 2], content_type="application/json")
        response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(body))})
        await response.prepare(request)
        await response.write(body[: len(body) // 2])
        if fault == "stall":
            await asyncio.sleep(self._stall)
        if request.transport is not None:
            request.transport.abort()
        return response
