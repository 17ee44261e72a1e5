"""split: cut a list into chunks, windows or parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from undercut.spaces.estimate import CostWalk, Estimate
from undercut.spaces.extent import Extent, grouped, parted, runs, settled, windowed
from undercut.spaces.genome import LARGEST, Node
from undercut.spaces.operators.base import SIZES, Form, Operator, Scope, numbers, whole_gene
from undercut.spaces.question import ModelWalk
from undercut.spaces.types import ListOf, Type


class Split(Operator):
    """Cut a list into consecutive pieces.

    Genes, one of two sets: `size`, items a chunk, and `overlap`, items that neighbours share (windows); or `parts`,
    the number of pieces (2: halves), of equal size to within one item.
    """

    name = "split"
    summary = "cut a list into chunks of a size, windows with overlap, or a number of parts"

    def forms(self, target: Type, scope: Scope) -> Iterator[Form]:
        """Chunks and parts, for a target that is a list of lists."""
        if isinstance(target, ListOf) and isinstance(target.item, ListOf):
            overlap = numbers("overlap", scope.toolbox.overlaps, 0, LARGEST)
            yield Form(self.name, (target.item,), genes=(numbers("size", SIZES, 1, LARGEST), overlap))
            yield Form(self.name, (target.item,), genes=(numbers("parts", (2, 3, 4, 8), 2, LARGEST),))

    async def run(self, node: Node, inputs: Sequence[Any], execution: ModelWalk) -> Any:
        """Cut."""
        items = inputs[0]
        if "parts" in node.genes:
            return parts(items, whole_gene(node, "parts"))
        return windows(items, whole_gene(node, "size"), whole_gene(node, "overlap"))

    def cost(self, node: Node, inputs: Sequence[Extent], estimator: CostWalk) -> Estimate:
        """Nothing; what matters is how large the pieces are."""
        items = settled(runs(inputs[0]))
        if "parts" not in node.genes:
            size, step = whole_gene(node, "size"), _step(node)
            return Estimate(grouped(items, size) if step == size else windowed(items, size, step))
        return Estimate(parted(items, whole_gene(node, "parts")))


def parts(items: list[Any], count: int) -> list[list[Any]]:
    """At most `count` consecutive pieces, equal to within one item, the larger ones first; none is empty."""
    count = min(count, max(1, len(items)))
    small, larger = divmod(len(items), count)
    ends = [(index + 1) * small + min(index + 1, larger) for index in range(count)]
    return [items[start:end] for start, end in zip([0, *ends], ends, strict=False) if end > start]


def windows(items: list[Any], size: int, overlap: int) -> list[list[Any]]:
    """Consecutive windows of `size` items, each sharing up to `overlap` with the one before; the last ends the list."""
    step = max(1, size - overlap)
    return [
        items[start : start + size] for start in range(0, max(len(items) - (size - step), min(1, len(items))), step)
    ]


def _step(node: Node) -> int:
    return max(1, whole_gene(node, "size") - whole_gene(node, "overlap"))
