"""How many calls until 95 % of the true front's hypervolume: a search against rivals, on the same spaces and model.

    python experiments/efficiency/run.py                ten seeds of every task and searcher; oracle.json must be there
    python experiments/efficiency/run.py --small        two seeds, and rivals that give up early

Everybody is judged by what is true of the genomes that they would report at a moment: for a rival the non-dominated of
what it tried so far, by the shares that it saw; for a search of ours that of what it ran so far, by what its runs and
all calls make it expect, which is how it chooses what it reports, and at its end the front that it gives. A moment's
price is all that was sent to the model by then.
`ratio_to_find` is our median call until then over the best rival's; `ratio_to_best_rival` has our whole search in its
place, re-measurement of front and known designs included, and counts only ends that are good enough. The rivals here
are plain: they pay for every proposal in full, as it comes. The same two ratios stand beside it against rivals that
are lent what is ours (`_lent`), and against one that ships with a way to save calls (`_frugal`). A rival that gave up
counts as infinite; where that is so of the median of all, the fewest calls after which one gave up stand in its place,
and `bound` says so: the ratio is then at most what is told.
`undercut, limited` is our whole search given a twentieth of the best rival's calls as `--max-calls`, and
`ratio_to_best_rival_limited` its ratio.

Each line of runs.jsonl is one search, from the moment it has ended: what was cut off goes on, `--fresh` begins anew.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import patch

from bench import Bench, LentBench, checks_of
from contest import ENOUGH, Contest, Judge, OverError
from metered import Metered, metered
from oracle import MODEL, PROBLEMS, Problem, oracle_known
from results import add_line, lines_of, say
from rivals import INSTALL, LENDABLE, PACKAGES, RIVALS
from summary import LENT, LIMITED, LINES, OURS, limit_of, told

from undercut.search.explore import Search
from undercut.search.front import front, thinned
from undercut.search.run import run_search
from undercut.search.settings import Settings
from undercut.search.store import Store
from undercut.spaces.genome import Genome

PROBLEMS_EACH = 30
"""Problems at the target that a rival tries every candidate on."""
MOST_CALLS, MOST_EMBEDDED = 200_000, 60_000
"""Calls after which a rival gives up; fewer of the embedded model, which takes a while for each."""
MOST_ASKED = {"optuna tpe": 2_000, "optuna nsga-ii": 2_000, "gepa": 6_000, "gepa as shipped": 6_000}
"""Proposals after which a rival gives up, too, where they take ever more time; else so many:"""
MOST_PROPOSED = 20_000
SEARCHERS = (OURS, *RIVALS, *(name + LENT for name in LENDABLE), LIMITED)


def rival_run(problem: Problem, judge: Judge, searcher: str, seed: int, divisor: int = 1) -> dict[str, Any]:
    """One rival until it has found enough, or gives up."""
    name, lent = searcher.removesuffix(LENT), searcher.endswith(LENT)
    most_calls = (MOST_CALLS if problem.model == MODEL else MOST_EMBEDDED) // divisor
    most_asked = MOST_ASKED.get(name, MOST_PROPOSED) // divisor
    problems = problem.task.instances(problem.target, PROBLEMS_EACH, "search", seed)
    if lent:
        checks = checks_of(problem.task, problem.sizes, seed)
        bench: Bench = LentBench(problem.world, problems, seed, most_calls, checks, problem.affordable)
    else:
        bench = Bench(problem.world, problems, seed, most_calls)
    contest = Contest(judge, bench, most_asked)
    begin = time.process_time()
    with suppress(OverError):
        RIVALS[name](problem.space, contest, seed)
    contest.end()
    found = contest.share >= ENOUGH
    return {
        "found": bench.calls if found else None,
        "found_tokens": bench.tokens if found else None,
        "sent": bench.calls,
        "spent_all": bench.calls >= most_calls,
        "share": contest.share,
        "proposed": contest.asked,
        "tried": len(contest.seen),
        "seconds": round(time.process_time() - begin, 1),
    }


def our_run(
    problem: Problem,
    judge: Judge,
    seed: int,
    model: Metered | None = None,
    folder: Path | None = None,
    reuse: Sequence[Path] = (),
    **settings: Any,
) -> dict[str, Any]:
    """One search of ours to its end, on a model of its own and in a folder of its own unless these are given."""
    model = model or metered(problem.model, seed)
    phases: dict[str, int] = {}

    def note(phase: str, done: int, total: int, words: str) -> None:
        phases[phase] = model.calls

    known = Settings(
        problem.task_name,
        (problem.model,),
        sizes=problem.sizes,
        target_size=problem.target,
        seed=seed,
        max_size=problem.nodes,
        **settings,
    )
    reports: list[tuple[int, int, list[Genome]]] = []
    asked: list[int] = []
    race, tell = Search.race, Search.tell

    async def raced(search: Search, *asked_for: Any) -> None:
        asked.append(model.calls)
        await race(search, *asked_for)
        report(search)

    def watched(search: Search, phase: str) -> None:
        tell(search, phase)
        if model.calls > (reports[-1][0] if reports else 0):
            report(search)

    def report(search: Search) -> None:
        known = thinned(front((genome, *search.candidates.worth(genome)) for genome in search.bench.outcomes))
        reports.append((model.calls, model.tokens, [genome for genome, *_ in known]))

    watch = patch.multiple(Search, race=raced, tell=watched)  # it tells whenever results have come in
    with tempfile.TemporaryDirectory() as passing, watch:
        kept = folder or Path(passing) / "run"
        found = run_search(known, kept, reuse=reuse, task=problem.task, models=[model], progress=note)
        store = Store.open(kept)
        trials = store.trials()
        store.close()
    uncached = asked[0] if asked else 0  # by themselves, before anything was run
    for trial in trials:
        evaluation = trial.user_attrs["evaluation"]
        samples = {size: found["samples"] for size, found in evaluation["accuracy"].items()}
        uncached += sum(round(evaluation["cost"][size]["calls"] * many) for size, many in samples.items())
    shares = [judge.share(genomes) for *_, genomes in reports]
    moment = next((spent for spent, share in zip(reports, shares, strict=True) if share >= ENOUGH), None)
    measured = [item["accuracy"][str(problem.target)] for item in found["front"]]
    final = judge.share(Genome.from_dict(item["genome"]) for item in found["front"])
    return {
        "found": None if moment is None else moment[0],
        "found_tokens": None if moment is None else moment[1],
        "sent": model.calls,
        "sent_tokens": model.tokens,
        "sent_by_the_end_of": phases,
        "uncached": uncached,
        "share": final,
        "best_share": max(shares, default=0.0),
        "trials": len(trials),
        "front": [item["name"] for item in found["front"]],
        "problems": max((each["samples"] for each in measured), default=0),
        "widths": [each["high"] - each["low"] for each in measured],
    }


def main() -> None:
    """Search, judge, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", choices=PROBLEMS, default=list(PROBLEMS))
    parser.add_argument("--searchers", nargs="+", choices=SEARCHERS, default=list(SEARCHERS))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--small", action="store_true", help="two seeds; rivals give up after a tenth of the calls")
    parser.add_argument("--fresh", action="store_true", help="forget the searches that are there")
    asked = parser.parse_args()
    seeds, divisor = (2, 10) if asked.small else (asked.seeds, 1)
    if asked.fresh:
        LINES.unlink(missing_ok=True)
    absent = {name for name in asked.searchers if name in PACKAGES and find_spec(PACKAGES[name]) is None}
    if absent:
        say(f"left out, since they are not installed ({INSTALL}): {', '.join(sorted(absent))}")
        asked.searchers = [name for name in asked.searchers if name not in absent]
    lacking = [name for name in asked.tasks if not oracle_known(PROBLEMS[name])]
    if lacking:
        say(f"left out, since their oracle was not made yet (oracle.py --tasks NAME): {'; '.join(lacking)}")
        asked.tasks = [name for name in asked.tasks if name not in lacking]
    done = {(line["task"], line["searcher"], line["seed"]) for line in lines_of(LINES)}
    order = [(seed, name, who) for seed in range(seeds) for name in asked.tasks for who in asked.searchers]
    # Limited searches come when all rivals are done, whose calls say what the limit is.
    for seed, name, searcher in sorted(order, key=lambda each: each[2] == LIMITED):
        if (name, searcher, seed) in done:
            continue
        problem = PROBLEMS[name]
        if searcher == OURS:
            found = our_run(problem, Judge(problem), seed)
        elif searcher == LIMITED:
            limit = limit_of([line for line in lines_of(LINES) if line["task"] == name])
            if limit is None:
                say(f"{name}: left out, since no rival is there to limit a search by")
                continue
            found = {"limit": limit, **our_run(problem, Judge(problem), seed, max_calls=limit)}
        else:
            found = rival_run(problem, Judge(problem), searcher, seed, divisor)
        add_line(LINES, {"task": name, "searcher": searcher, "seed": seed, **found})
        say(f"{name:18}{searcher:18}{seed:3}  found {found['found']}, sent {found['sent']:,}, {found['share']:.3f}")
    print(told())


if __name__ == "__main__":
    main()
