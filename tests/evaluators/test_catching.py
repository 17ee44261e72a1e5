"""Checks held against wrong answers that were seen."""

from __future__ import annotations

import random

import pytest

from undercut.evaluators.catching import Slip, caught
from undercut.evaluators.models.wrong import plausible
from undercut.evaluators.tasks.primitives import PRIMITIVES
from undercut.spaces.genome import Genome, Input, Node, call
from undercut.spaces.primitive import Primitive
from undercut.spaces.toolbox import Toolbox
from undercut.spaces.types import NUMBERS, TRUTH

X, Y = Input(0), Input(1)
SORT, ORDERED = Genome(call("sort", X)), Genome(call("check", X))
SAME = Primitive(
    "same", (NUMBERS, NUMBERS), TRUTH, ("{0} {1}",), law=lambda a, b: 1, reference=lambda a, b: sorted(a) == sorted(b)
)
VAGUE = Primitive("vague", (NUMBERS,), TRUTH, ("{0}",), law=lambda n: 1)
TOOLBOX = Toolbox([PRIMITIVES["sort"], PRIMITIVES["merge"], PRIMITIVES["check"], SAME, VAGUE])
SEEN = {"sort": [Slip(([3, 1, 2],), [1, 3, 2]), Slip(([3, 1, 2],), [1, 3]), Slip(([3, 1, 2],), [2, 1, 3])]}


def test_a_check_catches_what_its_reference_refuses() -> None:
    assert caught(ORDERED, SORT, SEEN, TOOLBOX) == (2 + 1) / (3 + 1)


def test_until_wrong_answers_were_seen_all_are_caught() -> None:
    assert caught(ORDERED, SORT, {}, TOOLBOX) == 1.0
    assert caught(ORDERED, Genome(call("merge", X, Y)), SEEN, TOOLBOX) == 1.0


def test_a_check_that_looks_at_the_problem_is_given_it() -> None:
    lost = Genome(call("same", X, Y))
    assert caught(lost, SORT, SEEN, TOOLBOX) == (1 + 1) / (3 + 1)
    turned = Genome(call("sort", Y))  # the body's second input, which is the check's third
    assert caught(Genome(call("same", X, Input(2))), turned, SEEN, TOOLBOX) == (1 + 1) / (3 + 1)


def test_what_is_wrong_in_a_part_is_taken_for_what_is_wrong_in_the_whole() -> None:
    parts = Node("map", [Node("split", [X], {"size": 8, "overlap": 0})], {}, [SORT])
    whole = Genome(Node("reduce", [parts], {"arity": 2, "shape": "tree"}, [Genome(call("merge", X, Y))]))
    assert caught(ORDERED, whole, SEEN, TOOLBOX) == (2 + 1) / (3 + 1)
    # What the part was asked is not what the whole was asked, so that nothing is known of this one.
    assert caught(Genome(call("same", X, Y)), whole, SEEN, TOOLBOX) == 1.0


def test_a_check_without_a_reference_is_taken_at_its_word() -> None:
    assert caught(Genome(call("vague", X)), SORT, SEEN, TOOLBOX) == 1.0


@pytest.mark.parametrize("seed", range(3))
def test_many_wrong_answers_tell_the_share(seed: int) -> None:
    draw = random.Random(seed)
    slips = []
    for _ in range(400):
        items = [draw.randrange(100) for _ in range(12)]
        found = plausible(PRIMITIVES["sort"], [items], sorted(items), draw)
        assert found is not None
        slips.append(Slip((items,), found[1]))
    share = sum(answer != sorted(answer) for _, answer in slips) / len(slips)
    assert 0.2 < share < 0.9
    assert caught(ORDERED, SORT, {"sort": slips}, TOOLBOX) == pytest.approx(share, abs=0.01)
