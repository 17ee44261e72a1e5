"""How long work side by side takes with a limited number of workers: one rule, which both walks follow.

Work is taken in its order, as much at a time as there are workers, and the next begins when all of that has ended.
Workers are shared out evenly over work that has parallel work inside. A schedule that can be kept, not the best one.
"""

from __future__ import annotations

from collections.abc import Iterable


def share(workers: int | None, jobs: float) -> int | None:
    """Workers for each of so many jobs side by side, at least one; None is without limit."""
    return None if workers is None else max(1, int(workers // max(1, jobs)))


def makespan(jobs: Iterable[tuple[float, float]], workers: int | None) -> float:
    """Time until all jobs have ended: runs of (time of one, number of them) in order."""
    if workers is None:
        return max((time for time, count in jobs if count), default=0)
    ended: float = 0
    longest: float = 0
    room: float = workers
    for time, count in jobs:
        if not count:
            continue
        if not room:
            ended, longest, room = ended + longest, 0, workers
        longest = max(longest, time)
        if count <= room:
            room -= count
            continue
        rounds, left = divmod(count - room, workers)
        ended += longest + rounds * time
        longest, room = (time, workers - left) if left else (0, workers)
    return ended + longest
