"""On how many problems genomes are run in each phase of a search."""

from __future__ import annotations

import math
from collections.abc import Sequence

from undercut.evaluators.task import Split, Task
from undercut.search.settings import Settings
from undercut.spaces.cost import Cost

FIRST = (2, 8)
"""Problems a size on which a candidate has been run after each round of its race."""
SELECT = (8, 16, 24)
"""Problems a size on which finalists have been run after each round of their race."""
FEWEST = 5
"""Fewest problems of the largest size that a result is measured on, where limits leave no room for all."""
LEAST = 0.25
"""Least share of the problems that anything is measured on."""
SURE = 0.95
"""Scores are taken to vary no less than those of a genome that is right so often, or wrong so often."""


def held_out(settings: Settings) -> dict[int, int]:
    """On how many problems of each size that was run the result is measured: half as many where less is at stake."""
    *smaller, largest = settings.sizes
    return dict.fromkeys(smaller, max(1, settings.samples // 2)) | {largest: settings.samples}


def held_beyond(settings: Settings, task: Task) -> dict[int, int]:
    """The one size beyond those, and on how many problems: the target, or twice the largest if that is less."""
    largest = settings.sizes[-1]
    size = min(settings.target_size, 2 * largest)
    return {size: max(1, settings.samples // 2)} if size > largest and task.has(size) else {}


def problems_of(settings: Settings, task: Task, split: Split) -> dict[int, int]:
    """How many problems of each size a genome is run on in a phase of the search, as far as the task has them."""
    if split == "test":
        wanted = held_out(settings) | held_beyond(settings, task)
    else:
        wanted = dict.fromkeys(settings.sizes, {"search": FIRST[-1], "select": SELECT[-1]}[split])
    return {size: len(task.instances(size, most, split, settings.seed)) for size, most in wanted.items()}


def shares(bills: Sequence[Cost], accuracies: Sequence[float]) -> list[float]:
    """On which share of the problems each genome is measured, `LEAST` to 1, by what its runs on all of them would take.

    For a given bill all intervals together are tightest where the samples of each genome are proportional to the
    standard deviation of its scores and to the inverse root of its cost. One that costs no more than the mean and is
    right half of the time is measured on all.

    Source: Neyman 1934 (JRSS 97), with costs as in Cochran 1977, Sampling Techniques, section 5.5.
    """
    costs = [bill.calls if math.isnan(bill.tokens) else bill.tokens for bill in bills]
    mean = math.fsum(costs) / max(1, len(costs))
    found: list[float] = []
    for cost, accuracy in zip(costs, accuracies, strict=True):
        right = min(SURE, max(1 - SURE, accuracy))
        varied = 2 * math.sqrt(right * (1 - right))  # as a share of the most
        found.append(min(1.0, max(LEAST, varied * math.sqrt(mean / cost))) if cost else 1.0)
    return found
