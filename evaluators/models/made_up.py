"""A model that makes its answers up: what stands in for a real one where a search is played through unasked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from msgspec import structs

from undercut.evaluators.models.base import (
    Completion,
    Model,
    Price,
    Request,
    Samples,
    Shape,
    Usage,
    most_prompt_tokens,
    most_samples_of,
    price_of,
)
from undercut.evaluators.models.scripted import written
from undercut.evaluators.models.simulated import count_pieces
from undercut.spaces.question import Question
from undercut.spaces.types import NEED, Atom, ListOf, Type, render

THOUGHTS = 60
"""Tokens that a model is taken to think in where a prompt lets it."""


class MadeUpModel:
    """Answers every question with something of the right type and about the declared size; nothing is sent.

    A primitive's reference answers where there is one. Two prompts get different texts wherever the type allows it.

    Attributes:
        used: tokens of all that it was asked.
        most: what that could have taken at the most.
    """

    end = 1

    def __init__(self, model: Model) -> None:
        self._model = model
        self.count: Callable[[str], int] = getattr(model, "count", count_pieces)
        self.used = self.most = 0

    @property
    def name(self) -> str:
        """The name of the model that it stands in for."""
        return self._model.name

    @property
    def shape(self) -> Shape | None:
        """Its shape."""
        return self._model.shape

    @property
    def price(self) -> Price | None:
        """Its price."""
        return price_of(self._model)

    async def generate(self, request: Request) -> Completion:
        """Make an answer up."""
        assert request.question is not None
        text = answer_to(request.question, request.prompt + str(request.seed))
        made = written(text, request, self.count)
        thinks = request.question.primitive.room and request.question.prompt
        usage = Usage(made.usage.prompt, (made.usage.completion or 0) + self.end + (THOUGHTS if thinks else 0))
        self.used += (usage.prompt or 0) + (usage.completion or 0)
        self.most += most_prompt_tokens(self._model, request.prompt) + request.max_tokens
        return Completion(made.text, usage, made.finish)

    def most_samples(self) -> int:
        """As many as the model that it stands in for gives on one prompt."""
        return most_samples_of(self._model)

    async def sample(self, request: Request, samples: int) -> Samples:
        """Make several answers up to a prompt that is read once."""
        seeds = (request.seed + index for index in range(samples))
        made = [await self.generate(structs.replace(request, seed=seed)) for seed in seeds]
        written = sum(each.usage.completion or 0 for each in made)
        return Samples(tuple(made), Usage(made[0].usage.prompt, written))

    async def close(self) -> None:
        """Do nothing: there is nothing to release."""


def answer_to(question: Question, seed: str) -> str:
    """The text of an answer of the right type to a question."""
    primitive = question.primitive
    if primitive.reference is not None:
        try:
            return render(primitive.reference(*question.values), primitive.output)
        except Exception:  # the user's code, on inputs that were made up
            return "none"
    sizes = primitive.sizes(question.values)
    size = max(1, round(primitive.answer_size(*sizes)))
    if primitive.output in primitive.inputs and isinstance(primitive.output, ListOf):
        value = question.values[primitive.inputs.index(primitive.output)]
        return render(value[: max(1, len(value) * size // max(1, round(sum(sizes))))], primitive.output)
    return _made(primitive.output, size, int.from_bytes(hashlib.blake2b(seed.encode(), digest_size=6).digest(), "big"))


def _made(kind: Type, size: int, draw: int) -> str:
    if isinstance(kind, ListOf):
        items = [_made(kind.item, 1, draw + place) for place in range(size)]
        return (kind.item.separator if isinstance(kind.item, Atom) else " | ").join(items)
    if kind.labels:
        return kind.labels[draw % len(kind.labels)]
    if kind.name == "truth":
        return "no" if draw % 4 == 0 else "yes"
    if kind == NEED:
        return "yes" if draw % 4 == 0 else "no"
    if kind.name in ("number", "grade"):
        return str(draw % 10)
    if kind.name == "record":
        return "{}"
    return " ".join([f"w{draw % 100000}", *["word"] * (size - 1)])
