"""Requests go through the proxy that the environment names, and wait as long as they are told to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web

from undercut.evaluators.models.base import Completion, Model, Request
from undercut.evaluators.models.openai_compatible import OpenAICompatibleModel
from undercut.evaluators.models.registry import open_model
from undercut.evaluators.models.retrying import TransientError, UnreachableError
from undercut.spaces.errors import ModelError, UsageError

PASSWORD = "hunter2-secret"
FAR = "http://model.test/v1"
NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


async def reply(request: web.BaseRequest) -> web.Response:
    """An answer that names the host that was asked for and who asked the proxy for it."""
    text = f"{request.host} {request.headers.get('Proxy-Authorization', 'anonymous')}"
    message = {"role": "assistant", "content": text}
    return web.json_response({"choices": [{"message": message}], "usage": {"prompt_tokens": 1, "completion_tokens": 1}})


def asked(handler: Handler, make: Callable[[int], Model]) -> Completion:
    """What a model answers that is made for the port of a server on the loopback."""

    async def run() -> Completion:
        runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        model = make(runner.addresses[0][1])
        try:
            return await model.generate(Request("hello"))
        finally:
            await model.close()
            await runner.cleanup()

    return asyncio.run(run())


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_far_server_is_asked_through_the_proxy(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if name == "HTTP_PROXY":
        monkeypatch.delenv("REQUEST_METHOD", raising=False)

    def make(port: int) -> Model:
        monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
        return OpenAICompatibleModel("m", FAR)

    assert asked(reply, make).text == "model.test anonymous"


def test_the_proxys_user_is_told_to_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    def make(port: int) -> Model:
        monkeypatch.setenv("http_proxy", f"http://me:{PASSWORD}@127.0.0.1:{port}")
        return OpenAICompatibleModel("m", FAR)

    assert asked(reply, make).text.startswith("model.test Basic ")


def test_a_server_on_this_machine_is_asked_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    answer = asked(reply, lambda port: OpenAICompatibleModel("m", f"http://127.0.0.1:{port}/v1"))
    assert answer.text.endswith("anonymous") and answer.text.startswith("127.0.0.1")


def test_a_host_of_no_proxy_is_asked_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    def make(port: int) -> Model:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("no_proxy", "model.invalid")
        return OpenAICompatibleModel("m", "http://model.invalid/v1")

    with pytest.raises(
        UnreachableError
    ):  # there is no such host, and the proxy, which would have answered, was not asked
        asked(reply, make)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_refuses_is_named_without_its_password(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(request: web.BaseRequest) -> web.Response:
        return web.Response(status=407)

    def make(port: int) -> Model:
        monkeypatch.setenv(f"{scheme}_proxy", f"http://me:{PASSWORD}@127.0.0.1:{port}")
        return OpenAICompatibleModel("m", f"{scheme}://model.test/v1")

    with pytest.raises(ModelError, match="407") as caught:
        asked(refuse, make)
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    "wrong", [f"socks5://me:{PASSWORD}@host:1080", f"http://me:{PASSWORD}@host:99999999", "http://"]
)
def test_a_proxy_that_is_none_is_refused_without_its_password(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", wrong)
    with pytest.raises(ModelError, match="a proxy must be a URL such as http://proxy:3128") as caught:
        asked(reply, lambda port: OpenAICompatibleModel("m", FAR))
    assert PASSWORD not in str(caught.value)


def test_a_model_waits_as_long_as_it_is_told_to() -> None:
    async def never(request: web.BaseRequest) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(TransientError, match=r"no answer within 0.05 s \(--timeout\)"):
        asked(never, lambda port: open_model("m", api_base=f"http://127.0.0.1:{port}/v1", timeout=0.05))


@pytest.mark.parametrize("wrong", [0, -1, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["embedded", "openai/gpt-5-mini"])
def test_a_wait_that_is_none_is_refused(name: str, wrong: float) -> None:
    with pytest.raises(UsageError, match="--timeout must be a number of seconds above 0"):
        open_model(name, timeout=wrong)
