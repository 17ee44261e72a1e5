"""What one call costs: the only place where tokens become passes, FLOPs and money."""

from __future__ import annotations

import math
from dataclasses import dataclass

from undercut.spaces.cost import UNKNOWN, Cost

BILLION = 1e9


@dataclass(frozen=True, slots=True)
class Shape:
    """A transformer's shape, for FLOPs: parameters (active ones for a mixture of experts), layers, width."""

    parameters: int
    layers: int
    width: int


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per token: of the prompt, of the answer, and of prompt tokens from the provider's prefix cache.

    Attributes:
        prompt: a prompt token.
        completion: a token written.
        cached: a cached prompt token; None where the provider gives no discount.
        longer: what calls with longer prompts are charged instead, each with the prompt tokens from which it holds, in
            rising order.
    """

    prompt: float
    completion: float
    cached: float | None = None
    longer: tuple[tuple[int, Price], ...] = ()

    def times(self, factor: float) -> Price:
        """This price with a discount on all tokens."""
        cached = None if self.cached is None else self.cached * factor
        longer = tuple((least, price.times(factor)) for least, price in self.longer)
        return Price(self.prompt * factor, self.completion * factor, cached, longer)

    def usd(self, prompt: float, completion: float, cached: float = 0) -> float:
        """Price of one call in US dollars; `prompt` counts the cached tokens in."""
        rates = self
        for least, price in self.longer:
            if prompt >= least:
                rates = price
        of_cached = rates.prompt if rates.cached is None else rates.cached
        return rates.prompt * (prompt - cached) + of_cached * cached + rates.completion * completion


def call_cost(
    prompt: float,
    completion: float,
    cached: float = 0,
    shape: Shape | None = None,
    price: Price | None = None,
) -> Cost:
    """Cost of one call with one sample, from its tokens; these may be expectations, and `UNKNOWN` spreads.

    FLOPs are 2N[(p-c)+o] for the weights, and 2Ld(p²-c²) + 4Ld(po+o²/2) for attention over what stands before:
    N parameters, L layers of width d, p prompt tokens, c of them cached, o written. A prefill is one forward pass
    and gives the first token, so o tokens take o passes, and an empty answer still takes one.

    Args:
        prompt: prompt tokens, cached ones included.
        completion: tokens written.
        cached: prompt tokens taken from the provider's prefix cache.
        shape: the model's; without it `flops` and `aalp` are unknown.
        price: the model's; without it `usd` is unknown.

    Source: Meyerson & Qiu 2025 (arXiv 2502.04358), Def. 2.2, for `aalp`; Kaplan et al. 2020 (arXiv 2001.08361),
    Sec. 2.1, for 2N a token.
    """
    passes = completion if math.isnan(completion) else max(1, completion)
    flops = aalp = UNKNOWN
    if shape is not None:
        weights = 2 * shape.parameters * (prompt - cached + completion)
        width = shape.layers * shape.width
        attention = 2 * width * (prompt**2 - cached**2) + 4 * width * (prompt * completion + completion**2 / 2)
        flops = weights + attention
        aalp = shape.parameters / BILLION * (completion * prompt + completion * (completion - 1) / 2)
    return Cost(
        calls=1,
        samples=1,
        prefill=prompt - cached,
        cached=cached,
        decode=completion,
        passes=passes,
        depth=passes,
        flops=flops,
        aalp=aalp,
        usd=UNKNOWN if price is None else price.usd(prompt, completion, cached),
    )
