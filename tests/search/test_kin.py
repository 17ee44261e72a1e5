"""What is expected of decompositions whose calls nobody can judge."""

from __future__ import annotations

import math

import pytest

from undercut.search.kin import DOUBT, UNKNOWN, Kin, traits
from undercut.spaces.genome import Genome, Input, Node, call

ONE = Genome(call("answer", Input(0)))
WARM = Genome(call("answer", Input(0), prompt=1))
VOTE = Genome(Node("vote", [Input(0)], {"rule": "majority", "votes": 5}, [ONE]))
NOTES = Genome(call("conclude", call("extract", Input(0))))


def test_what_was_run_is_worth_its_own_scores_in_the_end() -> None:
    kin = Kin()
    assert kin.accuracy(ONE) == UNKNOWN / 1
    kin.add(ONE, [(1.0, 10.0)] * 9 + [(0.0, 10.0)])
    assert kin.accuracy(ONE) == pytest.approx((9 + UNKNOWN) / 11)
    kin.add(NOTES, [(0.0, 30.0)] * 8)
    assert kin.accuracy(NOTES) == 0.0, "never right is worth nothing"


def test_what_was_not_run_is_expected_to_be_like_what_is_most_like_it() -> None:
    kin = Kin()
    kin.add(ONE, [(1.0, 10.0)] * 8)
    kin.add(NOTES, [(0.0, 30.0)] * 8)
    assert kin.accuracy(VOTE) > kin.accuracy(Genome(call("conclude", Input(0))))
    apart = (traits(VOTE) - traits(ONE)).total() + (traits(ONE) - traits(VOTE)).total()
    far = (traits(VOTE) - traits(NOTES)).total() + (traits(NOTES) - traits(VOTE)).total()
    near, away = math.exp(-apart), math.exp(-far)
    assert kin.accuracy(VOTE) == pytest.approx((near + DOUBT * 0.5) / (near + away + DOUBT))


def test_costs_that_were_measured_correct_the_forecast() -> None:
    kin = Kin()
    assert kin.dearer(ONE, 10.0) == 1.0
    kin.add(ONE, [(1.0, 10.0), (0.0, 30.0)])
    assert kin.dearer(ONE, 10.0) == 2.0
    assert kin.dearer(ONE, 0.0) == kin.dearer(ONE, math.inf) == 1.0
    kin.add(WARM, [(1.0, math.nan)])
    assert kin.dearer(WARM, 10.0) == 1.0


def test_traits_tell_sizes_apart_by_doubling() -> None:
    def cut(size: int) -> Genome:
        return Genome(Node("split", [Input(0)], {"size": size, "overlap": 0}))

    assert traits(cut(8)) == traits(cut(9)) != traits(cut(16))
    assert traits(ONE) != traits(WARM)
