"""Normal form: the same work under one name."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from undercut.evaluators.tasks.primitives import CHECK, MERGE, SORT
from undercut.spaces.errors import InvalidAnswer
from undercut.spaces.execution import Execution, run_now
from undercut.spaces.genome import Genome, Input, Node, call
from undercut.spaces.normal import normal, resampled
from undercut.spaces.operators.base import Signature
from undercut.spaces.question import Answer, Question
from undercut.spaces.space import Space
from undercut.spaces.toolbox import Toolbox
from undercut.spaces.types import NUMBERS

SPACE = Space(Signature((NUMBERS,), NUMBERS), Toolbox([SORT, MERGE, CHECK]), max_size=8)
SORTED = call("sort", Input(0))


async def _reference(question: Question) -> Answer:
    assert question.primitive.reference is not None
    return Answer(question.primitive.reference(*question.values), 1)


def _output(genome: Genome, numbers: list[int]) -> object:
    try:
        return run_now(Execution(_reference, SPACE.toolbox, concurrent=False).apply(genome, [numbers]))
    except InvalidAnswer as flag:
        return str(flag)


@given(seed=st.integers(0, 2000))
def test_a_normal_genome_is_legal_stays_so_and_does_the_same(seed: int) -> None:
    genome = SPACE.sample(random.Random(seed))
    made = normal(genome)
    assert normal(made) == made
    if made.size and isinstance(made.output, Node) and made.output.op not in ("split", "join"):
        SPACE.validate(made)
    numbers = random.Random(seed).choices(range(20), k=9)
    assert _output(made, numbers) == _output(genome, numbers)


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        (Node("vote", [Input(0)], {"rule": "majority", "votes": 1}, [Genome(SORTED)]), SORTED),
        (Node("vote", [Input(0)], {"rule": "ahead", "lead": 1}, [Genome(SORTED)]), SORTED),
        (Node("retry", [Input(0)], {"tries": 1}, [Genome(SORTED)]), SORTED),
        (call("sort", Input(0), temperature=0.7, shuffle=True), SORTED),
        (call("sort", Node("join", [Node("split", [Input(0)], {"size": 4, "overlap": 0})])), SORTED),
    ],
)
def test_idle_parts_go(given_: Node, expected: Node) -> None:
    assert normal(Genome(given_)) == Genome(expected)


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
