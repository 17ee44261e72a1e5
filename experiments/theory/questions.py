"""Open questions of the asymptotic analysis of decompositions, measured.

    python experiments/theory/questions.py

1. Does the ranking of structures hang on the unit of cost? Every design of the sorting row that is right is priced at
   eight times the searched size in four units, and the rankings are held against each other (Spearman's ρ).
2. Where do correlated errors break the laws of voting? A share of prompts has samples that all meet the same fate;
   votes are cast at several shares, and their failures held against the law for independent ones.
3. Does what is best at one scale stay best at others? The fronts that `run.py` found are run at the largest size
   searched and at eight times that, and ranked at both.

Source: Meyerson & Qiu 2025 (arXiv 2502.04358), Sec. 4 (alternative views) and 5 (open problems).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
from results import keep, kept
from row import Row
from rows import ROWS
from voting import RIGHT, T5, WARM, each, voted

from undercut.evaluators.models.simulated import Capability, SimulatedModel
from undercut.search.units import UNITS
from undercut.spaces.genome import Genome, Input, call
from undercut.spaces.reliability import ahead

COMPARED = ("aalp", "flops", "tokens", "latency")
SHARES = (0.0, 0.003, 0.01, 0.03, 0.1, 0.3)
LEADS = (1, 2, 3, 4)
ANSWERS = 2000


def ranks(values: Sequence[float]) -> np.ndarray:
    """The rank of each value, equal ones sharing theirs."""
    found = np.array(values, dtype=float)
    below = (found[:, None] > found).sum(axis=1)
    ties = (found[:, None] == found).sum(axis=1)
    order: np.ndarray = below + (ties - 1) / 2
    return order


def spearman(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Spearman's rank correlation; None where there is nothing to rank."""
    if len(set(one)) < 2 or len(set(other)) < 2:
        return None
    return float(np.corrcoef(ranks(one), ranks(other))[0, 1])


def units(row: Row) -> dict[str, Any]:
    """Prices of a row's family in every unit, and how the rankings agree."""
    size = row.judged[-1]
    right = [genome for genome in row.family() if row.true(genome, size).log_right > np.log(row.floor)]
    costs = {unit: [UNITS[unit](row.true(genome, size).cost) for genome in right] for unit in COMPARED}
    return {
        "row": row.name,
        "size": size,
        "designs": len(right),
        "best": {unit: str(right[int(np.argmin(found))]) for unit, found in costs.items()},
        "spearman": {
            f"{one} / {other}": spearman(costs[one], costs[other]) for one, other in combinations(COMPARED, 2)
        },
        "loss": {
            f"best in {one}, paid in {other}": costs[other][int(np.argmin(costs[one]))] / min(costs[other])
            for one in COMPARED
            for other in COMPARED
            if one != other
        },
    }


def likeness(answers: int) -> list[dict[str, Any]]:
    """How often votes fail where a share of the prompts gives all samples the same fate."""
    asked = call("prime", Input(0), temperature=WARM)
    found = []
    for share in SHARES:
        model = Capability({}, {0: RIGHT}, dependence=share, agreeing=True)
        row = replace(T5, models=lambda seed, model=model: [SimulatedModel("alike", model, seed=seed)])
        for lead in LEADS:
            genome = each(voted({"rule": "ahead", "lead": lead}, asked))
            (outcome,) = row.run(genome, answers, 0, 1)
            (problem,) = row.task.instances(answers, 1, "test", 1000)
            failed = sum(one != other for one, other in zip(outcome.output, problem.target, strict=True)) / answers
            law = 1 - ahead(RIGHT, lead)
            found.append(
                {
                    "share": share,
                    "lead": lead,
                    "failed": failed,
                    "law": law,
                    "law_with_share": (1 - share) * law + share * (1 - RIGHT),
                    "breaks": share * (1 - RIGHT) > (1 - share) * law,
                    "votes": outcome.cost.calls / answers,
                }
            )
    return found


def scales(problems: int) -> list[dict[str, Any]]:
    """How the points of the fronts that were found rank at the searched size, and at eight times that."""
    found = []
    for run in kept().get("runs", []):
        row = ROWS.get(run["row"])
        if row is None or len(run.get("front", ())) < 3:
            continue
        small = replace(row, problems=problems)
        genomes = [Genome.from_dict(genome) for genome in run["front"]]
        measured = [small.measured(genome, run["seed"]) for genome in genomes]
        near, far = row.judged[0], row.judged[-1]
        found.append(
            {
                "row": row.name,
                "seed": run["seed"],
                "points": len(genomes),
                "cost": spearman([each[near][1] for each in measured], [each[far][1] for each in measured]),
                "accuracy": spearman([each[near][0] for each in measured], [each[far][0] for each in measured]),
                "accuracy_near": [each[near][0] for each in measured],
                "accuracy_far": [each[far][0] for each in measured],
                "names": [str(genome) for genome in genomes],
            }
        )
    return found


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--answers", type=int, default=ANSWERS, help="answers voted on, for each share and lead")
    parser.add_argument("--problems", type=int, default=20, help="problems at each size, for each point of a front")
    asked = parser.parse_args()
    by_unit = [units(ROWS[name]) for name in ("T8", "T6 flops")]
    for found in by_unit:
        print(found["row"], found["best"], found["spearman"], found["loss"], sep="\n  ")
    keep("units", by_unit)
    for row in (alike := likeness(asked.answers)):
        print(row)
    keep("likeness", alike)
    for row in (at_scale := scales(asked.problems)):
        print(row["row"], row["seed"], row["points"], "cost", row["cost"], "accuracy", row["accuracy"])
    keep("scales", at_scale)


if __name__ == "__main__":
    main()
