"""Whether decompositions that nobody can rehearse are expected to make sense."""

from __future__ import annotations

import math

import pytest

from undercut.evaluators.attribution import PRIOR
from undercut.search.kin import DOUBT, NEAR, Kin, traits
from undercut.spaces.genome import Genome, Input, Node, call

ONE = Genome(call("answer", Input(0)))
WARM = Genome(call("answer", Input(0), prompt=1))
VOTE = Genome(Node("vote", [Input(0)], {"rule": "majority", "votes": 5}, [ONE]))
NOTES = Genome(call("conclude", call("extract", Input(0))))


def test_what_is_most_like_a_genome_says_most_of_whether_it_makes_sense() -> None:
    kin = Kin()
    assert kin.sound(ONE) == PRIOR
    kin.add(ONE, 1.0, 10.0)
    kin.add(NOTES, 0.0, 30.0)
    assert kin.sound(VOTE) > kin.sound(Genome(call("conclude", Input(0))))

    def weight(genome: Genome, other: Genome) -> float:
        return math.exp(-((traits(genome) - traits(other)).total() + (traits(other) - traits(genome)).total()) / NEAR)

    near, away, mean = weight(VOTE, ONE), weight(VOTE, NOTES), (1 + 0 + PRIOR) / 3
    assert kin.sound(VOTE) == pytest.approx((near + DOUBT * mean) / (near + away + DOUBT))


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
    assert traits(ONE) != traits(WARM)
    turned = Genome(call("extract", call("conclude", Input(0))))
    assert traits(NOTES) != traits(turned), "the same parts the other way round"
