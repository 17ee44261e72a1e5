"""Payback: what a find saves against the best known design, and when that is more than the search cost."""

from __future__ import annotations

from typing import Any

import pytest

from undercut.search.payback import payback

SPENT = {"calls": 10, "tokens": 1000, "usd": None}


def item(name: str, accuracy: float, tokens: float | None, depth: float = 5) -> dict[str, Any]:
    cost = {"tokens": tokens, "depth": depth, "usd": None}
    return {"id": name, "accuracy": {"8": {"mean": 1.0}, "16": {"mean": accuracy}}, "cost": {"16": cost}}


def test_the_cheapest_design_that_is_as_accurate_is_the_rival() -> None:
    known = [item("one call", 0.2, 10), item("tree", 0.97, 150), item("fold", 0.99, 170)]
    assert payback(item("a", 0.98, 110), known, SPENT, "tokens", 16) == {
        "id": "a", "against": "tree", "size": 16, "saving": 40, "uses": 25,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("unit", "saving", "uses"), [("tokens", -50, None), ("latency", 3, None)], ids=["nothing saved", "not billed"]
)
def test_uses_are_none_where_there_is_no_such_number(unit: str, saving: float, uses: int | None) -> None:
    found = payback(item("a", 0.9, 150, depth=2), [item("tree", 0.9, 100)], SPENT, unit, 16)
    assert found is not None and (found["saving"], found["uses"]) == (saving, uses)


def test_without_a_rival_or_a_price_there_is_nothing_to_say() -> None:
    assert payback(item("a", 0.9, 5), [item("one call", 0.1, 1)], SPENT, "tokens", 16) is None
    assert payback(item("a", 0.9, 5), [item("tree", 0.9, 9)], SPENT, "usd", 16) is None
