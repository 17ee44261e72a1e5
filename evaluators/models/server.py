"""Models behind an HTTP endpoint in OpenAI's chat protocol, errors in that API's own form.

Source: platform.openai.com/docs/api-reference/chat.
"""

from __future__ import annotations

import asyncio
import hmac
import random
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec.structs import replace

from undercut.evaluators.engine import MOST_TOKENS
from undercut.evaluators.identity import SEEDS, seed_of
from undercut.evaluators.models.base import Completion, Model, PromptTooLongError, Request
from undercut.evaluators.models.prompts import PromptReader
from undercut.spaces.errors import ModelError
from undercut.spaces.primitive import Primitive

PREFIX = "undercut/"
"""Stands before the names under which models are served, so that no name here means two things."""
DEEPEST, WIDEST, LONGEST = 2, 16, 4096
"""Where the sample of a seed is looked for: votes around the innermost one at the most, samples of each of those, and
samples of the innermost."""


class Part(msgspec.Struct):
    """A part of a message; texts alone are understood."""

    type: str
    text: str = ""


class Message(msgspec.Struct):
    """One message of a conversation."""

    role: str
    content: str | list[Part]


class ChatRequest(msgspec.Struct):
    """What is understood of a request; whatever else it holds is ignored."""

    model: str
    messages: Annotated[list[Message], msgspec.Meta(min_length=1)]
    n: Annotated[int, msgspec.Meta(ge=1, le=128)] | None = None
    seed: int | None = None
    stop: str | Annotated[list[str], msgspec.Meta(max_length=4)] | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    max_completion_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    stream: bool | None = None


class ApiError(Exception):
    """An error as the API tells it: HTTP status, message, type, parameter, code."""

    def __init__(self, status: int, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        kind = "server_error" if status >= 500 else "invalid_request_error"
        self.body = {"error": {"message": message, "type": kind, "param": param, "code": code}}


class ChatServer:
    """Serves models; one instance serves one event loop.

    Sample i of a request is drawn with the request's seed + i, so that `n` samples are the same as n requests. Each
    choice tells its own tokens as well as the reply tells those of all.

    Args:
        models: what is served, each under its name with `undercut/` before it.
        primitives: those whose prompts a simulated model is to understand.
        key: what requests must bring as a bearer token; None asks for none.

    Attributes:
        calls: requests answered so far.
        tokens: tokens of these, in and out; a prompt with several answers was read once.
    """

    def __init__(self, models: Sequence[Model], primitives: Iterable[Primitive] = (), key: str | None = None) -> None:
        self._models: Mapping[str, Model] = {PREFIX + model.name: model for model in models}
        self._reader = PromptReader(primitives)
        self._key = key
        self._decoder = msgspec.json.Decoder(ChatRequest)
        self._began = int(time.time())
        self.calls = self.tokens = 0

    @property
    def names(self) -> list[str]:
        """The names of the models."""
        return list(self._models)

    def application(self) -> web.Application:
        """The endpoint, to be run by aiohttp."""
        app = web.Application(middlewares=[self._guarded], client_max_size=16 * 2**20)
        app.router.add_get("/v1/models", self._list)
        app.router.add_post("/v1/chat/completions", self._complete)
        return app

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Check the key, and put every error into the API's form."""
        try:
            given = request.headers.get("Authorization", "").removeprefix("Bearer ")
            if self._key is not None and not hmac.compare_digest(given.encode(errors="replace"), self._key.encode()):
                raise ApiError(401, "Incorrect API key provided.", code="invalid_api_key")
            response: web.StreamResponse = await handler(request)
            return response
        except ApiError as error:
            return _json(error.body, error.status)
        except web.HTTPException as error:
            return _json(ApiError(error.status, f"{request.method} {request.path}: {error.reason}").body, error.status)

    async def _list(self, request: web.Request) -> web.Response:
        models = [
            {"id": name, "object": "model", "created": self._began, "owned_by": "undercut"} for name in self._models
        ]
        return _json({"object": "list", "data": models})

    async def _complete(self, request: web.Request) -> web.Response:
        asked = self._read(await request.read())
        model = self._models.get(asked.model) or self._models.get(PREFIX + asked.model)
        if model is None:
            known = ", ".join(self._models)
            message = f"The model {asked.model!r} does not exist; there is {known}."
            raise ApiError(404, message, "model", "model_not_found")
        prompt = "\n\n".join(_text(message) for message in asked.messages)
        seed = random.randrange(SEEDS) if asked.seed is None else asked.seed
        question = self._reader.question(prompt)
        temperature = 1.0 if asked.temperature is None else asked.temperature
        most = asked.max_completion_tokens or asked.max_tokens or MOST_TOKENS
        requests = []
        for own in ((seed + index) % SEEDS for index in range(asked.n or 1)):
            behind = None if question is None else replace(question, sample=sample_of(prompt, own))
            requests.append(Request(prompt, temperature, most, own, behind))
        try:
            completions = await asyncio.gather(*(model.generate(each) for each in requests))
        except PromptTooLongError as error:
            raise ApiError(400, str(error), "messages", "context_length_exceeded") from error
        except ModelError as error:
            raise ApiError(400, str(error), "messages") from error
        return _json(self._reply(asked, completions))

    def _read(self, body: bytes) -> ChatRequest:
        try:
            asked = self._decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ApiError(400, f"The request cannot be read: {error}.") from error
        except RecursionError:
            raise ApiError(400, "The request cannot be read: it is nested too deep.") from None
        if asked.stream:
            raise ApiError(400, "Streaming is not offered here; leave `stream` out.", "stream", "unsupported_value")
        return asked

    def _reply(self, asked: ChatRequest, completions: Sequence[Completion]) -> dict[str, Any]:
        usages = [completion.usage for completion in completions]
        prompt, written = usages[0].prompt or 0, sum(usage.completion or 0 for usage in usages)
        stops = [asked.stop] if isinstance(asked.stop, str) else asked.stop or []
        self.calls += 1
        self.tokens += prompt + written
        choices = []
        for index, completion in enumerate(completions):
            text, finish = _stopped(completion, stops)
            message = {"role": "assistant", "content": text}
            told = {"completion_tokens": completion.usage.completion}
            choices.append({"index": index, "message": message, "finish_reason": finish, "usage": told})
        return {
            "id": f"chatcmpl-{random.randrange(16**12):012x}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": asked.model,
            "choices": choices,
            "usage": {"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written},
        }


def sample_of(prompt: str, seed: int) -> tuple[int, ...]:
    """The sample of a prompt that an engine gives this seed to; one of its own for a seed that is of none."""
    for prefix in _prefixes():
        last = (seed - seed_of(prompt, (*prefix, 0))) % SEEDS
        if last < LONGEST and (last or not prefix):
            return (*prefix, last) if last else ()
    return (seed,)


def _prefixes() -> Iterator[tuple[int, ...]]:
    for depth in range(DEEPEST + 1):
        yield from product(range(WIDEST), repeat=depth)


def _text(message: Message) -> str:
    return message.content if isinstance(message.content, str) else "".join(part.text for part in message.content)


def _stopped(completion: Completion, stops: Sequence[str]) -> tuple[str, str]:
    """The text before the first of the stops, and why it ended; the tokens are those that were computed."""
    ends = [place for place in (completion.text.find(stop) for stop in stops if stop) if place >= 0]
    return (completion.text[: min(ends)], "stop") if ends else (completion.text, completion.finish)


def _json(body: Any, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json")
