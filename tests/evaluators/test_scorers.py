"""Scorers: what is worth 1, what is worth 0, and what lies between."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from undercut.evaluators.scorers import SCORERS, json_fields, numeric, option_of, set_f1, token_f1

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.filterwarnings("ignore:Possible (nested set|set):FutureWarning")  # of a pattern that is a target
@given(name=st.sampled_from(sorted(SCORERS)), output=JSON, target=JSON)
def test_a_scorer_gives_a_share_whatever_it_is_given(name: str, output: Any, target: Any) -> None:
    assert 0.0 <= SCORERS[name](output, target) <= 1.0


@given(name=st.sampled_from(sorted(set(SCORERS) - {"numeric", "regex", "json_fields"})), value=JSON)
def test_the_target_itself_is_right(name: str, value: Any) -> None:
    assert SCORERS[name](value, value) == 1.0


@pytest.mark.parametrize(
    ("name", "output", "target", "worth"),
    [
        ("exact", "Oslo", "oslo", 0.0),
        ("normalised", " The Oslo. ", "oslo", 1.0),
        ("normalised", "Oslo or Bergen", "Oslo", 0.0),
        ("numeric", "that makes $1,234.50", 1234.5, 1.0),
        ("numeric", "18", "19", 0.0),
        ("numeric", "9" * 400, 10**400, 0.0),
        ("numeric", "9" * 5000, "9" * 5000, 0.0),
        ("numeric", "no idea", 0, 0.0),
        ("choice", "(B) Frankenstein", "b", 1.0),
        ("choice", "A", "(B)", 0.0),
        ("set_f1", ["a", "b"], ["b", "c"], 0.5),
        ("set_f1", [], [], 1.0),
        ("set_f1", [], ["b"], 0.0),
        ("same_items", [3, 1, 1], [1, 3, 1], 1.0),
        ("same_items", [3, 1], [1, 3, 1], 0.0),
        ("token_f1", "the cat sat", "a cat sat down", 0.8),
        ("regex", "OSLO", "(?i)os.o", 1.0),
        ("regex", "in Oslo", "Oslo", 0.0),
        ("regex", "x", "(", 0.0),
        ("json_fields", {"a": "X", "b": 2}, {"a": "x", "b": 3}, 0.5),
        ("json_fields", "no json", {"a": 1}, 0.0),
        ("json_fields", "no json", "nor this", 0.0),
        ("json_fields", "[" * 9000, {"a": 1}, 0.0),
        ("json_fields", {"a": [1]}, '{"a": [1]}', 1.0),
        ("json_fields", {}, {}, 1.0),
    ],
)
def test_worth(name: str, output: Any, target: Any, worth: float) -> None:
    assert SCORERS[name](output, target) == pytest.approx(worth)


@given(st.floats(-1e6, 1e6), st.floats(0.001, 1e3), st.floats(-2, 2))
def test_a_tolerance_is_the_distance_that_counts_as_none(target: float, tolerance: float, share: float) -> None:
    output = target + share * tolerance
    if abs(abs(output - target) - tolerance) > 1e-6 * max(1.0, abs(target)):
        assert numeric(output, target, tolerance=tolerance) == float(abs(output - target) < tolerance)
    assert numeric(target * 1.04, target, relative=0.05) == 1.0


@given(st.sets(st.integers(0, 9)), st.sets(st.integers(0, 9)))
def test_f1_of_sets_is_dices_coefficient(one: set[int], other: set[int]) -> None:
    expected = 2 * len(one & other) / (len(one) + len(other)) if one or other else 1.0
    assert set_f1(sorted(one), sorted(other)) == pytest.approx(expected)
    assert token_f1(" ".join(map(str, one)), " ".join(map(str, other))) == pytest.approx(expected)


def test_named_fields_alone_count() -> None:
    assert json_fields({"a": 1, "b": 2}, {"a": 1, "b": 3}, fields=["a"]) == 1.0
    assert json_fields({"a": 1}, {"a": 1}, fields=["c"]) == 0.0


def test_options_are_told_by_their_first_letter_or_word() -> None:
    assert {option_of(text) for text in ("(C)", "c.", " C) Lolita", "**C**")} == {"c"}
