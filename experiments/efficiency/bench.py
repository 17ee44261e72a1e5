"""How a searcher without our forecast tries a candidate: on every problem of a set, each call paid for."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from world import Outcome, World

from undercut.evaluators.task import Instance, Task
from undercut.search.checks import beyond
from undercut.search.rehearse import rehearse
from undercut.spaces.genome import Genome
from undercut.spaces.normal import normal


@dataclass(frozen=True, slots=True)
class Tried:
    """A candidate as it was seen: share of the problems that came out right in [0, 1], mean tokens of a run."""

    genome: Genome
    accuracy: float
    cost: float


WORST = (0.0, 20.0)
"""Accuracy and log cost of what was not worth a trial."""


def worth(tried: Tried | None) -> tuple[float, float]:
    """Accuracy and log cost, as optimisers are told; a run without a call costs as little as can be told."""
    return WORST if tried is None else (tried.accuracy, math.log(max(1.0, tried.cost)))


class SpentError(Exception):
    """All calls that there were have been made."""


def checks_of(task: Task, sizes: Sequence[int], seed: int) -> list[Instance]:
    """Problems for rehearsals: as a search takes them, one of them beyond the largest size."""
    return [problem for size in (*sizes, beyond(sizes[-1])) for problem in task.instances(size, 1, "search", seed)]


class Bench:
    """Tries genomes on a fixed set of problems, as they come: whatever a genome asks is paid for.

    Nothing is lent: a genome that is wrong by construction costs the calls that it makes, and so does one that asks
    far more than it is worth. Only the very same genome is not run on the same problem twice.

    Args:
        world: the task, and the model that answers.
        problems: a candidate is tried on all of them.
        seed: another seed has other errors.
        most_calls: there are no more.

    Attributes:
        calls: calls so far.
        tokens: tokens in and out so far.
    """

    def __init__(self, world: World, problems: Sequence[Instance], seed: int, most_calls: int) -> None:
        self.calls = self.tokens = 0
        self.problems = list(problems)
        self._world = world
        self._seed = seed
        self._most_calls = most_calls
        self._known: dict[tuple[Genome, int], Outcome] = {}

    def tried(self, genome: Genome) -> Tried | None:
        """What trying a genome on all problems shows; None where it is not tried.

        Raises:
            SpentError: the calls have come to their end within it.
        """
        found = self.runs(genome, range(len(self.problems)))
        many = len(found)
        return Tried(genome, sum(one.score for one in found) / many, sum(one.tokens for one in found) / many)

    def runs(self, genome: Genome, places: Sequence[int]) -> list[Outcome]:
        """What some of the problems show.

        Raises:
            SpentError: the calls have come to their end within it.
        """
        new = [place for place in places if (genome, place) not in self._known]
        tags = [f"bench/{self._seed}/{genome.key}/{place}" for place in new]
        problems = [(self.problems[place].inputs, self.problems[place].target) for place in new]
        self._known |= {
            (genome, place): one
            for place, one in zip(new, self._world.runs(genome, problems, tags, self._pay), strict=True)
        }
        return [self._known[genome, place] for place in places]

    def _pay(self, tokens: int) -> None:
        if self.calls >= self._most_calls:
            raise SpentError
        self.calls += 1
        self.tokens += tokens


class LentBench(Bench):
    """A bench that lends what is ours, at no charge, so that fewer calls are spent on it.

    The rehearsal, which tells what is wrong by construction; a limit on the declared cost; the memory of what was
    tried, by normal form.

    Args:
        checks: problems for the rehearsal.
        affordable: whether a genome is cheap enough to be tried.
    """

    def __init__(
        self,
        world: World,
        problems: Sequence[Instance],
        seed: int,
        most_calls: int,
        checks: Sequence[Instance],
        affordable: Callable[[Genome], bool],
    ) -> None:
        super().__init__(world, problems, seed, most_calls)
        self._checks = list(checks)
        self._affordable = affordable
        self._worth: dict[Genome, bool] = {}

    def tried(self, genome: Genome) -> Tried | None:
        """As plainly, in normal form; None for one that is wrong by construction or too dear."""
        genome = normal(genome)
        if genome not in self._worth:
            right = rehearse(genome, self._checks, self._world.task, self._world.toolbox).right
            self._worth[genome] = bool(right) and self._affordable(genome)
        return super().tried(genome) if self._worth[genome] else None
