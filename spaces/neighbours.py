"""The neighbourhood of a genome: all that is one step away, in a fixed order, for searches that try every step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from undercut.spaces.cutting import cut_up
from undercut.spaces.errors import GenomeError
from undercut.spaces.genome import Expression, GeneValue, Genome, Input, Node, inputs_read, substituted, with_calls
from undercut.spaces.operators.base import Form, Gene
from undercut.spaces.space import Place, Space, Want, assemble, slots
from undercut.spaces.types import empty_of
from undercut.spaces.variation import hoisted, lifting_forms, replaced, turned

STATE, CHUNK = 0, 1
"""The inputs of a fold's body: what is carried, and the items of the step."""


def neighbours(space: Space, genome: Genome) -> Iterator[Genome]:
    """Every genome of the space one step away.

    A gene is turned; an operator is cut out, put around a part, moved from around the whole to around each piece, or
    exchanged for another that has a use for the same parts; a fold is made a tree of pieces or the other way round;
    the lists that a part reads are cut up, all of them at once.
    """
    for step in (turned, hoisted, _opened, _lifted, _shifted, _reformed, _regrouped, _cut_up):
        yield from (near for near in step(space, genome) if near.size <= space.max_size)


def _opened(space: Space, genome: Genome) -> Iterator[Genome]:
    """A part of a body in the place of its operator: what was done to each piece is done to the whole."""
    places = space.places(genome)
    at = {place.path: place for place in places}
    for inner in places:
        for cut in range(len(inner.path)):
            outer = at[inner.path[:cut]]
            node, inputs = outer.expression, inner.want.inputs
            assert isinstance(node, Node)
            same = outer.want.target == inner.want.target
            if same and isinstance(inner.expression, Node) and inputs != outer.want.inputs:
                given = {at[*outer.path, slot].want.target: source for slot, source in enumerate(node.inputs)}
                read = inputs_read(inner.expression)
                if all(inputs[index] in given for index in read):
                    made = substituted(inner.expression, {index: given[inputs[index]] for index in read})
                    if _legal(space, opened := replaced(genome, outer, made)):
                        yield opened


def _lifted(space: Space, genome: Genome) -> Iterator[Genome]:
    """A node made the body of an operator that needs nothing else; what is sampled is sampled warm."""
    places = space.places(genome)
    for place in places:
        if isinstance(place.expression, Node):
            for form, given in lifting_forms(space, genome, places, place):
                if len(given) == len(form.inputs) + len(form.bodies):
                    parts = [given[slot] for slot in range(len(given))]
                    warmest = max(space.toolbox.temperatures)
                    bodies = [with_calls(part, "temperature", warmest) for part in parts[len(form.inputs) :]]
                    for genes in _genes(form, {}):
                        yield replaced(genome, place, assemble(form, parts, genes))
                        yield replaced(genome, place, assemble(form, parts[: len(form.inputs)] + bodies, genes))


def _shifted(space: Space, genome: Genome) -> Iterator[Genome]:
    """An operator from around the whole to around each piece, or from there to the whole.

    The operator has a body that reads and gives the same as itself, as a guard has; it moves to a part, inside or
    outside of it, that reads and gives the same as well.
    """
    places = space.places(genome)
    for around in places:
        node = around.expression
        if isinstance(node, Node) and node.inputs == tuple(Input(index) for index in range(len(around.want.inputs))):
            for core in places:
                at = core.path[-1] - len(node.inputs) if core.path and core.path[:-1] == around.path else -1
                if at >= 0 and around.want.takes(core.expression, core.want):
                    yield from _around_others(space, replaced(genome, around, core.expression), around, at, core.want)


def _around_others(space: Space, genome: Genome, around: Place, at: int, want: Want) -> Iterator[Genome]:
    """A node put around all places above and below its own where it fits, with what stands there for its body."""
    node = around.expression
    assert isinstance(node, Node)
    for place in space.places(genome):
        shorter, longer = sorted((place.path, around.path), key=len)
        nested = shorter != longer and longer[: len(shorter)] == shorter
        if nested and want.takes(place.expression, place.want) and place.want.takes(node, around.want):
            bodies = [*node.bodies[:at], Genome(place.expression), *node.bodies[at + 1 :]]
            yield replaced(genome, place, Node(node.op, node.inputs, node.genes, bodies))


def _reformed(space: Space, genome: Genome) -> Iterator[Genome]:
    """Another operator, or another form of the same one, that has a use for every part of a node.

    Another primitive is asked of any model: what one of them does well is not what another does.
    """
    places = space.places(genome)
    for place in places:
        node = place.expression
        if isinstance(node, Node):
            parts = [other for other in places if other.path and other.path[:-1] == place.path]
            for form in space.forms(place.want):
                if len(form.inputs) + len(form.bodies) == len(parts) and space.misfit(node, form):
                    wants = slots(form, place.want)
                    if all(want.takes(part.expression, part.want) for want, part in zip(wants, parts, strict=True)):
                        kept = {name: value for name, value in node.genes.items() if name != "model"}
                        for genes in _genes(form, kept):
                            yield replaced(genome, place, assemble(form, [part.expression for part in parts], genes))


def _genes(form: Form, known: Mapping[str, GeneValue]) -> Iterator[dict[str, GeneValue]]:
    """Genes of a form: those that are known, the least of a number, every value of a choice."""

    def values(gene: Gene) -> Sequence[GeneValue]:
        if gene.name in known and gene.fault(known[gene.name]) is None:
            return (known[gene.name],)
        return gene.values[:1] if gene.ordered else gene.values

    for chosen in product(*map(values, form.genes)):
        yield dict(zip((gene.name for gene in form.genes), chosen, strict=True))


def _regrouped(space: Space, genome: Genome) -> Iterator[Genome]:
    """A fold that joins its state with what it makes of each chunk, as pieces that are joined pairwise; or the reverse.

    Source: Bird 1987, An Introduction to the Theory of Lists, the homomorphism lemmas.
    """
    for place in space.places(genome):
        if isinstance(place.expression, Node):
            other = _in_pieces(place.expression) or _in_turn(place)
            if other is not None and _legal(space, made := replaced(genome, place, other)):
                yield made


def _cut_up(space: Space, genome: Genome) -> Iterator[Genome]:
    """What is asked about several lists is asked about every combination of their pieces."""
    yield from (made for made in cut_up(space, genome) if _legal(space, made))


def _legal(space: Space, genome: Genome) -> bool:
    try:
        space.validate(genome)
    except GenomeError:
        return False
    return True


def _in_pieces(fold: Node) -> Node | None:
    """split, map and reduce for a fold whose body joins the state with something that is made without it."""
    if fold.op != "fold" or fold.genes["start"] == "input" or not isinstance(body := fold.bodies[0].output, Node):
        return None
    made = [source for source in body.inputs if source != Input(STATE)]
    if len(body.inputs) != 2 or len(made) != 1 or STATE in inputs_read(made[0]):
        return None
    items, *shared = fold.inputs
    pieces: Expression = Node("split", [items], {"size": fold.genes["size"], "overlap": 0})
    if made[0] != Input(CHUNK):
        pieces = Node("map", [pieces, *shared], {}, [Genome(_moved(made[0], -1))])
    pair = [Input(0) if source == Input(STATE) else Input(1) for source in body.inputs]
    joined = Genome(Node(body.op, pair, body.genes, body.bodies))
    return Node("reduce", [pieces], {"arity": 2, "shape": "tree"}, [joined])


def _in_turn(place: Place) -> Node | None:
    """A fold for the reduction of pieces, which joins each of them as soon as it is made."""
    reduce, start = place.expression, place.want.target
    if not isinstance(reduce, Node) or reduce.op != "reduce" or reduce.genes["arity"] != 2 or len(reduce.inputs) != 1:
        return None
    pieces, joined = reduce.inputs[0], reduce.bodies[0].output
    made: Expression = Input(CHUNK)
    shared: Sequence[Expression] = ()
    if isinstance(pieces, Node) and pieces.op == "map":
        made = _moved(pieces.bodies[0].output, 1)
        pieces, *shared = pieces.inputs
    if not isinstance(pieces, Node) or pieces.op != "split" or pieces.genes.get("overlap") != 0:
        return None
    if empty_of(start) is None or set(joined.inputs if isinstance(joined, Node) else ()) != {Input(0), Input(1)}:
        return None
    body = Genome(substituted(joined, {0: Input(STATE), 1: made}))
    return Node("fold", [*pieces.inputs, *shared], {"size": pieces.genes["size"], "start": str(start)}, [body])


def _moved(expression: Expression, by: int) -> Expression:
    """The same, reading inputs so many places further on."""
    return substituted(expression, {index: Input(index + by) for index in inputs_read(expression)})
