"""What a run loses, repeats, spends and gives away when servers fail and processes are killed.

python experiments/resilience/run.py                    all studies
python experiments/resilience/run.py --studies kill     one of them, beside what results.json holds

A simulated model answers behind `undercut serve`'s endpoint on the loopback; the server keeps its own count, and wants
a key, which all files and all output are searched for in the end. Searches look at fewer forecasts than one in earnest,
so that fifty of them take minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import secrets
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from aiohttp import web
from hostile import FAULTS, UNTOLD, Books, Hostile

from undercut.evaluators.cache import ANSWERS, AnswerCache
from undercut.evaluators.engine import Engine
from undercut.evaluators.identity import answer_key
from undercut.evaluators.ledger import Ledger
from undercut.evaluators.models.loopback import on_loopback
from undercut.evaluators.models.openai_compatible import OpenAICompatibleModel
from undercut.evaluators.models.registry import open_model
from undercut.evaluators.models.retrying import RetryPolicy
from undercut.evaluators.models.server import ChatServer, sample_of
from undercut.evaluators.models.sheet import ModelOnTerms, PriceTerms, Terms
from undercut.evaluators.tasks.primitives import PRIMITIVES
from undercut.evaluators.trace import Trace
from undercut.search import calibration
from undercut.search.cli import main as undercut
from undercut.search.proposers.at_random import AtRandom
from undercut.search.run import run_search
from undercut.search.settings import Settings
from undercut.spaces.question import Question

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
NAME = "simulated/gpt-3.5"
SERVED = f"undercut/{NAME}"
SETTINGS = Settings("sum", (SERVED,), "random", sizes=(4, 8), target_size=8, evaluations=3, samples=8, max_size=4)
WORDS = "--strategy random --sizes 4,8 --target-size 8 --evaluations 3 --samples 8 --max-size 4 --concurrency 32 --json"
COMMAND = "--as-undercut"
"""What makes this script the command, in a hurry."""
PROMPT_USD, COMPLETION_USD = 1.0, 4.0
"""US dollars per million tokens in the study of budgets."""


class Served:
    """A hostile server in a thread of its own; `books` can be read at any time."""

    def __init__(self, key: str, share: float = 0.0, seed: int = 0, delay: float = 0.0, stall: float = 60.0) -> None:
        server = ChatServer([open_model(NAME)], PRIMITIVES.values(), key)
        self._hostile = Hostile(server, share, seed, stall=stall, echo=key)
        self._delay = delay
        self._running = on_loopback(self._application)
        self.base = self._running.__enter__()

    @property
    def books(self) -> Books:
        return self._hostile.books

    def _application(self) -> web.Application:
        @web.middleware
        async def late(request: web.Request, handler: Any) -> web.StreamResponse:
            await asyncio.sleep(self._delay)
            response: web.StreamResponse = await handler(request)
            return response

        app = self._hostile.application()
        app.middlewares.append(late)
        return app

    def close(self) -> None:
        self._running.__exit__(None, None, None)


def searched(base: str, folder: Path, **options: Any) -> dict[str, Any]:
    return run_search(SETTINGS, folder, models=[OpenAICompatibleModel(SERVED, base, timeout=8.0)], **options)


def bill(folder: Path) -> Any:
    cache = AnswerCache(folder / ANSWERS)
    spent = Ledger(journal=cache.journal).spent
    cache.close()
    return spent


# -- A hostile server


def hostile(room: Path, key: str, seeds: int = 3) -> dict[str, Any]:
    """The same search on a clean server, and on hostile ones that fail other requests each time."""
    calm = Served(key)
    whole = searched(calm.base, room / "clean")
    rows = []
    for seed in range(seeds):
        server = Served(key, 0.3, seed)
        result = searched(server.base, room / f"hostile-{seed}", concurrency=128)
        spent, books = bill(room / f"hostile-{seed}"), server.books
        rows.append(
            {
                "requests": books.received,
                "faults": {name: books.faults[name] for name in FAULTS},
                "same_front": result["front"] == whole["front"] and result["baselines"] == whole["baselines"],
                "calls_billed": spent.calls,
                "tokens_told_by_the_server": books.told,
                "tokens_billed_as_told": spent.tokens - spent.uncertain,
                "answers_nobody_could_read": sum(books.faults[fault] for fault in UNTOLD),
                "calls_billed_at_their_most": spent.unmetered,
                "tokens_charged_by_the_server": books.charged,
                "tokens_billed": spent.tokens,
            }
        )
        server.close()
        say(f"hostile {seed}: {rows[-1]}")
    calm.close()
    return {
        "clean": {"requests": calm.books.received, "tokens": calm.books.told, "billed": whole["spent"]},
        "runs": rows,
        "same_front": sum(row["same_front"] for row in rows),
        "bill_exact": sum(
            row["calls_billed"] == row["requests"]
            and row["tokens_billed_as_told"] == row["tokens_told_by_the_server"]
            and row["calls_billed_at_their_most"] == row["answers_nobody_could_read"]
            and row["tokens_charged_by_the_server"] <= row["tokens_billed"]
            for row in rows
        ),
    }


# -- kill -9


def command(*words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, __file__, COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=HERE
    )


def kill(room: Path, key: str, moments: int = 50, seed: int = 0) -> dict[str, Any]:
    """Kill the command at random moments, resume it, and hold what was sent against what had been answered."""
    generator = random.Random(seed)
    server = Served(key, delay=0.02)
    start = ["search", "sum", "-m", SERVED, "--api-base", server.base, *WORDS.split(), "--out"]
    begin = time.monotonic()
    first = command(*start, str(room / "whole"))
    whole, said = output(first)
    seconds = time.monotonic() - begin
    needed = server.books.received
    say(f"kill: a whole run takes {seconds:.1f} s and {needed} requests")
    rows = []
    for moment in range(moments):
        folder = room / f"run-{moment}"
        books = server.books
        before = len(books.asked)
        # A moment of the run's, and not of the interpreter's: so many requests after the first, and a bit.
        count, bit = generator.randrange(needed), generator.random() * 0.03
        process = command(*start, str(folder))
        while len(books.asked) - before <= count and process.poll() is None:
            time.sleep(0.001)
        time.sleep(bit)
        process.send_signal(signal.SIGKILL)
        said += b"".join(process.communicate())
        time.sleep(0.1)  # what was under way arrives at the server
        killed_at = len(books.asked)
        with closing(sqlite3.connect(folder / ANSWERS)) as journal:
            had = {key for (key,) in journal.execute("SELECT key FROM answers")}
        resumed = command("resume", str(folder), "--concurrency", "32", "--json")
        result, more = output(resumed)
        said += more
        earlier = {json.dumps(body) for body in books.asked[before:killed_at]}
        again = [body for body in books.asked[killed_at:] if json.dumps(body) in earlier]
        asked_though_had = [body for body in books.asked[killed_at:] if keys_of(body, server.base) & had]
        spent = bill(folder)
        rows.append(
            {
                "requests_before": killed_at - before,
                "answers_in_the_journal": len(had),
                "requests_after": len(books.asked) - killed_at,
                "asked_though_in_the_journal": len(asked_though_had),
                "asked_twice": len(again),
                "same_front": result["front"] == whole["front"] and result["baselines"] == whole["baselines"],
                "calls_billed": spent.calls,
                "calls_billed_at_their_most": spent.unmetered,
            }
        )
        say(f"kill {moment}: {rows[-1]}")
    (room / "output").write_bytes(said)
    server.close()
    return {
        "requests_of_a_whole_run": needed,
        "concurrency": 32,
        "kills": len(rows),
        "asked_though_in_the_journal": sum(row["asked_though_in_the_journal"] for row in rows),
        "most_asked_twice": max(row["asked_twice"] for row in rows),
        "same_front": sum(row["same_front"] for row in rows),
        "bill_at_least_what_was_sent": sum(
            row["calls_billed"] >= row["requests_before"] + row["requests_after"] for row in rows
        ),
        "rows": rows,
    }


def output(process: subprocess.Popen[bytes]) -> tuple[dict[str, Any], bytes]:
    """The front that the command prints, and all that it said."""
    out, err = process.communicate()
    if process.returncode:
        raise RuntimeError(err.decode())
    return json.loads(out), out + err


def keys_of(body: dict[str, Any], base: str) -> set[str]:
    """The keys that the answers to a request are stored under."""
    prompt, seed = body["messages"][0]["content"], body["seed"]
    samples = (sample_of(prompt, seed + index) for index in range(body.get("n", 1)))
    rest = (body["temperature"], body["max_tokens"])
    return {answer_key(f"{SERVED} at {base}", prompt, *rest, sample) for sample in samples}


# -- Budgets


def budget(room: Path, key: str, runs: int = 200, seed: int = 0) -> dict[str, Any]:
    """Random limits, concurrencies, faults and numbers of processes, and never more than the limit."""
    generator = random.Random(seed)
    rows = []
    for number in range(runs):
        share, processes = generator.choice((0.0, 0.0, 0.3)), generator.choice((1, 1, 2, 3))
        kind = generator.choice(("calls", "tokens", "usd"))
        limit = {
            "calls": float(generator.randrange(0, 120)),
            "tokens": float(generator.randrange(0, 4000)),
            "usd": generator.uniform(0, 0.008),
        }[kind]
        concurrency = generator.choice((1, 4, 32, 256))
        server = Served(key, share, number, stall=2.0)
        folder = room / f"run-{number}"
        folder.mkdir()
        given = (server.base, str(folder / ANSWERS), kind, limit, concurrency)
        if processes == 1:
            ask_many(*given, 0)
        else:
            fork = multiprocessing.get_context("fork")
            workers = [fork.Process(target=ask_many, args=(*given, index)) for index in range(processes)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
        spent, books = bill(folder), server.books
        usd = (books.prompt * PROMPT_USD + books.completion * COMPLETION_USD) / 1e6
        by_server = {"calls": float(books.received), "tokens": float(books.charged), "usd": usd}[kind]
        billed = {"calls": float(spent.calls), "tokens": float(spent.tokens), "usd": spent.usd or 0.0}[kind]
        rows.append(
            {
                "kind": kind,
                "limit": limit,
                "concurrency": concurrency,
                "processes": processes,
                "faults": share,
                "by_server": by_server,
                "billed": billed,
                "held": by_server <= limit and billed <= limit * (1 + 1e-12),
                "used": billed / limit if limit else None,
            }
        )
        server.close()
        if number % 20 == 19:
            say(f"budget {number + 1}: {sum(row['held'] for row in rows)} held")
    alone = [row["used"] for row in rows if row["processes"] == 1 and row["used"] is not None]
    return {
        "runs": len(rows),
        "held": sum(row["held"] for row in rows),
        "median_used": sorted(alone)[len(alone) // 2],
        "rows": rows,
    }


def ask_many(base: str, path: str, kind: str, limit: float, concurrency: int, worker: int) -> None:
    """Ask until the limit is reached."""

    async def run() -> None:
        cache = AnswerCache(path)
        model = OpenAICompatibleModel(SERVED, base, timeout=0.5)
        priced = ModelOnTerms(model, Terms(price=PriceTerms(PROMPT_USD, COMPLETION_USD)))
        ledger = Ledger(**{f"max_{kind}": limit}, journal=cache.journal)  # type: ignore[arg-type]
        policy = RetryPolicy(first=0.01, longest=0.05)
        engine = Engine([priced], cache=cache, ledger=ledger, concurrency=concurrency, policy=policy)
        asker = engine.asker(Trace())
        tool = PRIMITIVES["sum"]
        questions = [Question(tool, ([worker, number, 7],), temperature=0.7 * (number % 2)) for number in range(150)]
        try:
            await asyncio.gather(*map(asker, questions), return_exceptions=True)
        finally:
            await engine.close()
            await model.close()
            cache.close()

    asyncio.run(run())


# -- Keys


def leaks(room: Path, key: str) -> dict[str, Any]:
    """Files, and bytes in them, that all studies wrote, and those that hold the key."""
    files = [path for path in room.rglob("*") if path.is_file()]
    held = [str(path.relative_to(room)) for path in files if key.encode() in path.read_bytes()]
    return {"files": len(files), "bytes": sum(path.stat().st_size for path in files), "with_the_key": held}


def say(text: str) -> None:
    """Tell how far the study is."""
    print(text, file=sys.stderr, flush=True)


STUDIES: dict[str, Callable[[Path, str], dict[str, Any]]] = {"hostile": hostile, "budget": budget, "kill": kill}


def hurry() -> None:
    """Fewer forecasts than a search in earnest."""
    AtRandom.batch, calibration.STRUCTURES, calibration.DRAWS = 30, 100, 20


def main() -> None:
    """Run what was asked for and keep it beside what is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", nargs="+", default=list(STUDIES), choices=list(STUDIES))
    asked = parser.parse_args()
    found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    key = os.environ["OPENAI_API_KEY"] = f"sk-{secrets.token_hex(24)}"
    with tempfile.TemporaryDirectory() as folder:
        for name in asked.studies:
            room = Path(folder, name)
            room.mkdir()
            found[name] = {**STUDIES[name](room, key), "leaks": leaks(room, key)}
            text = json.dumps(dict(sorted(found.items())), indent=1)
            assert key not in text
            RESULTS.write_text(text + "\n")
            print(name, {k: v for k, v in found[name].items() if k not in ("rows", "runs")}, flush=True)


if __name__ == "__main__":
    hurry()
    sys.exit(undercut(sys.argv[2:]) if sys.argv[1:2] == [COMMAND] else main())
