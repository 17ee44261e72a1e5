"""What each part of a search is worth: the same search without it, until 95 % of the true front and to its end.

    python experiments/efficiency/ablation.py             ten seeds of every task
    python experiments/efficiency/ablation.py --small     one seed of `sum`

A part is taken out by putting something in its place for the time of the run: for the calibration one that has measured
nothing, for the cache one that keeps nothing, for the normal form the genome as it is, and for running few problems
first all of them at once. A part that stands elsewhere now is refused by name, not passed over.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from contest import Judge
from oracle import PROBLEMS
from results import keep, quartiles, say, table
from run import our_run
from summary import median_of

from undercut.evaluators.calibrate import Calibration
from undercut.search import calibration
from undercut.search.rounds import FIRST, SELECT
from undercut.spaces.genome import Genome


async def _uncalibrated(space: Any, task: Any, engine: Any, sizes: Any, seed: int, *_: Any) -> tuple[Calibration, Any]:
    """The small structures that are right, and no call."""
    return Calibration(), calibration.gather_questions(space, task, sizes, seed)[1]


def _as_it_is(genome: Genome) -> Genome:
    return genome


def _nothing(self: Any, key: str) -> None:
    return None


NORMALISING = ("candidates", "explore", "proposers.choices", "proposers.portfolio")
"""Modules of the search that bring genomes to their normal form."""
WITHOUT: Mapping[str, Mapping[str, Any]] = {
    "everything there": {},
    "calibration": {"undercut.search.explore.calibrate": _uncalibrated},
    "cache": {"undercut.evaluators.cache.AnswerCache.get": _nothing},
    "few problems first": {"undercut.search.explore.FIRST": (FIRST[-1] + SELECT[-1],)},
    "normal form": {f"undercut.search.{place}.normal": _as_it_is for place in NORMALISING},
}


@contextmanager
def without(part: str) -> Iterator[None]:
    """A search without a part."""
    with ExitStack() as stack:
        for place, stand_in in WITHOUT[part].items():
            stack.enter_context(patch(place, stand_in))
        yield


def main() -> None:
    """Search without each part, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", choices=PROBLEMS, default=list(PROBLEMS))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--small", action="store_true", help="one seed of `sum`")
    asked = parser.parse_args()
    tasks, seeds = (["sum"], 1) if asked.small else (asked.tasks, asked.seeds)
    rows = []
    for name in tasks:
        judge, found = Judge(PROBLEMS[name]), {}
        for part in WITHOUT:
            runs = []
            for seed in range(seeds):
                with without(part):
                    runs.append(our_run(PROBLEMS[name], judge, seed))
                say(f"{name}, without {part}, seed {seed}: {runs[-1]['found']}, {runs[-1]['sent']:,}")
            found[part] = {
                "calls_to_find": median_of([each["found"] for each in runs]),
                "calls_in_all": quartiles([each["sent"] for each in runs]),
                "share_at_the_end": quartiles([each["share"] for each in runs]),
            }
            rows.append((name, part, *(_told(*three) for three in found[part].values())))
        keep("ablation", {name: {"seeds": seeds, **found}})
    print(table(("task", "without", "calls until found", "calls in all", "share at the end"), rows))


def _told(low: float | None, middle: float | None, high: float | None) -> str:
    """A median, with the quartiles around it."""
    ends = ["not reached" if x is None else f"{x:,.0f}" if x > 10 else f"{x:.2f}" for x in (low, middle, high)]
    return "{1} ({0}–{2})".format(*ends)


if __name__ == "__main__":
    main()
