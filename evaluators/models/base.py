"""What a model is: text in, text and usage out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request. None is unknown, never 0.

    Attributes:
        prompt: prompt tokens, cached ones included.
        cached: prompt tokens that the provider took from its prefix cache.
        completion: tokens written, over all samples of the request.
    """

    prompt: int | None
    completion: int | None
    cached: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a model.

    Attributes:
        prompt: the last user message.
        temperature: 0 is greedy.
        max_tokens: the most tokens the answer may have.
        seed: for models that sample reproducibly; derived from the request's content, never from its order.
    """

    prompt: str
    temperature: float = 0.0
    max_tokens: int = 1024
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer of a model: its text, what it cost, and why it ended."""

    text: str
    usage: Usage
    finish: Literal["stop", "length"] = "stop"


@dataclass(frozen=True, slots=True)
class Shape:
    """A transformer's shape, for FLOPs: parameters (active ones for a mixture of experts), layers, width."""

    parameters: int
    layers: int
    width: int


@runtime_checkable
class Model(Protocol):
    """A language model.

    `generate` may be called many times at once from one event loop, and the answer to a request must not
    depend on which other requests are under way.
    """

    @property
    def name(self) -> str:
        """The name a user gives to get this model, and the one that answers are cached under."""
        ...

    @property
    def shape(self) -> Shape | None:
        """The transformer's shape where it is known."""
        ...

    async def generate(self, request: Request) -> Completion:
        """Answer one request.

        Raises:
            ModelError: the model could not answer (dead server, wrong key, refused request).
        """
        ...

    async def close(self) -> None:
        """Release connections; the model is not used after this."""
        ...
