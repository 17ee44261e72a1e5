"""How many calls a second of CPU can make: a bare aiohttp loop, the direct path, and litellm, on one server.

python experiments/throughput/run.py                  all of it
python experiments/throughput/run.py --calls 20000    a shorter look at the memory

The server answers at once, from a process of its own. The direct path is all that a search uses: engine, journal on
disk, ledger with limits, prompts written, answers parsed and judged. litellm is asked through the same engine, without
a journal. CPU is user and system of the client alone. Client and server have a core of their own each, where there are
two: else it changes from round to round whether they share one, and what a call costs with it.

A machine is faster at one moment than at another. So the bare loop and the direct path take turns, in many short
rounds, and what is told is the median of the quotients of neighbours, with its quartiles. litellm is loaded last: with
all that it keeps in memory every full garbage collection takes longer, whoever is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median, quantiles
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
CALLS, LITELLM_CALLS = 2000, 300
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
    """The least that a client can do: send, receive, read the JSON."""
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
    """CPU seconds of this process for each of so many calls."""
    with tempfile.TemporaryDirectory() as folder:
        gc.collect()  # nobody pays for what the one before has left
        before = time.process_time()
        asyncio.run(WAYS[way](base, calls, concurrency, folder))
        return (time.process_time() - before) / calls


def throughput(base: str, rounds: int, litellm_rounds: int) -> dict[str, Any]:
    """Calls a CPU second of each way, at each concurrency."""
    seconds: dict[int, dict[str, list[float]]] = {each: {way: [] for way in WAYS} for each in CONCURRENCIES}
    for way in ("bare", "direct"):  # imports and first connections are not what is measured
        cpu_of(way, base, 50, 8)
    for concurrency, taken in seconds.items():
        for number in range(rounds):
            for way in ("bare", "direct") if number % 2 else ("direct", "bare"):
                taken[way].append(cpu_of(way, base, CALLS, concurrency))
        quartiles = quotients(taken["bare"], taken["direct"])
        say(f"{concurrency:4}  direct of bare {quartiles[1]:.2f} ({quartiles[0]:.2f} to {quartiles[2]:.2f})")
    import_litellm()
    cpu_of("litellm", base, 50, 8)
    for concurrency, taken in seconds.items():
        taken["litellm"] = [cpu_of("litellm", base, LITELLM_CALLS, concurrency) for _ in range(litellm_rounds)]
        say(f"{concurrency:4}  litellm {1 / median(taken['litellm']):.0f} calls/s")
    return {str(concurrency): compared(taken) for concurrency, taken in seconds.items()}


def compared(taken: dict[str, list[float]]) -> dict[str, Any]:
    """What the seconds a call of all rounds say."""
    rates = {way: round(1 / median(each)) for way, each in taken.items()}
    low, middle, high = quotients(taken["bare"], taken["direct"])
    return {
        "calls_per_cpu_second": rates,
        "direct_of_bare": round(middle, 3),
        "direct_of_bare_quartiles": [round(low, 3), round(high, 3)],
        "direct_of_litellm": rates["direct"] / rates["litellm"],
        "microseconds_each_round": {way: [round(1e6 * one) for one in each] for way, each in taken.items()},
    }


def quotients(bare: list[float], direct: list[float]) -> list[float]:
    """Quartiles of how much of the bare loop's calls a second the direct path has, over rounds that are neighbours."""
    return quantiles([one / other for one, other in zip(bare, direct, strict=True)], n=4, method="inclusive")


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


def keep_apart(server: int | None) -> None:
    """Give the server one core and this process another, where there are two and the system lets us choose."""
    if server is not None and hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) > 1:
            os.sched_setaffinity(server, cores[:1])
            os.sched_setaffinity(0, cores[1:2])


def say(text: str) -> None:
    """Tell how far the study is."""
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=25, help="of the bare loop and the direct path")
    parser.add_argument("--litellm-rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=100_000, help="calls of the look at the memory")
    asked = parser.parse_args()
    ports: multiprocessing.Queue[int] = multiprocessing.Queue()
    server = multiprocessing.Process(target=serve, args=(ports,), daemon=True)
    server.start()
    base = f"http://127.0.0.1:{ports.get()}/v1"
    keep_apart(server.pid)
    found = {
        "memory": memory(base, asked.calls),
        "throughput": throughput(base, asked.rounds, asked.litellm_rounds),
    }
    server.terminate()
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
