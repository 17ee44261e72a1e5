"""A simulated chat model: it reads the prompt that a real one would get, answers it, and errs at declared rates.

Where a `SimulatedModel` is handed the question behind a prompt, this one has to find it in the words. So the whole way
to a model can be tried, prompts and servers included, and a prompt that does not hold what it should gets no answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from msgspec import structs

from undercut.evaluators.models.base import Completion, Price, Request, Shape
from undercut.evaluators.models.prompts import PromptReader
from undercut.evaluators.models.scripted import written
from undercut.evaluators.models.simulated import MALFORMED, Capability, SimulatedModel, count_pieces
from undercut.spaces.errors import UsageError
from undercut.spaces.primitive import Primitive


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
        self._thoughts = thoughts
        self.price = price
        self._model = SimulatedModel(name, capability, seed=seed, shape=shape, price=price, count=count_pieces)
        known: list[Primitive] = []
        for primitive in primitives:
            reference = knowledge.get(primitive.name, primitive.reference)
            if reference is None:
                raise UsageError(
                    f"a simulated chat model needs to know the answers, and has no knowledge of {primitive.name!r}"
                )
            for text in primitive.prompts:
                special = f"{primitive.name} thinking"
                named = special if _thinks(text) and special in capability.tables else primitive.name
                known.append(replace(primitive, name=named, prompts=(text,), reference=reference))
        self._reader = PromptReader(known)

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
        question = self._reader.question(request.prompt)
        if question is None:
            return written(MALFORMED, request, count_pieces)
        sample = (request.seed,) if request.temperature else ()
        free = structs.replace(request, question=structs.replace(question, sample=sample), max_tokens=1 << 20)
        made = await self._model.generate(free)
        thinks = _thinks(question.primitive.prompts[0])
        thoughts = "Let me see. " + "so " * self._thoughts + "\nAnswer: " if thinks else ""
        return written(thoughts + made.text, request, count_pieces)

    async def close(self) -> None:
        """Do nothing: there is nothing to release."""


def _thinks(prompt: str) -> bool:
    return "step by step" in prompt


def by_heart(problems: Iterable[tuple[tuple[Any, ...], Any]]) -> dict[str, Callable[..., Any]]:
    """Knowledge of the ready-made primitives for text, from the problems and their targets: what was learned by heart.

    Notes are the question's own words, and what does not lead to a known problem is not known.
    """
    book = {repr(inputs): target for inputs, target in problems}

    def answer(*inputs: Any) -> Any:
        return book[repr(inputs)]

    def conclude(notes: str, *inputs: Any) -> Any:
        return answer(notes) if repr((notes,)) in book else None

    def common(answers: list[Any], *_: Any) -> Any:
        return max(answers, key=answers.count)

    return {
        "answer": answer,
        "classify": answer,
        "extract": lambda *inputs: str(inputs[-1]),
        "conclude": conclude,
        **_judging(answer),
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

    return {
        "answer": answer,
        "extract": lambda document, *others: noted(find("\n".join(document), *others)),
        "filter": lambda document, *others: [each for each in document if find(each, *others)],
        "conclude": lambda notes, *others: settle(find(notes, *others), *others),
        "summarise": lambda notes, *others: noted(find("\n".join(notes), *others)),
        "update": lambda notes, document, *others: noted(find("\n".join([notes, *document]), *others)),
        "combine": join,
        **_judging(answer),
    }


def _judging(answer: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    """What knows the answer can tell a right one."""
    return {
        "compare": lambda first, second, *inputs: second if second == answer(*inputs) else first,
        "verify": lambda given, *inputs: given == answer(*inputs),
        "doubt": lambda given, *inputs: given != answer(*inputs),
    }
