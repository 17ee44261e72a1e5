"""A model that answers as it is told, for tests and demonstrations."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from undercut.evaluators.models.base import Completion, Price, Request, Shape, Usage
from undercut.spaces.errors import ModelError


def count_words(text: str) -> int:
    """Number of words, which are what white space parts: the tokens of scripted models."""
    return len(text.split())


def written(text: str, request: Request, count: Callable[[str], int] = count_words) -> Completion:
    """The completion of a model that answers `text`, cut at a word's end where the request allows fewer tokens."""
    finish = "stop" if count(text) <= request.max_tokens else "length"
    if finish == "length":
        words = text.split(" ")
        keep, drop = 0, len(words)
        while drop - keep > 1:  # the most words whose tokens fit
            middle = (keep + drop) // 2
            keep, drop = (middle, drop) if count(" ".join(words[:middle])) <= request.max_tokens else (keep, middle)
        text = " ".join(words[:keep])
    usage = Usage(prompt=count(request.prompt), completion=count(text))
    return Completion(text, usage, "stop" if finish == "stop" else "length")


class ScriptedModel:
    """A model that answers by a function of the request, or from a table of prompts.

    Tokens are words parted by white space (`count_words`) unless another count is given, so that usage is exact and
    easy to foretell.

    Attributes:
        requests: every request so far, in the order in which they came.
    """

    def __init__(
        self,
        answer: Callable[[Request], str] | Mapping[str, str],
        name: str = "scripted",
        shape: Shape | None = None,
        price: Price | None = None,
        count: Callable[[str], int] = count_words,
    ) -> None:
        self._count = count
        self._answer = answer
        self._name = name
        self._shape = shape
        self.price = price
        self.requests: list[Request] = []

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
        """Answer as told.

        Raises:
            ModelError: the table has no answer to this prompt.
        """
        self.requests.append(request)
        if callable(self._answer):
            return written(self._answer(request), request, self._count)
        if request.prompt not in self._answer:
            raise ModelError(
                f"a scripted model answers the prompts in its table, and {request.prompt[:80]!r} is not one of the "
                f"{len(self._answer)} there; add it, or give a function"
            )
        return written(self._answer[request.prompt], request, self._count)

    async def close(self) -> None:
        """Do nothing: there is nothing to release."""
