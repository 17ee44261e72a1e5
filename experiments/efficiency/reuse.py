"""What a search is spared by an earlier one of another seed: the same search with and without `--reuse`.

    python experiments/efficiency/reuse.py             five seeds after seed 0, of five tasks
    python experiments/efficiency/reuse.py --small     one seed of `sum`

Another seed asks about other inputs and runs on other problems, so that hardly an answer is the same. What the earlier
run measured of single calls is known all the same, by model and wording. All searches ask one and the same model.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from contest import Judge
from metered import metered
from oracle import PROBLEMS
from results import keep, quartiles, say, table
from run import our_run
from summary import median_of

TASKS = ("sum", "count", "sort", "lookup, embedded", "intersection")


def summed_up(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Quartiles over the seeds."""
    return {
        "calls_to_calibrate": quartiles([run["sent_by_the_end_of"].get("calibrate", 0) for run in runs]),
        "calls_to_find": median_of([run["found"] for run in runs]),
        "calls_in_all": quartiles([run["sent"] for run in runs]),
        "share_at_the_end": quartiles([run["share"] for run in runs]),
    }


def main() -> None:
    """Search, search again, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=TASKS)
    parser.add_argument("--seeds", type=int, default=5, help="searches after the first")
    parser.add_argument("--small", action="store_true", help="one seed of `sum`")
    asked = parser.parse_args()
    tasks, seeds = (TASKS[:1], 1) if asked.small else (asked.tasks, asked.seeds)
    rows = []
    for name in tasks:
        problem, judge = PROBLEMS[name], Judge(PROBLEMS[name])
        with tempfile.TemporaryDirectory() as folder:
            first = Path(folder) / "first"
            our_run(problem, judge, 0, metered(problem.model, 0), first)
            found: dict[str, Any] = {}
            for words, reuse in (("alone", []), ("after seed 0", [first])):
                runs = []
                for seed in range(1, 1 + seeds):
                    runs.append(our_run(problem, judge, seed, metered(problem.model, 0), reuse=reuse))
                    say(f"{name}, {words}, seed {seed}: {runs[-1]['found']}, {runs[-1]['sent']:,}")
                found[words] = summed_up(runs)
                middle = [three[1] for three in found[words].values()]
                rows.append((name, words, *("not reached" if x is None else f"{x:,.4g}" for x in middle)))
        keep("reuse", {name: {"seeds": seeds, **found}})
    print(table(("task", "", "calls to calibrate", "until found", "in all", "share at the end"), rows))


if __name__ == "__main__":
    main()
