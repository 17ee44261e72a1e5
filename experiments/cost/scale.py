"""The trap of scale: what wins at the size searched need not win at a larger one, and a forecast has to see it coming.

    python experiments/cost/scale.py              five seeds
    python experiments/cost/scale.py --seeds 1    two searches

Two searches for sorting on the embedded model, at sizes up to 32 and alike but for their target, 32 or 128. Every
decomposition on both fronts is then run at 32, 64 and 128, on the same fresh problems. Further searches with other
seeds have the target 128, and of each front the dearest decomposition is run.

Source of the claim: Meyerson & Qiu 2025 (arXiv 2502.04358), alternative view 2: what an optimizer finds at one scale
"would likely not generalize to greater problem scales".
"""

from __future__ import annotations

import argparse
from typing import Any

from results import keep, say, table

import undercut
from undercut.evaluators.tasks import open_task
from undercut.search.single import evaluate_genome
from undercut.spaces.genome import Genome

SIZES, MEASURED, TARGETS = (8, 16, 32), (32, 64, 128), (32, 128)


def looked_at(
    task: str, model: str, target: int, seed: int, problems: int, most: int | None = None
) -> list[dict[str, Any]]:
    """One search, and its front measured afresh at the larger sizes; the dearest first, `most` at the most."""
    found = undercut.optimize(task, models=(model,), sizes=SIZES, target_size=target, seed=seed)
    rows = []
    for item in found["front"][:most]:
        say(f"target {target}, seed {seed}: {item['name']}")
        genome = Genome.from_dict(item["genome"])
        run = evaluate_genome(genome, task, (model,), sizes=MEASURED, samples=problems, seed=seed + 1000)["front"][0]
        predicted = item["predicted"][str(target)]
        rows.append(
            {
                "target": target,
                "seed": seed,
                "calls": found["spent"]["calls"],
                "id": item["id"],
                "name": item["name"],
                "law": item["law"],
                "forecast": predicted["accuracy"],
                "forecast_tokens": predicted["cost"]["tokens"],
                "accuracy": {size: run["accuracy"][str(size)]["mean"] for size in MEASURED},
                "tokens": {size: run["cost"][str(size)]["tokens"] for size in MEASURED},
            }
        )
    return rows


def main() -> None:
    """Search, measure, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", default="sort", choices=("sort", "sum", "count"))
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--seeds", type=int, default=5, help="searches for the far target")
    parser.add_argument("--problems", type=int, default=50, help="fresh problems a size")
    asked = parser.parse_args()
    assert open_task(asked.task).has(MEASURED[-1])
    what = asked.task, asked.model
    rows = [row for target in TARGETS for row in looked_at(*what, target, 0, asked.problems)]
    for seed in range(1, asked.seeds):
        rows += looked_at(*what, TARGETS[-1], seed, asked.problems, most=1)
    keep("scale", {"task": asked.task, "model": asked.model, "problems": asked.problems, "rows": rows})
    heads = (
        "target",
        "seed",
        "",
        "calls",
        *(f"acc {n}" for n in MEASURED),
        "forecast",
        *(f"tokens {n}" for n in MEASURED),
        "decomposition",
    )
    cells = []
    for row in rows:
        ends = row["forecast"]
        told = f"{ends['mean']:.2f} ({ends['low']:.2f}-{ends['high']:.2f}) at {row['target']}" if ends else "?"
        right = [f"{row['accuracy'][size]:.2f}" for size in MEASURED]
        cells.append(
            (
                *(row[name] for name in ("target", "seed", "id", "calls")),
                *right,
                told,
                *(round(row["tokens"][n]) for n in MEASURED),
                row["name"],
            )
        )
    print(table(heads, cells))


if __name__ == "__main__":
    main()
