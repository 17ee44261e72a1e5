"""route: a selector reads a part of the input and picks who works on it, or on what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from undercut.spaces.errors import InvalidAnswer
from undercut.spaces.estimate import CostWalk, Estimate, one_of
from undercut.spaces.extent import Extent, between, parted, runs, settled
from undercut.spaces.genome import LARGEST, Genome, Node, with_calls
from undercut.spaces.operators.base import SIZES, Form, Gene, Operator, Scope, Signature, numbers, whole_gene
from undercut.spaces.operators.split import parts
from undercut.spaces.question import ModelWalk
from undercut.spaces.types import NEED, Atom, ListOf, Type

BRANCH, MODEL, PART = "branch", "model", "part"


class Route(Operator):
    """Ask a selector for one of some options, and do what it picks.

    The first body is the selector. It sees all inputs, of the first one perhaps only the first `read` items. Gene
    `pick`, what it picks: `branch`, which of the further bodies does the work; `model`, which model all calls of the
    second body go to, counted from the model `first` on; `part`, which of `parts` equal parts of the first input the
    second body sees.

    Genes: `pick`; `read`, where the first input is a list; `first` and `parts` as said.

    Source: Meyerson & Qiu 2025 (arXiv 2502.04358), Sec. 3.1.
    """

    name = "route"
    summary = "a selector reads a part of the input and picks the branch, the model or the part to work on"

    def forms(self, target: Type, scope: Scope) -> Iterator[Form]:
        """Anything, where something gives a choice."""
        for kind in scope.toolbox.types:
            if isinstance(kind, Atom) and kind.options > 1 and kind != NEED:
                for context in scope.contexts(target):
                    for selector in scope.asking(kind, context):
                        yield from self._forms(kind, selector, Signature(context, target), len(scope.toolbox.models))

    def _forms(self, kind: Atom, selector: Signature, body: Signature, models: int) -> Iterator[Form]:
        listed = isinstance(body.inputs[0], ListOf)
        ways: list[tuple[int, tuple[Gene, ...]]] = [(kind.options, (Gene("pick", (BRANCH,)),))]
        if models >= kind.options:
            spare = models - kind.options
            ways.append((1, (Gene("pick", (MODEL,)), numbers("first", range(spare + 1), 0, spare))))
        if listed:
            ways.append((1, (Gene("pick", (PART,)), Gene("parts", (kind.options,)))))
        for bodies, genes in ways:
            reads = (numbers("read", (*SIZES, LARGEST), 1, LARGEST),) * listed
            yield Form(self.name, body.inputs, (selector, *(body,) * bodies), (*genes, *reads))

    async def run(self, node: Node, inputs: Sequence[Any], execution: ModelWalk) -> Any:
        """Select, and do what was picked."""
        selector, *bodies = node.bodies
        first, *rest = inputs
        read = (first[: whole_gene(node, "read")], *rest) if "read" in node.genes else inputs
        choice = int(await execution.apply(selector, read))
        if node.genes["pick"] == PART:
            pieces = parts(first, whole_gene(node, "parts"))
            return await execution.apply(bodies[0], (_picked(pieces, choice), *rest))
        return await execution.apply(_picked(branches(node, len(execution.toolbox.models)), choice), inputs)

    def cost(self, node: Node, inputs: Sequence[Extent], estimator: CostWalk) -> Estimate:
        """The selector, and each way that it may pick, as often as it picks it."""
        first, *rest = inputs
        read = between(settled(runs(first)), 0, whole_gene(node, "read")) if "read" in node.genes else first
        selected = estimator.apply(node.bodies[0], (read, *rest))
        if node.genes["pick"] == PART:
            options = whole_gene(node, "parts")
            pieces = [piece for piece, count in parted(settled(runs(first)), options) for _ in range(int(count))]
            ways = [estimator.apply(node.bodies[1], (piece, *rest)) for piece in pieces]
        else:
            ways = [estimator.apply(body, inputs) for body in branches(node, len(estimator.toolbox.models))]
            options = len(ways)
        # A list may have fewer parts than there are options, and there may be more models.
        return selected.then(one_of(list(zip(ways, selected.chances(options), strict=False))))


def _picked(options: Sequence[Any], choice: int) -> Any:
    """The option of a position.

    Raises:
        InvalidAnswer: there is none there.
    """
    if not 0 <= choice < len(options):
        raise InvalidAnswer(f"a choice must be from 0 to {len(options) - 1}, and {choice} was picked")
    return options[choice]


def by_branches(node: Node, models: int) -> Node:
    """The same route with a branch for each model, where it picks a model."""
    genes = {**node.genes, "pick": BRANCH}
    genes.pop("first", None)
    return Node(node.op, node.inputs, genes, [node.bodies[0], *branches(node, models)])


def branches(node: Node, models: int) -> list[Genome]:
    """What a route chooses between where it picks a branch or a model: the same body on each of them, then."""
    if node.genes["pick"] == BRANCH:
        return list(node.bodies[1:])
    return [on_model(node.bodies[1], model) for model in range(whole_gene(node, "first"), models)]


@lru_cache(maxsize=1 << 12)
def on_model(body: Genome, model: int) -> Genome:
    """The body with all of its calls on one model."""
    return Genome(with_calls(body.output, "model", model))
