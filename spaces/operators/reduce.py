"""reduce: combine the items of a list into one, as a tree or as a chain."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from undercut.spaces.errors import InvalidAnswer
from undercut.spaces.estimate import CostWalk, Estimate, accumulate
from undercut.spaces.extent import Extent, Runs, grouped, joined, length, runs, settled
from undercut.spaces.genome import LARGEST, Node
from undercut.spaces.operators.base import Form, Gene, Operator, Scope, Signature, numbers, whole_gene
from undercut.spaces.question import ModelWalk, unflagged
from undercut.spaces.types import ListOf, Type


class Reduce(Operator):
    """Combine the items of a list, `arity` at a time, until one is left.

    Genes: `arity`; `shape`, `tree` (neighbours together, level by level) or `chain` (the first ones, then that with
    the next ones, and so on). With arity 2 the body takes two items, with a larger one a list of up to that many.
    """

    name = "reduce"
    summary = "combine the items of a list into one, as a tree or as a chain"

    def forms(self, target: Type, scope: Scope) -> Iterator[Form]:
        """Anything, from a list of it."""
        shape = Gene("shape", ("tree", "chain"))
        for shared in scope.shared():
            pair = Signature((target, target, *shared), target)
            several = Signature((ListOf(target), *shared), target)
            inputs = (ListOf(target), *shared)
            yield Form(self.name, inputs, (pair,), (numbers("arity", (2,), 2, 2), shape))
            yield Form(self.name, inputs, (several,), (numbers("arity", (3, 4, 6, 8, 12, 16), 3, LARGEST), shape))

    def handed(self, node: Node) -> Sequence[int]:
        """What is combined."""
        return (0, 1) if node.genes["arity"] == 2 else (0,)

    async def run(self, node: Node, inputs: Sequence[Any], execution: ModelWalk) -> Any:
        """Combine."""
        items, *shared = inputs
        arity = whole_gene(node, "arity")
        if not items:
            raise InvalidAnswer("there was nothing to combine")

        def operands(group: Sequence[Any]) -> tuple[Any, ...]:
            return (*group, *shared) if arity == 2 else (list(group), *shared)

        if node.genes["shape"] == "chain":
            state = items[0]
            for start in range(1, len(items), arity - 1):
                state = await execution.apply(node.bodies[0], operands([state, *items[start : start + arity - 1]]))
            return state
        level = list(items)
        while len(level) > 1:
            groups = [level[start : start + arity] for start in range(0, len(level), arity)]
            jobs = [(node.bodies[0], operands(group), execution.sample) for group in groups if len(group) > 1]
            level = [*unflagged(await execution.parallel(jobs)), *(group[0] for group in groups if len(group) == 1)]
        return level[0]

    def cost(self, node: Node, inputs: Sequence[Extent], estimator: CostWalk) -> Estimate:
        """The sum over the levels of the tree, or over the steps of the chain; there must be something to combine."""
        arity, shared = whole_gene(node, "arity"), inputs[1:]
        level = settled(runs(inputs[0]))
        if not level:
            return Estimate((), log_right=-math.inf, log_valid=-math.inf)

        def operands(group: Runs) -> tuple[Extent, ...]:
            items = (group,) if arity > 2 else (item for item, count in group for _ in range(int(count)))
            return (*items, *shared)

        if node.genes["shape"] == "chain":
            (first, count), *others = level
            done = Estimate(first)
            for following, times in grouped(joined([(first, count - 1), *others]), arity - 1):

                def step(state: Extent, following: Extent = following) -> Estimate:
                    return estimator.apply(node.bodies[0], operands(joined([(state, 1), *runs(following)])))

                done = done.then(accumulate(step, done.extent, int(times)))
            return done
        done = Estimate(level)
        while length(level) > 1:
            groups = [(runs(group), count) for group, count in grouped(level, arity)]
            jobs = [(operands(group), count) for group, count in groups if length(group) > 1]
            _, together = estimator.parallel(node.bodies[0], jobs)
            lone = [run for group, _ in groups if length(group) == 1 for run in group]
            level = joined([*runs(together.extent), *lone])
            done = done.then(together)
        return done._replace(extent=level[0][0])
