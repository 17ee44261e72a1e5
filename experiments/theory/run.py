"""Does a search find, from cold, the structures that theory knows to be best?

    python experiments/theory/run.py                       every row over five seeds; writes results.json and README.md
    python experiments/theory/run.py --row T5 --seeds 2    some of them, put beside what is there

A row is reached with a seed where what the search found costs, at eight times the largest size searched, at most a
tenth more than the best design that theory knows, is right no less often there, and its measured cost grows with the
exponent that the walk with symbols declares, within a tenth. What is found is the cheapest point of the front whose
forecast at that size is as accurate as the row asks for, or else the most accurate one: what a user would take.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from results import keep, kept
from row import FURTHER, Row, genes_of, steepness
from rows import ROWS

from undercut.search.run import run_search
from undercut.search.settings import Settings
from undercut.search.units import field_of
from undercut.spaces.genome import Genome

PAGE = Path(__file__).parent / "README.md"
BEGIN, END = "<!-- rows -->\n", "<!-- end of rows -->\n"
DEARER, BENT = 1.1, 0.1
"""How much more than the known optimum a find may cost, and by how much two exponents may differ."""
SMALL = {"evaluations": 12, "samples": 12, "max_size": 7}
"""Settings of every search that make it small; they say nothing of any structure."""
SURE = 1.64
"""Standard errors by which one accuracy must lie below another to count as less: 5 % of equal pairs seem to."""


def searched(row: Row, seed: int) -> dict[str, Any]:
    """The result of one search, cold, in a folder of its own."""
    settings = Settings(
        task=row.task.name,
        models=tuple(model.name for model in row.models(seed)),
        sizes=row.sizes,
        target_size=row.judged[-1],
        cost=row.unit,
        seed=seed,
        **{**SMALL, **row.settings},
    )
    with tempfile.TemporaryDirectory() as folder:
        return run_search(settings, Path(folder, "run"), task=row.task, models=row.models(seed))


def taken(result: dict[str, Any], size: int, unit: str, floor: float) -> dict[str, Any] | None:
    """The cheapest point of a front that is forecast to be so accurate at a size, or else the most accurate one."""

    def forecast(item: dict[str, Any]) -> tuple[float, float]:
        told = item["predicted"][str(size)]
        return (told["accuracy"] or {}).get("mean", 0.0), told["cost"][field_of(unit)]

    good = [item for item in result["front"] if forecast(item)[0] >= floor]
    if good:
        return min(good, key=lambda item: forecast(item)[1])
    return max(result["front"], key=lambda item: forecast(item)[0], default=None)


def once(row: Row, seed: int) -> dict[str, Any]:
    """One search, and what it found held against the known optimum."""
    begin = time.monotonic()
    result = searched(row, seed)
    seconds = time.monotonic() - begin
    item = taken(result, row.judged[-1], row.unit, row.floor)
    base = {
        "row": row.name,
        "seed": seed,
        "calls": result["spent"]["calls"],
        "search_seconds": round(seconds, 1),
        "front": [each["genome"] for each in result["front"]],
    }
    if item is None:
        return {**base, "reached": False, "why": "the front is empty", "found": None}
    genome, known, far = Genome.from_dict(item["genome"]), row.known, row.judged[-1]
    best = row.measured(known, seed)
    found = best if genome == known else row.measured(genome, seed)
    slopes = {
        name: steepness({n: c for n, (_, c) in each.items()}) for name, each in (("found", found), ("known", best))
    }
    declared = steepness({size: row.cost(genome, size) for size in row.judged})
    ratio = found[far][1] / best[far][1]
    failures = [
        *([f"costs {ratio:.2f} times the known optimum"] if not ratio <= DEARER else []),
        *([f"is right {found[far][0]:.2f}, the known optimum {best[far][0]:.2f}"] if _less(row, found, best) else []),
        *(
            [f"cost grows as n^{slopes['found']:.2f}, declared n^{declared:.2f}"]
            if abs(slopes["found"] - declared) > BENT
            else []
        ),
    ]
    return {
        **base,
        "reached": not failures,
        "why": "; ".join(failures) or None,
        "found": str(genome),
        "genome": genome.to_dict(),
        "law": row.law(genome),
        "slope": slopes["found"],
        "declared_slope": declared,
        "cost_ratio": found[row.judged[0]][1] / best[row.judged[0]][1],
        "cost_ratio_at_8x": ratio,
        "accuracy_at_8x": found[far][0],
        "known_accuracy_at_8x": best[far][0],
        "forecast_at_8x": (item["predicted"][str(far)]["accuracy"] or {}).get("mean"),
        "cost_at_8x": found[far][1],
        "known_cost_at_8x": best[far][1],
        "genes": genes_of(genome, row.turned),
    }


def _less(row: Row, found: dict[int, tuple[float, float]], best: dict[int, tuple[float, float]]) -> bool:
    """Whether what was found is right less often at the largest size than the known optimum, beyond chance."""
    ours, theirs = found[row.judged[-1]][0], best[row.judged[-1]][0]
    error = math.sqrt(max(theirs * (1 - theirs) + ours * (1 - ours), 1 / row.problems) / row.problems)
    return ours < theirs - SURE * error


def summed(row: Row, runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What all seeds of a row come to."""
    measured = [run for run in runs if run["found"] is not None]
    known = row.known

    def middle(name: str) -> float | None:
        return median(run[name] for run in measured) if measured else None

    commonest = Counter(run["found"] for run in measured).most_common(1)
    typical = next((run for run in measured if commonest and run["found"] == commonest[0][0]), {})
    return {
        "row": row.name,
        "about": row.about,
        "unit": row.unit,
        "sizes": list(row.sizes),
        "size_at_8x": row.judged[-1],
        "seeds": len(runs),
        "seeds_reached": sum(run["reached"] for run in runs),
        "found": typical.get("found"),
        "found_in": commonest[0][1] if commonest else 0,
        "law": typical.get("law"),
        "genes": typical.get("genes"),
        "known": str(known),
        "known_law": row.law(known),
        "known_genes": genes_of(known, row.turned),
        "continuous": dict(row.continuous),
        "optimum": row.optimum,
        **{
            name: middle(name)
            for name in (
                "slope", "declared_slope", "cost_ratio", "cost_ratio_at_8x", "accuracy_at_8x", "known_accuracy_at_8x",
                "cost_at_8x", "known_cost_at_8x", "calls",
            )
        },
        "why": sorted({f"seed {run['seed']}: {run['found']} {run['why']}" for run in runs if run["why"]}),
    }  # fmt: skip


def page(rows: Sequence[dict[str, Any]]) -> str:
    """The rows as two tables, and why seeds did not reach theirs."""
    lines = [
        "| row | reached | found (of so many seeds) | Θ | exponent measured / declared | known optimum | Θ | "
        f"cost ratio at n, {FURTHER}n | accuracy at {FURTHER}n, known's | calls |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        if row["found"] is None:
            lines.append(
                f"| {row['row']} | 0 of {row['seeds']} | nothing | | | {row['known']} | {row['known_law']} | | | |"
            )
            continue
        lines.append(
            f"| {row['row']} | {row['seeds_reached']} of {row['seeds']} | {row['found']} ({row['found_in']}) | "
            f"{row['law']} | {row['slope']:.2f} / {row['declared_slope']:.2f} | {row['known']} | {row['known_law']} | "
            f"{row['cost_ratio']:.2f}, {row['cost_ratio_at_8x']:.2f} | {row['accuracy_at_8x']:.2f}, "
            f"{row['known_accuracy_at_8x']:.2f} | {row['calls']:,.0f} |"
        )
    lines += ["", "| row | gene | found | best of the family | theory |", "|---|---|---|---|---|"]
    for row in rows:
        for gene, value in row["continuous"].items():
            found = next(
                (v for name in (gene, *row["known_genes"]) if (v := (row["genes"] or {}).get(name)) is not None), "–"
            )
            lines.append(f"| {row['row']} | {gene} | {found} | {row['known_genes'].get(gene, '–')} | {value:.3g} |")
    missed = [f"- {row['row']}, {why}" for row in rows for why in row["why"]]
    return "\n".join([*lines, *(["", "Not reached:", "", *missed] if missed else [])]) + "\n"


def main() -> None:
    """Run what was asked for and keep it beside what is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--row", action="append", choices=list(ROWS), help="only this row; may be given several times")
    parser.add_argument("--seeds", type=int, default=5)
    asked = parser.parse_args()
    runs = {(run["row"], run["seed"]): run for run in kept().get("runs", [])}
    for name in asked.row or ROWS:
        runs = {key: run for key, run in runs.items() if key[0] != name}
        for seed in range(asked.seeds):
            runs[name, seed] = run = once(ROWS[name], seed)
            said = "reached" if run["reached"] else f"NOT REACHED: {run['why']}"
            spent = f"{run['search_seconds']:6.1f} s  {run['calls']:6,} calls"
            print(f"{name:10} seed {seed}  {spent}  {run['found']}  {said}", flush=True)
        rows = [
            summed(row, mine)
            for row in ROWS.values()
            if (mine := [run for key, run in runs.items() if key[0] == row.name])
        ]
        ordered = [run for row in ROWS for key, run in runs.items() if key[0] == row]
        keep("rows", rows)
        keep("runs", ordered)
        if PAGE.exists():
            before, _, rest = PAGE.read_text().partition(BEGIN)
            PAGE.write_text(before + BEGIN + page(rows) + END + rest.partition(END)[2])
        else:
            print(page(rows))


if __name__ == "__main__":
    main()
