"""Which decomposition of a run is taken."""

from __future__ import annotations

from typing import Any

import pytest

from undercut.evaluators.tasks import open_task
from undercut.search.forecast import BY_RESULTS
from undercut.search.picking import exported, picked
from undercut.spaces.errors import UsageError
from undercut.spaces.genome import Genome, Input, call


def item(name: str, measured: float, hoped: float, tokens: float) -> dict[str, Any]:
    predicted = {"64": {"accuracy": {"mean": hoped}, "cost": {"tokens": tokens}}}
    return {"id": name, "accuracy": {"32": {"mean": measured}}, "predicted": predicted}


def run(*front: dict[str, Any]) -> dict[str, Any]:
    return {"front": list(front), "baselines": [item("one call", 0.1, 0.1, 5)], "sizes": [32], "cost": "tokens"}


def test_the_best_is_the_most_accurate_that_adds_enough() -> None:
    twice = item("a", 1.0, 0.997, 9102), item("b", 1.0, 0.995, 4551)
    assert picked(run(*twice, item("c", 0.8, 0.82, 3119)), "best")["id"] == "b"
    assert picked(run(item("a", 1.0, 0.99, 9102), item("b", 0.9, 0.93, 4551)), "best")["id"] == "a"


def test_what_was_measured_at_the_target_tells_more_than_its_forecast() -> None:
    fell, held = item("a", 1.0, 0.98, 400), item("b", 1.0, 0.98, 410)
    assert picked(run(fell, held), "best")["id"] == "a"
    for point, mean in ((fell, 0.6), (held, 1.0)):
        point["accuracy"]["64"] = {"mean": mean}
    assert picked(run(fell, held), "best")["id"] == "b"


def test_a_forecast_by_whole_results_alone_counts_no_more_than_what_was_measured() -> None:
    never, often = item("a", 0.0, 0.23, 400), item("b", 0.38, 0.08, 200)
    assert picked(run(never, often), "best")["id"] == "a"
    for point in (never, often):
        point["predicted"]["64"]["note"] = BY_RESULTS
    assert picked(run(never, often), "best")["id"] == "b"


def test_where_nothing_is_ever_right_one_is_taken_all_the_same() -> None:
    assert picked(run(item("a", 0.0, 0.0, 20), item("b", 0.0, 0.0, 10)), "best")["id"] == "b"


def test_the_cheapest_and_those_of_a_name() -> None:
    two = run(item("a", 1.0, 0.9, 20), item("b", 0.5, 0.5, 10))
    assert [picked(two, pick)["id"] for pick in ("cheapest", "a", "one call")] == ["b", "a", "one call"]
    with pytest.raises(UsageError, match="best, cheapest or one of a, b, 'one call'"):
        picked(two, "z")


def test_known_designs_can_be_picked_where_the_front_is_empty() -> None:
    assert picked(run(), "one call")["id"] == "one call"
    with pytest.raises(UsageError, match="this run's is empty; the known designs can be picked: 'one call'"):
        picked(run(), "best")
    with pytest.raises(UsageError, match="--pick must be one of 'one call', and 'z' is not"):
        picked(run(), "z")
    with pytest.raises(UsageError, match="empty, and no known design was measured"):
        picked({**run(), "baselines": []}, "a")


def test_prompts_that_were_never_measured_are_not_exported() -> None:
    genome = Genome(call("sort", Input(0)))
    point = {**item("a", 1.0, 1.0, 20), "name": "sort", "genome": genome.to_dict(), "law": "n"}
    result = {**run(point), "task": "sort", "models": ["embedded"]}
    assert "def solve" in exported(result, point, "python", open_task("sort").digests)
    with pytest.raises(UsageError, match="those of 'sort' have changed"):
        exported(result, point, "python", ["of other prompts", ""])
