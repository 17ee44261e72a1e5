"""Sheets of prices and shapes: what they say is what calls cost, and what they lack is said in one sentence."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path

import pytest

from undercut.evaluators.models.base import Request, billed_price_of, identity_of, price_of
from undercut.evaluators.models.registry import Access, open_models
from undercut.evaluators.models.sheet import Sheet, read_sheet
from undercut.evaluators.tasks.primitives import PRIMITIVES
from undercut.spaces.errors import UsageError
from undercut.spaces.pricing import Price, Shape
from undercut.spaces.question import Question

NAME = "simulated/perfect"
GOOD = f"""
date = 2026-11-01
[models."{NAME}"]
price = {{prompt = 0.25, completion = 2.0, cached = 0.025, batch = 0.5}}
shape = {{parameters = 8_000_000_000, layers = 32, width = 4096, active = 1_000_000_000}}
"""


def sheet(folder: Path, text: str) -> Sheet:
    path = folder / "sheet.toml"
    path.write_text(text)
    return read_sheet(path)


def test_a_model_stands_on_the_terms_of_a_sheet(tmp_path: Path) -> None:
    found = sheet(tmp_path, GOOD)
    assert sheet(tmp_path, "\ufeff" + GOOD) == found, "with a byte-order mark, as some editors write it"
    assert found.date == "2026-11-01"
    (model,) = open_models([NAME], Access(sheet=found))
    assert model.shape == Shape(10**9, 32, 4096)
    price = price_of(model)
    assert price == Price(0.25 / 1e6, 2 / 1e6, 0.025 / 1e6) == billed_price_of(model)
    assert price.usd(1000, 100, 600) == pytest.approx((0.25 * 400 + 0.025 * 600 + 2 * 100) / 1e6)
    (plain,) = open_models([NAME])
    assert (model.name, identity_of(model)) == (plain.name, identity_of(plain))
    request = Request("sort: 3 1 2", question=Question(PRIMITIVES["sort"], ([3, 1, 2],)))
    assert asyncio.run(model.generate(request)) == asyncio.run(plain.generate(request))


def test_a_batch_discount_is_what_use_costs_and_not_what_the_search_is_billed(tmp_path: Path) -> None:
    (model,) = open_models([NAME], Access(sheet=sheet(tmp_path, GOOD), batch=True))
    price, billed = price_of(model), billed_price_of(model)
    assert price is not None and billed is not None
    assert price.usd(1000, 100) == pytest.approx(billed.usd(1000, 100) / 2)
    with pytest.raises(UsageError, match=r"--batch needs batch prices .* 'simulated/noisy'"):
        open_models(["simulated/noisy"], Access(sheet=sheet(tmp_path, GOOD), batch=True))


def test_a_shape_on_the_command_line() -> None:
    found = Sheet().with_shape("8e9,32,4096", [NAME]).with_shape("embedded=1e6,2,64,5e5", [NAME, "embedded"])
    large, small = open_models([NAME, "embedded"], Access(sheet=found))
    assert large.shape == Shape(8 * 10**9, 32, 4096) and small.shape == Shape(500_000, 2, 64)


@pytest.mark.parametrize("text", ["8e9,0,4096", "8e9,32", "much,32,4096", "1,2,3,4,5", "8e9,-1,4096", "inf,1,1"])
def test_a_shape_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--shape must be parameters, layers and width"):
        Sheet().with_shape(text, [NAME])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nonsense", "must be a TOML file"),
        (GOOD.replace("date = 2026-11-01", ""), "must say of which day"),
        ("date = 2026-11-01", "must have a table for each model"),
        (GOOD.replace("completion = 2.0,", ""), "missing required field `completion`"),
        (GOOD.replace("layers = 32", "layers = 0"), "layers"),
        (GOOD.replace("prompt = 0.25", "prompt = -1"), "prompt"),
        (GOOD.replace("cached", "caches"), "caches"),
        (GOOD.replace("cached = 0.025", "cached = 0.5"), r"cached tokens no dearer.*cached = 0\.5 is more than"),
    ],
)
def test_a_sheet_that_is_none_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        sheet(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_a_sheet_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="must be a file that can be read"):
        read_sheet(tmp_path / "none.toml")
    assert math.isnan(Price(math.nan, 0).times(2).prompt)
