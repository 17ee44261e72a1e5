"""sort_by: an algorithm in code that asks for comparisons."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from undercut.spaces.comparisons import asking
from undercut.spaces.errors import InvalidAnswer
from undercut.spaces.estimate import CostWalk, Estimate, in_series
from undercut.spaces.extent import Extent, Runs, average, length, runs, whole
from undercut.spaces.genome import Node
from undercut.spaces.operators.base import Form, Gene, Operator, Scope, Signature, numbers, whole_gene
from undercut.spaces.question import Job, ModelWalk, unflagged
from undercut.spaces.sorting import ALGORITHMS
from undercut.spaces.types import TRUTH, ListOf, Type

LARGEST = 1024
"""Most items that one item is compared with in a call."""


class SortBy(Operator):
    """Sort a list in code, with a body that tells which of two items comes first.

    The body takes two items and says whether the first comes before the second; or, with the gene `batch`, an item and
    a list of at most so many others, and says for each of those whether it comes before the item. Comparisons are
    repeated by a vote in the body. Genes: `algorithm`, of which `quick` and `pairs` (all of them) have a use for a
    `batch`.

    Source: Wisznia et al. 2025 (arXiv 2505.24643), for algorithms over batches of comparisons.
    """

    name = "sort_by"
    summary = "sort in code by comparisons of the model (merge, quick, heap or all pairs)"

    def forms(self, target: Type, scope: Scope) -> Iterator[Form]:
        """A list of what something compares."""
        if not isinstance(target, ListOf):
            return
        item = target.item
        algorithm = Gene("algorithm", tuple(ALGORITHMS))
        batch = numbers("batch", (1, 2, 4, 8, 16, 32), 1, LARGEST)
        for tool in scope.toolbox.primitives.values():
            shared = tool.inputs[2:]
            if tool.output == TRUTH and tool.inputs[:2] == (item, item):
                yield Form(self.name, (target, *shared), (Signature(tool.inputs, TRUTH),), (algorithm,))
            if tool.output == ListOf(TRUTH) and tool.inputs[:2] == (item, target):
                body = Signature(tool.inputs, tool.output)
                yield Form(self.name, (target, *shared), (body,), (algorithm, batch))

    async def run(self, node: Node, inputs: Sequence[Any], execution: ModelWalk) -> Any:
        """Ask round by round."""
        items, *shared = inputs
        batch, body = _batch(node), node.bodies[0]
        steps = ALGORITHMS[str(node.genes["algorithm"])](items, batch)
        answers = None
        while True:
            try:
                asked = steps.send(answers)
            except StopIteration as done:
                return done.value
            if "batch" in node.genes:
                jobs: list[Job] = [(body, (item, others, *shared), execution.sample) for item, others in asked]
            else:
                jobs = [(body, (other, item, *shared), execution.sample) for item, (other,) in asked]
            said = unflagged(await execution.parallel(jobs))
            answers = said if "batch" in node.genes else [[answer] for answer in said]
            if any(len(answer) != len(others) for answer, (_, others) in zip(answers, asked, strict=True)):
                raise InvalidAnswer("each item of a batch must be compared, and some answer has another length")

    def cost(self, node: Node, inputs: Sequence[Extent], estimator: CostWalk) -> Estimate:
        """The comparisons as expected over all orders of the items, with answers that are right."""
        items, *shared = inputs
        count = int(whole(length(items)))
        calls, rounds = asking(str(node.genes["algorithm"]), count, _batch(node))
        if not calls:
            return Estimate(items)
        item = average(runs(items))
        if "batch" in node.genes:
            jobs = [((item, ((item, size),), *shared), times) for size, times in calls]
        else:
            jobs = [((item, item, *shared), times) for _, times in calls]
        one_round = [(what, times / rounds if rounds > 1 else times) for what, times in jobs]
        each, made = estimator.parallel(node.bodies[0], one_round)
        if "batch" in node.genes and any(
            length(answer.extent) != size for (answer, _), (size, _) in zip(each, calls, strict=True)
        ):
            return Estimate(items, made.cost, -math.inf, -math.inf)
        return in_series([(made, rounds)], _alike(runs(items), item, count))


def _alike(items: Runs, item: Extent, count: int) -> Extent:
    """What is sorted may stand anywhere: items of different sizes are taken to be of the mean one."""
    return items if len(items) < 2 else ((item, count),)


def _batch(node: Node) -> int:
    return whole_gene(node, "batch") if "batch" in node.genes else 1
