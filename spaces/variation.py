"""Typed variation: mutation and crossover that never leave the space.

Every change replaces what stands at one place by something of the same type that uses the same inputs.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from undercut.spaces.genome import Expression, Genome, Input, Node
from undercut.spaces.operators.base import Form, Gene, Signature
from undercut.spaces.space import Library, Place, Space, Want, slots

Mutation: TypeAlias = Callable[[Space, Genome, random.Random], Genome | None]
TRIES = 20


def mutate(space: Space, genome: Genome, generator: random.Random) -> Genome:
    """A genome near this one: a gene turned, a part regrown, wrapped or cut out.

    Any genome can be reached from any other: regrowing at the top gives every genome of the space a chance.
    """
    for _ in range(TRIES):
        changed = generator.choices(MUTATIONS, MUTATION_WEIGHTS)[0](space, genome, generator)
        if changed is not None and changed != genome and _fits(space, changed):
            return changed
    return space.sample(generator)


def crossover(space: Space, first: Genome, second: Genome, generator: random.Random) -> Genome:
    """The first genome, with a part of the second where both have one of the same kind."""
    theirs: dict[object, list[Place]] = {}
    for place in space.places(second):
        theirs.setdefault(place.want[:2], []).append(place)
    ours = [place for place in space.places(first) if place.want[:2] in theirs]
    for _ in range(TRIES):
        place = generator.choice(ours)
        other = generator.choice(theirs[place.want[:2]])
        child = replaced(first, place, other.expression)
        if place.want.takes(other.expression, other.want) and child not in (first, second) and _fits(space, child):
            return child
    return mutate(space, first, generator)


def rebuild(space: Space, genome: Genome, library: Library, generator: random.Random) -> Genome:
    """The genome with a part grown afresh around parts of the library."""
    for _ in range(TRIES):
        place = generator.choice(space.places(genome))
        changed = replaced(genome, place, space.grow(place.want, room_at(space, genome, place), generator, library))
        if changed != genome and _fits(space, changed):
            return changed
    return mutate(space, genome, generator)


def turned(space: Space, genome: Genome) -> Iterator[Genome]:
    """All genomes that differ in one gene, by one step where the gene is ordered."""
    for place in space.places(genome):
        if isinstance(place.expression, Node):
            for gene in _free_genes(space, place):
                for value in _near(gene, place.expression):
                    yield replaced(genome, place, _with_gene(place.expression, gene.name, value))


def _fits(space: Space, genome: Genome) -> bool:
    return genome.size <= space.max_size


def room_at(space: Space, genome: Genome, place: Place) -> int:
    """The most nodes that can stand at the place."""
    return space.max_size - genome.size + place.expression.size


def _turn(space: Space, genome: Genome, generator: random.Random) -> Genome | None:
    """Another value for one gene; an ordered one takes a small step half of the time."""
    turnable = [
        (place, place.expression, gene)
        for place in space.places(genome)
        if isinstance(place.expression, Node)
        for gene in _free_genes(space, place)
    ]
    if not turnable:
        return None
    place, node, gene = generator.choice(turnable)
    near = list(_near(gene, node))
    values = near if gene.ordered and near and generator.random() < 0.5 else list(gene.values)
    return replaced(genome, place, _with_gene(node, gene.name, generator.choice(values)))


def _regrow(space: Space, genome: Genome, generator: random.Random) -> Genome | None:
    """A fresh part at any place, the whole genome included."""
    place = generator.choice(space.places(genome))
    return replaced(genome, place, space.grow(place.want, room_at(space, genome, place), generator))


def _reform(space: Space, genome: Genome, generator: random.Random) -> Genome | None:
    """Another operator at a place, keeping the parts that fit it."""
    places = space.places(genome)
    place = generator.choice(places)
    if not isinstance(place.expression, Node):
        return None
    old = [other for other in places if other.path[:-1] == place.path and other.path]
    return _with_form(space, genome, place, old, generator)


def _wrap(space: Space, genome: Genome, generator: random.Random) -> Genome | None:
    """A new operator around a part: the part becomes its input or its body."""
    place = generator.choice(space.places(genome))
    return _with_form(space, genome, place, [place], generator)


def _with_form(
    space: Space, genome: Genome, place: Place, parts: Sequence[Place], generator: random.Random
) -> Genome | None:
    """A node at the place, of a form that has a use for the given parts."""
    room = room_at(space, genome, place)
    usable: list[tuple[Form, dict[int, Expression]]] = []
    for form in space.forms(place.want):
        given = {
            slot: part.expression
            for slot, want in enumerate(slots(form, place.want))
            for part in parts
            if want.takes(part.expression, part.want)
        }
        if given and space.need(form, place.want, given) <= room:
            usable.append((form, given))
    if not usable:
        return None
    operator = generator.choice(sorted({form.op for form, _ in usable}))
    form, given = generator.choice([choice for choice in usable if choice[0].op == operator])
    return replaced(genome, place, space.fill(form, place.want, room, generator, given))


def hoisted(space: Space, genome: Genome) -> Iterator[Genome]:
    """The genome with an operator cut out: a part of a part in its place, in every way."""
    for outer, inner in _cuts(space, genome):
        yield replaced(genome, outer, inner.expression)


def _cuts(space: Space, genome: Genome) -> list[tuple[Place, Place]]:
    """Places, each with one below it whose part would do there."""
    places = space.places(genome)
    return [
        (outer, inner)
        for outer in places
        if isinstance(outer.expression, Node)
        for inner in places
        if len(inner.path) > len(outer.path)
        and inner.path[: len(outer.path)] == outer.path
        and outer.want.takes(inner.expression, inner.want)
    ]


def _hoist(space: Space, genome: Genome, generator: random.Random) -> Genome | None:
    """An operator cut out."""
    pairs = _cuts(space, genome)
    if not pairs:
        return None
    outer, inner = generator.choice(pairs)
    return replaced(genome, outer, inner.expression)


def lifting_forms(
    space: Space, genome: Genome, places: Sequence[Place], place: Place
) -> list[tuple[Form, dict[int, Expression]]]:
    """Forms of operators that take the same inputs as the node at a place, with that node for their body.

    So the node is voted on, tried again, guarded or done by blocks. Where an operator has several such bodies, as a
    route has branches, the node becomes all of them.
    """
    node = place.expression
    assert isinstance(node, Node)
    parts = {part.path: part.want.target for part in places}
    inputs = tuple(parts[*place.path, slot] for slot in range(len(node.inputs)))
    body = Node(node.op, [Input(index) for index in range(len(inputs))], node.genes, node.bodies)
    wanted = Signature(inputs, place.want.target)
    usable = []
    for form in space.forms(place.want):
        bodies = [len(inputs) + at for at, signature in enumerate(form.bodies) if signature == wanted]
        if form.inputs == inputs and bodies:
            given = {**dict(enumerate(node.inputs)), **dict.fromkeys(bodies, body)}
            under = slots(form, place.want)[bodies[0]]
            fits = under.takes(body, Want(*under[:2]))
            if fits and space.need(form, place.want, given) <= room_at(space, genome, place):
                usable.append((form, given))
    return usable


def _lift(space: Space, genome: Genome, generator: random.Random) -> Genome | None:
    """A node made the body of an operator that takes the same inputs."""
    places = space.places(genome)
    place = generator.choice(places)
    usable = [] if isinstance(place.expression, Input) else lifting_forms(space, genome, places, place)
    if not usable:
        return None
    operator = generator.choice(sorted({form.op for form, _ in usable}))
    form, given = generator.choice([choice for choice in usable if choice[0].op == operator])
    return replaced(genome, place, space.fill(form, place.want, room_at(space, genome, place), generator, given))


MUTATIONS: tuple[Mutation, ...] = (_turn, _regrow, _reform, _wrap, _lift, _hoist)
MUTATION_WEIGHTS = (4, 2, 2, 3, 4, 1)


def _free_genes(space: Space, place: Place) -> list[Gene]:
    """The genes of a node that can be turned without changing what it is."""
    node = place.expression
    assert isinstance(node, Node)
    for form in space.forms(place.want):
        if form.op == node.op and space.misfit(node, form) is None:
            return [gene for gene in form.genes if len(gene.values) > 1]
    return []


def _near(gene: Gene, node: Node) -> Iterator[int | float | str | bool]:
    value = node.genes[gene.name]
    if not gene.ordered:
        yield from (other for other in gene.values if other != value)
        return
    below = [other for other in gene.values if other < value]  # type: ignore[operator]
    above = [other for other in gene.values if other > value]  # type: ignore[operator]
    yield from [*below[-1:], *above[:1]]


def _with_gene(node: Node, name: str, value: int | float | str | bool) -> Node:
    return Node(node.op, node.inputs, {**node.genes, name: value}, node.bodies)


def replaced(genome: Genome, place: Place, new: Expression) -> Genome:
    """The genome with `new` at the place."""
    return Genome(_put(genome.output, place.path, new))


def _put(expression: Expression, path: tuple[int, ...], new: Expression) -> Expression:
    if not path:
        return new
    assert isinstance(expression, Node)
    slot, rest, cut = path[0], path[1:], len(expression.inputs)
    inputs, bodies = list(expression.inputs), list(expression.bodies)
    if slot < cut:
        inputs[slot] = _put(inputs[slot], rest, new)
    else:
        bodies[slot - cut] = Genome(_put(bodies[slot - cut].output, rest, new))
    return Node(expression.op, inputs, expression.genes, bodies)
