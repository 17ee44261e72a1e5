"""Whether decompositions that nobody can rehearse are expected to make sense."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from undercut.evaluators.attribution import PRIOR
from undercut.search.kin import DOUBT, NEAR, Kin, traits
from undercut.spaces.genome import Genome, Input, Node, call

ONE = Genome(call("answer", Input(0)))
WARM = Genome(call("answer", Input(0), prompt=1, temperature=0.7))
VOTE = Genome(Node("vote", [Input(0)], {"rule": "majority", "votes": 5}, [WARM]))
NOTES = Genome(call("conclude", call("extract", Input(0))))
OTHER = Genome(call("conclude", Input(0)))
MORE = Genome(call("extract", call("conclude", Input(0))))


def test_what_is_most_like_a_genome_says_most_of_whether_it_makes_sense() -> None:
    kin = Kin()
    assert kin.sound(ONE) == PRIOR
    kin.add(ONE, 1.0, 10.0)
    kin.add(MORE, 0.0, 30.0)

    def weight(other: Genome) -> float:
        own, theirs = (Counter(dict(traits(genome))) for genome in (OTHER, other))
        return math.exp(-((own - theirs).total() + (theirs - own).total()) / NEAR)

    near, away, mean = weight(MORE), weight(ONE), (1 + 0 + PRIOR) / 3
    assert near > away
    assert kin.sound(OTHER) == pytest.approx((away + DOUBT * mean) / (near + away + DOUBT))


def test_what_makes_sense_asked_once_does_so_in_other_words_and_asked_often_whatever_else_makes_none() -> None:
    kin = Kin()
    kin.add(ONE, 1.0, 10.0)
    few = kin.sound(VOTE)
    assert few == kin.sound(WARM) == pytest.approx((1 + DOUBT * (1 + PRIOR) / 2) / (1 + DOUBT))
    for size in range(2, 50):
        kin.add(Genome(Node("fold", [Input(0)], {"size": size, "start": "numbers"}, [NOTES])), 0.0, 30.0)
    mean = (1 + 0 + PRIOR) / 3  # a structure that was tried in many numbers counts once
    assert kin.sound(VOTE) == pytest.approx((1 + DOUBT * mean) / (1 + DOUBT))
    assert kin.sound(NOTES) < PRIOR


def test_costs_that_were_measured_correct_the_forecast() -> None:
    kin = Kin()
    assert kin.dearer(ONE, 10.0) == 1.0
    kin.add(ONE, 1.0, 20.0)
    assert kin.dearer(ONE, 10.0) == 2.0
    assert kin.dearer(ONE, 0.0) == kin.dearer(ONE, math.inf) == 1.0
    kin.add(WARM, 1.0, math.nan)
    assert kin.dearer(WARM, 10.0) == 1.0


def test_traits_are_what_a_genome_is_made_of_and_what_each_part_reads_but_no_numbers() -> None:
    def cut(size: int, index: int = 0) -> Genome:
        return Genome(Node("split", [Input(index)], {"size": size, "overlap": 0}))

    assert traits(cut(8)) == traits(cut(16)) != traits(cut(8, 1))
    assert traits(ONE) == traits(WARM) == traits(VOTE) != traits(OTHER)
    assert traits(NOTES) != traits(MORE), "the same parts the other way round"
