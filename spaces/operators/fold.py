"""fold: read a list a few items at a time, carrying a state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from undercut.spaces.errors import GenomeError
from undercut.spaces.estimate import CostWalk, Estimate, accumulate
from undercut.spaces.extent import Extent, grouped, of_size, runs, settled
from undercut.spaces.genome import LARGEST, Node
from undercut.spaces.operators.base import SIZES, Form, Gene, Operator, Scope, Signature, numbers, whole_gene
from undercut.spaces.question import ModelWalk
from undercut.spaces.toolbox import Toolbox
from undercut.spaces.types import ListOf, Type, empty_of, innermost, size_of

GIVEN = "input"


class Fold(Operator):
    """Carry a state through a list, `size` items a step: `state = body(state, items, …)`.

    Genes: `size`; `start`, the state to begin with: `input` where the node's second input is the state, or else the
    name of the state's type, whose empty value it is then.
    """

    name = "fold"
    summary = "read a list some items at a time, carrying a state"

    def forms(self, target: Type, scope: Scope) -> Iterator[Form]:
        """Anything that can be a state, from a list of anything."""
        starts = [Gene("start", (GIVEN,))]
        if empty_of(target) is not None:
            starts.append(Gene("start", (str(target),)))
        size = numbers("size", SIZES, 1, LARGEST)
        for kind in dict.fromkeys((*scope.toolbox.types, *scope.task)):
            if not isinstance(kind, ListOf):
                continue
            for shared in scope.shared():
                step = (Signature((target, kind, *shared), target),)
                for start in starts:
                    given = (target,) if start.values == (GIVEN,) else ()
                    yield Form(self.name, (kind, *given, *shared), step, (size, start))

    def handed(self, node: Node) -> Sequence[int]:
        """The state and the items of the step."""
        return (0, 1)

    async def run(self, node: Node, inputs: Sequence[Any], execution: ModelWalk) -> Any:
        """Step through the list."""
        items, *rest = inputs
        state, shared = beginning(node, rest, execution.toolbox)
        size = whole_gene(node, "size")
        for start in range(0, len(items), size):
            state = await execution.apply(node.bodies[0], (state, items[start : start + size], *shared))
        return state

    def cost(self, node: Node, inputs: Sequence[Extent], estimator: CostWalk) -> Estimate:
        """The sum over the steps; a growing state makes later steps dearer."""
        items, *rest = inputs
        state: Extent
        if node.genes["start"] == GIVEN:
            state, shared = rest[0], rest[1:]
        else:
            kind = _state(node, estimator.toolbox)
            state, shared = of_size(size_of(empty_of(kind), kind), kind), rest
        done = Estimate(state)
        for chunk, count in grouped(settled(runs(items)), whole_gene(node, "size")):

            def step(state: Extent, chunk: Extent = chunk) -> Estimate:
                return estimator.apply(node.bodies[0], (state, chunk, *shared))

            done = done.then(accumulate(step, done.extent, int(count)))
        return done


def beginning(node: Node, rest: Sequence[Any], toolbox: Toolbox) -> tuple[Any, Sequence[Any]]:
    """The state that a fold begins with, and what it hands to every step, from its inputs after the list.

    Raises:
        GenomeError: it starts from nothing of a type that the toolbox does not know.
    """
    if node.genes["start"] == GIVEN:
        return rest[0], rest[1:]
    return empty_of(_state(node, toolbox)), rest


def _state(node: Node, toolbox: Toolbox) -> Type:
    """The type of the state of a fold that starts from nothing.

    Raises:
        GenomeError: the toolbox does not know it.
    """
    name = str(node.genes["start"])
    atoms = {str(kind): kind for kind in map(innermost, toolbox.types)}
    if name.strip("[]") not in atoms:
        raise GenomeError(
            f"a fold starts from {GIVEN!r} or the name of a type, not {name!r}; known: {', '.join(atoms)}"
        )
    kind: Type = atoms[name.strip("[]")]
    for _ in range(name.count("[")):
        kind = ListOf(kind)
    return kind
