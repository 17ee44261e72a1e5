"""Rates that are declared rather than measured: every answer right, tokens as the prompts and types say."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from undercut.evaluators.models.base import Model, price_of
from undercut.spaces.estimate import CallRates
from undercut.spaces.genome import Genome, Node
from undercut.spaces.pricing import call_cost
from undercut.spaces.primitive import Primitive, pieces


class DeclaredRates:
    """`Rates` of a model that never errs: a prompt's header as the model counts it, and one token an item.

    An empty list is written as one token. Where a prompt writes a list with signs between its items, those count too.
    A model whose answers are billed an end says so by its `end`, in tokens. One that cannot count tokens is taken to
    see one for each word, and one for the end.
    """

    def __init__(self, models: Sequence[Model]) -> None:
        self._models = models
        self._headers: dict[tuple[str, int, int], tuple[float, dict[int, float]]] = {}

    def call(self, node: Node, primitive: Primitive, sizes: Sequence[float]) -> CallRates:
        """Rates of one call."""
        model, variant = int(node.genes["model"]), int(node.genes["prompt"])
        asked = self._models[model]
        header, signs = self._header(primitive, variant, model)
        between = sum(tokens * max(0, sizes[place] - 1) for place, tokens in signs.items())
        prompt = header + sum(map(_written, sizes)) + between
        answer = getattr(asked, "end", 1) + _written(primitive.answer_size(*sizes))
        return CallRates(call_cost(prompt, answer, 0, asked.shape, price_of(asked)))

    def dependence(self, node: Node) -> float:
        """All samples are right, and so alike."""
        return 1.0

    def agreement(self, node: Node, size: float) -> float:
        """None is wrong."""
        return 1.0

    def catches(self, check: Genome, body: Genome) -> float:
        """None is wrong."""
        return 1.0

    def shares(self, node: Node, primitive: Primitive, sizes: Sequence[float]) -> tuple[float, ...]:
        """As the primitive declares them."""
        return primitive.expected_shares()

    def _header(self, primitive: Primitive, variant: int, model: int) -> tuple[float, dict[int, float]]:
        """Tokens of a prompt without its inputs, and of the sign between two items, by input."""
        key = (primitive.name, variant, model)
        if key not in self._headers:
            count: Callable[[str], int] = getattr(self._models[model], "count", lambda text: len(text.split()))
            cut = pieces(primitive.prompts[variant])
            # Counted with one item in every slot: what stands between words may be a token where nothing follows it.
            one_each = "".join(literal + ("1" if place is not None else "") for literal, place, _ in cut)
            header = count(one_each) - sum(place is not None for _, place, _ in cut)
            signs = {place: float(count(sign)) for _, place, sign in cut if place is not None and sign}
            self._headers[key] = (header, signs)
        return self._headers[key]


def _written(size: float) -> float:
    """Tokens of a value of some items: that of no items is still a word."""
    return size or 1
