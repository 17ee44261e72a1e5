"""A primitive: one model call as a contract."""

from __future__ import annotations

import operator
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from undercut.spaces.errors import GenomeError, InvalidAnswer
from undercut.spaces.types import Atom, ListOf, Type, parse, render, size_of


@dataclass(frozen=True, slots=True)
class Primitive:
    """What a model can be asked for, and what counts as an answer.

    Attributes:
        name: unique within a task.
        inputs: the types of its inputs, in order.
        output: the type of its answer.
        prompts: prompt variants. `{0}` stands for the first input as its type renders it; `{0:+}` renders a
            list with `+` between its items.
        law: the answer's size in items as a function of the inputs' sizes in items; without one nothing that asks for
            this can be priced.
        reference: code that gives the true answer, where there is one. Used to judge calls, never to answer.
        valid: red flag. False for an answer that cannot be right, given the inputs.
        expects: what the inputs must be for the question to make sense (a merge expects sorted lists). A genome that
            breaks it although every answer was right is wrong by construction; calls that break it are not judged.
        same: whether an answer says the same as the true one, if in another order; by default, whether they are equal.
        symmetric: positions of the list inputs whose order does not matter to the answer.
        room: tokens that an answer may take beyond its items, for prompts that let the model think first.
        shares: for an answer that is a choice, how often each option is expected to come, until that is measured; all
            alike, if not given.
    """

    name: str
    inputs: tuple[Type, ...]
    output: Type
    prompts: tuple[str, ...]
    law: Callable[..., float] | None = None
    reference: Callable[..., Any] | None = field(default=None, compare=False)
    valid: Callable[..., bool] | None = field(default=None, compare=False)
    expects: Callable[..., bool] | None = field(default=None, compare=False)
    same: Callable[[Any, Any], bool] = field(default=operator.eq, compare=False)
    symmetric: tuple[int, ...] = ()
    room: int = 0
    shares: tuple[float, ...] = ()

    def prompt(self, values: Sequence[Any], variant: int = 0) -> str:
        """Write the prompt that asks for this primitive on these inputs."""
        written = []
        for text, position, separator in pieces(self.prompts[variant]):
            written.append(text)
            if position is not None:
                written.append(render(values[position], self.inputs[position], separator))
        return "".join(written)

    def read(self, text: str, values: Sequence[Any]) -> Any:
        """Read an answer to this primitive on these inputs.

        Raises:
            InvalidAnswer: the text is not of the output's type, or raises the primitive's red flag.
            GenomeError: the function that tells raised.
        """
        answer = parse(text, self.output)
        if self.valid is None:
            return answer
        try:
            valid = self.valid(answer, *values)
        except Exception as error:  # the user's code
            raise GenomeError(
                f"the `valid` of primitive {self.name!r} must take any answer of type {self.output} after the inputs' "
                f"values, and for the answer {text[:60]!r} it raised {type(error).__name__}: {error}"
            ) from error
        if not valid:
            raise InvalidAnswer(f"the answer {text[:80]!r} breaks the contract of {self.name!r}")
        return answer

    def sensible(self, values: Sequence[Any]) -> bool:
        """Whether it makes sense to ask this about these inputs: they are what the primitive expects.

        An `expects` that raises says no, since wrong answers before may have spoilt the inputs in any way.
        """
        try:
            return self.expects is None or bool(self.expects(*values))
        except Exception:  # the user's code
            return False

    def agree(self, answer: Any, other: Any) -> bool:
        """Whether two answers say the same.

        Raises:
            GenomeError: the function that tells raised.
        """
        try:
            return bool(self.same(answer, other))
        except Exception as error:  # the user's code
            raise GenomeError(
                f"the `same` of primitive {self.name!r} must take any two answers of type {self.output}, and for "
                f"{str(answer)[:60]!r} and {str(other)[:60]!r} it raised {type(error).__name__}: {error}"
            ) from error

    def sizes(self, values: Sequence[Any]) -> tuple[int, ...]:
        """Sizes of inputs in items, one for each."""
        return tuple([size_of(value, kind) for value, kind in zip(values, self.inputs, strict=True)])

    def answer_size(self, *sizes: float) -> float:
        """The answer's size in items, by the law.

        Raises:
            GenomeError: there is no law.
        """
        if self.law is None:
            raise GenomeError(
                f"a genome is priced by the size of every answer in it, and primitive {self.name!r} has no law of its "
                "own; give its Primitive a law, such as law=lambda n: 1"
            )
        try:
            return self.law(*sizes)
        except OverflowError:  # a genome that grows past every number
            raise
        except Exception as error:  # the user's code
            raise GenomeError(
                f"the law of primitive {self.name!r} must give the size of an answer for inputs of any sizes, and for "
                f"{', '.join(f'{size:g}' for size in sizes)} it raised {type(error).__name__}: {error}"
            ) from error

    @property
    def options(self) -> int:
        """How many options the answer has where it is a choice, else 0."""
        return self.output.options if isinstance(self.output, Atom) else 0

    def expected_shares(self) -> tuple[float, ...]:
        """How often each option of the answer is expected to come; () where it is no choice."""
        return self.shares or (1 / self.options,) * self.options if self.options else ()

    def permutable(self) -> bool:
        """Whether some list input can be shuffled without changing the true answer."""
        return any(isinstance(self.inputs[position], ListOf) for position in self.symmetric)


@lru_cache(maxsize=1024)
def pieces(template: str) -> tuple[tuple[str, int | None, str | None], ...]:
    """A prompt taken apart: each text with the position of the input after it, and the separator that it may name."""
    return tuple(
        (text, None if name is None else int(name), spec or None)
        for text, name, spec, _ in string.Formatter().parse(template)
    )
