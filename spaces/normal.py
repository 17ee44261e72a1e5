"""Normal form: genomes that do the same become the same genome, so that none is tried twice under another name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from undercut.spaces.genome import CALL_DEFAULTS, Expression, GeneValue, Genome, Input, Node, substituted

SAMPLING = ("vote", "retry", "select", "loop")
"""Operators that take further samples of their body; elsewhere only the first sample is ever asked for."""


def normal(genome: Genome, temperature: float = 0.0) -> Genome:
    """The genome that does the same with nothing idle in it.

    Votes of one, selections from one and single tries become their body; a split that is joined again at once goes; a
    call that is sampled only once is greedy (`temperature`) and has nothing to shuffle.
    """
    return _normal_body(genome, temperature, sampled=False)


def _normal_body(genome: Genome, temperature: float, *, sampled: bool) -> Genome:
    output = _normal(genome.output, temperature, sampled=sampled)
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


def _normal(expression: Expression, temperature: float, *, sampled: bool) -> Expression:
    if isinstance(expression, Input):
        return expression
    node = expression
    inputs = [_normal(source, temperature, sampled=sampled) for source in node.inputs]
    if node.op in SAMPLING and _single(node):
        return substituted(_normal(node.bodies[0].output, temperature, sampled=sampled), inputs)
    inner = sampled or node.op in SAMPLING
    bodies = [_normal_body(body, temperature, sampled=inner) for body in node.bodies]
    genes = node.genes
    if node.op == "call" and not sampled:
        genes = {**genes, "temperature": temperature, "shuffle": False}
    source = inputs[0] if inputs else None
    if node.op == "join" and isinstance(source, Node) and source.op == "split" and not source.genes.get("overlap"):
        return source.inputs[0]
    return _rebuilt(node, inputs, genes, bodies)


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
