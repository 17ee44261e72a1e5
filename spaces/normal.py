"""Normal form: genomes that do the same become the same genome, so that none is tried twice under another name."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from undercut.spaces.genome import CALL_DEFAULTS, Expression, GeneValue, Genome, Input, Node, substituted

SAMPLING = ("vote", "retry", "select", "loop")
"""Operators that take further samples of their body; elsewhere only the first sample is ever asked for."""

Most: TypeAlias = Sequence[float]
"""For each input of a body, the most items of the list that it is, if that never holds less than two; else infinity."""
UNKNOWN: Most = ()


def normal(genome: Genome, temperature: float = 0.0) -> Genome:
    """The genome that does the same with nothing idle in it.

    Votes of one, selections from one and single tries become their body, and so does a reduction of what another one
    combines at a time, where it takes that many at once; a split that is joined again at once goes; a call that is
    sampled only once is greedy (`temperature`) and has nothing to shuffle.
    """
    return _normal_body(genome, temperature, sampled=False)


def _normal_body(genome: Genome, temperature: float, *, sampled: bool, most: Most = UNKNOWN) -> Genome:
    output = _normal(genome.output, temperature, sampled=sampled, most=most)
    return genome if output is genome.output else Genome(output)


def resampled(genome: Genome) -> set[str]:
    """Names of the primitives that a genome may ask for further samples because an answer can be wrong.

    Retries without a check draw none for that reason: they ask again where there was no answer at all.
    """
    drawing = (node for node in genome.walk() if node.op in SAMPLING and (node.op != "retry" or len(node.bodies) > 1))
    bodies = (body for node in drawing for body in node.bodies)
    return {str(node.genes["primitive"]) for body in bodies for node in body.walk() if node.op == "call"}


def bare(genome: Genome) -> Genome:
    """What is left of a genome where every answer is right: further samples and the wording of calls change nothing.

    Votes and retries become their body; a retry with a check keeps two tries, of which it never needs the second.
    """
    output = _bare(genome.output)
    return genome if output is genome.output else Genome(output)


def _bare(expression: Expression) -> Expression:
    if isinstance(expression, Input):
        return expression
    node = expression
    inputs = [_bare(source) for source in node.inputs]
    if node.op in SAMPLING and len(node.bodies) == 1:
        return substituted(_bare(node.bodies[0].output), inputs)
    genes = node.genes
    if node.op == "call":
        genes = {**genes, **CALL_DEFAULTS}
    elif node.op == "retry":
        genes = {**genes, "tries": 2}
    return _rebuilt(node, inputs, genes, [bare(body) for body in node.bodies])


def _normal(expression: Expression, temperature: float, *, sampled: bool, most: Most) -> Expression:
    if isinstance(expression, Input):
        return expression
    node = expression
    inputs = [_normal(source, temperature, sampled=sampled, most=most) for source in node.inputs]
    if node.op in SAMPLING and _single(node):
        return _normal(substituted(node.bodies[0].output, inputs), temperature, sampled=sampled, most=most)
    known = [
        most[source.index] if isinstance(source, Input) and source.index < len(most) else math.inf for source in inputs
    ]
    whole = inputs == [*map(Input, range(len(most)))]  # else its body would stand where there are other inputs
    if node.op == "reduce" and known[0] <= int(node.genes["arity"]) and whole:
        return _normal(substituted(node.bodies[0].output, inputs), temperature, sampled=sampled, most=most)
    inner = sampled or node.op in SAMPLING
    bodies = [
        _normal_body(body, temperature, sampled=inner, most=each)
        for body, each in zip(node.bodies, _most_handed(node, known), strict=True)
    ]
    genes = node.genes
    if node.op == "call" and not sampled:
        genes = {**genes, "temperature": temperature, "shuffle": False}
    source = inputs[0] if inputs else None
    if node.op == "join" and isinstance(source, Node) and source.op == "split" and not source.genes.get("overlap"):
        return source.inputs[0]
    return _rebuilt(node, inputs, genes, bodies)


def _most_handed(node: Node, known: Most) -> list[Most]:
    """What is known in each body of a node, from what is known of its inputs."""
    if node.op in ("vote", "retry", "select"):  # a judge or a check is handed something else before the inputs
        core = node.bodies[0].output
        while isinstance(core, Node) and core.op == "reduce":
            core = core.bodies[0].output
        barred = isinstance(core, Node) and core.op in SAMPLING  # samples of samples: the reductions stay between them
        return [UNKNOWN if barred else known, *[UNKNOWN] * (len(node.bodies) - 1)]
    if node.op == "reduce" and int(node.genes["arity"]) > 2:  # never one alone
        return [[int(node.genes["arity"]), *known[1:]]]
    return [UNKNOWN] * len(node.bodies)


def _rebuilt(
    node: Node, inputs: Sequence[Expression], genes: Mapping[str, GeneValue], bodies: Sequence[Genome]
) -> Node:
    """A node with these parts: the node itself where they are its own, since to make its key takes most of the time."""
    parts = zip([*inputs, *bodies], [*node.inputs, *node.bodies], strict=True)
    same = genes == node.genes and all(now is before for now, before in parts)
    return node if same else Node(node.op, inputs, genes, bodies)


def _single(node: Node) -> bool:
    """Whether an operator takes one sample only, and gives it whatever a check says."""
    if node.op == "vote":
        return node.genes.get("votes", node.genes.get("lead")) == 1
    return node.genes.get("tries") == 1 or node.genes.get("candidates") == 1
