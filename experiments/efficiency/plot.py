"""Draw results.json: calls until 95 % of the true front, by task and searcher.

    pip install -e '.[experiments]' && python experiments/efficiency/plot.py

Dots are medians, bars reach from the lower to the upper quartile; an arrow stands where a quartile was not reached.
"""

from __future__ import annotations

import json
from typing import Any

import matplotlib.pyplot as plt
from results import RESULTS
from run import MOST_CALLS
from summary import LIMITED, OURS, to_the_end

PICTURE = RESULTS.with_name("calls.png")


def _rows(searchers: dict[str, Any]) -> dict[str, list[float | None]]:
    """Quartiles of one task, by searcher; ours to the end beside ours until it has found enough."""
    rows = {name: row["calls_to_find"] for name, row in searchers.items() if name != LIMITED}
    return rows | {to_the_end(name): row["calls_in_all"] for name, row in searchers.items() if "calls_in_all" in row}


def main() -> None:
    """Draw."""
    tasks = json.loads(RESULTS.read_text())["tasks"]
    figure, axes = plt.subplots(1, len(tasks), figsize=(3.2 * len(tasks), 3.2), sharex=True, sharey=True, squeeze=False)
    drawn = {task: _rows(found["searchers"]) for task, found in tasks.items()}
    names = sorted({name for rows in drawn.values() for name in rows}, reverse=True)
    for axis, (task, rows) in zip(axes[0], drawn.items(), strict=True):
        for name, quartiles in rows.items():
            place = names.index(name)
            colour = "tab:red" if name.startswith(OURS) else "tab:gray"
            low, middle, high = (MOST_CALLS if value is None else value for value in quartiles)
            axis.plot([low, high], [place, place], color=colour, linewidth=2)
            axis.plot([middle], [place], ">" if quartiles[1] is None else "o", color=colour)
        axis.set_yticks(range(len(names)), names)
        axis.set_xscale("log")
        axis.set_xlabel("calls sent")
        axis.set_title(task)
    figure.tight_layout()
    figure.savefig(PICTURE, dpi=110)


if __name__ == "__main__":
    main()
