"""join: put the pieces of a list together again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from undercut.spaces.estimate import CostWalk, Estimate
from undercut.spaces.extent import Extent, joined, runs
from undercut.spaces.genome import Node
from undercut.spaces.operators.base import Form, Operator, Scope
from undercut.spaces.question import ModelWalk
from undercut.spaces.types import ListOf, Type


class Join(Operator):
    """Put lists one after another: what undoes a split. It has no genes and costs nothing."""

    name = "join"
    summary = "put the pieces of a list together again"

    def forms(self, target: Type, scope: Scope) -> Iterator[Form]:
        """A list, from a list of such lists."""
        if isinstance(target, ListOf):
            yield Form(self.name, (ListOf(target),))

    async def run(self, node: Node, inputs: Sequence[Any], execution: ModelWalk) -> Any:
        """Put together."""
        return [item for piece in inputs[0] for item in piece]

    def cost(self, node: Node, inputs: Sequence[Extent], estimator: CostWalk) -> Estimate:
        """Nothing."""
        pieces = [(item, each * count) for piece, count in runs(inputs[0]) for item, each in runs(piece)]
        return Estimate(joined(pieces))
