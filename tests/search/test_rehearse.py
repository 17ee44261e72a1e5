"""Rehearsals: right or wrong by the references alone."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from undercut.evaluators.task import Task
from undercut.evaluators.tasks import TASKS
from undercut.evaluators.tasks.primitives import MERGE, SORT
from undercut.search.rehearse import CALLS_PER_ITEM, MOST_CALLS, rehearse, spoiling
from undercut.spaces.genome import Genome, Input, Node, call
from undercut.spaces.primitive import Primitive
from undercut.spaces.types import NUMBERS

TASK = TASKS["sort"]
INSTANCES = [instance for size in (1, 2, 8, 16) for instance in TASK.instances(size, 1)]
X0, X1 = Input(0), Input(1)
PIECES = Node("split", [X0], {"size": 4, "overlap": 0})
SORTED_PIECES = Node("map", [PIECES], {}, [Genome(call("sort", X0))])
TREE = Node("reduce", [SORTED_PIECES], {"arity": 2, "shape": "tree"}, [Genome(call("merge", X0, X1))])


def right(output: Node, task: Task = TASK) -> bool | None:
    return rehearse(Genome(output), INSTANCES, task, task.toolbox(["m"])).right


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (call("sort", X0), True),
        (TREE, True),
        (Node("vote", [X0], {"rule": "majority", "votes": 3}, [Genome(call("sort", X0))]), True),
        (Node("join", [SORTED_PIECES]), False),
        (call("merge", X0, X0), False),
        (Node("retry", [X0], {"tries": 2}, [Genome(call("sort", X0)), Genome(call("check", X0))]), True),
        # Its check looks at the unsorted list, so that it refuses every answer.
        (Node("retry", [X0], {"tries": 2}, [Genome(call("sort", X0)), Genome(call("check", X1))]), False),
        (call("merge", call("sort", X0), call("sort", X0)), False),
        # Right in the end, and yet merging what is not sorted: no call of it could be judged.
        (call("sort", Node("fold", [X0], {"size": 4, "start": "[number]"}, [Genome(call("merge", X0, X1))])), False),
    ],
)
def test_right_is_what_would_be_right(output: Node, expected: bool) -> None:
    assert right(output) is expected


def test_the_calls_are_those_that_a_model_would_get() -> None:
    found = rehearse(Genome(TREE), [TASK.instances(8, 1)[0]], TASK, TASK.toolbox(["m"]))
    assert [question.primitive.name for question in found.questions] == ["sort", "sort", "merge"]
    numbers = TASK.instances(8, 1)[0].inputs[0]
    assert found.questions[0].values == (numbers[:4],)
    assert found.questions[2].values == (sorted(numbers[:4]), sorted(numbers[4:]))


def test_of_a_maximum_most_parts_may_be_wrong() -> None:
    task = TASKS["maximum"]
    parts = Node("map", [PIECES], {}, [Genome(call("max", X0))])
    problems = task.instances(64, 3)

    def spoils(output: Node, doubt: float) -> float:
        toolbox, generator = task.toolbox(["m"]), random.Random(0)
        by_size = lambda question: doubt if question.primitive.sizes(question.values) == (16,) else 1.0  # noqa: E731
        return spoiling(Genome(output), problems, task, toolbox, by_size, generator)

    assert spoils(call("max", X0), 0.0) == 1
    assert spoils(call("max", parts), 0.0) < 0.5  # a part is wrong, of sixteen
    assert spoils(call("max", parts), 1e9) == 1  # the last call is


def test_wrong_genomes_tell_no_calls() -> None:
    assert rehearse(Genome(call("merge", X0, X0)), INSTANCES, TASK, TASK.toolbox(["m"])).questions == ()


def test_without_a_reference_nothing_is_known() -> None:
    silent = Primitive("sort", (NUMBERS,), NUMBERS, ("sort: {0}",), law=lambda n: n)
    task = Task("unknown", (NUMBERS,), NUMBERS, (silent, MERGE), TASK.make)
    assert right(call("sort", X0), task) is None


def test_waste_is_not_looked_at() -> None:
    body = call("sort", Input(2))
    for _ in range(2):
        body = Node("fold", [Input(2), Input(2)], {"size": 1, "start": "[number]"}, [Genome(body)])
    nested = Node("fold", [X0, X0], {"size": 1, "start": "[number]"}, [Genome(body)])
    assert MOST_CALLS + CALLS_PER_ITEM * 16 < 16**3
    assert right(nested) is False


def test_what_would_ask_far_too_much_of_a_large_problem_is_not_run_on_it() -> None:
    """A fold within a fold, an item at a time: the square of the size."""
    asked: list[int] = []

    def merged(left: list[int], right: list[int]) -> list[int]:
        asked.append(len(left))
        return sorted([*left, *right])

    counted = replace(MERGE, reference=merged)
    task = replace(TASK, primitives=(SORT, counted))
    one_by_one = Node("fold", [X1, X0], {"size": 1, "start": "input"}, [Genome(call("merge", X0, X1))])
    nested = Genome(Node("fold", [X0], {"size": 500, "start": "[number]"}, [Genome(one_by_one)]))
    again = Node("fold", [X0], {"size": 1, "start": "[number]"}, [Genome(call("merge", X0, X1))])
    wasteful = Node("fold", [X0], {"size": 1, "start": "[number]"}, [Genome(call("merge", again, X1))])
    toolbox, large = task.toolbox(["m"]), task.instances(1000, 1)
    assert rehearse(nested, large, task, toolbox).right and len(asked) == 1000
    asked.clear()
    assert rehearse(Genome(wasteful), large, task, toolbox).right is False and not asked
    assert rehearse(Genome(wasteful), INSTANCES, task, toolbox).right and asked


def test_a_reference_that_cannot_answer_makes_a_genome_wrong() -> None:
    def refuse(numbers: list[int]) -> list[int]:
        raise ValueError(numbers)

    broken = Primitive("sort", (NUMBERS,), NUMBERS, ("sort: {0}",), law=lambda n: n, reference=refuse)
    task = Task("broken", (NUMBERS,), NUMBERS, (broken, MERGE), TASK.make)
    assert right(call("sort", X0), task) is False
    assert SORT.reference is not None


@pytest.mark.parametrize("block", [0, 1])
def test_code_that_doubles_things_is_wasteful(block: int) -> None:
    """Code is free, so that only its own size and number can stop a fold that doubles its state at every step."""
    task = TASKS["sort"]
    toolbox = task.toolbox(["simulated/perfect"], allow_code=True)
    merge = Node("code", [Input(0), Input(0)], {"function": "merge"})
    if block:
        pair = Genome(Node("code", [Input(0), Input(1)], {"function": "merge"}))
        merge = Node("merge_blocks", [Input(0), Input(0)], {"block": block}, [pair])
    fold = Genome(Node("fold", [Input(0), Input(0)], {"size": 1, "start": "input"}, [Genome(merge)]))
    assert rehearse(fold, task.instances(64, 1), task, toolbox).right is False


def test_votes_are_rehearsed_as_one_of_them() -> None:
    voted = call("sort", X0)
    for _ in range(4):
        voted = Node("vote", [X0], {"rule": "majority", "votes": 9}, [Genome(voted)])
    found = rehearse(Genome(voted), INSTANCES, TASK, TASK.toolbox(["m"]))
    assert found.right
    assert len(found.questions) == len(INSTANCES)


def checked(check: Node) -> Node:
    return Node("retry", [X0], {"tries": 5}, [Genome(call("sort", X0)), Genome(check)])


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        (call("check", X0), True),  # of the answer: refuses what is not in order
        (call("check", X1), False),  # of the problem: refuses what is right
        (call("check", call("sort", X1)), False),  # says yes whatever the answer is
        (call("check", call("sort", X0)), False),
    ],
)
def test_a_check_accepts_what_is_right_and_refuses_something(check: Node, expected: bool) -> None:
    assert right(checked(check)) is expected
