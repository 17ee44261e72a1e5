"""The endpoint speaks OpenAI's protocol, and a search over HTTP finds what it finds in process."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from undercut.evaluators.cache import AnswerCache
from undercut.evaluators.engine import Engine
from undercut.evaluators.identity import seed_of
from undercut.evaluators.ledger import Ledger
from undercut.evaluators.models.base import Request
from undercut.evaluators.models.openai_compatible import OpenAICompatibleModel
from undercut.evaluators.models.prompts import PromptReader
from undercut.evaluators.models.registry import open_model
from undercut.evaluators.models.server import ChatServer, sample_of
from undercut.evaluators.tasks import TASKS
from undercut.evaluators.tasks.primitives import PRIMITIVES
from undercut.evaluators.trace import Trace
from undercut.search import calibration
from undercut.search.cli import main
from undercut.search.proposers.at_random import AtRandom
from undercut.search.run import run_search
from undercut.search.settings import Settings
from undercut.spaces.genome import Genome, Input, Node, call
from undercut.spaces.question import Question
from undercut.spaces.toolbox import Toolbox

Serve = Callable[[Callable[[], web.Application]], str]
NAMES = ("embedded", "simulated/noisy", "simulated/gpt-3.5")
SETTINGS = Settings("sum", strategy="random", sizes=(4, 8), target_size=8, evaluations=2, samples=4, max_size=3)


@pytest.fixture(scope="module", autouse=True)
def in_a_hurry() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AtRandom, "batch", 30)
        patch.setattr(calibration, "STRUCTURES", 50)
        patch.setattr(calibration, "DRAWS", 10)
        patch.delenv("OPENAI_API_KEY", raising=False)
        yield


def application(key: str | None = None) -> web.Application:
    return ChatServer([open_model(name) for name in NAMES], PRIMITIVES.values(), key).application()


@pytest.fixture(scope="module")
def base(serve: Serve) -> str:
    return serve(application)


def post(base: str, body: Any, path: str = "chat/completions", **headers: str) -> tuple[int, Any]:
    """Status and content of a reply."""

    async def send() -> tuple[int, Any]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{base}/{path}", data=data, headers=headers) as response,
        ):
            return response.status, json.loads(await response.read())

    return asyncio.run(send())


def chat(prompt: str, model: str = "undercut/embedded", **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": prompt}], "temperature": 0, **more}


# ---- the protocol


def test_it_answers_as_the_model_does(base: str) -> None:
    status, reply = post(base, chat("sort: 5 3 9 1", seed=3, max_tokens=32))
    assert status == 200 and reply["object"] == "chat.completion"
    own = asyncio.run(open_model("embedded").generate(Request("sort: 5 3 9 1", max_tokens=32, seed=3)))
    (choice,) = reply["choices"]
    assert choice["message"] == {"role": "assistant", "content": own.text} and choice["finish_reason"] == "stop"
    assert reply["usage"]["prompt_tokens"] == own.usage.prompt
    assert reply["usage"]["completion_tokens"] == own.usage.completion
    assert reply["usage"]["total_tokens"] == sum(
        reply["usage"][part] for part in ("prompt_tokens", "completion_tokens")
    )


def test_n_samples_are_n_requests_with_seeds_that_follow(base: str) -> None:
    asked = chat("sum: 17+28+39+41+55+62", temperature=1.5, max_tokens=24)
    _, together = post(base, {**asked, "seed": 7, "n": 6})
    alone = [post(base, {**asked, "seed": 7 + index})[1] for index in range(6)]
    texts = [choice["message"]["content"] for choice in together["choices"]]
    assert texts == [reply["choices"][0]["message"]["content"] for reply in alone]
    assert len(set(texts)) > 1
    assert together["usage"]["prompt_tokens"] == alone[0]["usage"]["prompt_tokens"]
    assert together["usage"]["completion_tokens"] == sum(reply["usage"]["completion_tokens"] for reply in alone)


def test_stop_and_limits(base: str) -> None:
    _, cut = post(base, chat("sort: 5 3 9 1", max_tokens=2))
    assert cut["choices"][0]["finish_reason"] == "length" and cut["usage"]["completion_tokens"] == 2
    for stop in ("5", ["nowhere", "5"]):
        _, stopped = post(base, chat("sort: 5 3 9 1", stop=stop))
        assert stopped["choices"][0]["message"]["content"].strip() == "1 3"
    assert post(base, chat("sort: 5 3 9 1", max_completion_tokens=2))[1]["usage"]["completion_tokens"] == 2


def test_content_may_come_in_parts(base: str) -> None:
    parts = [{"type": "text", "text": "sort: "}, {"type": "text", "text": "2 1"}]
    _, reply = post(base, {**chat(""), "messages": [{"role": "user", "content": parts}]})
    assert reply["choices"][0]["message"]["content"] == "1 2"


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        (b"{", 400, "cannot be read"),
        (b"[]", 400, "cannot be read"),
        (b'{"model": ' + b"[" * 9000 + b"]" * 9000 + b"}", 400, "cannot be read"),
        (b'{"more": ' + b"[" * 9000 + b"]" * 9000 + b"}", 400, "too deep"),
        ({"model": "undercut/embedded"}, 400, "messages"),
        ({"model": "undercut/embedded", "messages": []}, 400, "messages"),
        (chat("sort: 2 1", n=0), 400, "n"),
        (chat("sort: 2 1", n=1000), 400, "n"),
        (chat("sort: 2 1", temperature=9), 400, "temperature"),
        (chat("sort: 2 1", max_tokens=0), 400, "max_tokens"),
        (chat("sort: 2 1", seed="x"), 400, "seed"),
        (chat("sort: 2 1", stream=True), 400, "stream"),
        (chat("sort: 2 1", model="gpt-9"), 404, "does not exist"),
        (chat("sort: " + "1 " * 5000), 400, "fewer than"),
        (chat("tell me a story", model="undercut/simulated/noisy"), 400, "prompt alone"),
    ],
)
def test_errors_have_the_apis_form(base: str, body: Any, status: int, word: str) -> None:
    found, reply = post(base, body)
    assert found == status
    assert reply.keys() == {"error"} and reply["error"].keys() == {"message", "type", "param", "code"}
    assert word in reply["error"]["message"] and reply["error"]["type"] == "invalid_request_error"


def test_other_paths_are_errors_of_the_same_form(base: str) -> None:
    status, reply = post(base, {}, path="embeddings")
    assert status == 404 and reply["error"]["type"] == "invalid_request_error"


def test_a_key_is_asked_for_where_there_is_one(serve: Serve) -> None:
    guarded = serve(lambda: application("a-key-of-ours"))
    status, reply = post(guarded, chat("sort: 2 1"), Authorization="Bearer a-key-of-yours")
    assert status == 401 and reply["error"]["code"] == "invalid_api_key"
    assert post(guarded, chat("sort: 2 1"))[0] == 401
    latin = urllib.request.Request(f"{guarded}/models", headers={"Authorization": "Bearer é"})
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(latin)
    assert post(guarded, chat("sort: 2 1"), Authorization="Bearer a-key-of-ours")[0] == 200


def test_the_client_is_told_what_there_is(base: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = f"search sum -m gpt-9 --api-base {base} --sizes 4 --out {tmp_path / 'run'}"
    assert main(line.split()) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert "undercut/simulated/noisy" in said and f"undercut resume {tmp_path / 'run'}" in said


# ---- reading prompts back


@given(st.data())
def test_a_prompt_tells_its_question(data: st.DataObject) -> None:
    task = TASKS[data.draw(st.sampled_from(["sort", "sum", "count", "maximum", "intersection"]))]
    tool = data.draw(st.sampled_from(task.primitives))
    numbers = st.integers(0, 99)
    values = tuple(
        data.draw(numbers if str(kind) == "number" else st.lists(numbers, min_size=1, max_size=5))
        for kind in tool.inputs
        if str(kind) in ("number", "[number]")
    )
    if len(values) < len(tool.inputs):
        return
    variant = data.draw(st.integers(0, len(tool.prompts) - 1))
    prompt = tool.prompt(values, variant)
    question = PromptReader(PRIMITIVES.values()).question(prompt)
    assert question is not None
    assert question.primitive.prompt(question.values, question.prompt) == prompt
    assert PromptReader([tool]).question(prompt) == Question(tool, values, variant)


@given(st.text(max_size=20), st.lists(st.integers(0, 15), max_size=2), st.integers(1, 40))
def test_a_seed_tells_its_sample(prompt: str, outer: list[int], last: int) -> None:
    sample = (*outer, last)
    assert sample_of(prompt, seed_of(prompt, sample)) == sample
    assert sample_of(prompt, seed_of(prompt, ())) == ()


# ---- a search over HTTP


def found(result: dict[str, Any]) -> Any:
    """What does not depend on the model's name and on what is known of it besides."""
    keep = ("id", "name", "genome", "accuracy", "failures")
    return [
        ({key: item[key] for key in keep}, {size: cost["tokens"] for size, cost in item["cost"].items()})
        for item in (*result["front"], *result["baselines"])
    ]


@pytest.mark.parametrize("names", [("embedded",), ("simulated/noisy", "simulated/gpt-3.5")])
def test_a_search_over_http_finds_the_same(base: str, names: tuple[str, ...], tmp_path: Path) -> None:
    settings = replace(SETTINGS, models=names)
    inside = run_search(settings, tmp_path / "inside")
    served = replace(settings, models=tuple(f"undercut/{name}" for name in names), api_base=base)
    outside = run_search(served, tmp_path / "outside", concurrency=9)
    assert found(outside) == found(inside)
    assert outside["spent"]["tokens"] <= inside["spent"]["tokens"]  # samples on one prefill
    assert outside["spent"]["calls"] <= inside["spent"]["calls"]


VOTE = Genome(
    Node("vote", [Input(0)], {"rule": "majority", "votes": 5}, [Genome(call("sum", Input(0), temperature=0.7))])
)


def voted(model: Any, concurrency: int = 8) -> tuple[Trace, Ledger]:
    ledger = Ledger()
    engine = Engine([model], cache=AnswerCache(), ledger=ledger, concurrency=concurrency)

    async def run() -> Trace:
        try:
            return await engine.run(VOTE, [[17, 28, 39, 41, 55, 62]], Toolbox(list(PRIMITIVES.values())))
        finally:
            await engine.close()
            await model.close()

    return asyncio.run(run()), ledger


def test_a_vote_is_one_request_on_one_prefill(base: str) -> None:
    alone, bill = voted(open_model("embedded"))
    together, ledger = voted(OpenAICompatibleModel("undercut/embedded", base), concurrency=1)
    assert bill.spent.calls == 5 and ledger.spent.calls == 1
    assert ledger.spent.completion_tokens == bill.spent.completion_tokens
    assert ledger.spent.prompt_tokens * 5 == bill.spent.prompt_tokens
    assert together.output == alone.output
    assert [record.usage for record in together.records] == [record.usage for record in alone.records]


@pytest.mark.parametrize("gives", ["one choice", "refusal", "two choices"])
def test_a_server_without_n_is_asked_one_by_one(serve: Serve, gives: str) -> None:
    seen: list[int] = []

    async def reply(request: web.Request) -> web.Response:
        body = await request.json()
        seen.append(body.get("n", 1))
        if gives == "refusal" and body.get("n", 1) > 1:
            return web.json_response({"error": {"message": "n must be 1"}}, status=400)
        count = min(body.get("n", 1), 2 if gives == "two choices" else 1)
        choice = {"message": {"role": "assistant", "content": "242"}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 10, "completion_tokens": 3 * count}
        return web.json_response({"choices": [choice] * count, "usage": usage})

    def make() -> web.Application:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", reply)
        return app

    model = OpenAICompatibleModel("m", serve(make))
    trace, ledger = voted(model)
    assert trace.output == 242 and len(trace.records) == 5
    assert seen == {"one choice": [5, 1, 1, 1, 1], "refusal": [5, 1, 1, 1, 1, 1], "two choices": [5, 1, 1, 1]}[gives]
    assert ledger.spent.calls == len(seen) and ledger.spent.completion_tokens == 15
    assert ledger.spent.unmetered == 0 and model.most_samples() == 1


# ---- the command


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_until_it_is_stopped(number: signal.Signals, heeded_interrupts: None) -> None:
    command = [sys.executable, "-m", "undercut", "serve", "-m", "simulated/perfect", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        address = re.search(r"undercut/simulated/perfect at (http://\S+/v1)", line)
        assert address is not None, line
        status, reply = post(address[1], chat("sum: 3+4", model="undercut/simulated/perfect"))
        assert status == 200 and reply["choices"][0]["message"]["content"] == "7"
        process.send_signal(number)
        assert process.stderr.readline() == "stopped\n"
        assert process.wait() == 0


@pytest.mark.parametrize(
    ("line", "word"), [("serve -m openai/gpt-5-mini", "embedded or simulated/NAME"), ("serve --port 99999", "port")]
)
def test_what_cannot_be_served(line: str, word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line.split()) == 2
    assert word in capsys.readouterr().err


def test_no_simulated_model_is_served_for_what_it_cannot_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object) -> None:
        raise AssertionError("it is served")

    monkeypatch.setattr(web.AppRunner, "setup", never)
    assert main(["init", str(tmp_path)]) == 0
    assert main(["serve", "-m", "simulated/perfect", "--task", str(tmp_path / "task.toml")]) == 2
    assert "answers by a primitive's reference, and answer, extract" in capsys.readouterr().err
