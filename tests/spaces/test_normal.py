"""Normal form: the same work under one name."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from undercut.evaluators.tasks.primitives import ADD, CHECK, MERGE, SORT, SUM
from undercut.spaces.errors import InvalidAnswer
from undercut.spaces.execution import Execution, run_now
from undercut.spaces.genome import Expression, Genome, Input, Node, call
from undercut.spaces.normal import normal, resampled
from undercut.spaces.operators.base import Signature
from undercut.spaces.question import Answer, Question
from undercut.spaces.space import Space
from undercut.spaces.toolbox import Toolbox
from undercut.spaces.types import NUMBER, NUMBERS

SPACE = Space(Signature((NUMBERS,), NUMBERS), Toolbox([SORT, MERGE, CHECK]), max_size=8)
SUMS = Space(Signature((NUMBERS,), NUMBER), Toolbox([SUM, ADD]), max_size=8)
TOOLBOX = Toolbox([SORT, MERGE, CHECK, SUM, ADD])
X = Input(0)
SORTED = call("sort", X)
SUMMED = call("sum", X)


def _reduced(arity: int, shape: str, body: Expression, source: Expression = X) -> Node:
    return Node("reduce", [source], {"arity": arity, "shape": shape}, [Genome(body)])


def _voted(body: Expression) -> Node:
    return Node("vote", [X], {"rule": "ahead", "lead": 2}, [Genome(body)])


async def _reference(question: Question) -> Answer:
    assert question.primitive.reference is not None
    return Answer(question.primitive.reference(*question.values), 1)


def _output(genome: Genome, numbers: list[int]) -> object:
    try:
        return run_now(Execution(_reference, TOOLBOX, concurrent=False).apply(genome, [numbers]))
    except InvalidAnswer as flag:
        return str(flag)


def _asked(genome: Genome, numbers: list[int]) -> list[object]:
    """What a genome asks, in order."""
    asked: list[object] = []

    async def answer(question: Question) -> Answer:
        asked.append(question.values)
        return await _reference(question)

    run_now(Execution(answer, TOOLBOX, concurrent=False).apply(genome, [numbers]))
    return asked


@given(seed=st.integers(0, 2000), space=st.sampled_from([SPACE, SUMS]))
def test_a_normal_genome_is_legal_stays_so_and_does_the_same(seed: int, space: Space) -> None:
    genome = space.sample(random.Random(seed))
    made = normal(genome)
    assert normal(made) == made
    if made.size and isinstance(made.output, Node) and made.output.op not in ("split", "join"):
        space.validate(made)
    numbers = random.Random(seed).choices(range(20), k=9)
    assert _output(made, numbers) == _output(genome, numbers)


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        (Node("vote", [Input(0)], {"rule": "majority", "votes": 1}, [Genome(SORTED)]), SORTED),
        (Node("vote", [Input(0)], {"rule": "ahead", "lead": 1}, [Genome(SORTED)]), SORTED),
        (Node("retry", [Input(0)], {"tries": 1}, [Genome(SORTED)]), SORTED),
        (call("sort", Input(0), temperature=0.7, shuffle=True), SORTED),
        (_reduced(3, "chain", _reduced(4, "tree", SUMMED)), _reduced(3, "chain", SUMMED)),
        (
            _reduced(8, "tree", _reduced(6, "tree", _reduced(6, "chain", SUMMED))),
            _reduced(8, "tree", _reduced(6, "tree", SUMMED)),
        ),
        (_reduced(3, "tree", _voted(_reduced(3, "chain", SUMMED))), _reduced(3, "tree", _voted(SUMMED))),
        (call("sort", Node("join", [Node("split", [Input(0)], {"size": 4, "overlap": 0})])), SORTED),
    ],
)
def test_idle_parts_go(given_: Node, expected: Node) -> None:
    assert normal(Genome(given_)) == Genome(expected)


@pytest.mark.parametrize(
    "kept",
    [
        _reduced(4, "tree", _reduced(3, "tree", SUMMED)),  # combines less at a time
        _reduced(3, "tree", _reduced(3, "tree", SUMMED, SORTED)),  # combines something else
        _reduced(3, "tree", _voted(_reduced(3, "tree", _voted(SUMMED)))),  # keeps a vote from standing under a vote
        Node("reduce", [X, Input(1)], {"arity": 3, "shape": "tree"}, [Genome(_reduced(3, "tree", SUMMED))]),
    ],
)
def test_other_reductions_stay(kept: Node) -> None:
    assert normal(Genome(kept)) == Genome(kept)


@given(seed=st.integers(0, 2000), numbers=st.lists(st.integers(0, 99), min_size=1, max_size=30))
def test_nested_reductions_make_the_same_calls_in_normal_form(seed: int, numbers: list[int]) -> None:
    generator = random.Random(seed)
    body: Expression = SUMMED
    for _ in range(generator.randint(1, 4)):
        body = _reduced(generator.choice((3, 4, 6, 8, 12, 16)), generator.choice(("tree", "chain")), body)
    assert _asked(normal(Genome(body)), numbers) == _asked(Genome(body), numbers)


def test_what_samples_keeps_its_temperature() -> None:
    warm = call("sort", Input(0), temperature=0.7, shuffle=True)
    vote = Genome(Node("vote", [Input(0)], {"rule": "majority", "votes": 3}, [Genome(warm)]))
    assert normal(vote) == vote


def test_only_what_may_be_wrong_and_asked_again_is_resampled() -> None:
    again = Genome(SORTED)
    check = Genome(call("check", Input(0), Input(1)))
    assert resampled(Genome(Node("vote", [Input(0)], {"rule": "majority", "votes": 3}, [again]))) == {"sort"}
    assert resampled(Genome(Node("retry", [Input(0)], {"tries": 2}, [again, check]))) == {"sort", "check"}
    assert not resampled(Genome(Node("retry", [Input(0)], {"tries": 2}, [again])))
    assert not resampled(again)
