"""Every model keeps one contract; the model behind a server maps what servers do to it."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aiohttp import web

from undercut.evaluators.models.base import (
    Completion,
    Model,
    PromptRefusedError,
    PromptTooLongError,
    Request,
    Samples,
    Usage,
    identity_of,
    price_of,
)
from undercut.evaluators.models.chat import read_json, read_reply
from undercut.evaluators.models.keys import without_keys, without_secrets
from undercut.evaluators.models.litellm_model import LitellmModel
from undercut.evaluators.models.openai_compatible import OpenAICompatibleModel
from undercut.evaluators.models.registry import SIMULATED, list_models, open_model
from undercut.evaluators.models.retrying import RetryPolicy, TransientError, retry_after, retrying
from undercut.evaluators.models.scripted import ScriptedModel
from undercut.evaluators.tasks.primitives import PRIMITIVES
from undercut.spaces.errors import ModelError, ModelNameError
from undercut.spaces.question import Question

SORT = PRIMITIVES["sort"]
KEY = "sk-very-secret-0123456789"


def sorted_text(prompt: str) -> str:
    """The numbers of a prompt in ascending order."""
    return " ".join(map(str, sorted(map(int, re.findall(r"\d+", prompt)))))


def nested(depth: int) -> list[Any]:
    """A list in a list in a list."""
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


def escaped(reply: web.Response) -> web.Response:
    """The same reply with an s written as JSON may write it, too."""
    assert isinstance(reply.body, bytes)
    text = reply.body.decode().replace("sk-", r"\u0073k-").replace("/", r"\/")
    return web.Response(text=text, status=reply.status, content_type="application/json")


def chat(text: str | None, prompt: str, **changes: Any) -> web.Response:
    """A reply in OpenAI's form; a field given as None is left out."""
    read, written = len(prompt.split()), len((text or "").split())
    usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    body = {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": usage,
        **changes,
    }
    return web.json_response({name: value for name, value in body.items() if value is not None})


def failure(status: int, message: str, **headers: str) -> web.Response:
    """An error in OpenAI's form."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.json_response({"error": {"message": message, "type": "x", "code": None}}, status=status, headers=named)


class Server:
    """An OpenAI-compatible server on the loopback, in a thread of its own; the model's name says how it behaves."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.bodies: list[dict[str, Any]] = []
        self.authorization: str | None = None
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(20)

    def _serve(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._reply)
        self._runner = web.AppRunner(app)
        self._loop.run_until_complete(self._runner.setup())
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        self._loop.run_until_complete(site.start())
        self.base = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"
        ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._runner.cleanup())
        self._loop.close()

    async def _reply(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.bodies.append(body)
        self.authorization = request.headers.get("Authorization")
        model, prompt = body["model"].removeprefix("openrouter/"), body["messages"][-1]["content"]
        self.seen[model] += 1
        if model in ("dropped", "torn"):
            return await self._lose(request, model == "torn")
        return BEHAVIOURS[model](prompt, self.seen[model])

    async def _lose(self, request: web.Request, begun: bool) -> web.StreamResponse:
        """End the connection, before the reply or within it."""
        response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "400"})
        if begun:
            await response.prepare(request)
            await response.write(b'{"id": "1", "choices": [{"mess')
        assert request.transport is not None
        request.transport.close()
        return response

    def stop(self) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(20)


TOO_LONG = "This model's maximum context length is 10 tokens. However, your messages resulted in 99 tokens."
BEHAVIOURS: dict[str, Callable[[str, int], web.Response]] = {
    "sorter": lambda prompt, _: chat(sorted_text(prompt), prompt),
    "locked": lambda prompt, _: failure(401, f"Incorrect API key provided: {KEY}"),
    "wrong": lambda prompt, _: failure(400, f"unknown parameter, your key is {KEY}"),
    "busy": lambda prompt, n: failure(429, "slow down", retry_after="7") if n < 3 else chat("1", prompt),
    "for-hours": lambda prompt, _: failure(429, "slow down", retry_after="7200"),
    "shaky": lambda prompt, n: failure(500, "oops") if n < 3 else chat("1", prompt),
    "broken": lambda prompt, _: failure(503, "oops"),
    "no-choice": lambda prompt, _: chat("1", prompt, choices=[]),
    "null": lambda prompt, _: chat(None, prompt),
    "unmetered": lambda prompt, _: chat("1 2", prompt, usage=None),
    "metered-at-0": lambda prompt, _: chat(
        "1 2", prompt, usage={"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    ),
    "half-metered": lambda prompt, _: chat(
        "1 2", prompt, usage={"prompt_tokens": 4, "completion_tokens": 0, "total_tokens": 4}
    ),
    "cut": lambda prompt, _: chat(
        "1", prompt, choices=[{"index": 0, "message": {"role": "assistant", "content": "1"}, "finish_reason": "length"}]
    ),
    "discounted": lambda prompt, _: chat(
        "1",
        prompt,
        usage={
            "prompt_tokens": 9,
            "completion_tokens": 1,
            "total_tokens": 10,
            "prompt_tokens_details": {"cached_tokens": 6},
        },
    ),
    "short": lambda prompt, _: web.json_response(
        {"error": {"message": TOO_LONG, "type": "invalid_request_error", "code": "context_length_exceeded"}}, status=400
    ),
    "html": lambda prompt, _: web.Response(text="<html>Bad gateway</html>", content_type="text/html"),
    "half": lambda prompt, _: web.Response(text='{"choices": [{"mess', content_type="application/json"),
    "list": lambda prompt, _: web.json_response([1, 2]),
    "cut-in-a-pair": lambda prompt, _: chat("5 \ud83d", prompt),
    "deep": lambda prompt, _: web.Response(text="[" * 100_000, content_type="application/json"),
    "deep-error": lambda prompt, _: web.json_response({"error": nested(900)}),
    "thoughtful": lambda prompt, _: chat(
        "1", prompt, usage={"prompt_tokens": 20, "completion_tokens": 2, "total_tokens": 222}
    ),
    "boastful": lambda prompt, _: chat("1", prompt, usage={"prompt_tokens": 9, "completion_tokens": 93 * 10**17}),
    "no-json": lambda prompt, _: web.Response(text="", content_type="application/json"),
    "choices-null": lambda prompt, _: web.json_response({"id": "1", "choices": None, "usage": {"prompt_tokens": 4}}),
    "late-504": lambda prompt, _: web.json_response({"error": {"message": "too slow", "code": 504}}),
    "late-429": lambda prompt, _: web.json_response({"error": {"message": "too many", "code": 429}}),
    "limit-page": lambda prompt, _: web.Response(text="<html>429 rate limit</html>", content_type="text/html"),
    "slow-gateway": lambda prompt, _: failure(524, "too slow"),
    "late-error": lambda prompt, _: web.json_response({"error": {"message": f"overloaded {KEY}"}}),
    "moved": lambda prompt, _: web.Response(status=307, headers={"Location": "http://127.0.0.1:1/elsewhere"}),
    "poor": lambda prompt, _: web.json_response({"error": {"code": "insufficient_quota", "message": ""}}, status=429),
    "missing": lambda prompt, _: failure(404, "no such model"),
    "silent": lambda prompt, _: chat(None, prompt, usage={"prompt_tokens": 4, "completion_tokens": 0}),
    "thinker": lambda prompt, _: chat(
        None, prompt, choices=[{"index": 0, "message": {"content": None}, "finish_reason": "length"}]
    ),
    "prude": lambda prompt, _: web.json_response(
        {
            "error": {
                "message": "The prompt triggers the content management policy.",
                "type": None,
                "code": "content_filter",
            }
        },
        status=400,
    ),
    "parrot": lambda prompt, _: chat(f"your key is {KEY}", prompt),
    "sly-parrot": lambda prompt, _: escaped(chat(f"your key is {KEY}", prompt)),
    "sly-refusal": lambda prompt, _: escaped(failure(400, f"your key is {KEY}")),
    "twins": lambda prompt, _: chat("1", prompt, choices=[{"message": {"content": "1"}}] * 2),
    "org/sorter": lambda prompt, _: chat(sorted_text(prompt), prompt),
}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests neither need nor see the keys of whoever runs them."""
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)


class Waits:
    """Stands in for a sleep: returns at once and remembers for how long."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


# ---- the contract, for every kind of model

MAKERS: dict[str, Callable[[Server], Model]] = {
    "embedded": lambda server: open_model("embedded"),
    "scripted": lambda server: ScriptedModel(lambda request: sorted_text(request.prompt)),
    **{f"simulated/{name}": lambda server, name=name: open_model(f"simulated/{name}") for name in SIMULATED},  # type: ignore[misc]
    "litellm": lambda server: LitellmModel("openai/sorter", api_base=server.base),
    "direct": lambda server: OpenAICompatibleModel("sorter", server.base),
}


@pytest.fixture(params=list(MAKERS))
def model(request: pytest.FixtureRequest, server: Server) -> Model:
    try:
        return MAKERS[request.param](server)
    except ModelNameError as error:
        pytest.skip(str(error))


def some_requests(count: int = 12) -> list[Request]:
    """Requests to sort lists of growing length."""
    found = []
    for index in range(count):
        question = Question(SORT, ([(index * 37 + step * 53) % 100 for step in range(1 + index % 9)],), index % 3)
        prompt = SORT.prompt(question.values, question.prompt)
        found.append(Request(prompt, temperature=0.7 * (index % 2), max_tokens=64, seed=index, question=question))
    return found


async def one_by_one(model: Model, requests: list[Request]) -> list[Completion]:
    try:
        return [await model.generate(request) for request in requests]
    finally:
        await model.close()


async def all_at_once(model: Model, requests: list[Request]) -> list[Completion]:
    try:
        return list(await asyncio.gather(*(model.generate(request) for request in requests)))
    finally:
        await model.close()


def test_the_same_request_gets_the_same_answer(model: Model) -> None:
    requests = some_requests()
    assert asyncio.run(one_by_one(model, requests)) == asyncio.run(one_by_one(model, requests[::-1]))[::-1]


def test_answers_do_not_depend_on_what_is_under_way(model: Model) -> None:
    requests = some_requests()
    assert asyncio.run(all_at_once(model, requests)) == asyncio.run(one_by_one(model, requests))


def test_usage_is_known_and_positive(model: Model) -> None:
    for completion in asyncio.run(one_by_one(model, some_requests())):
        assert completion.usage.prompt is not None and completion.usage.prompt > 0
        assert completion.usage.completion is not None and completion.usage.completion > 0
        assert 0 <= completion.usage.cached <= completion.usage.prompt


def test_it_is_a_model_with_a_name(model: Model) -> None:
    assert isinstance(model, Model)
    assert model.name and identity_of(model)
    shape = model.shape
    assert shape is None or min(shape.parameters, shape.layers, shape.width) > 0


def test_closing_twice_is_closing_once(model: Model) -> None:
    async def use() -> None:
        await model.generate(some_requests(1)[0])
        await model.close()
        await model.close()

    asyncio.run(use())


def test_an_answer_keeps_its_limit(model: Model) -> None:
    if isinstance(model, LitellmModel | OpenAICompatibleModel):
        pytest.skip("the limit of a served model is the server's to keep")
    question = Question(SORT, ([9, 8, 7, 6, 5, 4],))
    request = Request(SORT.prompt(question.values), max_tokens=2, question=question)
    completion = asyncio.run(model.generate(request))
    assert completion.finish == "length"
    assert completion.usage.completion is not None and completion.usage.completion <= 2


# ---- the model behind a server


async def answered(model: Model, waits: Waits, request: Request = Request("sort: 2 1", seed=5)) -> Completion:  # noqa: B008
    """The model's answer after as many attempts as it takes."""

    async def attempt() -> Samples:
        return Samples((await model.generate(request),))

    try:
        return (await retrying(attempt, RetryPolicy(), sleep=waits)).completions[0]
    finally:
        await model.close()


@pytest.fixture(params=["direct", "litellm"])
def kind(request: pytest.FixtureRequest) -> str:
    """Both ways to a server."""
    return str(request.param)


def behind(base: str, behaviour: str, kind: str, timeout: float = 300) -> Model:
    """A model of a server."""
    if kind == "litellm":
        return LitellmModel(f"openai/{behaviour}", api_base=base, timeout=timeout)
    return OpenAICompatibleModel(behaviour, base, timeout=timeout)


def ask(server: Server, behaviour: str, kind: str = "direct", waits: Waits | None = None) -> Completion:
    """One request to the server, as it behaves under this name."""
    server.seen.clear()
    return asyncio.run(answered(behind(server.base, behaviour, kind), waits or Waits()))


def test_a_dead_server_is_a_model_error(kind: str) -> None:
    waits = Waits()
    with pytest.raises(ModelError, match=r"cannot be reached.*6 attempts") as caught:
        asyncio.run(answered(behind("http://127.0.0.1:9/v1", "sorter", kind), waits))
    assert kind != "direct" or "(Connection refused)" in str(caught.value)
    assert len(waits.seconds) == 5


def test_a_wrong_key_is_refused_at_once_and_never_shown(
    server: Server, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with pytest.raises(ModelError, match="refused the key") as caught:
        ask(server, "locked", kind)
    assert KEY not in "".join(traceback.format_exception(caught.value))
    assert server.seen["locked"] == 1


def test_a_bad_request_is_not_sent_again_and_shows_no_key(server: Server, kind: str) -> None:
    with pytest.raises(ModelError, match="unknown parameter") as caught:
        ask(server, "wrong", kind)
    assert KEY not in str(caught.value)
    assert server.seen["wrong"] == 1


def test_a_full_server_is_asked_again_when_it_says(server: Server, kind: str) -> None:
    waits = Waits()
    assert ask(server, "busy", kind, waits).text == "1"
    assert waits.seconds == [7.0, 7.0]
    assert server.seen["busy"] == 3


def test_a_server_that_asks_for_hours_ends_the_attempts(server: Server, kind: str) -> None:
    waits = Waits()
    with pytest.raises(ModelError, match="7200 s"):
        ask(server, "for-hours", kind, waits)
    assert waits.seconds == []


def test_a_shaky_server_is_asked_again_after_growing_waits(server: Server, kind: str) -> None:
    waits = Waits()
    assert ask(server, "shaky", kind, waits).text == "1"
    assert 0.25 <= waits.seconds[0] <= 0.5 <= waits.seconds[1] <= 1.0


def test_a_broken_server_is_a_model_error_after_a_few_attempts(server: Server, kind: str) -> None:
    with pytest.raises(ModelError, match="HTTP 503"):
        ask(server, "broken", kind)
    assert server.seen["broken"] == RetryPolicy().attempts


@pytest.mark.parametrize("behaviour", ["no-choice", "null"])
def test_no_content_is_an_empty_answer(server: Server, behaviour: str, kind: str) -> None:
    assert ask(server, behaviour, kind).text == ""


@pytest.mark.parametrize("behaviour", ["unmetered", "metered-at-0"])
def test_usage_that_is_not_told_is_unknown(server: Server, behaviour: str, kind: str) -> None:
    completion = ask(server, behaviour, kind)
    assert completion.text == "1 2"
    assert completion.usage.prompt is None and completion.usage.completion is None


def test_a_text_of_no_tokens_has_an_unknown_number_of_them(server: Server, kind: str) -> None:
    usage = ask(server, "half-metered", kind).usage
    assert (usage.prompt, usage.completion) == (4, None)


def test_an_answer_that_was_cut_says_so(server: Server, kind: str) -> None:
    assert ask(server, "cut", kind).finish == "length"


def test_half_a_character_is_kept_as_a_sign_that_can_be_stored(server: Server, kind: str) -> None:
    assert ask(server, "cut-in-a-pair", kind).text == "5 ?"
    broken = b'{"choices": [{"message": {"content": "5 \xf0\x9f"}}]}'
    assert read_reply(read_json(broken), "it").completions[0].text == "5 \ufffd"
    assert without_secrets("no \ud83d") == "no ?"


def test_tokens_of_thinking_that_the_total_alone_tells_are_counted(server: Server, kind: str) -> None:
    assert ask(server, "thoughtful", kind).usage == Usage(20, 202)


def test_a_count_beyond_all_reason_is_unknown(server: Server, kind: str) -> None:
    usage = ask(server, "boastful", kind).usage
    assert (usage.prompt, usage.completion) == (9, None)


def test_tokens_from_the_providers_cache_are_counted(server: Server, kind: str) -> None:
    assert ask(server, "discounted", kind).usage.cached == 6


def test_a_prompt_that_is_too_long_is_the_candidates_fault(server: Server, kind: str) -> None:
    with pytest.raises(PromptTooLongError):
        ask(server, "short", kind)
    assert server.seen["short"] == 1


def test_a_prompt_that_is_filtered_does_not_stop_the_run(server: Server, kind: str) -> None:
    with pytest.raises(PromptRefusedError, match="content filter"):
        ask(server, "prude", kind)
    assert server.seen["prude"] == 1


def test_what_is_sent_is_what_was_asked(server: Server, kind: str) -> None:
    server.bodies.clear()
    ask(server, "sorter", kind)
    (body,) = server.bodies
    assert body["messages"] == [{"role": "user", "content": "sort: 2 1"}]
    assert (body["temperature"], body["max_tokens"], body["seed"]) == (0.0, 1024, 5)
    assert "question" not in json.dumps(body)


@pytest.mark.parametrize(
    ("behaviour", "words", "sent"),
    [
        ("html", r"text/html that is no JSON \(--api-base must be", 10),
        ("half", "application/json that is no JSON", 10),
        ("list", "no chat completion", 10),
        ("late-error", "overloaded", 10),
        ("moved", "give --api-base its last address", 1),
        ("poor", "no quota left", 1),
        ("missing", "is not there", 1),
    ],
)
def test_what_is_no_answer_is_recognised(server: Server, behaviour: str, words: str, sent: int) -> None:
    with pytest.raises(ModelError, match=words) as caught:
        ask(server, behaviour)
    assert server.seen[behaviour] == sent
    assert KEY not in str(caught.value)


LOST = ("html", "half", "list", "no-json", "choices-null", "dropped", "torn", "limit-page", "late-error", "late-504")
TOO_DEEP = ("deep", "deep-error")


@pytest.mark.parametrize("behaviour", [*LOST, *TOO_DEEP, "slow-gateway"])
def test_an_answer_that_may_have_got_lost_may_have_to_be_paid(server: Server, behaviour: str, kind: str) -> None:
    with pytest.raises(TransientError) as caught:
        asyncio.run(one_by_one(behind(server.base, behaviour, kind), [Request("sort: 2 1")]))
    assert caught.value.charged


@pytest.mark.parametrize(("behaviour", "kinds"), [("shaky", 2), ("busy", 2), ("late-429", 1)])
def test_a_failure_of_which_the_server_tells_is_not_charged(server: Server, behaviour: str, kinds: int) -> None:
    for kind in ("direct", "litellm")[:kinds]:
        server.seen.clear()
        with pytest.raises(TransientError) as caught:
            asyncio.run(one_by_one(behind(server.base, behaviour, kind), [Request("sort: 2 1")]))
        assert not caught.value.charged


@pytest.mark.parametrize("provider", ["hosted_vllm", "openrouter"])
@pytest.mark.parametrize("behaviour", ["half", "torn"])
def test_other_clients_of_litellm_lose_answers_too(
    server: Server, behaviour: str, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HOSTED_VLLM_API_KEY", "OPENROUTER_API_KEY"):
        monkeypatch.setenv(name, KEY)
    model = LitellmModel(f"{provider}/{behaviour}", api_base=server.base)
    with pytest.raises(TransientError) as caught:
        asyncio.run(one_by_one(model, [Request("sort: 2 1")]))
    assert caught.value.charged


def test_an_answer_that_stays_empty_is_an_empty_answer(server: Server) -> None:
    assert ask(server, "silent") == Completion("", Usage(4, 0))
    assert server.seen["silent"] == 10


def test_one_that_thought_until_its_limit_is_cut_off_at_once(server: Server) -> None:
    assert (ask(server, "thinker").finish, server.seen["thinker"]) == ("length", 1)


@pytest.mark.parametrize("behaviour", ["parrot", "sly-parrot"])
def test_a_key_that_a_server_repeats_is_not_kept(
    server: Server, behaviour: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert ask(server, behaviour, kind).text == "your key is ***"


def test_white_space_around_a_key_is_not_sent(server: Server, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", f" {KEY}\r\n")
    assert ask(server, "parrot", kind).text == "your key is ***"
    assert server.authorization == f"Bearer {KEY}"


@pytest.mark.parametrize(
    "key", ["sk-live\n0123456789", "sk-liv\u00e9-0123456789", "sk-\u200b-0123456789", "sk-\x7f123"]
)
def test_a_key_that_no_header_can_carry_is_refused_before_anything_is_sent(
    server: Server, key: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(ModelNameError, match=r"printable ASCII.*OPENAI_API_KEY") as caught:
        open_model("sorter", api_base=server.base) if kind == "direct" else open_model("openai/gpt-5-mini")
    assert key not in str(caught.value) and "123" not in str(caught.value)


def test_a_key_that_a_refusal_repeats_in_escapes_is_not_shown(
    server: Server, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with pytest.raises(ModelError, match=r"your key is \*\*\*") as caught:
        ask(server, "sly-refusal", kind)
    assert KEY[3:] not in str(caught.value)


def test_an_answer_keeps_what_is_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("MAX_TOKENS", "100000000"), ("KEYCLOAK_HOST", "localhost"), ("SHORT_KEY", "five")):
        monkeypatch.setenv(name, value)
    assert without_keys("100000000 at localhost, five") == "100000000 at localhost, five"


def test_one_answer_is_taken_of_two(server: Server) -> None:
    assert ask(server, "twins").text == "1"


def test_samples_share_what_the_reply_tells() -> None:
    choices = [{"message": {"content": text}, "finish_reason": "stop"} for text in ("a" * 9, "b" * 29, "")]
    reply = {"choices": choices, "usage": {"prompt_tokens": 7, "completion_tokens": 41}}
    found = read_reply(reply, "it", 3)
    assert found.usage == Usage(7, 41)
    assert [completion.usage for completion in found.completions] == [Usage(7, 10), Usage(7, 30), Usage(7, 1)]


@pytest.mark.parametrize(
    ("places", "texts"),
    [
        ([2, 0, 1], ["b", "c", "a"]),
        ([1, 1, 0], ["a", "b", "c"]),
        ([1, None, 0], ["a", "b", "c"]),
        ([1, "0", True], ["a", "b", "c"]),
        ([2, 3, 0, 1], ["c", "d", "a"]),
    ],
)
def test_samples_stand_in_the_order_of_their_indices_where_these_tell_one(places: list[Any], texts: list[str]) -> None:
    choices = [{"index": place, "message": {"content": text}} for place, text in zip(places, "abcd", strict=False)]
    assert [each.text for each in read_reply({"choices": choices}, "it", 3).completions] == texts


@pytest.mark.parametrize("name", ["sorter", "org/sorter"])
def test_a_server_of_ones_own_names_its_models_as_it_likes(server: Server, name: str) -> None:
    model = open_model(name, api_base=server.base)
    assert asyncio.run(answered(model, Waits())).text == "1 2"
    assert model.name == name and server.base in identity_of(model)


# ---- sending again


def test_the_jitter_comes_from_the_seed() -> None:
    def waits_of(seed: int) -> list[float]:
        waits = Waits()

        async def fail() -> None:
            raise TransientError("down")

        with pytest.raises(ModelError):
            asyncio.run(retrying(fail, RetryPolicy(attempts=9), seed=seed, sleep=waits))
        return waits.seconds

    assert waits_of(1) == waits_of(1) != waits_of(2)
    assert max(waits_of(1)) <= RetryPolicy().longest


@pytest.mark.parametrize("asked", [0.0, 1.5])
def test_a_server_that_asks_for_less_than_our_own_wait_is_not_hurried(asked: float) -> None:
    async def fail(wait: float | None) -> Samples:
        raise TransientError("full", wait)

    ours, waits = Waits(), Waits()
    for wait, found in ((None, ours), (asked, waits)):
        with pytest.raises(ModelError, match="10 attempts"):
            asyncio.run(retrying(lambda wait=wait: fail(wait), RetryPolicy(), sleep=found))  # type: ignore[misc]
    assert waits.seconds == [max(asked, own) for own in ours.seconds]


def test_other_errors_are_not_tried_again() -> None:
    async def fail() -> None:
        raise ModelError("refused")

    waits = Waits()
    with pytest.raises(ModelError, match="refused"):
        asyncio.run(retrying(fail, RetryPolicy(), sleep=waits))
    assert waits.seconds == []


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("3", 3.0),
        ("-1", 0.0),
        ("soon", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Wed, 21 Oct 99999999999999999999 07:28:00 GMT", None),
    ],
)
def test_retry_after_is_read(header: str | None, seconds: float | None) -> None:
    assert retry_after(header) == seconds


def test_secrets_are_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", "abcdefghij")
    text = without_secrets(f"no: abcdefghij\n{KEY} Bearer qwertz, ok")
    assert "abcdefghij" not in text and KEY not in text and "qwertz" not in text
    assert text.startswith("no: ***") and text.endswith("ok")


# ---- names


def test_every_simulated_model_is_listed() -> None:
    names = [name for name, _ in list_models()]
    assert names[0] == "embedded"
    assert {f"simulated/{name}" for name in SIMULATED} < set(names)
    assert all(line and "\n" not in line for _, line in list_models())


@pytest.mark.parametrize("name", ["foo", "", "simulated/foo", "simulated/", "foo/", "no_such_provider/x"])
def test_an_unknown_name_is_refused_with_what_would_work(name: str) -> None:
    with pytest.raises(ModelNameError, match="simulated/perfect") as caught:
        open_model(name)
    assert repr(name) in str(caught.value)


def test_a_bare_name_is_refused_without_litellm(monkeypatch: pytest.MonkeyPatch) -> None:
    def never() -> None:
        raise AssertionError("litellm was asked")

    monkeypatch.setattr("undercut.evaluators.models.litellm_model.import_litellm", never)
    with pytest.raises(ModelNameError):
        open_model("foo")


def test_a_missing_key_is_named() -> None:
    with pytest.raises(ModelNameError, match="OPENAI_API_KEY"):
        open_model("openai/gpt-5-mini")


def test_a_key_in_the_environment_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    model = open_model("openai/gpt-5-mini")
    price = price_of(model)
    assert price is not None and 0 < price.prompt < price.completion < 1e-3
    assert price.cached is not None and price.cached < price.prompt


def test_a_local_provider_needs_no_key_and_has_no_price() -> None:
    assert price_of(open_model("ollama/llama3")) is None


def test_an_api_base_must_be_a_url() -> None:
    with pytest.raises(ModelNameError, match="http://localhost") as caught:
        open_model("x", api_base="user:password@host")
    assert "password" not in str(caught.value)


@pytest.mark.parametrize("path", ["sk-live-0123456789abcdef", "x/%73k-live-0123456789", "proxy/no-pattern-here/v1"])
def test_an_api_base_has_no_key_in_it(path: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "no-pattern-here")
    with pytest.raises(ModelNameError, match=r"no key in it.*OPENAI_API_KEY") as caught:
        behind(f"http://localhost:1/v1/{path}", "x", kind)
    assert path not in str(caught.value)


@pytest.mark.parametrize("base", ["https://router.example/hf-inference/v1", "http://key-server-01:8000/v1"])
def test_a_word_in_an_address_is_no_key(base: str, kind: str) -> None:
    assert base in identity_of(behind(base, "x", kind))


def test_models_of_our_own_ignore_the_api_base() -> None:
    assert open_model("simulated/perfect", api_base="http://localhost:1/v1").name == "simulated/perfect"


def test_a_simulated_model_needs_references() -> None:
    from dataclasses import replace

    with pytest.raises(ModelNameError, match="sort"):
        open_model("simulated/perfect", primitives=[replace(SORT, reference=None)])


def test_a_scripted_model_answers_from_its_table() -> None:
    model = ScriptedModel({"a": "b"})
    assert asyncio.run(model.generate(Request("a"))).text == "b"
    with pytest.raises(ModelError, match="table"):
        asyncio.run(model.generate(Request("c")))
    assert [request.prompt for request in model.requests] == ["a", "c"]
