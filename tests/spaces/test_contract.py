"""The contract of operators: what is declared is what happens. Every operator in the table passes it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import product
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from undercut.spaces.cost import NO_COST, Cost
from undercut.spaces.errors import GenomeError, InvalidAnswer
from undercut.spaces.estimate import Estimate
from undercut.spaces.estimator import Estimator
from undercut.spaces.execution import Execution, run_now
from undercut.spaces.extent import Extent, joined, length, runs
from undercut.spaces.genome import Expression, GeneValue, Genome, Node
from undercut.spaces.operators import OPERATORS
from undercut.spaces.operators.base import Form, Gene
from undercut.spaces.primitive import Primitive
from undercut.spaces.question import Answer, Question
from undercut.spaces.space import Place, Space
from undercut.spaces.types import NEED, NUMBER, SCORE, TRUTH, Atom, ListOf, Type, size_of

NAMES = ("sort", "sum", "count")
OWN = {"select": "decide", "route": "decide", "guard": "decide", "loop": "decide", "sort_by": "order"}
"""Operators for which a task has to have primitives that decide something, and a signature that has them."""
SIZES = (0, 1, 7, 33)
EACH = 12
MOST_TOKENS = 30_000
"""Genomes that would take more than this are not run."""

DECIDED: dict[Type, Any] = {TRUTH: True, SCORE: 1.0}

Pricing = Callable[[Primitive, int, float, float], Cost]
GROUPS = [(operator, name) for operator in OPERATORS for name in ([OWN[operator]] if operator in OWN else NAMES)]


class PerfectModel:
    """Answers every call as it should be, yes to every check, the last option to every choice, and adds up the cost."""

    def __init__(self, price: Pricing) -> None:
        self.price = price
        self.cost = NO_COST

    async def __call__(self, question: Question) -> Answer:
        primitive, values = question.primitive, question.values
        assert primitive.reference is not None
        value = DECIDED.get(primitive.output)
        if primitive.options:
            value = primitive.options - 1
        elif value is None:
            value = primitive.reference(*values)
        sizes = [size_of(each, kind) for each, kind in zip(values, primitive.inputs, strict=True)]
        answer = size_of(value, primitive.output)
        assert answer == primitive.answer_size(*sizes), f"the reference of {primitive.name} breaks its law"
        cost = self.price(primitive, question.prompt, sum(sizes), answer)
        self.cost += cost
        return Answer(value, cost.depth)


@pytest.fixture(scope="module")
def population(make_space: Callable[..., Space], make_rates: Any) -> Callable[[str, str], tuple[Space, list[Genome]]]:
    """Genomes of a signature that use an operator, and their space."""
    space_of = cache(lambda name, code: make_space(name, code=code))

    @cache
    def made(operator: str, name: str) -> tuple[Space, list[Genome]]:
        space = space_of(name, operator in ("code", "merge_blocks"))
        generator, found = random.Random(f"{operator} {name}"), dict[Genome, None]()
        while len(found) < EACH:
            genome = space.sample(generator)
            if any(node.op == operator for node in genome.walk()) and (
                len(found) < EACH // 3 or (merges(space, make_rates(), genome) and not data_dependent(space, genome))
            ):
                found[genome] = None
        return space, list(found)

    return made


def inputs_of(space: Space, size: int) -> list[Any]:
    generator = random.Random(size)
    return [
        generator.randrange(10) if kind == NUMBER else [generator.randrange(10) for _ in range(size)]
        for kind in space.signature.inputs
    ]


def data_dependent(space: Space, genome: Genome) -> bool:
    """Whether what it costs is settled by values, and not by sizes and answers of single calls alone.

    A sort of lists asks about each as often as the others' order has it, and they may be of different sizes.
    """
    return any(
        (node.op == "sort_by" and (node.genes["algorithm"] != "pairs" or isinstance(node.inputs[0], Node)))
        or (node.op in ("guard", "route") and getattr(node.bodies[0].output, "op", "") != "call")
        for node in genome.walk()
    ) or any(
        getattr(place.expression, "op", "") == "sort_by"
        and isinstance(place.want.target, ListOf)
        and isinstance(place.want.target.item, ListOf)
        for place in space.places(genome)
    )


def extent_of(value: Any, kind: Type) -> Extent:
    if isinstance(kind, Atom):
        return kind.size(value)
    return joined([(extent_of(item, kind.item), 1) for item in value])


def estimated(space: Space, rates: Any, genome: Genome, size: int, workers: int | None = None) -> Estimate:
    extents = [
        extent_of(value, kind) for value, kind in zip(inputs_of(space, size), space.signature.inputs, strict=True)
    ]
    return Estimator(rates, space.toolbox, workers).apply(genome, extents)


def merges(space: Space, rates: Any, genome: Genome) -> bool:
    """Whether every body that is to merge blocks gives as many items as it takes."""
    estimator = Estimator(rates, space.toolbox)
    for node in genome.walk():
        if node.op == "merge_blocks":
            try:
                both = estimator.apply(node.bodies[0], (((1, 3),), ((1, 5),)))
            except TypeError:  # its items are lists themselves
                return False
            if length(both.extent) != 8:
                return False
    return True


def has_type(value: Any, kind: Type) -> bool:
    if isinstance(kind, Atom):
        return type(value) in {TRUTH: (bool,), NEED: (bool, int), SCORE: (float,)}.get(kind, (int,))
    return isinstance(value, list) and all(has_type(item, kind.item) for item in value)


def equal(space: Space, genome: Genome, size: int, workers: int | None, make_rates: Any, price: Pricing) -> bool:
    """Assert that declared is measured; False where the two cannot be compared."""
    declared = estimated(space, make_rates(), genome, size, workers)
    if data_dependent(space, genome) or declared.cost.tokens > MOST_TOKENS or not merges(space, make_rates(), genome):
        return False
    model = PerfectModel(price)
    execution = Execution(model, space.toolbox, concurrent=False, workers=workers)
    try:
        value = run_now(execution.apply(genome, inputs_of(space, size)))
    except InvalidAnswer:
        assert declared.log_valid == float("-inf"), f"{genome} at {size} fails, and is not declared to"
        return False
    assert (declared.log_right, declared.log_valid) == (0, 0), f"{genome} at {size}"
    assert has_type(value, space.signature.output), f"{genome} at {size} gave {value!r}"
    assert declared.cost == model.cost.with_depth(execution.depth), f"{genome} at {size}"
    assert declared.extent == extent_of(value, space.signature.output), f"{genome} at {size}"
    return True


@pytest.mark.parametrize(("operator", "name"), GROUPS)
def test_declared_cost_is_measured_cost(
    operator: str, name: str, population: Any, make_rates: Any, price: Pricing
) -> None:
    space, genomes = population(operator, name)
    cases = product(genomes, SIZES, (None, 1, 3))
    assert sum(equal(space, *case, make_rates, price) for case in cases) > EACH


@settings(deadline=None, max_examples=200)  # a genome may be large, and the machine busy
@given(
    st.sampled_from((*NAMES, "decide", "order")),
    st.booleans(),
    st.integers(0, 2**64),
    st.integers(0, 40),
    st.none() | st.integers(1, 9),
)
@example("decide", False, 16204, 25, None)  # a sort of a list of 24 and one of 6, by comparisons that read one of them
def test_declared_cost_is_measured_cost_of_any_genome(
    make_space: Callable[..., Space],
    make_rates: Any,
    price: Pricing,
    name: str,
    code: bool,
    seed: int,
    size: int,
    workers: int | None,
) -> None:
    space = make_space(name, code=code)
    equal(space, space.sample(random.Random(seed)), size, workers, make_rates, price)


@pytest.mark.parametrize(("operator", "name"), GROUPS)
def test_every_part_gives_the_type_that_its_place_wants(
    operator: str, name: str, population: Any, price: Pricing
) -> None:
    space, genomes = population(operator, name)
    for genome in genomes:
        for place in space.places(genome):
            values = [value_of(kind) for kind in place.want.inputs]
            execution = Execution(PerfectModel(price), space.toolbox, concurrent=False)
            try:
                value = run_now(execution.apply(Genome(place.expression), values))
            except InvalidAnswer:
                continue
            assert has_type(value, place.want.target), f"{place.expression} of {genome} gave {value!r}"


def value_of(kind: Type) -> Any:
    if isinstance(kind, Atom):
        return {TRUTH: True, NEED: True, SCORE: 1.0, NUMBER: 3}.get(kind, 1)
    return [value_of(kind.item), value_of(kind.item)]


@pytest.mark.parametrize(("operator", "name"), GROUPS)
def test_json_round_trip(operator: str, name: str, population: Any) -> None:
    for genome in population(operator, name)[1]:
        again = Genome.from_json(genome.to_json())
        assert again == genome
        assert (again.key, again.to_json(), str(again)) == (genome.key, genome.to_json(), str(genome))


@pytest.mark.parametrize(("operator", "name"), GROUPS)
def test_gene_bounds_are_enforced(operator: str, name: str, population: Any) -> None:
    space, genomes = population(operator, name)
    tried = 0
    for genome in genomes[:4]:
        space.validate(genome)
        for place, node, form in nodes_of(space, genome, operator):
            for genes in wrong_genes(node, form):
                changed = Node(node.op, node.inputs, genes, node.bodies)
                others = [other for other in space.forms(place.want) if other.op == node.op]
                if any(space.misfit(changed, other) is None for other in others):
                    continue  # it fits another form
                with pytest.raises(GenomeError) as error:
                    space.validate(Genome(put(genome.output, place.path, changed)))
                assert str(error.value) and "\n" not in str(error.value)
                tried += 1
    assert tried > 3


def nodes_of(space: Space, genome: Genome, operator: str) -> Iterator[tuple[Place, Node, Form]]:
    for place in space.places(genome):
        node = place.expression
        if isinstance(node, Node) and node.op == operator:
            yield (
                place,
                node,
                next(f for f in space.forms(place.want) if f.op == operator and space.misfit(node, f) is None),
            )


def wrong_genes(node: Node, form: Form) -> Iterator[dict[str, GeneValue]]:
    yield {**node.genes, "colour": 1}
    for gene in form.genes:
        yield {name: value for name, value in node.genes.items() if name != gene.name}
        for value in wrong_values(gene):
            yield {**node.genes, gene.name: value}


def wrong_values(gene: Gene) -> list[GeneValue]:
    if gene.low is not None and gene.high is not None:
        return [gene.low - 1, gene.high + 1, "2", 2.5, True, float("nan")]
    return ["nonsense", -1, 1.5, 99]


def put(expression: Expression, path: Sequence[int], new: Expression) -> Expression:
    if not path:
        return new
    assert isinstance(expression, Node)
    parts = [*expression.inputs, *(body.output for body in expression.bodies)]
    parts[path[0]] = put(parts[path[0]], path[1:], new)
    cut = len(expression.inputs)
    return Node(expression.op, parts[:cut], expression.genes, [Genome(part) for part in parts[cut:]])


@pytest.mark.parametrize("size", [10**6, 2**20 - 1])
@pytest.mark.parametrize(("operator", "name"), GROUPS)
def test_the_walk_is_logarithmic(operator: str, name: str, size: int, population: Any, make_rates: Any) -> None:
    space, genomes = population(operator, name)
    for genome in genomes:
        rates = make_rates()
        extents: list[Extent] = [1 if kind == NUMBER else ((1, size),) for kind in space.signature.inputs]
        Estimator(rates, space.toolbox).apply(genome, extents)
        assert rates.asked <= 100 * genome.size * size.bit_length(), f"{genome} took {rates.asked}"


def test_runs_of_an_extent_are_few(make_space: Any, make_rates: Any) -> None:
    space = make_space("sort")
    chunks = Node("split", [], {"size": 7, "overlap": 0})
    made = OPERATORS["split"].cost(chunks, [((1, 10**9 + 3),)], Estimator(make_rates(), space.toolbox))
    assert len(runs(made.extent)) == 2
