"""A server that fails in every way changes nothing but the time, and the bill is what the server itself counts."""

from __future__ import annotations

import importlib.util
import json
import math
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from aiohttp import web

from undercut.evaluators import engine
from undercut.evaluators.ledger import Ledger
from undercut.evaluators.models.openai_compatible import OpenAICompatibleModel
from undercut.evaluators.models.registry import open_model
from undercut.evaluators.models.retrying import RetryPolicy
from undercut.evaluators.models.server import ChatServer
from undercut.evaluators.tasks.primitives import PRIMITIVES
from undercut.search import calibration
from undercut.search.cli import main
from undercut.search.proposers.at_random import AtRandom
from undercut.search.run import run_search
from undercut.search.settings import Settings
from undercut.search.store import Store
from undercut.spaces.errors import BudgetError, ModelError

Serve = Callable[[Callable[[], web.Application]], str]
KEY = "sk-test-0123456789-of-nobody"
MODEL = "undercut/simulated/gpt-3.5"
SETTINGS = Settings("sum", (MODEL,), "random", sizes=(4, 8), target_size=8, evaluations=3, samples=6, max_size=4)


def study(name: str) -> ModuleType:
    """A module of the study that this is the test of."""
    path = Path(__file__).parents[2] / "experiments" / "resilience" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"resilience_{name}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


hostile = study("hostile")


@pytest.fixture(scope="module", autouse=True)
def in_a_hurry() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AtRandom, "batch", 30)
        patch.setattr(calibration, "STRUCTURES", 100)
        patch.setattr(calibration, "DRAWS", 20)
        patch.setattr(engine, "RetryPolicy", partial(RetryPolicy, first=0.01, longest=0.05))
        patch.setenv("OPENAI_API_KEY", KEY)
        yield


def behind(serve: Serve, share: float, key: str | None = KEY) -> tuple[Any, str]:
    """A server that fails so often, and its address."""
    model = open_model("simulated/gpt-3.5")
    server = hostile.Hostile(ChatServer([model], PRIMITIVES.values(), key), share, echo=KEY, most_stalls=2)
    return server, serve(server.application)


def searched(base: str, folder: Path, settings: Settings = SETTINGS, **options: Any) -> dict[str, Any]:
    return run_search(settings, folder, models=[OpenAICompatibleModel(MODEL, base, timeout=5.0)], **options)


def written(folder: Path) -> bytes:
    """Everything in a run's folder."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def clean(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Any]:
    """A run on a server that never fails, and the server."""
    server, base = behind(serve, 0.0)
    return searched(base, tmp_path_factory.mktemp("clean")), server


def test_a_hostile_server_changes_nothing_but_the_time(
    clean: tuple[dict[str, Any], Any], serve: Serve, tmp_path: Path
) -> None:
    server, base = behind(serve, 0.3)
    result = searched(base, tmp_path, concurrency=128)
    whole, calm = clean
    assert result["front"] == whole["front"] and result["baselines"] == whole["baselines"]
    books = server.books
    assert set(books.faults) == {*hostile.FAULTS, "none"}  # every one of them was met

    store = Store.open(tmp_path)
    spent = Ledger(journal=store.answers.journal).spent
    store.close()
    assert spent.calls == books.received == result["spent"]["calls"]
    assert spent.tokens - spent.uncertain == books.told
    assert spent.unmetered == sum(books.faults[fault] for fault in hostile.UNTOLD)
    assert books.charged <= spent.tokens
    assert calm.books.told == whole["spent"]["tokens"] and calm.books.received == whole["spent"]["calls"]


def forgetful(serve: Serve, forgets: Callable[[int], bool], used: list[int] | None = None) -> str:
    """The address of a server that leaves the usage out of some of its replies, by their number.

    What each took is added to `used`.
    """
    server = ChatServer([open_model("simulated/gpt-3.5")], PRIMITIVES.values(), KEY)
    replies = count(1)

    @web.middleware
    async def between(request: web.Request, handler: Any) -> web.StreamResponse:
        response = await handler(request)
        if not forgets(next(replies)):
            return response  # type: ignore[no-any-return]
        reply = json.loads(response.body)
        usage = reply.pop("usage")
        if used is not None:
            used.append(usage["total_tokens"])
        return web.json_response(reply)

    def application() -> web.Application:
        made = server.application()
        made.middlewares.append(between)
        return made

    return serve(application)


@pytest.mark.parametrize("number", [None, 40, 90])
def test_replies_without_usage_do_not_keep_a_run_from_its_end(
    number: int | None, clean: tuple[dict[str, Any], Any], serve: Serve, tmp_path: Path
) -> None:
    """All of them, or one: in the calibration or after it. One changes next to nothing in what is forecast."""
    base = forgetful(serve, lambda reply: number in (None, reply))
    result = searched(base, tmp_path)
    assert result["front"] and result["spent"]["unmetered"] == (result["spent"]["calls"] if number is None else 1)
    assert searched(base, tmp_path, resume=True) == result
    store = Store.open(tmp_path)
    costs = [trial.values[1] for trial in store.trials()]
    store.close()
    if number is None:
        assert set(costs) == {math.inf}
        return
    for item, other in zip(result["baselines"], clean[0]["baselines"], strict=True):
        predicted, expected = (each["predicted"]["8"]["cost"]["tokens"] for each in (item, other))
        assert item["id"] == other["id"] and predicted == pytest.approx(expected, rel=0.1)


def test_a_run_without_usage_ends_in_order_within_a_limit(
    clean: tuple[dict[str, Any], Any], serve: Serve, tmp_path: Path
) -> None:
    """What each call takes at its most is what is planned with: that is known, and so is the number of calls."""
    base, ended = forgetful(serve, lambda reply: True), []
    free = searched(base, tmp_path / "free")
    for share in (0.6, 0.9, 1.2, 1.5, 2):
        limit = int(share * free["spent"]["tokens"])
        try:
            result = searched(base, tmp_path / str(share), replace(SETTINGS, max_tokens=limit))
        except BudgetError as error:
            assert "leaves no room" in str(error)  # and not in the midst of it
        else:
            assert result["front"] and result["spent"]["tokens"] <= limit
            ended.append(share)
    assert 2 in ended and ended == sorted(ended)


def test_a_run_without_usage_ends_within_what_it_is_held_to_where_nobody_set_a_limit(
    serve: Serve, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its calls are taken for what they are foretold to use; under a limit of one's own they stay at their most."""
    used: list[int] = []
    base, folder = forgetful(serve, lambda reply: True, used), tmp_path / "run"
    words = "--strategy random --sizes 4,8 --target-size 8 --evaluations 3 --samples 6 --max-size 4 --json"
    assert main([*f"search sum -m {MODEL} --api-base {base} {words} --out".split(), str(folder)]) == 0
    said = capsys.readouterr()
    assert main(["front", str(folder)]) == 0
    assert "nobody told what calls took" in capsys.readouterr().out
    held = int(re.search("held to ([0-9,]+) tokens", said.err)[1].replace(",", ""))  # type: ignore[index]
    result = json.loads(said.out)
    assert result["front"] and len(used) == result["spent"]["calls"] == result["spent"]["unmetered"]
    assert sum(used) <= held < result["spent"]["tokens"]
    assert main(["resume", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == result
    assert main(["resume", str(folder), "--max-tokens", str(held), "--max-minutes", "5"]) == 2
    assert "--max-tokens counts all that a run has spent" in capsys.readouterr().err


def test_a_unit_that_is_not_known_is_refused_before_anything_is_foretold(
    serve: Serve, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    used: list[int] = []
    base = forgetful(serve, lambda reply: True, used)
    assert main([*f"search sum -m {MODEL} --api-base {base} --cost usd --out".split(), str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert "--cost usd cannot be known for" in said and "held to" not in said
    assert not used and not (tmp_path / "run").exists()


def test_a_limit_holds_against_a_hostile_server(serve: Serve, tmp_path: Path) -> None:
    for number, (limit, most) in enumerate((("max_calls", 20), ("max_tokens", 900))):
        server, base = behind(serve, 0.3)
        with pytest.raises(BudgetError, match="raise --max"):
            searched(base, tmp_path / str(number), replace(SETTINGS, **{limit: most}), concurrency=256)
        spent = server.books.received if limit == "max_calls" else server.books.charged
        assert most / 8 < spent <= most  # what is under way is reserved at its worst


def test_a_key_is_written_nowhere(serve: Serve, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server, base = behind(serve, 0.3)
    with pytest.raises(BudgetError):
        searched(base, tmp_path / "right", replace(SETTINGS, max_calls=80))
    refusing, other = behind(serve, 0.0, key="another")
    with pytest.raises(ModelError, match="OPENAI_API_KEY"):
        searched(other, tmp_path / "wrong")
    assert refusing.books.received == 0  # refused before
    said = capsys.readouterr()
    assert KEY.encode() not in written(tmp_path) and KEY not in said.out + said.err
    assert server.books.received > 0


def test_a_server_that_dies_stops_the_run_which_can_go_on(
    clean: tuple[dict[str, Any], Any], serve: Serve, tmp_path: Path
) -> None:
    whole, calm = clean
    server, base = behind(serve, 0.0)
    between, count = server._between, calm.books.received // 2

    async def dying(request: web.Request, handler: Any) -> web.StreamResponse:
        if server.books.received >= count:
            return web.Response(status=503)
        response: web.StreamResponse = await between(request, handler)
        return response

    server._between = web.middleware(dying)
    base = serve(server.application)
    with pytest.raises(ModelError, match=r"HTTP 503 \(10 attempts\)"):
        searched(base, tmp_path)
    server._between = between
    count = 10**9
    result = searched(base, tmp_path, resume=True)
    assert result["front"] == whole["front"]
    asked = [str(body) for body in server.books.asked]
    assert len(set(asked)) == len(asked)  # nothing that was answered was asked again


def test_nothing_is_sent_when_the_time_is_up(serve: Serve, tmp_path: Path) -> None:
    server, base = behind(serve, 0.0)
    with pytest.raises(BudgetError, match="raise --max-minutes"):
        searched(base, tmp_path, replace(SETTINGS, max_minutes=0))
    assert server.books.received == 0
