"""Prices of litellm's table: no call costs more than they say, however long its prompt and whatever it thinks."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from undercut.evaluators.ledger import Ledger
from undercut.evaluators.models.base import Usage, price_of
from undercut.evaluators.models.litellm_model import LitellmModel
from undercut.evaluators.models.litellm_price import listed_price
from undercut.spaces.pricing import Price

BASE = {"input_cost_per_token": 1.0, "output_cost_per_token": 4.0, "cache_read_input_token_cost": 0.5}
LONG = {
    "input_cost_per_token_above_200k_tokens": 2.0,
    "output_cost_per_token_above_200k_tokens": 6.0,
    "cache_read_input_token_cost_above_200k_tokens": 1.0,
    "input_cost_per_token_above_200k_tokens_batches": 0.1,
}
RANGES = [
    {"range": [0, 200_000], "input_cost_per_token": 1.0, "output_cost_per_token": 4.0},
    {"range": [200_000, 1_000_000], "input_cost_per_token": 2.0, "output_cost_per_token": 6.0},
]


def listed(**entry: Any) -> Price:
    price = listed_price("some/model", entry)
    assert price is not None
    return price


@pytest.mark.parametrize("entry", [{**BASE, **LONG}, {"tiered_pricing": RANGES}])
def test_a_long_prompt_is_charged_at_its_own_rates(entry: dict[str, Any]) -> None:
    price = listed(**entry)
    assert price.usd(100_000, 10) == 100_000 + 40
    assert price.usd(250_000, 10) == 2 * 250_000 + 60
    assert price.times(0.5).usd(250_000, 10) == price.usd(250_000, 10) / 2


def test_cached_tokens_of_a_long_prompt_have_their_own_rate() -> None:
    price = listed(**BASE, **LONG)
    assert price.usd(100_000, 0, 50_000) == 50_000 + 0.5 * 50_000
    assert price.usd(250_000, 0, 50_000) == 2 * 200_000 + 50_000


def test_of_two_rates_that_may_hold_the_dearer_one_does() -> None:
    assert listed(**BASE, output_cost_per_reasoning_token=9.0).completion == 9
    cheaper = listed(**BASE, input_cost_per_token_above_128k_tokens=0.5)
    assert cheaper.usd(200_000, 1) == 200_000 + 4
    assert listed(**{**BASE, "cache_read_input_token_cost": 3.0}).prompt == 3


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("some/model", {}),
        ("some/model", {"input_cost_per_token": 0, "output_cost_per_token": 0}),
        ("some/model", {"input_cost_per_token": 1.0}),
        ("some/model", {**BASE, "input_cost_per_request": 0.005}),
        ("perplexity/sonar-pro", BASE),
        ("openai/gpt-4o-search-preview", BASE),
    ],
)
def test_a_fee_for_each_request_is_no_price_per_token(name: str, entry: dict[str, Any]) -> None:
    assert listed_price(name, entry) is None


def test_a_model_of_the_table_has_the_rates_of_its_long_prompts() -> None:
    price = price_of(LitellmModel("gemini/gemini-2.5-pro"))
    assert price is not None
    assert price.usd(250_000, 1000) > 1.5 * (price.prompt * 250_000 + price.completion * 1000)
    assert price_of(LitellmModel("perplexity/sonar")) is None


def test_a_reservation_covers_the_rates_of_the_longest_prompt_that_it_allows() -> None:
    async def spend() -> float | None:
        ledger, price = Ledger(max_usd=10**6), listed(**BASE, **LONG)
        reservation = await ledger.reserve(250_000, 10, price)
        assert reservation.worst.usd == 2 * 250_000 + 60
        ledger.settle(reservation, Usage(199_000, 10))
        return ledger.spent.usd

    assert asyncio.run(spend()) == 199_000 + 40
