"""A model whose calls are counted."""

from __future__ import annotations

from typing import Any

from undercut.evaluators.models.base import Completion, Model, Request
from undercut.evaluators.models.embedded import EmbeddedModel
from undercut.evaluators.models.registry import SIMULATED
from undercut.evaluators.models.simulated import SimulatedModel, count_pieces


class Metered:
    """A model that counts the requests it is sent.

    Attributes:
        calls: requests so far.
        tokens: tokens in and out so far.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self.calls = self.tokens = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    @property
    def name(self) -> str:
        """The model's name."""
        return self._model.name

    async def generate(self, request: Request) -> Completion:
        """Hand the request on, and count it."""
        completion = await self._model.generate(request)
        self.calls += 1
        self.tokens += (completion.usage.prompt or 0) + (completion.usage.completion or 0)
        return completion


def simulated(name: str, seed: int) -> SimulatedModel:
    """The simulated model of a name, with a seed of its own for its errors."""
    _, capability, shape = SIMULATED[name.removeprefix("simulated/")]
    return SimulatedModel(name, capability, seed=seed, shape=shape, count=count_pieces)


def metered(name: str, seed: int) -> Metered:
    """The model of a name, counted; a simulated one has a seed of its own, the embedded one answers as it does."""
    return Metered(EmbeddedModel() if name == "embedded" else simulated(name, seed))
