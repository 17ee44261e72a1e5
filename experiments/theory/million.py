"""A million dependent steps without an error, executed: Towers of Hanoi with 20 disks.

    python experiments/theory/million.py                     search, run, kill on the way, resume; writes results.json
    python experiments/theory/million.py --disks 12          a smaller tower
    python experiments/theory/million.py --only embedded     how many disks the embedded model carries

A search at up to 256 steps chooses how many steps to ask for in a call, how to vote and what lead to wait for, at the
published rate of errors of gpt-4.1-mini. What it chooses is run over a file of 2^20 − 1 steps by the command's own
streaming fold, which this study kills after a third of the way and takes up again. Every position on the way is held
against the closed form.

Source: Meyerson et al. 2025 (arXiv 2511.09030).
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from results import keep
from run import SMALL, taken
from voting import (
    DISKS,
    HANOI,
    STEP_ERROR,
    Pegs,
    best_steps,
    following,
    maker,
    position,
    read,
    stepper,
    written,
)

from undercut.evaluators.task import Task
from undercut.evaluators.tasks import primitives
from undercut.search.progress import Bar
from undercut.search.run import run_search
from undercut.search.settings import Settings
from undercut.search.streaming import Work, run_stream
from undercut.spaces.genome import Genome
from undercut.spaces.primitive import Primitive
from undercut.spaces.types import NUMBERS, Atom

MODEL = "gpt-4.1-mini"
SIZES = (64, 128, 256)
FOLDS = {**SMALL, "evaluations": 16, "max_size": 4}
"""Settings of the search: what is run over a file is a fold with nothing around it, so large structures stay out."""
KILLED = 9


class WrongError(Exception):
    """A position on the way is not the right one."""


def checked(disks: int, done: int, state: str) -> None:
    """Hold a state after so many steps against the closed form."""
    if read(state)[-1] != position(done, disks):
        raise WrongError(f"after {done:,} steps the pegs are {state}, not {written([position(done, disks)])}")


def memory() -> float:
    """The most memory that this process has used, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def part(work: Work, folder: Path, disks: int, until: int, reached: Any) -> None:
    """Fold until so many steps are done, then die as if killed; at once if a step is wrong."""

    def watch(done: int, state: str) -> None:
        checked(disks, done, state)
        if done >= until:
            reached.value = memory()
            os._exit(KILLED)

    run_stream(work, folder, watch=watch, task=HANOI, models=[stepper(MODEL, 0)])


def million(disks: int, seed: int) -> dict[str, Any]:
    """Search, run, kill, resume."""
    steps = (1 << disks) - 1
    model = stepper(MODEL, seed)
    settings = Settings(
        task="hanoi", models=(model.name,), sizes=SIZES, target_size=steps, seed=seed, **FOLDS
    )  # fmt: skip
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, Bar("search") as bar:
        result = run_search(settings, Path(folder, "run"), task=HANOI, models=[model], progress=bar.update)
    chosen = taken(result, steps, "tokens", 0.95)
    if chosen is None:
        raise SystemExit("the search found nothing that is forecast to be right")
    searched = time.monotonic() - begin
    for item in result["front"]:
        print(item["name"], item["predicted"][str(steps)]["accuracy"], flush=True)
    forecast = chosen["predicted"][str(steps)]
    print(
        f"chosen: {chosen['name']}, forecast {forecast['accuracy']}, {forecast['cost']['calls']:,.0f} calls", flush=True
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = folder / "steps.jsonl"
        with lines.open("w") as file:
            file.writelines(f"{step}\n" for step in range(1, steps + 1))
        start = f'"{written([position(0, disks)])}"'
        work = Work(chosen["genome"], "hanoi", (f"@{lines}", start), (model.name,))
        begin = time.monotonic()
        reached = multiprocessing.Value("d", 0.0)
        child = multiprocessing.Process(target=part, args=(work, folder / "run", disks, steps // 3, reached))
        child.start()
        child.join()
        if child.exitcode != KILLED:
            raise SystemExit("the first part did not get to where it was to be killed")
        print(f"killed after a third, {time.monotonic() - begin:.0f} s", flush=True)
        third: list[float] = []

        def watch(done: int, state: str) -> None:
            checked(disks, done, state)
            if not third and done > steps // 2:
                third.append(memory())

        with Bar("run") as bar:
            done = run_stream(work, folder / "run", progress=bar.update, watch=watch, task=HANOI, models=[model])
        seconds = time.monotonic() - begin
        disk = sum(path.stat().st_size for path in (folder / "run").iterdir()) / 2**20
    calls = done["spent"]["calls"]
    return {
        "disks": disks,
        "steps": steps,
        "model": model.name,
        "error_per_step": STEP_ERROR[MODEL],
        "chosen": chosen["name"],
        "genome": chosen["genome"],
        "theory": best_steps(MODEL, steps, 0.95),
        "maker": str(maker(1, 3)),
        "search_calls": result["spent"]["calls"],
        "search_seconds": round(searched),
        "errors": 0
        if done["failure"] is None and done["output"].endswith(start.strip('"').replace("1", "3"))
        else None,
        "failure": done["failure"],
        "calls": calls,
        "forecast_calls": forecast["cost"]["calls"],
        "calls_off": calls / forecast["cost"]["calls"] - 1,
        "forecast_accuracy": forecast["accuracy"],
        "tokens": done["spent"]["tokens"],
        "forecast_tokens": forecast["cost"]["tokens"],
        "killed_at": steps // 3,
        "seconds": round(seconds),
        "memory_mb": {"half": third and round(third[0]), "end": round(memory()), "killed": round(reached.value)},
        "disk_mb": round(disk),
    }


# -- how many disks the embedded model carries -------------------------------------------------------------------------


def _spaced(pegs: Pegs) -> str:
    """A position as that model knows it."""
    return " ".join(map(str, pegs))


def _tower(text: str) -> str:
    if not set(text.split()) <= {"1", "2", "3"}:
        raise ValueError(text)
    return text


def _next(tower: str) -> str:
    return _spaced(following(tuple(map(int, tower.split()))))


TOWER = Atom("tower", parse=_tower, size=lambda tower: len(tower.split()))
STEP = Primitive(
    "hanoi",
    (TOWER,),
    TOWER,
    primitives.HANOI.prompts,
    law=lambda n: n,
    reference=_next,
    valid=lambda answer, tower: len(answer.split()) == len(tower.split()),
)


def tower_task(disks: int) -> Task:
    """So many moves from anywhere on the best way of a tower of this many disks."""

    def make(size: int, generator: Random) -> tuple[tuple[Any, ...], str]:
        first = generator.randrange(max(1, (1 << disks) - size))
        ends: list[Pegs] = [position(min(step, (1 << disks) - 1), disks) for step in (first, first + size)]
        return ([*range(1, size + 1)], _spaced(ends[0])), _spaced(ends[1])

    return Task(f"hanoi-{disks}", (NUMBERS, TOWER), TOWER, (STEP,), make, sizes=(4, 8, 16))


def embedded(searched: int, most: int, seed: int) -> dict[str, Any]:
    """Search on a tower of some disks, then run what was found from the first position to the last on every tower."""
    from undercut.evaluators.models.embedded import EmbeddedModel

    task, steps = tower_task(searched), (1 << searched) - 1
    settings = Settings(task=task.name, sizes=task.sizes, target_size=steps, seed=seed, **FOLDS)
    with tempfile.TemporaryDirectory() as name, Bar("search") as bar:
        result = run_search(settings, Path(name, "run"), task=task, models=[EmbeddedModel()], progress=bar.update)
        chosen = taken(result, steps, "tokens", 0.9)
    if chosen is None:
        raise SystemExit("the search found nothing that is forecast to be right")
    rows = []
    for disks in range(1, most + 1):
        with tempfile.TemporaryDirectory() as name:
            lines = Path(name, "steps.jsonl")
            lines.write_text("".join(f"{step}\n" for step in range(1, 1 << disks)))
            work = Work(chosen["genome"], task.name, (f"@{lines}", f'"{_spaced(position(0, disks))}"'))
            wrong = None
            try:
                done = run_stream(
                    work, Path(name, "run"), task=replace(task, name=f"hanoi-{disks}"), models=[EmbeddedModel()],
                    watch=lambda done, state, disks=disks: checked(disks, done, state.replace(" ", "")),
                )  # fmt: skip
                wrong = done["reason"]
            except WrongError as error:
                wrong = str(error)
        rows.append({"disks": disks, "steps": (1 << disks) - 1, "right": wrong is None, "why": wrong})
        print(rows[-1], flush=True)
    carried = max(
        (row["disks"] for row in rows if all(r["right"] for r in rows if r["disks"] <= row["disks"])), default=0
    )
    return {"searched_at": searched, "chosen": chosen["name"], "genome": Genome.from_dict(chosen["genome"]).to_dict(),
            "disks_carried": carried, "steps_carried": (1 << carried) - 1, "rows": rows}  # fmt: skip


def main() -> None:
    """Do what was asked for and keep it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--disks", type=int, default=DISKS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=("million", "embedded"))
    asked = parser.parse_args()
    if asked.only != "embedded":
        found = million(asked.disks, asked.seed)
        print({name: value for name, value in found.items() if name != "genome"})
        if asked.disks == DISKS:
            keep("million", found)
    if asked.only != "million":
        found = embedded(6, 10, asked.seed)
        print(f"{found['chosen']} carries {found['disks_carried']} disks, {found['steps_carried']:,} steps")
        keep("embedded_hanoi", found)


if __name__ == "__main__":
    main()
