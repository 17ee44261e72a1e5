"""The engine: questions in, answers out, each of them asked once, paid within the limits, and judged.

A call's seed and key come from its content and its sample alone, so that a run gives the same answers at any
concurrency, and candidates that ask the same thing share the answer.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from undercut.evaluators.cache import AnswerCache, answer_key
from undercut.evaluators.judge import Judge
from undercut.evaluators.ledger import Ledger
from undercut.evaluators.models.base import (
    Completion,
    Model,
    Price,
    PromptTooLongError,
    Request,
    Usage,
    billed_price_of,
    identity_of,
)
from undercut.evaluators.trace import CallRecord, Trace
from undercut.spaces.cost import UNKNOWN
from undercut.spaces.errors import InvalidAnswer, ModelError
from undercut.spaces.execution import Execution
from undercut.spaces.genome import Genome
from undercut.spaces.question import Answer, Ask, Question
from undercut.spaces.toolbox import Toolbox
from undercut.spaces.types import size_of

LEAST_TOKENS, TOKENS_PER_ITEM, MOST_TOKENS = 16, 8, 1024
"""The default cap of an answer, in tokens: at the least, for each item expected on top of that, and at the most."""
COUNTED_SLACK, UNCOUNTED_SLACK = 8, 128
"""Tokens that a chat template may add to a prompt whose tokens, or only whose bytes, can be counted."""
REFUSED = Completion("", Usage(0, 0), "length")
"""What stands for a prompt that is too long: nothing was computed."""


@dataclass(frozen=True, slots=True)
class _Call:
    """A question made ready to be sent."""

    model: Model
    request: Request
    key: str


class Engine:
    """Asks models on behalf of genomes.

    One instance serves one event loop at a time. It closes none of what it is given.

    Args:
        models: the run's models; a question names one by its position.
        cache: where answers are kept.
        ledger: what counts and limits the calls that are sent.
        concurrency: most calls under way at once.
        workers: how many calls a genome is taken to have under way at once, for its critical path; None is no limit.
    """

    def __init__(
        self,
        models: Sequence[Model],
        *,
        cache: AnswerCache,
        ledger: Ledger,
        concurrency: int = 64,
        workers: int | None = None,
    ) -> None:
        self.models = tuple(models)
        self.cache = cache
        self.ledger = ledger
        self.concurrency = concurrency
        self.workers = workers
        self._judge = Judge()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._slots = asyncio.Semaphore(concurrency)
        self._in_flight: dict[str, asyncio.Task[Completion]] = {}
        self._sent: set[str] = set()
        self._closed = False

    def asker(self, trace: Trace) -> Ask:
        """An `ask` for an `Execution`, which writes every call into the trace.

        It raises `ModelError` and `BudgetError`, never an `InvalidAnswer`: that stands in the `Answer`.
        """

        async def ask(question: Question) -> Answer:
            call = self._prepared(question)
            completion = self.cache.get(call.key)
            cached = completion is not None
            if completion is None:
                task, cached = self._under_way(call)
                completion = await asyncio.shield(task)  # one of several askers may be cancelled, the others still wait
            return self._answered(question, call, completion, cached, trace)

        return ask

    async def run(self, genome: Genome, inputs: Sequence[Any], toolbox: Toolbox, *, concurrent: bool = True) -> Trace:
        """Run a genome on one instance's inputs; a red flag that nobody mends is a failure in the trace.

        Raises:
            ModelError: a model could not answer.
            BudgetError: the next call could exceed a limit.
        """
        trace = Trace()
        execution = Execution(self.asker(trace), toolbox, concurrent=concurrent, workers=self.workers)
        try:
            output = await execution.apply(genome, inputs)
        except InvalidAnswer as flag:
            trace.fail(flag, execution.depth)
        else:
            trace.finish(output, execution.depth)
        return trace

    async def close(self, *, wait: bool = True) -> None:
        """Send nothing more; a second call does nothing.

        Calls that were sent are paid for, so their answers are waited for and kept; with `wait=False` they are
        cancelled, and billed at their most.
        """
        self._closed = True
        tasks = dict(self._in_flight)
        for key, task in tasks.items():
            if not wait or key not in self._sent:
                task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)

    def _prepared(self, question: Question) -> _Call:
        model = self.models[question.model]
        prompt = question.primitive.prompt(question.values, question.prompt)
        cap = question.cap or default_cap(question)
        request = Request(prompt, question.temperature, cap, seed_of(prompt, question.sample), question)
        key = answer_key(identity_of(model), prompt, question.temperature, cap, question.sample)
        return _Call(model, request, key)

    def _under_way(self, call: _Call) -> tuple[asyncio.Task[Completion], bool]:
        """The task that fetches this answer, and whether it was there already."""
        if self._closed:
            raise ModelError("an engine sends nothing after it was closed; open another one")
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._slots, self._in_flight = loop, asyncio.Semaphore(self.concurrency), {}
        task = self._in_flight.get(call.key)
        if task is not None and not task.done():
            return task, True
        task = self._in_flight[call.key] = loop.create_task(self._fetched(call))
        task.add_done_callback(self._forgetter(call.key))
        return task, False

    def _forgetter(self, key: str) -> Callable[[asyncio.Task[Completion]], None]:
        def forget(task: asyncio.Task[Completion]) -> None:
            if self._in_flight.get(key) is task:
                del self._in_flight[key]
                self._sent.discard(key)
            if not task.cancelled():
                task.exception()  # whoever waited has it; with nobody left, asyncio would complain

        return forget

    async def _fetched(self, call: _Call) -> Completion:
        async with self._slots:
            reservation = await self.ledger.reserve(
                most_prompt_tokens(call.model, call.request.prompt),
                call.request.max_tokens,
                billed_price_of(call.model),
            )
            self._sent.add(call.key)
            try:
                completion = await call.model.generate(call.request)
            except PromptTooLongError:
                completion = REFUSED
            except ModelError:
                self.ledger.release(reservation)
                raise
            except BaseException:
                self.ledger.settle(reservation, None)  # it was sent, and may be charged for
                raise
            self.ledger.settle(reservation, completion.usage)
        return await self.cache.put(call.key, completion, _billed(completion.usage, billed_price_of(call.model)))

    def _answered(self, question: Question, call: _Call, completion: Completion, cached: bool, trace: Trace) -> Answer:
        primitive, usage = question.primitive, completion.usage
        value, flag = None, None
        try:
            if completion.finish == "length":
                raise InvalidAnswer(f"an answer to {primitive.name!r} was cut off after {usage.completion} tokens")
            value = primitive.read(completion.text, question.values)
        except InvalidAnswer as error:
            flag = error
        trace.records.append(
            CallRecord(
                primitive=primitive.name,
                prompt=question.prompt,
                model=question.model,
                temperature=question.temperature,
                input_sizes=input_sizes(question),
                output_size=None if flag is not None else size_of(value, primitive.output),
                usage=usage,
                flagged=flag is not None,
                right=self._judge.right(question, value, flagged=flag is not None),
                key=call.key,
                sample=question.sample,
                choice=int(value) if value is not None and primitive.options else None,
                cached=cached,
            )
        )
        passes = UNKNOWN if usage.completion is None else max(1, usage.completion)
        return Answer(value, passes, flag)


def _billed(usage: Usage, price: Price | None) -> float | None:
    """What a call was billed in US dollars; None where that is unknown."""
    if price is None or usage.prompt is None or usage.completion is None:
        return None
    return price.usd(usage.prompt, usage.completion, usage.cached)


def seed_of(prompt: str, sample: Sequence[int]) -> int:
    """The seed of one sample of a prompt: 31 bits, the most that every provider takes."""
    digest = hashlib.sha256(json.dumps([prompt, list(sample)]).encode()).digest()
    return int.from_bytes(digest[:4], "big") & 0x7FFFFFFF


def input_sizes(question: Question) -> tuple[int, ...]:
    """Sizes of a question's inputs, in items."""
    return tuple(size_of(value, kind) for value, kind in zip(question.values, question.primitive.inputs, strict=True))


def default_cap(question: Question) -> int:
    """Most tokens of an answer where the genome sets no limit, by the output's expected size in items."""
    expected = question.primitive.answer_size(*input_sizes(question))
    return min(MOST_TOKENS, LEAST_TOKENS + math.ceil(TOKENS_PER_ITEM * expected))


def most_prompt_tokens(model: Model, prompt: str) -> int:
    """A number that a prompt's tokens do not exceed: counted where the model can count, else one a byte."""
    count = getattr(model, "count", None)
    if callable(count):
        return int(count(prompt)) + COUNTED_SLACK
    return len(prompt.encode()) + UNCOUNTED_SLACK
