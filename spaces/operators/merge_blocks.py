"""merge_blocks: merge two sorted lists a block at a time, so that no call grows with the lists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from undercut.spaces.extent import Extent, joined, length, runs
from undercut.spaces.genome import Node
from undercut.spaces.operators.base import SIZES, Form, Operator, Scope, Signature, numbers, whole_gene
from undercut.spaces.types import ListOf, Type

if TYPE_CHECKING:
    from undercut.spaces.estimate import Estimate, Estimator
    from undercut.spaces.execution import Execution

LARGEST = 1 << 20


class MergeBlocks(Operator):
    """Merge two sorted lists with a body that merges at most twice `block` items.

    The `block` largest items so far are carried. The next block comes from the list whose last loaded block ends
    lower; the body merges it with the carry; all but the largest `block` items are final. Which list ends lower is
    read off the carry itself (its last item is the end of the other one), so no comparison is asked of the model, and
    the sizes of all calls follow from the lengths of the lists alone.

    Gene: `block`.

    Source: the vectorised merge of AA-sort (Inoue et al. 2007, PACT), with a model call in place of the network.
    """

    name = "merge_blocks"
    summary = "merge two sorted lists a block at a time, carrying the larger half"

    def forms(self, target: Type, scope: Scope) -> Iterator[Form]:
        """A list, from two of its kind."""
        if isinstance(target, ListOf):
            body = Signature((target, target), target)
            yield Form(self.name, (target, target), (body,), (numbers("block", SIZES, 1, LARGEST),))

    async def run(self, node: Node, inputs: Sequence[Any], execution: Execution) -> Any:
        """Merge block by block."""
        block = whole_gene(node, "block")
        left, right = ([side[i : i + block] for i in range(0, len(side), block)] for side in inputs)
        if not left or not right:
            return [item for side in (left, right) for piece in side for item in piece]
        carry = await execution.apply(node.bodies[0], (left[0], right[0]))
        done: list[Any] = []
        i = j = 1
        while i < len(left) or j < len(right):
            settled = max(0, len(carry) - block)
            done += carry[:settled]
            carry = carry[settled:]
            right_is_next = i == len(left) or (j < len(right) and carry[-1:] == left[i - 1][-1:])
            piece = right[j] if right_is_next else left[i]
            i, j = (i, j + 1) if right_is_next else (i + 1, j)
            carry = await execution.apply(node.bodies[0], (carry, piece))
        return done + carry

    def cost(self, node: Node, inputs: Sequence[Extent], estimator: Estimator) -> Estimate:
        """One body for the two first blocks, and one for the carry and each further block."""
        from undercut.spaces.estimate import Estimate

        block = whole_gene(node, "block")
        whole = joined([*runs(inputs[0]), *runs(inputs[1])])
        sizes = [length(side) for side in inputs]
        if min(sizes) <= 0:
            return Estimate(whole)
        item = whole[0][0]
        done = estimator.apply(node.bodies[0], tuple(((item, min(size, block)),) for size in sizes))
        carry = ((item, block),)
        full = sum(max(0, size // block - 1) for size in sizes)
        for size, count in [(block, full), *((size % block, 1) for size in sizes if size > block)]:
            if size > 0 and count > 0:
                one = estimator.apply(node.bodies[0], (carry, ((item, size),)))
                done = done.then(
                    Estimate(whole, one.cost * count, one.log_right * count, one.log_valid * count),
                )
        return done._replace(extent=whole)
