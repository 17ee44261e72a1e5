"""Prices from the table that comes with litellm, read so that no call costs more than they say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from undercut.spaces.pricing import Price

_TIER = re.compile(r"(?:input|output)_cost_per_token(_above_(\d+)(k?)_tokens)")
_SEARCHES = re.compile(r"sonar|deep-research|search-(?:preview|api)|pro-search")
"""Names of models that search the web whatever they are asked; others that have a fee for it do so on demand."""


class _Rates(NamedTuple):
    """US dollars per token; None where the table does not say."""

    prompt: float | None
    completion: float | None
    thinking: float | None
    cached: float | None


def listed_price(name: str, entry: Mapping[str, Any]) -> Price | None:
    """The price of a model by its entry in the table.

    Where two rates may hold, the dearer one is taken: for all that is written, if dearer, the rate of thinking; for a
    longer prompt, if dearer, the rate of a shorter one. None where the table lists no price, or 0, or a fee for each
    request.
    """
    if entry.get("input_cost_per_request") or _SEARCHES.search(name):
        return None
    tiers = sorted(_tiers(entry).items())
    if not tiers[0][1].prompt or tiers[0][1].completion is None:
        return None
    prompt = completion = 0.0
    prices: list[tuple[int, Price]] = []
    for least, rates in tiers:
        prompt = max(prompt, rates.prompt or 0.0, rates.cached or 0.0)
        completion = max(completion, rates.completion or 0.0, rates.thinking or 0.0)
        prices.append((least, Price(prompt, completion, rates.cached)))
    base = prices[0][1]
    return Price(base.prompt, base.completion, base.cached, tuple(prices[1:]))


def _tiers(entry: Mapping[str, Any]) -> dict[int, _Rates]:
    """Rates by the tokens of the prompt from which they hold; the table has two ways to write them."""
    found = {0: _rates(entry)}
    for key in entry:
        if match := _TIER.fullmatch(key):
            found[int(match[2]) * (1000 if match[3] else 1)] = _rates(entry, match[1])
    for tier in entry.get("tiered_pricing") or ():
        found[int(tier["range"][0])] = _rates(tier)
    return found


def _rates(entry: Mapping[str, Any], suffix: str = "") -> _Rates:
    keys = (
        "input_cost_per_token",
        "output_cost_per_token",
        "output_cost_per_reasoning_token",
        "cache_read_input_token_cost",
    )
    values = (entry.get(f"{key}{suffix}") for key in keys)
    return _Rates(*(float(value) if isinstance(value, int | float) else None for value in values))
