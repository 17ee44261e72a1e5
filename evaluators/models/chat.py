"""A simulated chat model: it reads the prompt that a real one would get, answers it, and errs at declared rates.

Where a `SimulatedModel` is handed the question behind a prompt, this one has to find it in the words. So the whole way
to a model can be tried, prompts and servers included, and a prompt that does not hold what it should gets no answer.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from undercut.evaluators.models.base import Completion, Price, Request, Shape
from undercut.evaluators.models.scripted import written
from undercut.evaluators.models.simulated import MALFORMED, Capability, SimulatedModel, count_pieces
from undercut.spaces.errors import InvalidAnswer, UsageError
from undercut.spaces.primitive import Primitive
from undercut.spaces.question import Question
from undercut.spaces.types import parse


@dataclass(frozen=True, slots=True)
class _Reader:
    """One prompt of a primitive, the other way round."""

    primitive: Primitive
    pattern: re.Pattern[str]
    places: tuple[tuple[int, str], ...]
    thinks: bool

    def read(self, prompt: str) -> Question | None:
        """The question in a prompt; None where it is not one of these."""
        found = self.pattern.fullmatch(prompt)
        if found is None:
            return None
        # A sign between the items of a list is the prompt's own; the type reads what is parted by spaces.
        given = zip(self.places, found.groups(), strict=True)
        texts = {place: text.replace(sign, " ") if sign else text for (place, sign), text in given}
        try:
            values = tuple(parse(texts[place], kind) for place, kind in enumerate(self.primitive.inputs))
        except (InvalidAnswer, KeyError):
            return None
        return Question(self.primitive, values)


class ChatModel:
    """A model that is sent prompts and knows what to answer.

    What it writes depends on the prompt alone at temperature 0, and on the request's seed otherwise. Prompts that ask
    it to think step by step are answered with `thoughts` words before the answer.

    Args:
        name: its name.
        primitives: whose prompts it understands.
        knowledge: code that gives the true answer, by primitive.
        capability: how often it is right, by primitive and size in items or words. `NAME thinking` is the table of a
            primitive whose prompt lets it think, where there is one.
        thoughts: words that it writes before the answer where a prompt lets it think.
        seed: another seed errs on other prompts.
        shape: for FLOPs.
        price: for USD.

    Raises:
        UsageError: it would not know the answer to one of the primitives.
    """

    end = 0

    def __init__(
        self,
        name: str,
        primitives: Iterable[Primitive],
        knowledge: Mapping[str, Callable[..., Any]],
        capability: Capability,
        *,
        thoughts: int = 40,
        seed: int = 0,
        shape: Shape | None = None,
        price: Price | None = None,
    ) -> None:
        self._readers: list[_Reader] = []
        self._thoughts = thoughts
        self.price = price
        self._model = SimulatedModel(name, capability, seed=seed, shape=shape, price=price, count=count_pieces)
        for primitive in primitives:
            reference = knowledge.get(primitive.name, primitive.reference)
            if reference is None:
                raise UsageError(
                    f"a simulated chat model needs to know the answers, and has no knowledge of {primitive.name!r}"
                )
            for text in primitive.prompts:
                thinks = "step by step" in text
                special = f"{primitive.name} thinking"
                named = special if thinks and special in capability.tables else primitive.name
                known = replace(primitive, name=named, prompts=(text,), reference=reference)
                self._readers.append(_Reader(known, *_inverse(text), thinks))

    @property
    def name(self) -> str:
        """The name given."""
        return self._model.name

    @property
    def shape(self) -> Shape | None:
        """The shape given."""
        return self._model.shape

    def count(self, text: str) -> int:
        """Tokens of a text: words, numbers and signs."""
        return count_pieces(text)

    async def generate(self, request: Request) -> Completion:
        """Answer a prompt; one that it does not understand gets a text that answers nothing."""
        for reader in self._readers:
            question = reader.read(request.prompt)
            if question is not None:
                break
        else:
            return written(MALFORMED, request, count_pieces)
        sample = (request.seed,) if request.temperature else ()
        free = replace(request, question=replace(question, sample=sample), max_tokens=1 << 20)
        made = await self._model.generate(free)
        thoughts = "Let me see. " + "so " * self._thoughts + "\nAnswer: " if reader.thinks else ""
        return written(thoughts + made.text, request, count_pieces)

    async def close(self) -> None:
        """Do nothing: there is nothing to release."""


def _inverse(template: str) -> tuple[re.Pattern[str], tuple[tuple[int, str], ...]]:
    """The pattern that reads a prompt, and which input stands in which of its groups, with the sign between items."""
    pieces, places = [], []
    for text, name, sign, _ in string.Formatter().parse(template):
        pieces.append(re.escape(text))
        if name is not None:
            places.append((int(name), sign or ""))
            pieces.append("(.*?)")
    return re.compile("".join(pieces), re.DOTALL), tuple(places)


def by_heart(problems: Iterable[tuple[tuple[Any, ...], Any]]) -> dict[str, Callable[..., Any]]:
    """Knowledge of the ready-made primitives for text, from the problems and their targets: what was learned by heart.

    Notes are the question's own words, and what does not lead to a known problem is not known.
    """
    book = {repr(inputs): target for inputs, target in problems}

    def answer(*inputs: Any) -> Any:
        return book[repr(inputs)]

    def conclude(notes: str, *inputs: Any) -> Any:
        return answer(notes) if repr((notes,)) in book else None

    def better(first: Any, second: Any, *inputs: Any) -> Any:
        return second if second == answer(*inputs) else first

    def common(answers: list[Any], *_: Any) -> Any:
        return max(answers, key=answers.count)

    return {
        "answer": answer,
        "classify": answer,
        "extract": lambda *inputs: str(inputs[-1]),
        "conclude": conclude,
        "compare": better,
        "verify": lambda given, *inputs: given == answer(*inputs),
        "combine": common,
        "rewrite": lambda question: question,
    }


def by_reading(
    find: Callable[..., list[str]], settle: Callable[..., Any], join: Callable[..., Any]
) -> dict[str, Callable[..., Any]]:
    """Knowledge of the ready-made primitives for text, from how a text is read.

    Args:
        find: `find(text, *others)`, the parts of a text that matter, each of which it finds in itself again.
        settle: `settle(parts, *others)`, the answer that parts lead to.
        join: `join(answers, *others)`, the answer of the whole by those of its parts.
    """

    def noted(parts: list[str]) -> str:
        return " ".join(parts) or "none"

    def answer(document: list[str], *others: Any) -> Any:
        return settle(find("\n".join(document), *others), *others)

    def better(first: Any, second: Any, *inputs: Any) -> Any:
        return second if second == answer(*inputs) else first

    return {
        "answer": answer,
        "extract": lambda document, *others: noted(find("\n".join(document), *others)),
        "filter": lambda document, *others: [each for each in document if find(each, *others)],
        "conclude": lambda notes, *others: settle(find(notes, *others), *others),
        "summarise": lambda notes, *others: noted(find("\n".join(notes), *others)),
        "update": lambda notes, document, *others: noted(find("\n".join([notes, *document]), *others)),
        "combine": join,
        "compare": better,
        "verify": lambda given, *inputs: given == answer(*inputs),
    }
