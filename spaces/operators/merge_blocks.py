"""merge_blocks: merge two sorted lists a block at a time, so that no call grows with the lists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from undercut.spaces.estimate import CostWalk, Estimate, accumulate
from undercut.spaces.extent import Extent, Runs, between, joined, length, runs, settled
from undercut.spaces.genome import LARGEST, Node
from undercut.spaces.operators.base import SIZES, Form, Operator, Scope, Signature, numbers, whole_gene
from undercut.spaces.question import ModelWalk
from undercut.spaces.types import Atom, ListOf, Type


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
        """A list of atoms, from two of its kind: lists of lists have no order to merge by."""
        if isinstance(target, ListOf) and isinstance(target.item, Atom):
            body = Signature((target, target), target)
            yield Form(self.name, (target, target), (body,), (numbers("block", SIZES, 1, LARGEST),))

    async def run(self, node: Node, inputs: Sequence[Any], execution: ModelWalk) -> Any:
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

    def cost(self, node: Node, inputs: Sequence[Extent], estimator: CostWalk) -> Estimate:
        """One body for the two first blocks, and one for the carry and each further block.

        With a body that merges, the carry stays one block and all is exact; with one that loses items, in which order
        the last blocks come depends on the values, and full blocks are taken to come first.
        """
        block, body = whole_gene(node, "block"), node.bodies[0]
        sides = [settled(runs(side)) for side in inputs]
        sizes = [int(length(side)) for side in sides]
        both = joined([*sides[0], *sides[1]])
        if min(sizes) == 0:
            return Estimate(both)
        item = both[0][0]
        done = estimator.apply(body, tuple(((item, min(size, block)),) for size in sizes))
        final, carry = _cut(done.extent, block)
        full = sum(max(0, size // block - 1) for size in sizes)
        for size, count in [(block, full), *((size % block, 1) for size in sizes if size > block and size % block)]:

            def step(carry: Extent, piece: Extent = ((item, size),)) -> Estimate:
                made = estimator.apply(body, (carry, piece))
                return made._replace(extent=_cut(made.extent, block)[1])

            done = done.then(accumulate(step, carry, count))
            if count:
                each, _ = _cut(estimator.apply(body, (carry, ((item, size),))).extent, block)
                final += each * count
                carry = runs(done.extent)
        final += length(carry)
        return done._replace(extent=both if final == sum(sizes) else joined([(item, final)]))


def _cut(merged: Extent, block: int) -> tuple[float, Runs]:
    """How many items of a merged list are final, and the carry."""
    items = settled(runs(merged))
    final = max(0, length(items) - block)
    return final, between(items, final, block)
