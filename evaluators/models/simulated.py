"""Models that know the true answers and err at declared rates, for trying out a search without a model.

A simulated model is handed the question behind the prompt, answers by the primitive's reference, and errs as often
as a table says for a question of that size. All that it draws comes from a digest of its seed, the prompt and the
sample, so that its answers depend neither on order nor on concurrency.
"""

from __future__ import annotations

import random
import re
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from undercut.evaluators.models.base import Completion, Price, Request, Shape
from undercut.evaluators.models.scripted import count_words, written
from undercut.evaluators.models.wrong import wrong_answer
from undercut.spaces.errors import ModelError, UsageError
from undercut.spaces.question import Question
from undercut.spaces.types import ListOf, render, size_of

Table: TypeAlias = Mapping[int, float]
MALFORMED = "I am not able to answer that."


def count_pieces(text: str) -> int:
    """Number of words, numbers and signs: `sum: 1+22` has five."""
    return len(re.findall(r"\w+|[^\w\s]", text))


@dataclass(frozen=True, slots=True)
class Capability:
    """How likely a model is right, by primitive and size.

    Attributes:
        tables: for each primitive, the probability of success in [0, 1] by size. Size is the sum of the items of all
            inputs that are lists. Between two sizes it is interpolated linearly; below the smallest it is that of the
            smallest; beyond the largest, N, it falls geometrically as p(N)^(n/N), the rate of independent items.
        default: the table of primitives without one of their own; None refuses them.
        dependence: share of prompts, in [0, 1], all samples of which meet the same fate: all right, or all the same
            wrong answer. The samples of other prompts err independently.
        malformed: share of the errors, in [0, 1], that raise a red flag instead of looking plausible. An error on a
            question that has no plausible wrong answer always does.
        agreeing: whether all wrong answers to one prompt are the same one, which is the worst case for a vote; or else
            each is drawn anew.
    """

    tables: Mapping[str, Table]
    default: Table | None = None
    dependence: float = 0.0
    malformed: float = 0.0
    agreeing: bool = False

    def __post_init__(self) -> None:
        """Check that everything is a probability.

        Raises:
            UsageError: a number is outside [0, 1], or a table is empty.
        """
        named = {**self.tables, **({} if self.default is None else {"default": self.default})}
        for name, table in named.items():
            if not table or any(not 0 <= chance <= 1 for chance in table.values()):
                raise UsageError(
                    f"a capability is a table of sizes with probabilities in [0, 1], and {name!r} has {dict(table)}"
                )
        for share in (self.dependence, self.malformed):
            if not 0 <= share <= 1:
                raise UsageError(f"the shares `dependence` and `malformed` must be in [0, 1], and one is {share}")

    def success(self, primitive: str, size: float) -> float | None:
        """Probability of a right answer at this size in items; None where nothing is declared."""
        table = self.tables.get(primitive, self.default)
        if table is None:
            return None
        sizes = sorted(table)
        if size > sizes[-1]:
            return float(table[sizes[-1]] ** (size / sizes[-1])) if sizes[-1] > 0 else table[sizes[-1]]
        place = bisect_left(sizes, size)
        if place == 0 or sizes[place] == size:
            return table[sizes[place]]
        low, high = sizes[place - 1], sizes[place]
        share = (size - low) / (high - low)
        return table[low] * (1 - share) + table[high] * share


def question_size(question: Question) -> int:
    """The size that a capability speaks of: items of all inputs that are lists, and words of those that are texts."""
    pairs = zip(question.values, question.primitive.inputs, strict=True)
    return sum(size_of(value, kind) for value, kind in pairs if isinstance(kind, ListOf) or kind.measured)


class SimulatedModel:
    """A model that errs at declared rates.

    The temperature changes nothing: how alike two samples of one prompt are is the capability's `dependence`.

    Args:
        name: its name.
        capability: how often it is right.
        seed: another seed errs on other prompts.
        shape: for FLOPs.
        price: for USD.
        count: tokens of a text; words by default.
    """

    def __init__(
        self,
        name: str,
        capability: Capability,
        *,
        seed: int = 0,
        shape: Shape | None = None,
        price: Price | None = None,
        count: Callable[[str], int] = count_words,
    ) -> None:
        self._name = name
        self._shape = shape
        self.capability = capability
        self.seed = seed
        self.price = price
        self._count = count

    end = 0
    """An answer is billed its text and nothing more."""

    @property
    def name(self) -> str:
        """The name given."""
        return self._name

    @property
    def shape(self) -> Shape | None:
        """The shape given."""
        return self._shape

    def count(self, text: str) -> int:
        """Tokens of a text."""
        return self._count(text)

    async def generate(self, request: Request) -> Completion:
        """Answer rightly or wrongly, as the table and the draw say.

        Raises:
            ModelError: the request carries no question, or one that this model was given no means to answer.
        """
        question = request.question
        if question is None:
            raise ModelError(
                f"the simulated model {self._name!r} answers questions, and a request came with a prompt alone; "
                "ask through an Engine, or set the request's `question`"
            )
        return written(self._text(question, request.prompt), request, self._count)

    async def close(self) -> None:
        """Do nothing: there is nothing to release."""

    def success(self, question: Question) -> float | None:
        """Probability of a right answer to a question; None where nothing is declared."""
        return self.capability.success(question.primitive.name, question_size(question))

    def _text(self, question: Question, prompt: str) -> str:
        primitive = question.primitive
        success = self.success(question)
        if primitive.reference is None or success is None:
            lacks = "has no reference" if primitive.reference is None else "is not in its table"
            raise ModelError(
                f"the simulated model {self._name!r} cannot answer {primitive.name!r}, which {lacks}; use another model"
            )
        try:
            truth: Any = primitive.reference(*question.values)
        except Exception:  # the user's code, on inputs that earlier wrong answers may have spoilt
            return MALFORMED
        alike = self._draw("alike", prompt).random() < self.capability.dependence
        draw = self._draw("answer", prompt, None if alike else question.sample)
        if draw.random() < success:
            return render(truth, primitive.output)
        malformed = draw.random() < self.capability.malformed
        slip = self._draw("slip", prompt) if self.capability.agreeing else draw
        wrong = None if malformed else wrong_answer(primitive, question.values, truth, slip)
        return MALFORMED if wrong is None else wrong

    def _draw(self, *parts: object) -> random.Random:
        return random.Random(repr((self.seed, *parts)))
