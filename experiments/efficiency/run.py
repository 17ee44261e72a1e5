"""How many calls until 95 % of the true front's hypervolume: a search against rivals, on the same spaces and model.

    python experiments/efficiency/run.py                ten seeds of every task and searcher; oracle.json must be there
    python experiments/efficiency/run.py --small        two seeds, and rivals that give up early

Everybody is judged by what is true of the genomes that they would report at a moment: for a rival the non-dominated of
what it tried so far, by the shares that it saw; for a search of ours the same of the trials in its store before its
last measurement, and at its end the front that it gives. A moment's price is all that was sent to the model by then.
`ratio_to_find` is our median call until then over the best rival's; `ratio_to_best_rival` has our whole search in its
place, re-measurement of front and known designs included, and counts only ends that are good enough. A rival that gave
up counts as infinite; where that is so of the median of all, the fewest calls after which one gave up stand in its
place, but for those that were hurried, and `bound` says so: the ratio is then at most what is told.

Each line of runs.jsonl is one search, from the moment it has ended: what was cut off goes on, `--fresh` begins anew.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Any

from bench import Bench, checks_of
from metered import Metered, simulated
from oracle import PROBLEMS, Problem, oracle_of, volume
from results import add_line, keep, lines_of, quartiles, say, table
from rivals import RIVALS

from undercut.search.front import front
from undercut.search.run import run_search
from undercut.search.settings import Settings
from undercut.search.store import Store
from undercut.spaces.genome import Genome

LINES = Path(__file__).parent / "runs.jsonl"
ENOUGH = 0.95
PROBLEMS_EACH = 30
"""Problems at the target that a rival tries every candidate on."""
TRUE_RUNS = 500
MOST_CALLS = 60_000
"""Calls after which a rival gives up."""
HURRIED = ("optuna tpe", "optuna nsga-ii")
"""Rivals whose proposals take ever more time."""
MOST_ASKED = {name: 600 if name in HURRIED else 20_000 for name in RIVALS}
"""Proposals after which a rival gives up, too: those that are wrong by construction cost no calls."""
OURS = "undercut"


class Judge:
    """What a report is worth: the hypervolume of its true values, as a share of the oracle's."""

    def __init__(self, problem: Problem) -> None:
        points = [(point["accuracy"], point["cost"]) for point in oracle_of(problem)["front"]]
        self._problem = problem
        self._most = 2 * max(cost for _, cost in points)
        self._all = volume(points, self._most)

    def share(self, genomes: Iterable[Genome]) -> float:
        """Share of the oracle's hypervolume; a little above 1 where luck had it so."""
        truths = [self._problem.world.truth(genome, self._problem.target, TRUE_RUNS) for genome in genomes]
        return volume(truths, self._most) / self._all


def rival_run(problem: Problem, judge: Judge, name: str, seed: int, most_calls: int, most_asked: int) -> dict[str, Any]:
    """One rival until it has found enough, or gives up."""
    model = Metered(simulated(problem.model, seed))
    problems = problem.task.instances(problem.target, PROBLEMS_EACH, "search", seed)
    bench = Bench(problem.task, model, problems, checks_of(problem.task, problem.sizes, seed), problem.affordable)
    seen: dict[Genome, tuple[float, float]] = {}
    reported: list[Genome] = []
    share, asked = 0.0, 0
    for tried in islice(RIVALS[name](problem.space, bench, seed), most_asked):
        asked += 1
        if tried is not None and tried.genome not in seen:
            seen[tried.genome] = (tried.accuracy, tried.cost)
            now = [genome for genome, *_ in front((g, *values) for g, values in seen.items())]
            if now != reported:
                reported, share = now, judge.share(now)
        if share >= ENOUGH or model.calls >= most_calls:
            break
    return {
        "found": model.calls if share >= ENOUGH else None,
        "found_tokens": model.tokens if share >= ENOUGH else None,
        "sent": model.calls,
        "with_a_cache": len(bench.distinct),
        "share": share,
        "proposed": asked,
        "tried": len(seen),
    }


def our_run(problem: Problem, judge: Judge, seed: int, **settings: Any) -> dict[str, Any]:
    """One search of ours to its end."""
    model = Metered(simulated(problem.model, seed))
    phases: dict[str, int] = {}

    def note(phase: str, done: int, total: int, words: str) -> None:
        phases[phase] = model.calls

    known = Settings(
        problem.name,
        (problem.model,),
        sizes=problem.sizes,
        target_size=problem.target,
        seed=seed,
        max_size=problem.nodes,
        **settings,
    )
    with tempfile.TemporaryDirectory() as folder:
        found = run_search(known, f"{folder}/run", task=problem.task, models=[model], progress=note)
        store = Store.open(Path(folder) / "run")
        trials = store.study.get_trials(deepcopy=False)
        store.close()
    moment, first, best = None, None, 0.0
    seen: dict[Genome, tuple[float, float]] = {}
    uncached = model.at(trials[0].datetime_start)[0] if trials else 0
    for place, trial in enumerate(trials):
        evaluation = trial.user_attrs["evaluation"]
        samples = {size: found["samples"] for size, found in evaluation["accuracy"].items()}
        uncached += sum(round(evaluation["cost"][size]["calls"] * many) for size, many in samples.items())
        if trial.user_attrs["stage"] == "test":
            continue
        accuracy, cost = trial.values
        seen[Genome.from_dict(json.loads(trial.user_attrs["genome"]))] = (accuracy, cost)
        share = judge.share(genome for genome, *_ in front((g, *values) for g, values in seen.items()))
        best = max(best, share)
        if share >= ENOUGH and moment is None:
            moment, first = model.at(trial.datetime_complete), place
    final = judge.share(Genome.from_dict(item["genome"]) for item in found["front"])
    return {
        "found": None if moment is None else moment[0],
        "found_tokens": None if moment is None else moment[1],
        "sent": model.calls,
        "sent_tokens": model.tokens,
        "sent_by_the_end_of": phases,
        "uncached": uncached,
        "share": final,
        "best_share": best,
        "trials": len(trials),
        "found_at_trial": first,
        "front": [item["name"] for item in found["front"]],
    }


def median_of(values: Sequence[float | None]) -> list[float | None]:
    """Quartiles where nothing found is infinite; None stands for infinite."""
    ordered = sorted(math.inf if value is None else value for value in values)
    if math.isinf(ordered[-1]):  # no interpolation with what is infinite
        found = [ordered[round(share * (len(ordered) - 1))] for share in (0.25, 0.5, 0.75)]
    else:
        found = quartiles(ordered)
    return [None if math.isinf(each) else each for each in found]


def summed_up(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One task's searchers: quartiles of calls and tokens, and the two ratios."""
    by: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        by.setdefault(line["searcher"], []).append(line)
    searchers = {}
    for name, runs in by.items():
        searchers[name] = {
            "runs": len(runs),
            "reached": sum(run["found"] is not None for run in runs),
            "calls_to_find": median_of([run["found"] for run in runs]),
            "tokens_to_find": median_of([run["found_tokens"] for run in runs]),
            "calls_sent": quartiles([run["sent"] for run in runs]),
            "mean_share_at_the_end": fmean(run["share"] for run in runs),
        }
        if name == OURS:
            ends = [run["sent"] if run["share"] >= ENOUGH else None for run in runs]
            searchers[name] |= {
                "calls_in_all": median_of(ends),
                "calls_uncached": quartiles([run["uncached"] for run in runs]),
                "tokens_sent": quartiles([run["sent_tokens"] for run in runs]),
                "ends_good_enough": sum(end is not None for end in ends),
            }
    rivals = {name: row for name, row in searchers.items() if name != OURS}
    reached = {name: row["calls_to_find"][1] for name, row in rivals.items() if row["calls_to_find"][1] is not None}
    spent = {name: row["calls_sent"][1] for name, row in rivals.items() if name not in HURRIED}
    known = reached or spent
    rival = min(known, key=lambda name: known[name], default=None)
    against = math.nan if rival is None else known[rival]
    mine = searchers.get(OURS, {})
    find, whole = (mine.get(key, [None] * 3)[1] for key in ("calls_to_find", "calls_in_all"))
    return {
        "ratio_to_best_rival": None if whole is None or rival is None else whole / against,
        "ratio_to_find": None if find is None or rival is None else find / against,
        "best_rival": rival,
        "best_rival_calls": None if rival is None else against,
        "bound": not reached,
        "searchers": searchers,
    }


def told() -> str:
    """Sum up the lines, keep that, and give it as tables."""
    lines = lines_of(LINES)
    tasks, parts = {}, []
    for name, problem in PROBLEMS.items():
        mine = [line for line in lines if line["task"] == name]
        if not mine:
            continue
        oracle = oracle_of(problem)
        about = {key: oracle[key] for key in ("sizes", "nodes", "genomes", "walked", "right")}
        tasks[name] = {"model": problem.model, **about, **summed_up(mine)}
        rows = []
        for searcher, row in tasks[name]["searchers"].items():
            low, middle, high = ("not reached" if x is None else f"{x:,.0f}" for x in row["calls_to_find"])
            sent = f"{row['calls_sent'][1]:,.0f}"
            rows.append((searcher, f"{row['reached']} of {row['runs']}", low, middle, high, sent))
            if searcher == OURS:
                ends = ("not reached" if x is None else f"{x:,.0f}" for x in row["calls_in_all"])
                rows.append((f"{OURS}, to the end", f"{row['ends_good_enough']} of {row['runs']}", *ends, sent))
        parts.append(f"{name}, n = {problem.target}, {oracle['genomes']:,} genomes\n\n")
        parts.append(
            table(("searcher", "reached", "lower quartile", "median calls", "upper quartile", "sent"), rows) + "\n\n"
        )
    keep("tasks", tasks)
    return "".join(parts)


def main() -> None:
    """Search, judge, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", choices=PROBLEMS, default=list(PROBLEMS))
    parser.add_argument("--searchers", nargs="+", choices=(OURS, *RIVALS), default=[OURS, *RIVALS])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--small", action="store_true", help="two seeds; rivals give up after a tenth of the calls")
    parser.add_argument("--fresh", action="store_true", help="forget the searches that are there")
    asked = parser.parse_args()
    seeds, divisor = (2, 10) if asked.small else (asked.seeds, 1)
    most_calls = MOST_CALLS // divisor
    if asked.fresh:
        LINES.unlink(missing_ok=True)
    done = {(line["task"], line["searcher"], line["seed"]) for line in lines_of(LINES)}
    for seed in range(seeds):
        for name in asked.tasks:
            problem = PROBLEMS[name]
            judge = Judge(problem)
            for searcher in asked.searchers:
                if (name, searcher, seed) in done:
                    continue
                if searcher == OURS:
                    found = our_run(problem, judge, seed)
                else:
                    found = rival_run(problem, judge, searcher, seed, most_calls, MOST_ASKED[searcher] // divisor)
                add_line(LINES, {"task": name, "searcher": searcher, "seed": seed, **found})
                share, sent = found["share"], found["sent"]
                say(f"{name:13}{searcher:15}{seed:3}  found {found['found']}, sent {sent:,}, {share:.3f}")
    print(told())


if __name__ == "__main__":
    main()
