"""How many calls a second of CPU can make: a bare aiohttp loop, the direct path, and litellm, on one server.

python experiments/throughput/run.py                  all of it
python experiments/throughput/run.py --calls 20000    a shorter look at the memory

The server answers at once, from a process of its own. The direct path is all that a search uses: engine, journal on
disk, ledger with limits, prompts written, answers parsed and judged. litellm is asked through the same engine, without
a journal. Each is measured in turn, so many rounds, and the medians are compared; CPU is user and system of the client
alone.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp
from aiohttp import web

from undercut.evaluators.cache import AnswerCache
from undercut.evaluators.engine import Engine
from undercut.evaluators.ledger import Ledger
from undercut.evaluators.models.base import Model
from undercut.evaluators.models.litellm_model import LitellmModel, import_litellm
from undercut.evaluators.models.openai_compatible import OpenAICompatibleModel
from undercut.evaluators.tasks.primitives import PRIMITIVES
from undercut.evaluators.trace import Trace
from undercut.spaces.question import Question

RESULTS = Path(__file__).parent / "results.json"
CONCURRENCIES = (1, 32, 256)
CALLS = {"bare": 3000, "direct": 3000, "litellm": 300}
MOST = {"max_calls": 10**9, "max_tokens": 10**12}
SUM = PRIMITIVES["sum"]
REPLY = json.dumps(
    {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "6"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11},
    }
).encode()


def serve(ports: multiprocessing.Queue[int]) -> None:
    """Answer everything at once, until the process is ended."""

    async def reply(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=REPLY, content_type="application/json")

    async def run() -> None:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", reply)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
        ports.put(runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(run())


async def spread(calls: int, concurrency: int, one: Callable[[int], Awaitable[Any]]) -> None:
    """So many calls, so many of them at once."""
    numbers = iter(range(calls))

    async def worker() -> None:
        for number in numbers:
            await one(number)

    await asyncio.gather(*(worker() for _ in range(concurrency)))


async def bare(base: str, calls: int, concurrency: int, folder: str) -> None:
    """The least that a client can do: send, receive, read the text."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def one(number: int) -> None:
            message = {"role": "user", "content": SUM.prompt(([number, 1],))}
            body = {"model": "m", "messages": [message], "temperature": 0.0, "max_tokens": 24, "seed": number}
            async with session.post(f"{base}/chat/completions", json=body) as response:
                assert (await response.json())["choices"][0]["message"]["content"] == "6"

        await spread(calls, concurrency, one)


@asynccontextmanager
async def asking(model: Model, path: str | None, concurrency: int) -> AsyncIterator[Callable[[int], Awaitable[Any]]]:
    """What asks a question of its own for each number, through an engine."""
    cache = AnswerCache(path)
    engine = Engine([model], cache=cache, ledger=Ledger(**MOST, journal=cache.journal), concurrency=concurrency)

    async def one(number: int) -> None:
        answer = await engine.asker(Trace())(Question(SUM, ([number, 1],)))
        assert answer.value == 6

    try:
        yield one
    finally:
        await engine.close()
        await model.close()
        cache.close()


async def direct(base: str, calls: int, concurrency: int, folder: str) -> None:
    """All that a search uses."""
    async with asking(OpenAICompatibleModel("m", base), f"{folder}/answers.sqlite", concurrency) as one:
        await spread(calls, concurrency, one)


async def through_litellm(base: str, calls: int, concurrency: int, folder: str) -> None:
    """The same model, as litellm asks it."""
    async with asking(LitellmModel("openai/m", api_base=base), None, concurrency) as one:
        await spread(calls, concurrency, one)


WAYS = {"bare": bare, "direct": direct, "litellm": through_litellm}


def cpu_of(way: str, base: str, calls: int, concurrency: int) -> float:
    """CPU seconds of this process for so many calls."""
    with tempfile.TemporaryDirectory() as folder:
        before = os.times()
        asyncio.run(WAYS[way](base, calls, concurrency, folder))
        after = os.times()
    return after.user - before.user + after.system - before.system


def throughput(base: str, rounds: int) -> dict[str, Any]:
    """Calls a CPU second of each way, at each concurrency."""
    for way in WAYS:  # imports and first connections are not what is measured
        cpu_of(way, base, 50, 8)
    found = {}
    for concurrency in CONCURRENCIES:
        seconds: dict[str, list[float]] = {way: [] for way in WAYS}
        for _ in range(rounds):
            for way, calls in CALLS.items():
                seconds[way].append(cpu_of(way, base, calls, concurrency) / calls)
        rates = {way: round(1 / median(each)) for way, each in seconds.items()}
        found[str(concurrency)] = {
            "calls_per_cpu_second": rates,
            "direct_of_bare": rates["direct"] / rates["bare"],
            "direct_of_litellm": rates["direct"] / rates["litellm"],
            "microseconds_each_round": {way: [round(1e6 * one) for one in each] for way, each in seconds.items()},
        }
        say(f"{concurrency:4}  {rates}  of bare {found[str(concurrency)]['direct_of_bare']:.2f}")
    return found


def resident() -> float:
    """Memory of this process in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def memory(base: str, calls: int) -> dict[str, Any]:
    """Memory after each tenth of many calls through one engine, 256 at once."""

    async def run() -> list[float]:
        sizes = []
        with tempfile.TemporaryDirectory() as folder:
            async with asking(OpenAICompatibleModel("m", base), f"{folder}/answers.sqlite", 256) as one:
                for part in range(10):
                    first = part * calls // 10

                    async def shifted(number: int, first: int = first) -> None:
                        await one(first + number)

                    await spread(calls // 10, 256, shifted)
                    sizes.append(round(resident(), 1))
                    say(f"{first + calls // 10:,} calls: {sizes[-1]} MB")
        return sizes

    sizes = asyncio.run(run())
    return {"calls": calls, "mb_after_each_tenth": sizes, "growth_after_the_first_tenth_mb": sizes[-1] - sizes[0]}


def say(text: str) -> None:
    """Tell how far the study is."""
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=100_000, help="calls of the look at the memory")
    asked = parser.parse_args()
    import_litellm()
    ports: multiprocessing.Queue[int] = multiprocessing.Queue()
    server = multiprocessing.Process(target=serve, args=(ports,), daemon=True)
    server.start()
    base = f"http://127.0.0.1:{ports.get()}/v1"
    found = {"memory": memory(base, asked.calls), "throughput": throughput(base, asked.rounds)}
    server.terminate()
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
