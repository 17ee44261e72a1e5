"""Slopes: a measured cost that grows as its law says is not flagged, and one that does not is, with the reason."""

from __future__ import annotations

import pytest

from undercut.search.slope import SLACK, slope_of
from undercut.search.units import unit_of
from undercut.spaces.cost import UNKNOWN, Cost

TOKENS = unit_of("tokens")


def costs(calls: float, power: float, each: float = 10, steep: float = 0.0) -> dict[int, Cost]:
    """Costs with calls·n^power calls of each·n^steep tokens."""
    return {n: Cost(calls=calls * n**power, prefill=calls * n**power * each * n**steep) for n in (8, 16, 32)}


@pytest.mark.parametrize("power", [0.0, 1.0, 2.0])
def test_a_law_that_holds_is_not_flagged(power: float) -> None:
    found = slope_of(costs(3, power), costs(1, power).__getitem__, TOKENS, "tokens")
    assert found.measured == pytest.approx(power) == found.law and found.flag is None
    assert slope_of(costs(3, power + SLACK / 2), costs(3, power).__getitem__, TOKENS, "tokens").flag is None


def test_more_calls_than_the_law_says_are_named() -> None:
    found = slope_of(costs(1, 1.5), costs(1, 1).__getitem__, TOKENS, "tokens")
    assert found.flag == (
        "its cost in tokens grows as n^1.50 from 8 to 32, and the law says n^1.00: it takes 2.8 times the expected "
        "calls at 8 and 5.7 times at 32"
    )


def test_longer_answers_than_the_law_says_are_named() -> None:
    found = slope_of(costs(1, 1, steep=0.5), costs(1, 1).__getitem__, TOKENS, "tokens")
    assert found.flag is not None and found.flag.endswith(
        "a call takes 2.8 times the law's tokens at 8 and 5.7 times at 32"
    )
    assert found.to_dict()["flag"] == found.flag


def test_what_is_unknown_is_not_contradicted() -> None:
    law = costs(1, 1).__getitem__
    assert slope_of({8: Cost(calls=1, prefill=5)}, law, TOKENS, "tokens").measured is None
    unknown = {n: Cost(prefill=UNKNOWN) for n in (8, 32)}
    assert slope_of(unknown, law, TOKENS, "tokens").flag is None
