"""How a searcher without our forecast tries a candidate: on every problem of a set, each call sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from metered import Metered

from undercut.evaluators.engine import default_cap, seed_of
from undercut.evaluators.models.base import Request
from undercut.evaluators.task import Instance, Task
from undercut.search.explore import beyond
from undercut.search.rehearse import rehearse
from undercut.spaces.errors import InvalidAnswer
from undercut.spaces.execution import Execution
from undercut.spaces.genome import Genome
from undercut.spaces.normal import normal
from undercut.spaces.question import Answer, Question


@dataclass(frozen=True, slots=True)
class Tried:
    """A candidate as it was seen: share of the problems that came out right in [0, 1], mean tokens of a run."""

    genome: Genome
    accuracy: float
    cost: float


def checks_of(task: Task, sizes: Sequence[int], seed: int) -> list[Instance]:
    """Problems for rehearsals: as a search takes them, one of them beyond the largest size."""
    return [problem for size in (*sizes, beyond(sizes[-1])) for problem in task.instances(size, 1, "search", seed)]


class Bench:
    """Tries genomes of one task on a fixed set of problems with one metered model.

    Lent to whoever uses it, at no charge: the rehearsal, which tells what is wrong by construction, a limit on the
    declared cost, and the memory of what was tried, by normal form. Whatever is tried sends all of its calls.

    Args:
        task: the task.
        model: counts what is sent.
        problems: a candidate is tried on all of them.
        checks: problems for the rehearsal.
        affordable: whether a genome is cheap enough to be tried.

    Attributes:
        distinct: digests of prompts with their samples: what a cache would have left to send.
    """

    def __init__(
        self,
        task: Task,
        model: Metered,
        problems: Sequence[Instance],
        checks: Sequence[Instance],
        affordable: Callable[[Genome], bool],
    ) -> None:
        self.model = model
        self.distinct: set[int] = set()
        self._task = task
        self._toolbox = task.toolbox([model.name])
        self._problems, self._checks = list(problems), list(checks)
        self._affordable = affordable
        self._known: dict[Genome, Tried | None] = {}

    def tried(self, genome: Genome) -> Tried | None:
        """What trying a genome shows; None for one that is wrong by construction or too dear."""
        genome = normal(genome)
        if genome not in self._known:
            right = rehearse(genome, self._checks, self._task, self._toolbox).right
            self._known[genome] = asyncio.run(self._runs(genome)) if right and self._affordable(genome) else None
        return self._known[genome]

    async def _runs(self, genome: Genome) -> Tried:
        before = self.model.tokens
        scores = await asyncio.gather(*(self._run(genome, problem) for problem in self._problems))
        many = len(self._problems)
        return Tried(genome, sum(scores) / many, (self.model.tokens - before) / many)

    async def _run(self, genome: Genome, problem: Instance) -> float:
        try:
            output = await Execution(self._ask, self._toolbox).apply(genome, problem.inputs)
        except InvalidAnswer:
            return 0.0
        return float(self._task.score(output, problem.target))

    async def _ask(self, question: Question) -> Answer:
        prompt = question.primitive.prompt(question.values, question.prompt)
        cap = question.cap or default_cap(question.primitive, question.primitive.sizes(question.values))
        self.distinct.add(hash((prompt, question.temperature, question.sample)))
        request = Request(prompt, question.temperature, cap, seed_of(prompt, question.sample), question)
        completion = await self.model.generate(request)
        try:
            if completion.finish == "length":
                raise InvalidAnswer("cut off")
            return Answer(question.primitive.read(completion.text, question.values))
        except InvalidAnswer as flag:
            return Answer(None, flag=flag)
