"""What a searcher's report is worth at each moment, and one rival's search under that eye."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench import Bench, SpentError, Tried
from oracle import Problem, oracle_of, volume
from world import Outcome

from undercut.search.front import front
from undercut.spaces.genome import Genome
from undercut.spaces.normal import normal

ENOUGH = 0.95
"""Share of the true front's hypervolume at which it counts as found."""
PROMISING = 0.8
"""Share as it was seen from which on a report is judged before the end: what was seen is mostly too good."""
TRUE_RUNS = 500


class Judge:
    """What a report is worth: the hypervolume of its true values, as a share of the oracle's.

    Attributes:
        most: cost that the hypervolume is held against; what costs more adds nothing.
    """

    def __init__(self, problem: Problem) -> None:
        points = [(point["accuracy"], point["cost"]) for point in oracle_of(problem)["front"]]
        self._problem = problem
        self.most = 2 * max(cost for _, cost in points)
        self._all = volume(points, self.most)

    def right(self, genome: Genome) -> bool:
        """Whether a genome is right by more than luck, as all are that the oracle looked at."""
        return self._problem.right(normal(genome))

    def share(self, genomes: Iterable[Genome]) -> float:
        """Share of the oracle's hypervolume; a little above 1 where luck had it so."""
        runs = min(TRUE_RUNS, self._problem.most_runs)
        return self.share_of([self._problem.world.truth(genome, self._problem.target, runs) for genome in genomes])

    def share_of(self, points: Sequence[tuple[float, float]]) -> float:
        """The same of points of accuracy and cost."""
        return volume(points, self.most) / self._all


class OverError(Exception):
    """The search has found the front, or has come to its end without."""


class Contest:
    """One rival at work: each genome that it tries in full may be on what it would report now.

    Args:
        judge: says what a report is worth.
        bench: where genomes are tried.
        most_asked: proposals after which the rival gives up.

    Attributes:
        share: what its report is worth now, as a share of the oracle's hypervolume.
        asked: proposals so far.
        seen: accuracy and cost of all that was tried in full, as they were seen.
    """

    def __init__(self, judge: Judge, bench: Bench, most_asked: int) -> None:
        self.share = 0.0
        self.asked = 0
        self.seen: dict[Genome, tuple[float, float]] = {}
        self.problems = bench.problems
        self._judge = judge
        self._bench = bench
        self._most_asked = most_asked
        self._reported: list[Genome] = []

    def tried(self, genome: Genome) -> Tried | None:
        """Try a genome on all problems; None where it was not worth that.

        Raises:
            OverError: the front is found, or calls or proposals have come to their end.
        """
        self._proposed()
        try:
            tried = self._bench.tried(genome)
        except SpentError as error:
            raise OverError from error
        if tried is not None and tried.genome not in self.seen:
            self.seen[tried.genome] = (tried.accuracy, tried.cost)
            self._report()
        if self.share >= ENOUGH:
            raise OverError
        return tried

    def partly(self, genome: Genome, places: Sequence[int]) -> list[Outcome]:
        """What some of the problems show, for rivals that look at those first.

        Raises:
            OverError: calls or proposals have come to their end.
        """
        self._proposed()
        try:
            return self._bench.runs(genome, places)
        except SpentError as error:
            raise OverError from error

    def _proposed(self) -> None:
        if self.asked >= self._most_asked:
            raise OverError
        self.asked += 1

    def _report(self) -> None:
        """Find the non-dominated of what was seen, but for what was never right, asked nothing or is too dear.

        What is right by luck alone, as a look at half of a list is half of the time, is no decomposition of the
        problem: it is left out at no charge, so that it hides nothing that the rival has found besides.
        """
        affordable = [(g, a, c) for g, (a, c) in self.seen.items() if a > 0 and 0 < c < self._judge.most]
        worth = [point for point in affordable if self._judge.right(point[0])]
        points = front(worth)
        now = [genome for genome, *_ in points]
        if now != self._reported:
            self._reported = now
            if self._judge.share_of([(a, c) for _, a, c in points]) >= PROMISING:
                self.share = self._judge.share(now)

    def end(self) -> None:
        """Judge what is reported in the end."""
        self.share = self._judge.share(self._reported)
