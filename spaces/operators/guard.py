"""guard: do it only if it is needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from undercut.spaces.estimate import CostWalk, Estimate, one_of
from undercut.spaces.extent import Extent
from undercut.spaces.genome import Node
from undercut.spaces.operators.base import Form, Operator, Scope, Signature
from undercut.spaces.question import ModelWalk
from undercut.spaces.types import NEED, Type


class Guard(Operator):
    """Ask whether the first input needs work, and hand it on as it is where it does not.

    The first body says whether it does, the second does the work; both see all inputs. Where the first input is an
    answer that was made of the others, and the second body asks a dearer model for it, this is a cascade. It has no
    genes.

    Source: Meyerson & Qiu 2025 (arXiv 2502.04358), Sec. 3.2; Chen et al. 2023 (arXiv 2305.05176) for cascades.
    """

    name = "guard"
    summary = "do it only if it is needed, or else hand the input on"

    def forms(self, target: Type, scope: Scope) -> Iterator[Form]:
        """Anything that there is one of already, where something tells whether work is needed."""
        known = scope.contexts(target)
        for context in known:
            if context[:1] == (target,):
                for needed in scope.asking(NEED, context):
                    yield Form(self.name, context, (needed, Signature(context, target)))
        # One that was made on the way, beside what it was made from: a cascade.
        for context in ((target, *given) for given in known):
            needed = Signature(context, NEED)
            if context not in known and needed in scope.asking(NEED, context):
                yield Form(self.name, context, (needed, Signature(context, target)))

    async def run(self, node: Node, inputs: Sequence[Any], execution: ModelWalk) -> Any:
        """Ask, and work where the answer is yes."""
        needed, work = node.bodies
        return await execution.apply(work, inputs) if await execution.apply(needed, inputs) else inputs[0]

    def cost(self, node: Node, inputs: Sequence[Extent], estimator: CostWalk) -> Estimate:
        """The question, and the work as often as the answer is yes."""
        needed, work = node.bodies
        asked = estimator.apply(needed, inputs)
        no, yes = asked.chances(2)
        return asked.then(one_of([(Estimate(inputs[0]), no), (estimator.apply(work, inputs), yes)]))
