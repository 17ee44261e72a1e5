"""What operators ask of a model, and of whoever walks them with one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeAlias

import msgspec

from undercut.spaces.errors import InvalidAnswer
from undercut.spaces.genome import Genome
from undercut.spaces.primitive import Primitive
from undercut.spaces.toolbox import Toolbox


class Question(msgspec.Struct, frozen=True):
    """What a call node asks.

    Attributes:
        primitive: the contract.
        values: the primitive's inputs.
        prompt: which of the primitive's prompts.
        model: position in the toolbox's models.
        temperature: 0 is greedy.
        cap: most tokens of an answer; 0 leaves it to whoever answers.
        sample: which sample of this question: the path of indices through votes and retries, without trailing zeros.
        shuffle: whether further samples have their items in another order, where that does not matter to the answer.
    """

    primitive: Primitive
    values: tuple[Any, ...]
    prompt: int = 0
    model: int = 0
    temperature: float = 0.0
    cap: int = 0
    sample: tuple[int, ...] = ()
    shuffle: bool = False


class Answer(msgspec.Struct, frozen=True):
    """What came back: a value or the red flag it raised, and the forward passes waited for."""

    value: Any
    passes: float = 0
    flag: InvalidAnswer | None = None


Ask: TypeAlias = Callable[[Question], Awaitable[Answer]]
Job: TypeAlias = tuple[Genome, Sequence[Any], tuple[int, ...]]


class ModelWalk(Protocol):
    """The walk with a model, as an operator sees it; `Execution` is one."""

    toolbox: Toolbox
    sample: tuple[int, ...]

    async def ask(self, question: Question) -> Any:
        """Ask the model.

        Raises:
            InvalidAnswer: the answer raised a red flag.
        """
        ...

    async def apply(self, genome: Genome, inputs: Sequence[Any], sample: tuple[int, ...] | None = None) -> Any:
        """Run a body after what was done before.

        Raises:
            InvalidAnswer: an answer raised a red flag that no operator mended.
        """
        ...

    async def parallel(self, jobs: Sequence[Job]) -> list[Any]:
        """Run bodies side by side; a result that raised a red flag is the `InvalidAnswer` itself, in its place."""
        ...


def unflagged(results: Sequence[Any]) -> list[Any]:
    """The results of parallel work.

    Raises:
        InvalidAnswer: one of them raised a red flag; the first one's.
    """
    for result in results:
        if isinstance(result, InvalidAnswer):
            raise result
    return list(results)
