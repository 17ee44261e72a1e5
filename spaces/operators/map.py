"""map: apply a body to every item of a list, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from undercut.spaces.estimate import CostWalk, Estimate
from undercut.spaces.extent import Extent, runs
from undercut.spaces.genome import Node
from undercut.spaces.operators.base import Form, Operator, Scope, Signature
from undercut.spaces.question import ModelWalk, unflagged
from undercut.spaces.types import ListOf, Type


class Map(Operator):
    """Apply the body to every item, with the node's further inputs handed to each. It has no genes."""

    name = "map"
    summary = "apply a body to every item of a list, side by side"

    def forms(self, target: Type, scope: Scope) -> Iterator[Form]:
        """A list of anything, from a list of anything."""
        if isinstance(target, ListOf):
            for kind in scope.toolbox.types:
                for shared in scope.shared():
                    yield Form(self.name, (ListOf(kind), *shared), (Signature((kind, *shared), target.item),))

    def handed(self, node: Node) -> Sequence[int]:
        """The item."""
        return (0,)

    async def run(self, node: Node, inputs: Sequence[Any], execution: ModelWalk) -> Any:
        """Apply the body to all items at once."""
        items, *shared = inputs
        jobs = [(node.bodies[0], (item, *shared), execution.sample) for item in items]
        return unflagged(await execution.parallel(jobs))

    def cost(self, node: Node, inputs: Sequence[Extent], estimator: CostWalk) -> Estimate:
        """The body's cost for every item; the critical path is that of the longest."""
        jobs = [((item, *inputs[1:]), count) for item, count in runs(inputs[0])]
        return estimator.parallel(node.bodies[0], jobs)[1]
