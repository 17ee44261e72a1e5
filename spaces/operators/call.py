"""call: ask the model for one primitive."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

from undercut.spaces.estimate import CostWalk, Estimate, log
from undercut.spaces.extent import Extent, of_size, total
from undercut.spaces.genome import Node
from undercut.spaces.operators.base import Form, Gene, Operator, Scope, numbers, whole_gene
from undercut.spaces.primitive import Primitive
from undercut.spaces.question import ModelWalk, Question
from undercut.spaces.types import Type

LARGEST_CAP = 1 << 20


class Call(Operator):
    """Ask the model for one primitive on the node's inputs.

    Genes: `primitive`; `model`, a position in the run's models; `prompt`, the variant; `temperature`; `cap`, the most
    tokens of an answer (0: what the model's door thinks fit); `shuffle`, whether further samples of this call see
    their order-free inputs in another order, which makes their errors less alike.
    """

    name = "call"
    summary = "ask the model for one primitive"

    def forms(self, target: Type, scope: Scope) -> Iterator[Form]:
        """One form for each primitive that gives the target."""
        tools = scope.toolbox
        for primitive in tools.primitives.values():
            if primitive.output == target:
                yield Form(
                    self.name,
                    primitive.inputs,
                    genes=(
                        Gene("primitive", (primitive.name,)),
                        Gene("model", tuple(range(len(tools.models)))),
                        Gene("prompt", tuple(range(len(primitive.prompts)))),
                        Gene("temperature", tools.temperatures, ordered=True),
                        numbers("cap", (0,), 0, LARGEST_CAP),
                        Gene("shuffle", (False, True) if primitive.permutable() else (False,)),
                    ),
                )

    async def run(self, node: Node, inputs: Sequence[Any], execution: ModelWalk) -> Any:
        """Ask; a sample beyond the first sees shuffled inputs where the gene says so."""
        primitive = execution.toolbox.primitives[str(node.genes["primitive"])]
        sample = _without_trailing_zeros(execution.sample)
        shuffle = bool(node.genes.get("shuffle"))
        if sample and shuffle:
            inputs = shuffled(primitive, inputs, sample)
        return await execution.ask(
            Question(
                primitive,
                tuple(inputs),
                whole_gene(node, "prompt"),
                whole_gene(node, "model"),
                float(node.genes["temperature"]),
                whole_gene(node, "cap"),
                sample,
                shuffle,
            )
        )

    def cost(self, node: Node, inputs: Sequence[Extent], estimator: CostWalk) -> Estimate:
        """One call, at the rates of its primitive."""
        primitive = estimator.toolbox.primitives[str(node.genes["primitive"])]
        sizes = [total(extent) for extent in inputs]
        extent = of_size(primitive.answer_size(*sizes), primitive.output)
        rates = estimator.rates.call(node, primitive, sizes)
        cost = rates.cost
        if estimator.ends and rates.refusal is not None:
            cost = rates.cost * rates.valid + rates.refusal * (1 - rates.valid)
        shares = estimator.rates.shares(node, primitive, sizes) if primitive.options else ()
        return Estimate(extent, cost, log(rates.right), log(rates.valid), shares=shares)


def shuffled(primitive: Primitive, inputs: Sequence[Any], sample: tuple[int, ...]) -> list[Any]:
    """The inputs, with those whose order does not matter in an order that depends on the sample alone."""
    generator = random.Random(repr(sample))
    values = list(inputs)
    for position in primitive.symmetric:
        if isinstance(values[position], list):
            values[position] = generator.sample(values[position], len(values[position]))
    return values


def _without_trailing_zeros(sample: tuple[int, ...]) -> tuple[int, ...]:
    while sample and sample[-1] == 0:
        sample = sample[:-1]
    return sample
