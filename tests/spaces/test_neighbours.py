"""One step away: what is named is legal, and the same each time; what ought to be one step away is."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undercut.evaluators.task import Task
from undercut.evaluators.tasks import TASKS
from undercut.evaluators.tasks.primitives import ADD
from undercut.search.rehearse import rehearse
from undercut.spaces.genome import Genome, Input, Node, call
from undercut.spaces.neighbours import neighbours
from undercut.spaces.normal import normal
from undercut.spaces.primitive import Primitive
from undercut.spaces.space import Space
from undercut.spaces.types import NEED, NUMBER, NUMBERS, Type

X0, X1 = Input(0), Input(1)
seeded = settings(max_examples=40, deadline=None, derandomize=True)


MERGING = call("merge", X0, X1).genes


def space_of(name: str, max_size: int = 7) -> Space:
    return Space(TASKS[name].signature, TASKS[name].toolbox(["m"]), max_size=max_size)


SPACES = {name: space_of(name) for name in ("sort", "sum", "count", "intersection")}


def fold(size: int, body: Node, *shared: Input) -> Genome:
    return Genome(Node("fold", [X0, *shared], {"size": size, "start": body_type(body)}, [Genome(body)]))


def body_type(body: Node) -> str:
    return "[number]" if body.genes["primitive"] == "merge" else "number"


def steps(name: str, genome: Genome) -> set[Genome]:
    return set(neighbours(SPACES[name], genome))


@seeded
@given(st.sampled_from(list(SPACES)), st.integers(0, 10**6))
def test_neighbours_are_legal_and_in_the_same_order_each_time(name: str, seed: int) -> None:
    genome = SPACES[name].sample(random.Random(seed))
    found = list(neighbours(SPACES[name], genome))
    assert found == list(neighbours(space_of(name), genome))
    for near in found:
        SPACES[name].validate(near)


FOLDS = {
    "sort": fold(4, call("merge", X0, call("sort", X1))),
    "sort, the other way round": fold(4, call("merge", call("sort", X1), X0)),
    "sum": fold(4, call("add", X0, call("sum", X1))),
    "count": fold(4, call("add", X0, call("count", X1, Input(2))), X1),
}


@pytest.mark.parametrize("name", FOLDS)
def test_a_fold_that_joins_is_one_step_from_a_tree_of_pieces_and_back(name: str) -> None:
    task, whole = TASKS[name.split(",")[0]], FOLDS[name]
    (tree,) = [near for near in steps(task.name, whole) if any(node.op == "split" for node in near.nodes)]
    assert [node.op for node in tree.nodes] == ["split", "map", "reduce"]
    assert tree.nodes[0].genes["size"] == 4
    problems = [problem for size in (3, 8, 21) for problem in task.instances(size, 2)]
    assert rehearse(tree, problems, task, task.toolbox(["m"])).right
    assert whole in steps(task.name, tree)


def test_a_fold_whose_step_needs_its_state_has_no_tree() -> None:
    genome = fold(4, call("merge", X0, call("merge", X0, X1)))
    assert not [near for near in steps("sort", genome) if near.output.op == "reduce"]  # type: ignore[union-attr]


def test_an_operator_is_put_around_a_call_and_cut_out_again() -> None:
    asked = Genome(call("sort", X0))
    for genes in ({"rule": "ahead", "lead": 2}, {"rule": "majority", "votes": 3}):
        voted = Genome(Node("vote", [X0], genes, [Genome(call("sort", X0, temperature=0.7))]))
        assert voted in steps("sort", asked)
        assert asked in set(map(normal, steps("sort", voted)))


def test_one_rule_of_voting_is_one_step_from_the_other() -> None:
    body = [Genome(call("sort", X0, temperature=0.7))]
    ahead, majority = (
        Genome(Node("vote", [X0], genes, body))
        for genes in ({"rule": "ahead", "lead": 2}, {"rule": "majority", "votes": 3})
    )
    assert ahead in steps("sort", majority) and majority in steps("sort", ahead)


def test_what_was_done_to_each_piece_is_done_to_the_whole() -> None:
    inner = fold(4, call("merge", X0, call("sort", X1)))
    outer = fold(32, Node("call", [X0, Node("fold", [X1], inner.output.genes, inner.output.bodies)], MERGING))  # type: ignore[union-attr]
    assert inner in steps("sort", outer)


def test_no_step_leads_out_of_the_room_there_is() -> None:
    small = space_of("sort", 3)
    genome = fold(4, call("merge", X0, call("sort", X1)))
    assert all(near.size <= 3 for near in neighbours(small, genome))


GUARDED = Task(
    "mended",
    (NUMBERS,),
    NUMBERS,
    (
        Primitive("look", (NUMBERS,), NEED, ("{0}",), law=lambda n: 1, reference=lambda n: n != sorted(n)),
        Primitive("mend", (NUMBERS,), NUMBERS, ("{0}",), law=lambda n: n, reference=sorted),
    ),
    lambda size, generator: (([0] * size,), [0] * size),
)


def each_block(inner: Node) -> Node:
    cut = Node("split", [X0], {"size": 4, "overlap": 0})
    return Node("join", [Node("map", [cut], {}, [Genome(inner)])], {})


def test_a_guard_around_all_blocks_is_one_step_from_a_guard_around_each() -> None:
    space = Space(GUARDED.signature, GUARDED.toolbox(["m"]), max_size=7)
    look, mend = Genome(call("look", X0)), call("mend", X0)

    def guarded(work: Node) -> Node:
        return Node("guard", [X0], {}, [look, Genome(work)])

    whole, each = Genome(guarded(each_block(mend))), Genome(each_block(guarded(mend)))
    space.validate(whole)
    assert each in set(neighbours(space, whole))
    assert whole in set(neighbours(space, each))


def tree_of(piece: Node) -> Node:
    pieces = Node("map", [Node("split", [X0], {"size": 4, "overlap": 0})], {}, [Genome(piece)])
    merged = Genome(call("merge", X0, X1, temperature=0.7))
    return Node("reduce", [pieces], {"arity": 2, "shape": "tree"}, [merged])


def test_what_is_moved_never_comes_to_stand_where_it_is_barred() -> None:
    """A vote goes from the pieces to the whole and back, and not to where a retry would be right under it."""
    asked = call("sort", X0, temperature=0.7)
    lead: dict[str, int | str] = {"rule": "ahead", "lead": 2}
    inside = Genome(tree_of(Node("vote", [X0], lead, [Genome(asked)])))
    around = Genome(Node("vote", [X0], lead, [Genome(tree_of(asked))]))
    assert around in steps("sort", inside) and inside in steps("sort", around)
    retried = Genome(tree_of(Node("retry", [X0], {"tries": 2}, [Genome(asked)])))
    for near in steps("sort", Genome(Node("vote", [X0], lead, [retried]))):
        SPACES["sort"].validate(near)


def common(left: list[int], right: list[int], least: int) -> int:
    return sum(number in right for number in left if number >= least)


def two_lists(size: int, generator: random.Random) -> tuple[tuple[list[int], list[int], int], int]:
    left, right = (generator.sample(range(100), size) for _ in range(2))
    return (left, right, 50), common(left, right, 50)


COMMON = Task(
    "common",
    (NUMBERS, NUMBERS, NUMBER),
    NUMBER,
    (
        Primitive(
            "common", (NUMBERS, NUMBERS, NUMBER), NUMBER, ("{0} {1} {2}",), law=lambda a, b, c: 1, reference=common
        ),
        ADD,
    ),
    two_lists,
)


def every_pair(asked: Node, genes: dict[str, int], together: Node) -> Genome:
    """What is asked about each piece of the first list with each of the second, and put together twice."""
    rest = [Input(index) for index in range(2, len(asked.inputs))]

    def over(inner: Node, first: Input, other: Input) -> Node:
        pieces = Node("map", [Node("split", [first], genes), other, *rest], {}, [Genome(inner)])
        return Node(together.op, [pieces], together.genes, together.bodies)

    swapped = Node(asked.op, [X1, X0, *rest], asked.genes, asked.bodies)  # in the inner body x0 is the second's piece
    return Genome(over(over(swapped, X1, X0), X0, X1))


JOIN = Node("join", [X0])
ADDED = Node("reduce", [X0], {"arity": 2, "shape": "tree"}, [Genome(call("add", X0, X1))])


@pytest.mark.parametrize("genes", [{"size": 4, "overlap": 0}, {"parts": 8}])
@pytest.mark.parametrize(("name", "together"), [("intersection", JOIN), ("common", ADDED)])
def test_what_is_asked_about_two_lists_is_one_step_from_asking_about_all_pairs_of_pieces(
    name: str, together: Node, genes: dict[str, int]
) -> None:
    task = {**TASKS, "common": COMMON}[name]
    space = Space(task.signature, task.toolbox(["m"]), max_size=9)
    asked = call(task.primitives[0].name, *map(Input, range(len(task.inputs))))
    cut = every_pair(asked, genes, together)
    assert cut in set(neighbours(space, Genome(asked)))
    problems = [problem for size in (3, 8, 21) for problem in task.instances(size, 2)]
    assert rehearse(cut, problems, task, space.toolbox).right


def test_votes_on_two_lists_go_with_what_is_asked_about_the_pieces() -> None:
    space, genes = space_of("intersection", 9), {"size": 12, "overlap": 0}
    voted = Node("vote", [X0, X1], {"rule": "ahead", "lead": 2}, [Genome(call("intersect", X0, X1, temperature=0.7))])
    assert every_pair(voted, genes, JOIN) in set(neighbours(space, Genome(voted)))


@seeded
@given(st.sampled_from([2, 3]), st.integers(1, 20))
def test_all_lists_are_cut_up_where_there_is_room(lists: int, room: int) -> None:
    """Three as well: bodies of a task of three inputs are handed all that there is."""
    kinds: tuple[Type, ...] = (NUMBERS,) * lists
    asked = Primitive("asked", kinds, NUMBERS, ("{0}",), law=lambda *sizes: sizes[0], reference=lambda *given: given[0])
    task = Task("asked", kinds, NUMBERS, (asked,), lambda size, generator: (([0] * size,) * lists, [0] * size))
    space = Space(task.signature, task.toolbox(["m"]), max_size=room)
    whole = Genome(call("asked", *map(Input, range(lists))))
    near = [made for made in neighbours(space, whole) if any(node.op == "split" for node in made.walk())]
    assert bool(near) == (room >= 1 + 3 * lists)
    for made in near:
        space.validate(made)
        assert sum(node.op == "split" for node in made.walk()) == lists
