"""What a model is: text in, text and usage out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import msgspec
from msgspec.structs import astuple

from undercut.spaces.errors import ModelError
from undercut.spaces.pricing import Price, Shape

if TYPE_CHECKING:
    from undercut.spaces.question import Question

__all__ = [
    "TIMEOUT",
    "Completion",
    "Model",
    "Price",
    "PromptRefusedError",
    "PromptTooLongError",
    "Request",
    "Samples",
    "Shape",
    "Usage",
    "billed_price_of",
    "identity_of",
    "most_samples_of",
    "price_of",
]


COUNTED_SLACK, UNCOUNTED_SLACK = 8, 128
"""Tokens that a chat template may add to a prompt whose tokens, or only whose bytes, can be counted."""
TIMEOUT = 300.0
"""The longest wait for one attempt, in seconds, unless somebody says otherwise."""


class PromptRefusedError(ModelError):
    """One prompt is not answered: the fault of what wrote it, not of the model; the run goes on."""


class PromptTooLongError(PromptRefusedError):
    """One prompt does not fit into the model's context."""


# What a call makes is part of no cycle, so the garbage collector is spared it (`gc=False`): with hundreds of calls
# under way it runs often.


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Tokens of one request. None is unknown, never 0.

    Attributes:
        prompt: prompt tokens, cached ones included.
        cached: prompt tokens that the provider took from its prefix cache.
        completion: tokens written, over all samples of the request.
    """

    prompt: int | None
    completion: int | None
    cached: int = 0


class Request(msgspec.Struct, frozen=True, eq=False, gc=False):
    """One question to a model.

    Attributes:
        prompt: the last user message.
        temperature: 0 is greedy.
        max_tokens: the most tokens the answer may have.
        seed: for models that sample reproducibly; derived from the request's content, never from its order.
        question: what stands behind the prompt, for models that are simulated; a real model never looks at it. It is
            no part of the request's identity: two requests that differ in it alone are equal.
    """

    prompt: str
    temperature: float = 0.0
    max_tokens: int = 1024
    seed: int = 0
    question: Question | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Request) and astuple(self)[:-1] == astuple(other)[:-1]  # all but the question

    def __hash__(self) -> int:
        return hash(astuple(self)[:-1])


class Completion(msgspec.Struct, frozen=True, gc=False):
    """One answer of a model: its text, what it cost, and why it ended."""

    text: str
    usage: Usage
    finish: Literal["stop", "length"] = "stop"


class Samples(msgspec.Struct, frozen=True, gc=False):
    """Several answers to one request.

    Attributes:
        completions: the answers, each with the usage it would have had alone.
        usage: what all of them took together: the prompt is read once.
    """

    completions: tuple[Completion, ...]
    usage: Usage = Usage(0, 0)


@runtime_checkable
class Model(Protocol):
    """A language model.

    `generate` may be called many times at once from one event loop, and the answer to a request must not
    depend on which other requests are under way. Optional, and read by `price_of`, `identity_of` and the engine:
    `price: Price | None`, and `billed: Price | None` where it is charged another one now; `identity: str`, where the
    name alone does not say who answers (a server's address); `count(text) -> int`, tokens of a text; `end: int`, the
    tokens that an answer is billed beyond its text (1); `sample(request, samples) -> Samples` with
    `most_samples() -> int`, for several answers on one prefill.
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
        """Answer one request, in one attempt.

        Raises:
            TransientError: no answer came, which may pass; whoever asks decides whether to ask again.
            ModelError: the model could not answer (wrong key, refused request).
        """
        ...

    async def close(self) -> None:
        """Release connections; the model is not used after this. A second call does nothing."""
        ...


def price_of(model: Model) -> Price | None:
    """What the model charges in USD per token, where it says so."""
    price = getattr(model, "price", None)
    return price if isinstance(price, Price) else None


def billed_price_of(model: Model) -> Price | None:
    """What a call of the model is charged now; its `price` where it does not tell the two apart by a `billed`."""
    price = getattr(model, "billed", None)
    return price if isinstance(price, Price) else price_of(model)


def most_samples_of(model: Model) -> int:
    """The most samples of one prompt that one request to the model may ask for."""
    most = getattr(model, "most_samples", None)
    return int(most()) if callable(most) else 1


def most_prompt_tokens(model: Model, prompt: str) -> int:
    """A number that a prompt's tokens do not exceed: counted where the model can count, else one a byte."""
    count = getattr(model, "count", None)
    if callable(count):
        return int(count(prompt)) + COUNTED_SLACK
    return len(prompt.encode()) + UNCOUNTED_SLACK


def identity_of(model: Model) -> str:
    """What answers of this model are stored under: its `identity` where it has one, else its name."""
    return str(getattr(model, "identity", model.name))
