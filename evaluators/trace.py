"""What happened when one genome met one instance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec.structs import astuple

from undercut.evaluators.models.base import Model, Usage, price_of
from undercut.spaces.cost import NO_COST, UNKNOWN, Cost
from undercut.spaces.errors import InvalidAnswer
from undercut.spaces.pricing import Price, Shape, call_cost


class CallRecord(msgspec.Struct, frozen=True, eq=False, gc=False):
    """One call of a trace.

    Attributes:
        primitive: its name.
        prompt: which of the primitive's prompts (a gene).
        model: position in the run's models (a gene).
        temperature: 0 is greedy (a gene).
        input_sizes: the inputs' sizes in items, one for each.
        output_size: the output's size in items; None for a flagged answer.
        usage: tokens; those of the first time for an answer from our own cache.
        flagged: whether the answer raised a red flag.
        right: whether the answer is the reference's; False for a flagged one, None where there is no reference.
        key: what the answer is stored under.
        sample: which sample of its prompt it is, () the first (the indices of the votes and retries around it).
        choice: which option the answer is, where it is a choice.
        question: what all samples of one question have in common, however their items are shuffled; "" where nobody
            knows the true answer.
        shuffled: whether its items were in another order than the first sample's.
        wrong: digest of an answer that is wrong, or that nobody can judge, by which it is told from others; "" of one
            that is right or raised a red flag.
        cached: whether it came from our own cache, and so was not paid for; no part of equality, since it says what
            others asked before.
    """

    primitive: str
    prompt: int
    model: int
    temperature: float
    input_sizes: tuple[int, ...]
    output_size: int | None
    usage: Usage
    flagged: bool
    right: bool | None
    key: str
    sample: tuple[int, ...] = ()
    choice: int | None = None
    question: str = ""
    shuffled: bool = False
    wrong: str = ""
    cached: bool = False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CallRecord) and astuple(self)[:-1] == astuple(other)[:-1]  # all but `cached`

    def __hash__(self) -> int:
        return hash(astuple(self)[:-1])

    def cost(self, shape: Shape | None, price: Price | None) -> Cost:
        """What this call costs uncached."""
        usage = self.usage
        prompt = UNKNOWN if usage.prompt is None else usage.prompt
        completion = UNKNOWN if usage.completion is None else usage.completion
        return call_cost(prompt, completion, usage.cached, shape, price)


@dataclass(slots=True)
class Trace:
    """The calls of one genome on one instance, and what came of them.

    Filled while the genome runs, then closed by `finish` or `fail`, which put the records into an order of their own:
    equal runs give equal traces, whatever the concurrency.

    Attributes:
        records: every call, answers from our own cache included.
        output: the genome's output, None where it failed.
        failure: the class of the failure; "invalid" is an answer that raised a red flag nobody mended.
        reason: the failure in words.
        depth: forward passes on the critical path; unknown where a call's tokens are.
    """

    records: list[CallRecord] = field(default_factory=list)
    output: Any = None
    failure: str | None = None
    reason: str | None = None
    depth: float = 0.0

    def finish(self, output: Any, depth: float) -> None:
        """Close with an output."""
        self.output = output
        self._close(depth)

    def fail(self, error: InvalidAnswer, depth: float) -> None:
        """Close with a red flag that nobody mended."""
        self.failure, self.reason = "invalid", str(error)
        self._close(depth)

    def cost(self, models: Sequence[Model]) -> Cost:
        """What the calls cost uncached, by the shapes and prices of these models: those of the run, in order."""
        shapes = [(model.shape, price_of(model)) for model in models]
        total = sum((record.cost(*shapes[record.model]) for record in self.records), NO_COST)
        return total.with_depth(self.depth)

    def _close(self, depth: float) -> None:
        self.records = self._ordered()
        known = all(record.usage.completion is not None for record in self.records)
        self.depth = depth if known else UNKNOWN

    def _ordered(self) -> list[CallRecord]:
        # What happens first depends on the concurrency, and a sum of floats on its order.
        return sorted(
            self.records, key=lambda record: (record.key, record.primitive, record.input_sizes, record.prompt)
        )
