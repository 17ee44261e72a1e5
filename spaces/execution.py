"""The walk with a model: a genome at work on values."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from itertools import islice
from typing import Any

from undercut.spaces.errors import InvalidAnswer
from undercut.spaces.genome import Genome, Node
from undercut.spaces.operators import OPERATORS
from undercut.spaces.question import Ask, Job, Question
from undercut.spaces.toolbox import Toolbox
from undercut.spaces.workers import makespan, share

WINDOW = 1024
"""Most bodies of one node under way at once, so that a map over a million chunks needs little memory."""


class Execution:
    """One genome, or one body, at work.

    `depth` counts the forward passes on the critical path so far: work in parallel counts its longest branch, or the
    rounds that it takes `workers` at a time (see `workers.py`).
    With `concurrent=False` branches run one after another and nothing is ever awaited but `ask`, so that a walk
    over answers that are there at once needs no event loop (see `run_now`).
    """

    __slots__ = ("_ask", "concurrent", "depth", "sample", "toolbox", "workers")

    def __init__(
        self,
        ask: Ask,
        toolbox: Toolbox,
        sample: tuple[int, ...] = (),
        concurrent: bool = True,
        workers: int | None = None,
    ) -> None:
        self._ask = ask
        self.toolbox = toolbox
        self.sample = sample
        self.concurrent = concurrent
        self.workers = workers
        self.depth = 0.0

    def _child(self, sample: tuple[int, ...], beside: int = 1) -> Execution:
        """For one of `beside` pieces of work that run at the same time."""
        return Execution(self._ask, self.toolbox, sample, self.concurrent, share(self.workers, beside))

    async def ask(self, question: Question) -> Any:
        """Ask the model.

        Raises:
            InvalidAnswer: the answer raised a red flag.
            ModelError: no answer could be had.
        """
        answer = await self._ask(question)
        self.depth += answer.passes
        if answer.flag is not None:
            raise answer.flag
        return answer.value

    async def apply(self, genome: Genome, inputs: Sequence[Any], sample: tuple[int, ...] | None = None) -> Any:
        """Run a genome on inputs, after what this execution did before.

        Raises:
            InvalidAnswer: an answer raised a red flag that no operator mended.
        """
        child = self._child(self.sample if sample is None else sample)
        try:
            return await child._walk(genome, inputs)
        finally:
            self.depth += child.depth

    async def parallel(self, jobs: Sequence[Job]) -> list[Any]:
        """Run genomes side by side; a result that raised a red flag is the `InvalidAnswer` itself, in its place."""
        children = [self._child(sample, len(jobs)) for _, _, sample in jobs]
        work = (child._caught(genome, inputs) for child, (genome, inputs, _) in zip(children, jobs, strict=True))
        results: list[Any] = []
        while len(results) < len(jobs):
            results += await self._together(islice(work, WINDOW))
        self.depth += makespan(((child.depth, 1) for child in children), self.workers)
        return results

    async def _together(self, work: Iterable[Coroutine[Any, Any, Any]]) -> list[Any]:
        """Await all; one after another, each made only when its turn comes, where nothing may be concurrent."""
        if self.concurrent:
            return await asyncio.gather(*work)
        return [await one for one in work]

    async def _caught(self, genome: Genome, inputs: Sequence[Any]) -> Any:
        try:
            return await self._walk(genome, inputs)
        except InvalidAnswer as flag:
            return flag

    async def _walk(self, genome: Genome, inputs: Sequence[Any]) -> Any:
        values: dict[str, Any] = {f"x{index}": value for index, value in enumerate(inputs)}
        finish: dict[str, float] = dict.fromkeys(values, 0.0)
        began = 0.0  # of the wave: without a limit on workers a node begins when its own inputs are there
        for wave in genome.waves:
            workers = [self._child(self.sample, len(wave)) for _ in wave]
            results = await self._together(w._node(node, values) for w, node in zip(workers, wave, strict=True))
            for worker, node, result in zip(workers, wave, results, strict=True):
                begin = max((finish[source.key] for source in node.inputs), default=0.0)
                finish[node.key] = begin + worker.depth
                values[node.key] = result
            if self.workers is not None:
                began += makespan(((worker.depth, 1) for worker in workers), self.workers)
                finish |= dict.fromkeys([node.key for node in wave], began)
            flag = next((result for result in results if isinstance(result, InvalidAnswer)), None)
            if flag is not None:
                self.depth += max(finish.values())
                raise flag
        self.depth += finish[genome.output.key]
        return values[genome.output.key]

    async def _node(self, node: Node, values: dict[str, Any]) -> Any:
        try:
            return await OPERATORS[node.op].run(node, [values[source.key] for source in node.inputs], self)
        except InvalidAnswer as flag:
            return flag


def run_now(work: Coroutine[Any, Any, Any]) -> Any:
    """Drive a coroutine that never waits to its end, without an event loop.

    Raises:
        RuntimeError: it waited for something.
    """
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    work.close()
    raise RuntimeError("run_now was given work that waits; run it in an event loop")
