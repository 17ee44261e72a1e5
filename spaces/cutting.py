"""Cutting up all lists at once: a node is applied to every combination of pieces, and its results are combined."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from undercut.spaces.genome import Expression, GeneValue, Genome, Input, Node
from undercut.spaces.operators.base import Form
from undercut.spaces.space import Place, Space, Want, assemble
from undercut.spaces.types import ListOf
from undercut.spaces.variation import replaced, room_at

LEVEL = 3
"""Nodes that cutting up one list takes at the least: split, map and join."""
STRIDE = 4
"""Of the sizes and numbers of pieces that genes propose, every fourth one is tried; the others are a turn away."""


def cut_up(space: Space, genome: Genome) -> Iterator[Genome]:
    """The genome with a node that reads several lists asked about every combination of their pieces instead.

    What is done to one list is done to the others: all are cut into pieces of one size, or into as many. To cut up only
    one of them may be worse than to cut up none, as that makes more calls, and hardly easier ones; then no smaller step
    leads here. Not every genome given need be legal: bodies cannot be handed just any inputs.

    Source: Bird 1987, An Introduction to the Theory of Lists: homomorphisms, here of each of several lists.
    """
    places = space.places(genome)
    kinds = {place.path: place.want.target for place in places}
    for place in places:
        node = place.expression
        if isinstance(node, Node):
            inputs = [kinds[*place.path, slot] for slot in range(len(node.inputs))]
            lists = [slot for slot, kind in enumerate(inputs) if isinstance(kind, ListOf)]
            need = Genome(node).size + LEVEL * len(lists)
            if len(lists) > 1 and need <= room_at(space, genome, place):
                for genes in _pieces(space, Want(ListOf(inputs[lists[0]]), place.want.inputs)):
                    for combined in _combined(space, place):
                        yield replaced(genome, place, _each(node, node.inputs, lists, genes, combined))


def _each(
    node: Node, given: Sequence[Expression], lists: Sequence[int], genes: Mapping[str, GeneValue], combined: Node
) -> Node:
    """The node on what is `given`, applied to every combination of pieces of the inputs at the positions `lists`."""
    if not lists:
        return Node(node.op, given, node.genes, node.bodies)
    cut, *rest = lists
    shared = [slot for slot in range(len(given)) if slot != cut]
    inside = {slot: Input(index) for index, slot in enumerate([cut, *shared])}
    body = Genome(_each(node, [inside[slot] for slot in range(len(given))], rest, genes, combined))
    pieces = Node("split", [given[cut]], genes)
    results = Node("map", [pieces, *(given[slot] for slot in shared)], {}, [body])
    return Node(combined.op, [results], combined.genes, combined.bodies)


def _pieces(space: Space, want: Want) -> Iterator[Mapping[str, GeneValue]]:
    """Genes of the splits that are tried."""
    for form in space.forms(want):
        if form.op == "split":
            for value in form.genes[0].values[STRIDE - 1 :: STRIDE]:
                yield {**_first(form), form.genes[0].name: value}


def _combined(space: Space, place: Place) -> Iterator[Node]:
    """Ways to make one result of a list of them, x0: lists are joined, or a call or function makes one of every two."""
    target = place.want.target
    pair = (target, target)
    for form in space.forms(place.want):
        if form.op == "join":
            yield Node("join", [Input(0)])
        elif form.op == "reduce" and form.inputs == (ListOf(target),) and form.bodies[0].inputs == pair:
            for both in space.forms(Want(target, pair, work=True)):
                if both.inputs == pair and not both.bodies:
                    body = Genome(assemble(both, [Input(0), Input(1)], _first(both)))
                    yield Node("reduce", [Input(0)], _first(form), [body])


def _first(form: Form) -> dict[str, GeneValue]:
    return {gene.name: gene.values[0] for gene in form.genes}
