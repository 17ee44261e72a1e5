"""The same searches where no answer of a call can be judged: all primitives without their references.

    python experiments/efficiency/blind.py             three seeds of every task
    python experiments/efficiency/blind.py --far       how well accuracy at twice the largest size is foretold
    python experiments/efficiency/blind.py --small     one seed of `sum`

That is what most tasks from files are like: whole results have scores, and nothing tells whether a single call was
right. The search cannot rehearse either, so that it has to find out by runs which structures make sense at all. The
model still knows the references, since a simulated one answers by them; no part of the search sees them.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from functools import cached_property
from statistics import fmean
from typing import Any
from unittest.mock import patch

from contest import Judge
from metered import Metered, metered
from msgspec import structs
from oracle import MODEL, PROBLEMS, Problem
from results import keep, say, table
from run import our_run
from summary import median_of

from undercut.evaluators.models.base import Completion, Request
from undercut.evaluators.task import Task
from undercut.search.run import run_search
from undercut.search.settings import Settings
from undercut.spaces.genome import Genome
from undercut.spaces.primitive import Primitive

FAR_RUNS = 2000
"""Runs that what is true of a genome at twice the largest size rests on."""


class Seeing:
    """A model that is handed questions with their references, whoever asks.

    Args:
        model: the model.
        known: the primitives as they are, by name.
    """

    def __init__(self, model: Any, known: Mapping[str, Primitive]) -> None:
        self._model = model
        self._known = known

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    async def generate(self, request: Request) -> Completion:
        """Hand the request on, with what the model knows."""
        question = request.question
        assert question is not None
        seen = structs.replace(question, primitive=self._known[question.primitive.name])
        completion: Completion = await self._model.generate(structs.replace(request, question=seen))
        return completion


class Blind(Problem):
    """A problem of search without references; what is true of it, the problem itself knows."""

    @cached_property
    def task(self) -> Task:
        """The task as the search is given it."""
        task = super().task
        return replace(task, primitives=tuple(replace(each, reference=None) for each in task.primitives))


def blinded(problem: Problem) -> Blind:
    """The same problem without references."""
    return Blind(**{each.name: getattr(problem, each.name) for each in fields(problem)})


def opened(problem: Problem, seed: int) -> Metered:
    """The model of a problem, counted, for searches that do not see the references."""
    known = {primitive.name: primitive for primitive in problem.task.primitives}
    return Metered(Seeing(metered(problem.model, seed), known))


def blind_run(problem: Problem, judge: Judge, seed: int) -> dict[str, Any]:
    """One search of ours to its end."""
    with patch("run.metered", lambda _, seed: opened(problem, seed)):
        return our_run(blinded(problem), judge, seed)


def foretold(problem: Problem, seed: int) -> list[tuple[float, float, float, float]]:
    """Accuracy that a search foretells at twice the largest size, its 90 % interval, and what is true there."""
    far = 2 * problem.target
    settings = Settings(
        problem.task_name,
        (problem.model,),
        sizes=problem.sizes,
        target_size=far,
        seed=seed,
        max_size=problem.nodes,
    )
    with tempfile.TemporaryDirectory() as folder:
        model = opened(problem, seed)
        found = run_search(settings, f"{folder}/run", task=blinded(problem).task, models=[model])
    pairs = []
    for item in {item["name"]: item for item in (*found["front"], *found["baselines"])}.values():
        expected = item["predicted"][str(far)]["accuracy"]
        true, _ = problem.world.truth(Genome.from_dict(item["genome"]), far, FAR_RUNS)
        pairs.append((expected["mean"], expected["low"], expected["high"], true))
    return pairs


def far_off(tasks: Sequence[str], seeds: int) -> None:
    """How often what is foretold at twice the largest size covers what is true there, to .01."""
    rows = []
    for name in tasks:
        pairs = [pair for seed in range(seeds) for pair in foretold(PROBLEMS[name], seed)]
        covered = sum(low - 0.01 <= true <= high + 0.01 for _, low, high, true in pairs)
        found = {
            "seeds": seeds,
            "pairs": len(pairs),
            "covered": covered / len(pairs),
            "mean_of_foretold_less_true": fmean(mean - true for mean, *_, true in pairs),
            "mean_error": fmean(abs(mean - true) for mean, *_, true in pairs),
            "mean_width": fmean(high - low for _, low, high, _ in pairs),
        }
        keep("blind_far", {name: found})
        rows.append((name, PROBLEMS[name].target * 2, *(f"{x:,.3g}" for x in list(found.values())[1:])))
        say(f"{name}: {found}")
    heads = ("task", "n", "pairs", "covered", "mean of foretold − true", "mean error", "mean width")
    print(table(heads, rows))


def main() -> None:
    """Search, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", choices=PROBLEMS, default=list(PROBLEMS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--small", action="store_true", help="one seed of `sum`")
    parser.add_argument("--far", action="store_true", help="accuracy at twice the largest size, on simulated models")
    asked = parser.parse_args()
    tasks, seeds = (["sum"], 1) if asked.small else (asked.tasks, asked.seeds)
    if asked.far:
        far_off([name for name in tasks if PROBLEMS[name].model == MODEL], seeds)
        return
    rows = []
    for name in tasks:
        judge, runs = Judge(PROBLEMS[name]), []
        for seed in range(seeds):
            runs.append(blind_run(PROBLEMS[name], judge, seed))
            last = runs[-1]
            say(f"{name}, seed {seed}: {last['found']}, {last['sent']:,}, {last['share']:.2f} {last['front']}")
        found = {
            "calls_to_find": median_of([each["found"] for each in runs])[1],
            "calls_in_all": median_of([each["sent"] for each in runs])[1],
            "share_at_the_end": median_of([each["share"] for each in runs])[1],
        }
        keep("blind", {name: {"seeds": seeds, **found}})
        rows.append((name, *("not reached" if x is None else f"{x:,.4g}" for x in found.values())))
    print(table(("task", "calls until found", "calls in all", "share at the end"), rows))


if __name__ == "__main__":
    main()
