"""On how many problems genomes are run in each phase of a search."""

from __future__ import annotations

from undercut.evaluators.task import Split, Task
from undercut.search.settings import Settings

FIRST = (2, 8)
"""Problems a size on which a candidate has been run after each round of its race."""
SELECT = (8, 16, 24)
"""Problems a size on which finalists have been run after each round of their race."""
FEWEST = 5
"""Problems of the largest size that a result is measured on at the least, where limits leave no room for all."""


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
