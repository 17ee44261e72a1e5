"""A run that is told to stop: what was sent is paid for once, and what is answered is kept."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from undercut.evaluators.bill import NOTHING, Spent
from undercut.evaluators.cache import ANSWERS, AnswerCache
from undercut.evaluators.ledger import Ledger
from undercut.evaluators.models.base import Completion, Request, Shape
from undercut.search.run import run_search
from undercut.search.settings import Settings
from undercut.search.stopping import terminated_like_interrupted
from undercut.search.streaming import Work, run_stream
from undercut.spaces.genome import Genome, Input, Node, call

Serve = Callable[[Callable[[], web.Application]], str]
IGNORING = ["sh", "-c", "trap '' INT; exec \"$@\"", "sh"]
"""What a command is put behind whose Ctrl-C is to be ignored, as in the background of a script."""
AT_ONCE = 4


def on_disk(folder: Path) -> tuple[Spent, Spent, int]:
    """The bill of a run, what of it is still reserved, and the number of answers."""
    cache = AnswerCache(folder / ANSWERS)
    ledger, answers = Ledger(journal=cache.journal), len(cache)
    cache.close()
    return ledger.spent, ledger.elsewhere, answers


class Stuck:
    """A model that never answers, and interrupts the run twice when so many calls are under way."""

    name = "stuck"
    shape: Shape | None = None
    price = None

    def __init__(self, most: int) -> None:
        self._most = most
        self.calls = 0

    async def generate(self, request: Request) -> Completion:
        self.calls += 1
        if self.calls == self._most:
            for _ in range(2):
                signal.raise_signal(signal.SIGINT)
                for _ in range(50):  # until whoever waits for answers has been told
                    await asyncio.sleep(0)
        await asyncio.Event().wait()
        raise AssertionError

    async def close(self) -> None:
        pass


def searched(folder: Path, model: Stuck) -> None:
    settings = Settings("sum", ("stuck",), "random", sizes=(4, 8), target_size=16, evaluations=3, samples=5, max_size=3)
    run_search(settings, folder, models=[model], concurrency=AT_ONCE)


def streamed(folder: Path, model: Stuck) -> None:
    file = folder.with_suffix(".jsonl")
    file.write_text("1\n2\n3\n")
    step = Genome(call("add", Input(0), call("sum", Input(1))))
    fold = Genome(Node("fold", [Input(0)], {"size": 2, "start": "number"}, [step]))
    run_stream(Work(fold.to_dict(), "sum", (f"@{file}",), ("stuck",)), folder, models=[model])


@pytest.mark.parametrize(("run", "calls"), [(searched, AT_ONCE), (streamed, 1)])
def test_a_second_interruption_leaves_what_was_sent_on_the_bill_once(
    run: Callable[[Path, Stuck], None], calls: int, tmp_path: Path, heeded_interrupts: None
) -> None:
    model = Stuck(calls)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "run", model)
    spent, reserved, answers = on_disk(tmp_path / "run")
    assert (spent.calls, spent.unmetered, reserved, answers) == (calls, calls, NOTHING, 0)
    assert model.calls == calls


@pytest.mark.parametrize("before", [[], IGNORING])
def test_a_command_that_is_terminated_keeps_the_answers_that_it_waits_for(
    before: list[str], serve: Serve, tmp_path: Path
) -> None:
    """As one that is interrupted, also where interruptions are ignored."""
    received = 0
    process: subprocess.Popen[str]

    async def reply(request: web.Request) -> web.Response:
        nonlocal received
        received += 1
        if received == AT_ONCE:
            process.send_signal(signal.SIGTERM)
        prompt = (await request.json())["messages"][0]["content"]
        message = {"role": "assistant", "content": str(sum(map(int, re.findall(r"\d+", prompt))))}
        choice: dict[str, Any] = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 20, "completion_tokens": 2, "total_tokens": 22}
        return web.json_response({"choices": [choice], "usage": usage})

    def application() -> web.Application:
        made = web.Application()
        made.router.add_post("/v1/chat/completions", reply)
        return made

    command = [sys.executable, "-m", "undercut", "search", "sum", "-m", "some", "--api-base", serve(application)]
    options = ["--sizes", "4,8", "--concurrency", str(AT_ONCE), "--unlimited", "--out", str(tmp_path / "run")]
    with subprocess.Popen([*before, *command, *options], stderr=subprocess.PIPE, text=True) as process:
        _, said = process.communicate(timeout=120)
    assert process.returncode == 1
    assert said.endswith(f"stopped; `undercut resume {tmp_path / 'run'}` goes on\n"), said
    spent, reserved, answers = on_disk(tmp_path / "run")
    assert (spent.calls, spent.unmetered, reserved) == (received, 0, NOTHING)
    assert answers == received >= AT_ONCE


@pytest.mark.parametrize("usual", [signal.default_int_handler, signal.SIG_IGN])
def test_signals_are_left_as_they_were(usual: Any) -> None:
    before = signal.signal(signal.SIGINT, usual)
    try:
        with pytest.raises(KeyboardInterrupt), terminated_like_interrupted():
            signal.raise_signal(signal.SIGTERM)
        assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == (signal.SIG_DFL, usual)
        assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    finally:
        signal.signal(signal.SIGINT, before)
