"""What is no decomposition of a problem is not looked at, however right a rehearsal says that it is."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from undercut.evaluators.task import SPLITS, Task
from undercut.evaluators.tasks import TASKS
from undercut.search import calibration
from undercut.search.checks import FARTHEST, Checks, beyond
from undercut.search.settings import Settings
from undercut.spaces.genome import Expression, Genome, Input, Node, call
from undercut.spaces.primitive import Primitive
from undercut.spaces.space import Space
from undercut.spaces.toolbox import Function
from undercut.spaces.types import NUMBER, NUMBERS, Atom

SIDE = Atom("side", int, str, options=2)
SUM = Primitive("sum", (NUMBERS,), NUMBER, ("Add: {0}",), law=lambda n: 1, reference=sum)
FIRST = Primitive("first", (NUMBERS,), NUMBER, ("First: {0}",), law=lambda n: 1, reference=lambda numbers: numbers[0])


def checked(expression: Expression, law: Callable[[float], float] = lambda n: n, length: int = 10) -> tuple[bool, bool]:
    """Whether a genome would be right, and whether that holds far off, for sums of 4, 8 and up to 32 numbers."""

    def make(size: int, generator: random.Random) -> tuple[tuple[Any, ...], Any]:
        numbers = [generator.randrange(1, 100) for _ in range(size)]
        return (numbers,), sum(numbers)

    keep = Primitive("keep", (NUMBERS,), NUMBERS, ("Keep: {0}",), law=law, reference=list)
    side = Function("side", (NUMBERS,), SIDE, lambda numbers: int(len(numbers) > length), lambda n: 1)
    task = Task("sums", (NUMBERS,), NUMBER, (SUM, FIRST, keep), make, selectors=(side,))
    settings = Settings("sums", ("m",), sizes=(4, 8), target_size=32)
    checks, genome = Checks(task, task.toolbox(["m"]), settings), Genome(expression)
    return bool(checks.right(genome)), checks.holds_far(genome)


def blind(expression: Expression) -> bool | None:
    """Whether a genome for sums would be right, as far as can be told without any reference."""
    add = Primitive("add", (NUMBER, NUMBER), NUMBER, ("Add: {0} {1}",), law=lambda n, m: 1)
    total = Primitive("sum", (NUMBERS,), NUMBER, ("Add: {0}",), law=lambda n: 1)

    def make(size: int, generator: random.Random) -> tuple[tuple[Any, ...], Any]:
        numbers = [generator.randrange(1, 100) for _ in range(size)]
        return (numbers,), sum(numbers)

    task = Task("sums", (NUMBERS,), NUMBER, (total, add), make)
    return Checks(task, task.toolbox(["m"]), Settings("sums", ("m",), sizes=(4, 8), target_size=32)).right(
        Genome(expression)
    )


def routed(long: Expression) -> Node:
    """A sum of short lists, and something else for long ones."""
    side = Genome(Node("code", [Input(0)], {"function": "side"}))
    bodies = [side, Genome(call("sum", Input(0))), Genome(long)]
    return Node("route", [Input(0)], {"pick": "branch", "read": 1 << 20}, bodies)


def test_what_is_right_everywhere_holds() -> None:
    assert checked(call("sum", Input(0))) == (True, True)


def test_a_branch_that_problems_take_has_to_be_right() -> None:
    assert checked(routed(call("sum", call("keep", Input(0))))) == (True, True)
    assert checked(routed(call("first", Input(0)))) == (False, False)


@pytest.mark.parametrize("long", [call("first", Input(0)), call("sum", call("keep", Input(0)))])
def test_a_branch_that_no_problem_takes_makes_a_genome_wrong(long: Expression) -> None:
    assert checked(routed(long), length=1000) == (False, False)


def test_calls_that_are_shown_far_more_than_foreseen_do_not_hold() -> None:
    kept = call("sum", call("keep", Input(0)))
    assert checked(kept) == (True, True)
    assert checked(kept, lambda n: n / 1.2) == (True, True)
    assert checked(kept, lambda n: n / 10) == (True, False)
    assert checked(kept, lambda n: 2 * n) == (True, True)


def test_an_atom_may_be_as_large_as_it_is() -> None:
    """A state of six pegs, carried through steps: calls that are shown six items are no surprise."""
    state = Atom("state", parse=str, size=len)
    step = Primitive(
        "step", (state,), state, ("Step: {0}",), law=lambda n: n, reference=lambda pegs: pegs[1:] + pegs[:1]
    )

    def make(size: int, generator: random.Random) -> tuple[tuple[Any, ...], Any]:
        pegs = "".join(generator.choice("123") for _ in range(6))
        return ([*range(size)], pegs), pegs[size % 6 :] + pegs[: size % 6]

    task = Task("steps", (NUMBERS, state), state, (step,), make)
    checks = Checks(task, task.toolbox(["m"]), Settings("steps", ("m",), sizes=(4, 8), target_size=32))
    body = Genome(call("step", Input(0)))
    genome = Genome(Node("fold", [Input(0), Input(1)], {"size": 1, "start": "input"}, [body]))
    assert checks.right(genome) and checks.holds_far(genome)


def pieces(body: Expression) -> Node:
    """What is made of each piece of the input."""
    return Node("map", [Node("split", [Input(0)], {"size": 4, "overlap": 0})], {}, [Genome(body)])


def folded(body: Expression) -> Node:
    """A state carried through the input, four items a step."""
    return Node("fold", [Input(0)], {"size": 4, "start": "number"}, [Genome(body)])


def paired(body: Expression) -> Node:
    """The sums of all pieces, two at a time."""
    return Node("reduce", [pieces(call("sum", Input(0)))], {"arity": 2, "shape": "tree"}, [Genome(body)])


@pytest.mark.parametrize(
    ("expression", "may_be"),
    [
        (call("sum", Input(0)), True),
        (call("sum", pieces(call("sum", Input(0)))), True),
        (folded(call("add", Input(0), call("sum", Input(1)))), True),
        (folded(call("add", Input(0), Input(0))), False),
        (folded(call("sum", Input(1))), False),
        (paired(call("add", Input(0), Input(1))), True),
        (paired(call("add", Input(0), Input(0))), False),
    ],
)
def test_without_references_a_body_has_to_read_what_it_is_applied_to(expression: Expression, may_be: bool) -> None:
    """Nobody can say more of one that does."""
    assert blind(expression) is (None if may_be else False)


def test_what_a_file_has_no_problems_for_is_rehearsed_on_made_ones() -> None:
    """All sums of up to eight numbers are right by the first eight, and a file of such problems shows nothing else."""

    def make(size: int, generator: random.Random) -> tuple[tuple[Any, ...], Any]:
        numbers = [generator.randrange(1, 100) for _ in range(size)]
        return (numbers,), sum(numbers)

    few = Primitive(
        "few", (NUMBERS,), NUMBER, ("Add: {0}",), law=lambda n: 1, reference=lambda numbers: sum(numbers[:8])
    )
    task = Task("sums", (NUMBERS,), NUMBER, (few,), make)
    problems = tuple(problem for size in (4, 8) for split in SPLITS for problem in task.instances(size, 3, split))
    settings = Settings("sums", ("m",), sizes=(4, 8), target_size=32)
    kept = replace(task, problems=problems)
    assert not kept.has(32)
    assert Checks(kept, kept.toolbox(["m"]), settings).right(Genome(call("few", Input(0)))) is False


def test_nothing_is_rehearsed_on_problems_as_large_as_one_likes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes of a hundred thousand took 20 GB before the first call."""
    made: list[int] = []

    def make(size: int, generator: random.Random) -> tuple[tuple[Any, ...], Any]:
        made.append(size)
        numbers = [generator.randrange(1, 100) for _ in range(size)]
        return (numbers,), sum(numbers)

    monkeypatch.setattr(calibration, "STRUCTURES", 50)
    monkeypatch.setattr(calibration, "DRAWS", 10)
    task = Task("sums", (NUMBERS,), NUMBER, (SUM,), make)
    toolbox, settings = task.toolbox(["m"]), Settings("sums", ("m",), sizes=(4, 100_000), target_size=200_000)
    checks = Checks(task, toolbox, settings)
    assert (checks.target, checks.sizes) == (FARTHEST, [4, FARTHEST])
    assert checks.right(Genome(call("sum", Input(0)))) and checks.holds_far(Genome(call("sum", Input(0))))
    assert checks.at_target()[0].size == FARTHEST
    found, _ = calibration.gather_questions(Space(task.signature, toolbox, max_size=2), task, checks.sizes, 0)
    assert max(found["sum"]) == FARTHEST and max(made) == beyond(FARTHEST)


def test_what_is_right_by_luck_is_not_run() -> None:
    """The last piece of a list of 128 has its maximum .44 of the time, and so for some seeds in every rehearsal."""
    task = TASKS["maximum"]
    pieces = Node("split", [Input(0)], {"size": 3, "overlap": 0})
    thrown = Node("fold", [pieces], {"size": 24, "start": "[number]"}, [Genome(call("max", Node("join", [Input(1)])))])
    parts = call("max", Node("map", [pieces], {}, [Genome(call("max", Input(0)))]))
    lucky = 0
    for seed in range(40):
        settings = Settings("maximum", ("m",), sizes=(4, 8, 16), target_size=128, seed=seed)
        checks = Checks(task, task.toolbox(["m"]), settings)
        assert checks.right(Genome(parts)) and checks.holds_far(Genome(parts)) and checks.holds_always(Genome(parts))
        lucky += bool(checks.right(Genome(thrown))) and checks.holds_far(Genome(thrown))
        assert not checks.holds_always(Genome(thrown)) and checks.right(Genome(thrown)) is False
    assert 1 <= lucky < 20


def test_problems_of_a_file_are_rehearsed_as_they_are() -> None:
    def make(size: int, generator: random.Random) -> tuple[tuple[Any, ...], Any]:
        return ([generator.randrange(1, 100)] * size,), 0

    task = Task("sums", (NUMBERS,), NUMBER, (SUM,), make)
    kept = replace(task, problems=tuple(each for split in SPLITS for each in task.instances(2000, 3, split)))
    settings = Settings("sums", ("m",), sizes=(2000,), target_size=4000)
    assert Checks(kept, kept.toolbox(["m"]), settings).sizes == [2000]
