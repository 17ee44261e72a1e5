"""The space: all that it gives is legal, it counts what it enumerates, and variation reaches all of it."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undercut.evaluators.tasks.builtin import TASKS
from undercut.evaluators.tasks.primitives import MERGE, SORT, SUM
from undercut.spaces.errors import GenomeError
from undercut.spaces.genome import Expression, Genome, Input, Node, call
from undercut.spaces.operators import OPERATORS
from undercut.spaces.operators.base import Signature
from undercut.spaces.space import Space, slots
from undercut.spaces.toolbox import Toolbox
from undercut.spaces.types import NUMBER, NUMBERS, TRUTH
from undercut.spaces.variation import crossover, mutate, turned

X, Y = Input(0), Input(1)
NAMES = ("sort", "sum", "count")
seeded = settings(max_examples=40, deadline=None, derandomize=True)


@pytest.fixture(scope="module")
def space(make_space: Callable[..., Space]) -> Callable[[str], Space]:
    @cache
    def made(name: str) -> Space:
        return make_space(name, code=name == "sum")

    return made


def small_space(operators: tuple[str, ...], max_size: int) -> Space:
    return Space(Signature((NUMBERS,), NUMBERS), Toolbox((SORT, MERGE), temperatures=(0.0,)), operators, max_size)


@seeded
@given(st.sampled_from(NAMES), st.integers(0, 10**6))
def test_samples_are_legal(space: Any, name: str, seed: int) -> None:
    here = space(name)
    genome = here.sample(random.Random(seed))
    here.validate(genome)
    assert genome.size <= here.max_size
    assert genome == here.sample(random.Random(seed))


@seeded
@given(st.sampled_from(NAMES), st.integers(0, 10**6))
def test_chains_of_mutations_are_legal(space: Any, name: str, seed: int) -> None:
    here, generator = space(name), random.Random(seed)
    genome = here.sample(generator)
    for _ in range(10):
        changed = mutate(here, genome, generator)
        here.validate(changed)
        assert changed != genome
        genome = changed


@seeded
@given(st.sampled_from(NAMES), st.integers(0, 10**6))
def test_crossings_are_legal(space: Any, name: str, seed: int) -> None:
    here, generator = space(name), random.Random(seed)
    first, second = here.sample(generator), here.sample(generator)
    here.validate(crossover(here, first, second, generator))
    here.validate(crossover(here, first, first, generator))


@seeded
@given(st.sampled_from(NAMES), st.integers(0, 10**6))
def test_turned_genomes_are_legal_and_differ_in_one_gene(space: Any, name: str, seed: int) -> None:
    here = space(name)
    genome = here.sample(random.Random(seed))
    for other in turned(here, genome):
        here.validate(other)
        assert other.size == genome.size
        assert differences(genome.output, other.output) == 1


def differences(first: Expression, second: Expression) -> int:
    """In how many genes two expressions of one structure differ."""
    if isinstance(first, Input) or isinstance(second, Input):
        assert first == second
        return 0
    assert first.op == second.op
    own = sum(value != second.genes[name] for name, value in first.genes.items())
    parts = [*zip(first.inputs, second.inputs, strict=True)]
    parts += [(a.output, b.output) for a, b in zip(first.bodies, second.bodies, strict=True)]
    return own + sum(differences(a, b) for a, b in parts)


def test_neighbours_of_an_ordered_gene_are_next_to_it() -> None:
    here = small_space(("call", "split", "map", "join"), 5)
    made = Node("map", [Node("split", [X], {"size": 8, "overlap": 0})], {}, [Genome(call("sort", X))])
    sizes = {
        node.genes["size"]
        for other in turned(here, Genome(Node("join", [made])))
        for node in other.nodes
        if node.op == "split"
    }
    assert sizes == {6, 8, 10}


SMALL = {
    "call": (("call",), 3),
    "vote": (("call", "vote"), 3),
    "reduce": (("call", "reduce"), 2),
    "merge_blocks": (("call", "merge_blocks"), 2),
    "split": (("call", "split", "map", "join"), 3),
    "all": (tuple(OPERATORS), 2),
}


@pytest.mark.parametrize("name", SMALL)
def test_as_many_are_enumerated_as_are_counted(name: str) -> None:
    operators, size = SMALL[name]
    here = small_space(operators, size)
    genomes = list(here.enumerate())
    assert len(genomes) == here.count()
    assert len({genome.key for genome in genomes}) == len(genomes)
    assert [genome.size for genome in genomes] == sorted(genome.size for genome in genomes)
    for genome in genomes[:: 1 + len(genomes) // 300]:
        here.validate(genome)


def test_counts_of_a_space_that_is_counted_by_hand() -> None:
    here = Space(Signature((NUMBERS,), NUMBERS), Toolbox((SORT, MERGE), temperatures=(0.0,)), ("call",), 3)
    sort, merge = 3 * 2, 3  # prompts, and whether to shuffle
    one = sort + merge
    two = sort * one + merge * 2 * one
    three = sort * two + merge * (2 * two + one * one)
    assert [here.count(size) for size in range(4)] == [0, one, one + two, one + two + three]


def test_enumeration_can_be_cut_short() -> None:
    here = small_space(tuple(OPERATORS), 6)
    assert [genome.key for genome in here.enumerate(limit=50)] == [g.key for g in list(here.enumerate(max_size=2))[:50]]


def test_samples_come_from_everywhere() -> None:
    here, generator = small_space(("call", "vote"), 2), random.Random(1)
    everything = {genome.key for genome in here.enumerate()}
    found: set[str] = set()
    for _ in range(200 * len(everything)):
        found.add(here.sample(generator).key)
        if found == everything:
            break
    assert found == everything


def test_mutation_reaches_every_genome_from_every_other() -> None:
    here = Space(Signature((NUMBERS,), NUMBER), Toolbox((SUM,), temperatures=(0.0,)), ("call", "vote"), 2)
    everything = {genome.key: genome for genome in here.enumerate()}
    assert len(everything) > 30
    for start in list(everything.values())[::12]:
        generator, at, found = random.Random(start.key), start, {start.key}
        for _ in range(300 * len(everything)):
            at = mutate(here, at, generator)
            found.add(at.key)
            if len(found) == len(everything):
                break
        assert found == set(everything)


def test_an_empty_space_says_so() -> None:
    here = Space(Signature((NUMBER,), TRUTH), Toolbox((SORT,)))
    assert here.count() == 0
    assert list(here.enumerate()) == []
    with pytest.raises(GenomeError, match="no genome of at most 10 nodes makes truth here"):
        here.sample(random.Random(0))


def test_unknown_operators_are_refused_at_once() -> None:
    with pytest.raises(GenomeError, match="'teleport' is not"):
        small_space(("call", "teleport"), 3)


def vote(**genes: int | str) -> Node:
    return Node("vote", [X], genes, [Genome(call("sort", X))])


WRONG: dict[str, tuple[Expression, str]] = {
    "unknown operator": (Node("teleport", [X]), "unknown operator 'teleport'; known here: call,"),
    "operator not allowed": (Node("retry", [X], {"tries": 3}, [Genome(call("sort", X))]), "unknown operator 'retry'"),
    "no work": (X, "only hands on x0"),
    "a body without work": (Node("vote", [X], {"rule": "ahead", "lead": 2}, [Genome(X)]), "only hands on x0"),
    "input that is not there": (call("sort", Y), "input x1 does not exist here; there are 1"),
    "type clash": (Node("map", [X], {}, [Genome(call("sort", X))]), "type clash: 'map' cannot give [number] here"),
    "type clash of an input": (call("merge", X, Node("split", [X], {"parts": 2})), "'split' cannot give [number]"),
    "gene out of bounds": (vote(rule="ahead", lead=0), "gene 'lead' must be a whole number from 1 to 1001, not 0"),
    "unknown choice": (vote(rule="loudest", lead=2), "gene 'rule' must be one of 'ahead', not 'loudest'"),
    "prompt that is not there": (call("sort", X, prompt=3), "gene 'prompt' must be one of 0, 1, 2, not 3"),
    "missing gene": (vote(rule="ahead"), "the genes of 'vote' must be"),
    "gene too many": (call("sort", X, colour=1), "the genes of 'call sort' must be"),
    "unknown primitive": (call("fly", X), "unknown primitive 'fly'; known here: sort, merge"),
    "wrong number of inputs": (call("sort", X, X), "'call sort' takes 1 inputs here, and has 2"),
    "wrong number of bodies": (Node("vote", [X], {"rule": "ahead", "lead": 2}), "takes 1 bodies here, and has 0"),
    "too large": (call("sort", call("sort", call("sort", call("sort", X)))), "at most 3 nodes, and this one has 4"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_not_legal_gets_one_sentence(name: str) -> None:
    here = small_space(("call", "vote", "split", "map"), 3)
    output, reason = WRONG[name]
    with pytest.raises(GenomeError) as error:
        here.validate(Genome(output))
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


def test_hand_written_calls_are_legal() -> None:
    small_space(("call",), 1).validate(Genome(call("sort", X)))


def test_a_value_within_bounds_that_search_does_not_propose_is_legal() -> None:
    small_space(("call", "vote"), 2).validate(Genome(vote(rule="majority", votes=13)))


def test_the_least_size_is_that_of_the_smallest_expressions() -> None:
    """`least` looks at sets of types alone; counting looks at everything."""
    for name in ("count", "lookup"):
        task = TASKS[name]
        space = Space(task.signature, task.toolbox(["m"], allow_code=True), max_size=4)
        space.least(space.want)
        wants = [*space.forms(space.want)[:6]]
        parts = {part for form in wants for part in slots(form, space.want)}
        for want in parts:
            sizes = [size for size in range(space.max_size + 1) if space._count(want, size)]
            assert space.least(want) == (sizes[0] if sizes else None)
