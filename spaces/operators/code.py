"""code: run a registered pure function, where the user allows code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from undercut.spaces.estimate import CostWalk, Estimate
from undercut.spaces.extent import Extent, of_size, total
from undercut.spaces.genome import Node
from undercut.spaces.operators.base import Form, Gene, Operator, Scope
from undercut.spaces.question import ModelWalk
from undercut.spaces.types import Type


class Code(Operator):
    """Run a function of the toolbox on the node's inputs: free of passes.

    Gene: `function`, its name.
    """

    name = "code"
    summary = "run a registered pure function (with --allow-code)"

    def forms(self, target: Type, scope: Scope) -> Iterator[Form]:
        """One form for each function that gives the target."""
        for function in scope.toolbox.functions.values():
            if function.output == target:
                yield Form(self.name, function.inputs, genes=(Gene("function", (function.name,)),))

    async def run(self, node: Node, inputs: Sequence[Any], execution: ModelWalk) -> Any:
        """Run the function."""
        return execution.toolbox.functions[str(node.genes["function"])].run(*inputs)

    def cost(self, node: Node, inputs: Sequence[Extent], estimator: CostWalk) -> Estimate:
        """Nothing: only work of the model is counted."""
        function = estimator.toolbox.functions[str(node.genes["function"])]
        sizes = [total(extent) for extent in inputs]
        shares = () if function.shares is None else function.shares(*sizes)
        return Estimate(of_size(function.law(*sizes), function.output), shares=shares)
