"""What is printed of a run."""

from __future__ import annotations

from typing import Any

import pytest

from undercut.search.table import show


def item(name: str, small: float, large: float, tokens: float | None) -> dict[str, Any]:
    accuracy = {size: {"mean": mean, "low": mean, "high": mean} for size, mean in (("8", small), ("16", large))}
    cost = {"16": {"tokens": tokens}}
    return {"id": name, "name": name, "accuracy": accuracy, "predicted": None, "cost": cost, "law": "n", "slope": None}


def printed(capsys: pytest.CaptureFixture[str], *front: dict[str, Any], known: tuple[dict[str, Any], ...] = ()) -> str:
    spent = {"calls": 3, "tokens": 9, "usd": None}
    show({"front": front, "baselines": known, "cost": "tokens", "target_size": 16, "sizes": [8, 16], "spent": spent})
    return capsys.readouterr().out


def test_members_of_a_front_that_turn_out_no_better_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    told = printed(capsys, item("a", 1, 0.9, 50), item("b", 1, 0.9, 40), item("c", 0.9, 1, 30), item("d", 0.8, 0.3, 20))
    assert "right no more often than a cheaper one, as it was measured: a (than b)\n" in told


def test_members_of_a_front_that_a_known_design_beats_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    known = (item("tree", 1, 0.95, 40), item("fold", 1, 0.8, 60))
    told = printed(capsys, item("a", 1, 0.9, 50), item("b", 1, 0.8, 30), known=known)
    assert "right no more often than a cheaper one, as it was measured: a (than tree)\n" in told


def test_nothing_is_said_of_a_front_that_holds(capsys: pytest.CaptureFixture[str]) -> None:
    assert "no more often" not in printed(capsys, item("a", 1, 0.9, 50), item("b", 1, 0.8, 40), item("c", 1, 0.9, None))


def test_an_empty_front_is_told_of_where_known_designs_were_measured(capsys: pytest.CaptureFixture[str]) -> None:
    spent = {"calls": 1, "tokens": 9, "usd": None}
    result = {"front": [], "baselines": [item("tree", 0, 0, 5)], "cost": "tokens", "target_size": 16, "sizes": [8, 16]}
    show({**result, "spent": spent})
    told = capsys.readouterr().out
    assert "no decomposition was right often enough to stand on the front" in told
    assert "spent 1 call, 9 tokens\n" in told


@pytest.mark.parametrize(("known", "words"), [(0.92, "is as accurate as"), (0.97, "is right more often than")])
def test_a_known_design_that_is_cheaper_is_compared_as_it_was_measured(
    known: float, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    result = {"front": [item("a", 1, 0.9, 50)], "baselines": [item("tree", 1, known, 20)], "cost": "tokens"}
    payback = {"id": "a", "against": "tree", "size": 16, "saving": -30.0, "uses": None}
    spent = {"calls": 3, "tokens": 9, "usd": None}
    show({**result, "payback": payback, "target_size": 16, "sizes": [8, 16], "spent": spent})
    assert f"tree {words} a and costs 30 tokens less at n = 16\n" in capsys.readouterr().out


def test_a_known_design_that_is_the_best_find_is_said_to_be_it(capsys: pytest.CaptureFixture[str]) -> None:
    result = {"front": [item("a", 1, 0.9, 50)], "baselines": [{**item("tree", 1, 0.9, 50), "name": "a"}]}
    payback = {"id": "a", "against": "tree", "size": 16, "saving": 0.0, "uses": None}
    spent = {"calls": 3, "tokens": 9, "usd": None}
    show({**result, "cost": "tokens", "payback": payback, "target_size": 16, "sizes": [8, 16], "spent": spent})
    assert "a is the tree known design\n" in capsys.readouterr().out


def test_the_sizes_are_named_at_which_no_known_design_is_as_accurate(capsys: pytest.CaptureFixture[str]) -> None:
    ahead = {"32": {"accuracy": {"mean": 0.9, "low": 0.8, "high": 1.0}, "cost": {"tokens": 90}, "note": None}}
    found, tree, fold = (
        {**item(name, 1, large, 50), "predicted": ahead} for name, large in (("a", 0.9), ("tree", 0.9), ("fold", 0.9))
    )
    for each, beyond in ((found, 0.8), (tree, 0.3), (fold, 0.4)):
        each["accuracy"]["32"] = {"mean": beyond, "low": 0, "high": 1}
    spent = {"calls": 3, "tokens": 9, "usd": None}
    result = {"front": [found], "baselines": [tree, fold], "cost": "tokens", "target_size": 32, "sizes": [8, 16]}
    show({**result, "spent": spent})
    told = capsys.readouterr().out
    assert "no known design was right as often as a at n = 32: a 80% of the time, fold 40%\n" in told
    assert told.count("no known design") == 1


@pytest.mark.parametrize(("hoped", "told"), [(0.11, True), (0.9, False)])
def test_a_target_that_nothing_reaches_is_named(hoped: float, told: bool, capsys: pytest.CaptureFixture[str]) -> None:
    ahead = {"16": {"accuracy": {"mean": hoped, "low": 0, "high": 1}, "cost": {"tokens": 90}, "note": None}}
    words = "nothing here is forecast to be right more than 11% of the time at n = 16: larger --sizes"
    assert (words in printed(capsys, {**item("a", 1, 0.9, 50), "predicted": ahead})) == told


@pytest.mark.parametrize("columns", [40, 80])
def test_no_number_is_cut_or_wrapped_on_a_narrow_terminal(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("FORCE_COLOR", "1"), ("TERM", "dumb"), ("COLUMNS", str(columns))):
        monkeypatch.setenv(name, value)
    told = printed(capsys, {**item("a", 1, 0.9, 12345), "name": "split 4 → map(sort) → reduce 2 tree(merge)"})
    row = next(line for line in told.splitlines() if line.startswith("a "))
    assert "  1 (1–1)" in row and ".90 (.90–.90)" in row and "12,345" in row
    assert "…" not in told and "split 4 → map(sort)" in told


def test_a_lopsided_interval_is_shown_by_its_ends(capsys: pytest.CaptureFixture[str]) -> None:
    accuracy = {
        "8": {"mean": 1.0, "low": 0.527, "high": 1.0},
        "16": {"mean": 0.98, "low": 0.8, "high": 0.9996},
    }
    ahead = {"16": {"accuracy": {"mean": 0.004, "low": 0.0, "high": 0.28}, "cost": {"tokens": 9}, "note": None}}
    told = printed(capsys, {**item("a", 1, 1, 50), "accuracy": accuracy, "predicted": ahead})
    assert "a    1 (.53–1)  .98 (.80–1)    0 (0–.28)" in told
    assert "brackets: ends of intervals, 95 % for all accuracies at once, 90 % for a forecast\n" in told


def test_a_measurement_says_what_its_intervals_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert "brackets: ends of 95 % intervals\n" in printed(capsys, item("a", 1, 0.9, 50))
