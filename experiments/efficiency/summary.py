"""The lines of runs.jsonl summed up: quartiles of every searcher, and our calls against those of the best rival."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from contest import ENOUGH
from oracle import PROBLEMS, oracle_of
from results import keep, lines_of, quartiles, table
from rivals import FRUGAL

LINES = Path(__file__).parent / "runs.jsonl"
OURS, LIMITED = "undercut", "undercut, limited"
"""A search of ours as it is, and one that may send no more than `PART` of the calls that the best rival took."""
PART = 1 / 20
TOKENS = "Tokens, medians; what rivals that found no front sent in tokens is not kept"
BOUNDED = (
    "Limited to a twentieth of the best rival's calls: problems of the largest size, and mean width of intervals there"
)
LENT = ", lent"
"""Ends the name of a rival that is lent what `LentBench` lends."""


def median_of(values: Sequence[float | None]) -> list[float | None]:
    """Quartiles where nothing found is infinite; None stands for infinite."""
    ordered = sorted(math.inf if value is None else value for value in values)
    if math.isinf(ordered[-1]):  # no interpolation with what is infinite
        found = [ordered[round(share * (len(ordered) - 1))] for share in (0.25, 0.5, 0.75)]
    else:
        found = quartiles(ordered)
    return [None if math.isinf(each) else each for each in found]


def summed_up(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One task's searchers, and our medians over those of the best rival of each kind."""
    by: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        by.setdefault(line["searcher"], []).append(line)
    searchers = {name: _searcher(name, runs) for name, runs in by.items()}
    mine, limited = searchers.get(OURS, {}), searchers.get(LIMITED, {})
    find, whole = (mine.get(key, [None] * 3)[1] for key in ("calls_to_find", "calls_in_all"))
    ratios: dict[str, Any] = {}
    for kind in ("", "frugal_", "lent_"):
        best, calls, bound = _best({name: row for name, row in searchers.items() if _kind(name) == kind})
        ratios |= {
            f"ratio_to_best_{kind}rival": _ratio(whole, calls),
            f"ratio_to_find_{kind}".rstrip("_"): _ratio(find, calls),
            f"best_{kind}rival": best,
            f"best_{kind}rival_calls": calls,
            f"{kind}bound": bound,
        }
    ratios["ratio_to_best_rival_limited"] = _ratio(
        limited.get("calls_in_all", [None] * 3)[1], ratios["best_rival_calls"]
    )
    return {**ratios, "searchers": searchers}


def to_the_end(searcher: str) -> str:
    """What a whole search of ours is called, with its front and the known designs measured afresh."""
    return f"{searcher}, to the end"


def limit_of(lines: Sequence[dict[str, Any]]) -> int | None:
    """The calls that a limited search of a task may send, by the lines of its rivals; None where there are none."""
    calls = summed_up(lines)["best_rival_calls"]
    return None if calls is None else int(PART * calls)


def _kind(name: str) -> str | None:
    """Plain rivals have none to name."""
    return None if name in (OURS, LIMITED) else "lent_" if name.endswith(LENT) else "frugal_" if name in FRUGAL else ""


def _searcher(name: str, runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    found = {
        "runs": len(runs),
        "reached": sum(run["found"] is not None for run in runs),
        "calls_to_find": median_of([run["found"] for run in runs]),
        "tokens_to_find": median_of([run["found_tokens"] for run in runs]),
        "calls_sent": quartiles([run["sent"] for run in runs]),
        "mean_share_at_the_end": fmean(run["share"] for run in runs),
    }
    if name in (OURS, LIMITED):
        ends = [run["sent"] if run["share"] >= ENOUGH else None for run in runs]
        return found | {
            "calls_in_all": median_of(ends),
            "calls_uncached": quartiles([run["uncached"] for run in runs]),
            "tokens_sent": quartiles([run["sent_tokens"] for run in runs]),
            "ends_good_enough": sum(end is not None for end in ends),
            "problems": quartiles([run["problems"] for run in runs]),
            "width": fmean(width for run in runs for width in run["widths"]),
        }
    return found | {"spent_all": sum(run["spent_all"] for run in runs)}


def _best(rivals: Mapping[str, dict[str, Any]]) -> tuple[str | None, float | None, bool]:
    """The rival with the fewest calls at its median, and those.

    Where no median found the front: the one of those whose median run spent all its calls that spent fewest, and True.
    """
    reached = {name: row["calls_to_find"][1] for name, row in rivals.items() if row["calls_to_find"][1] is not None}
    spent = {name: row["calls_sent"][1] for name, row in rivals.items() if 2 * row["spent_all"] > row["runs"]}
    known = reached or spent
    best = min(known, key=lambda name: known[name], default=None)
    return best, None if best is None else known[best], best is not None and not reached


def _ratio(calls: float | None, against: float | None) -> float | None:
    return None if calls is None or against is None else calls / against


def tasks_of(lines: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What results.json holds of each task."""
    tasks = {}
    for name, problem in PROBLEMS.items():
        if mine := [line for line in lines if line["task"] == name]:
            oracle = oracle_of(problem)
            about = {key: oracle[key] for key in ("sizes", "nodes", "genomes", "walked", "right")}
            tasks[name] = {"model": problem.model, **about, **summed_up(mine)}
    return tasks


def page(tasks: Mapping[str, dict[str, Any]]) -> str:
    """The same as tables: calls of every searcher by task, and tokens of ours and of the best rival."""
    heads = ("searcher", "reached", "lower quartile", "median calls", "upper quartile", "sent", "share at the end")
    parts = []
    for name, found in tasks.items():
        rows = []
        for searcher, row in sorted(found["searchers"].items()):
            sent = f"{row['calls_sent'][1]:,.0f}"
            share = f"{row['mean_share_at_the_end']:.2f}"
            reached = f"{row['reached']} of {row['runs']}"
            if searcher != LIMITED:
                rows.append((searcher, reached, *map(_told, row["calls_to_find"]), sent, share))
            if "calls_in_all" in row:
                reached = f"{row['ends_good_enough']} of {row['runs']}"
                rows.append((to_the_end(searcher), reached, *map(_told, row["calls_in_all"]), sent, share))
        parts += [f"{name}, n = {found['sizes'][-1]}, {found['genomes']:,} genomes", table(heads, rows)]
    heads = ("task", "to find", "to the end", "best rival in full", "to find, of its", "to the end, of its")
    rows = [(name, *_tokens(found)) for name, found in tasks.items() if OURS in found["searchers"]]
    parts += [TOKENS, table(heads, rows)]
    heads = (
        "task",
        "limit of calls",
        "of the best rival's",
        "ends good enough",
        "problems",
        "width",
        "problems without",
        "width",
    )
    rows = [(name, *_limited(found)) for name, found in tasks.items() if {OURS, LIMITED} <= found["searchers"].keys()]
    return "\n\n".join([*parts, BOUNDED, table(heads, rows)]) + "\n"


def _limited(found: dict[str, Any]) -> tuple[object, ...]:
    """What a task's limited searches end with, and how well their fronts are measured, beside those without a limit."""
    ours, limited = found["searchers"][OURS], found["searchers"][LIMITED]
    ratio, ends = found["ratio_to_best_rival_limited"], f"{limited['ends_good_enough']} of {limited['runs']}"
    measured = [each for row in (limited, ours) for each in (f"{row['problems'][1]:.0f}", f"{row['width']:.2f}")]
    return f"{int(PART * found['best_rival_calls']):,}", "" if ratio is None else f"{ratio:.2g}", ends, *measured


def _tokens(found: dict[str, Any]) -> tuple[str, ...]:
    """Our median tokens, and those of the best rival by calls; what a rival spent that found nothing is not kept."""
    ours, rival = found["searchers"][OURS], found["best_rival"]
    find, whole = ours["tokens_to_find"][1], ours["tokens_sent"][1]
    theirs = None if rival is None else found["searchers"][rival]["tokens_to_find"][1]
    ratios = ("", "") if theirs is None else (f"{find / theirs:.2g}", f"{whole / theirs:.2g}")
    return f"{find:,.0f}", f"{whole:,.0f}", _told(theirs) if theirs is None else f"{rival}, {theirs:,.0f}", *ratios


def _told(count: float | None) -> str:
    return "not reached" if count is None else f"{count:,.0f}"


def told() -> str:
    """Sum up the lines, keep that, and give it as tables."""
    tasks = tasks_of(lines_of(LINES))
    keep("tasks", tasks)
    return page(tasks)
