"""The highest cost that a search looks at: so many times what a right answer costs with the best known."""

from __future__ import annotations

import math
from typing import NamedTuple

from undercut.spaces.genome import Genome


class _Point(NamedTuple):
    cost: float
    work: float
    each_right: float = math.inf
    work_each_right: float = math.inf


class Ceiling:
    """What is too dear, by what is known so far.

    The measure is the cost of a right answer, which is the cost of a run divided by its accuracy: what is cheap and
    hardly ever right makes nothing else dear. Work has a ceiling of its own: where latency is the cost, votes keep
    nobody waiting and are work all the same.

    Args:
        times: the ceiling, in multiples of the least that a right answer costs or takes in work.
    """

    def __init__(self, times: float) -> None:
        self._times = times
        self._points: dict[Genome, _Point] = {}
        self._least = self._least_work = math.inf

    def add(self, genome: Genome, accuracy: float, cost: float, work: float) -> None:
        """Learn what a genome is worth by now; one of accuracy 0 is no measure for others."""
        before = self._points.get(genome)
        point = _Point(cost, work, cost / accuracy, work / accuracy) if accuracy > 0 else _Point(cost, work)
        self._points[genome] = point
        known = [point]
        if before is not None and (
            before.each_right == self._least < math.inf or before.work_each_right == self._least_work < math.inf
        ):
            self._least = self._least_work = math.inf  # it may have been the measure, and be dearer now
            known = list(self._points.values())
        self._least = min(self._least, min(each.each_right for each in known))
        self._least_work = min(self._least_work, min(each.work_each_right for each in known))

    def would_fall(self, accuracy: float, cost: float, work: float) -> bool:
        """Whether the ceiling would come down if a genome were worth this."""
        return accuracy > 0 and (cost / accuracy < self._least or work / accuracy < self._least_work)

    def allows(self, genome: Genome) -> bool:
        """Whether a genome that was added is cheap enough."""
        point = self._points[genome]
        return point.cost <= self._times * self._least and point.work <= self._times * self._least_work
