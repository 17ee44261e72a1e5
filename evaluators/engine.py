"""The engine: questions in, answers out, each of them asked once, paid within the limits, and judged.

A call's seed and key come from its content and its sample alone, so that a run gives the same answers at any
concurrency, and candidates that ask the same thing share the answer.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any

import msgspec

from undercut.evaluators.cache import AnswerCache
from undercut.evaluators.identity import answer_digest, answer_key, question_key, seed_of
from undercut.evaluators.judge import Judge
from undercut.evaluators.ledger import Ledger
from undercut.evaluators.models.base import (
    Completion,
    Model,
    PromptRefusedError,
    Request,
    Samples,
    Usage,
    billed_price_of,
    identity_of,
    most_prompt_tokens,
    most_samples_of,
)
from undercut.evaluators.models.retrying import RetryPolicy, Sleep, TransientError, UnreachableError, retrying
from undercut.evaluators.trace import CallRecord, Trace
from undercut.spaces.cost import UNKNOWN
from undercut.spaces.errors import InvalidAnswer, ModelError, RunFolderError, UndercutError
from undercut.spaces.execution import Execution
from undercut.spaces.genome import Genome
from undercut.spaces.primitive import Primitive
from undercut.spaces.question import Answer, Ask, Question
from undercut.spaces.toolbox import Toolbox
from undercut.spaces.types import size_of

logger = logging.getLogger("undercut")

LEAST_TOKENS, TOKENS_PER_ITEM, MOST_TOKENS = 16, 8, 1024
"""The default cap of an answer, in tokens: at the least, for each item expected on top of that, and at the most."""
REFUSED = Samples((Completion("", Usage(0, 0), "length"),))
"""What stands for the answer to a prompt that is refused: nothing was computed."""


class _Call(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A question made ready to be sent."""

    model: Model
    request: Request
    key: str
    sizes: tuple[int, ...]  # of the question's values
    counted: int | None  # tokens of its prompt at the most, where that was worked out

    @property
    def most(self) -> int:
        """The most tokens that its prompt may have."""
        return most_prompt_tokens(self.model, self.request.prompt) if self.counted is None else self.counted


class Engine:
    """Asks models on behalf of genomes.

    One instance serves one event loop at a time. It closes none of what it is given.

    Args:
        models: the run's models; a question names one by its position.
        cache: where answers are kept.
        ledger: what counts and limits the calls that are sent.
        concurrency: most calls under way at once.
        workers: how many calls a genome is taken to have under way at once, for its critical path; None is no limit.
        policy: how often a call that failed is sent again, and after how long.
        sleep: how to wait for that.

    Attributes:
        dearest: where there are limits, the most tokens and US dollars that any one call so far could have taken, calls
            that the cache answered included.
    """

    def __init__(
        self,
        models: Sequence[Model],
        *,
        cache: AnswerCache,
        ledger: Ledger,
        concurrency: int = 64,
        workers: int | None = None,
        policy: RetryPolicy | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.models = tuple(models)
        self._identities = tuple(identity_of(model) for model in self.models)
        self.cache = cache
        self.ledger = ledger
        self.concurrency = concurrency
        self.workers = workers
        self.policy = policy or RetryPolicy()
        self._sleep = sleep
        self.dearest = {"tokens": 0.0, "usd": 0.0}
        self._overrun: dict[int, tuple[int, int]] = {}  # tokens in and out beyond what was reserved, by model
        self._judge = Judge()
        self._told: set[str] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._in_flight: dict[str, list[asyncio.Future[Completion]]] = {}
        self._gathering: dict[tuple[Any, ...], list[_Call]] = {}
        self._queue: deque[Sequence[_Call]] = deque()
        self._tasks: set[asyncio.Task[Any] | None] = set()
        self._sent: set[asyncio.Task[Any] | None] = set()
        self._closed = False
        self._broken: UndercutError | None = None

    def asker(self, trace: Trace) -> Ask:
        """An `ask` for an `Execution`, which writes every call into the trace.

        It raises `ModelError` and `BudgetError`, never an `InvalidAnswer`: that stands in the `Answer`.
        """

        async def ask(question: Question) -> Answer:
            call = self._prepared(question)
            completion = self.cache.get(call.key)
            cached = completion is not None
            if completion is None:
                future, cached = self._under_way(call)
                completion = await future
            return self._answered(question, call, completion, cached, trace)

        return ask

    def key_of(self, question: Question) -> str:
        """What the answer to a question is stored under."""
        return self._prepared(question).key

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
        self._gathering.clear()
        self._queue.clear()
        tasks = [task for task in self._tasks if task is not None]
        for task in tasks:
            if not wait or task not in self._sent:
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for key in list(self._in_flight):  # what was never sent
            for future in self._in_flight.pop(key):
                future.cancel()
        await self.ledger.close()

    def _prepared(self, question: Question) -> _Call:
        model = self.models[question.model]
        prompt = question.primitive.prompt(question.values, question.prompt)
        sizes = question.primitive.sizes(question.values)
        cap = question.cap or default_cap(question.primitive, sizes)
        request = Request(prompt, question.temperature, cap, seed_of(prompt, question.sample), question)
        most = None
        if self.ledger.limits:
            most, price = most_prompt_tokens(model, prompt), billed_price_of(model)
            read, written = (tokens + over for tokens, over in zip((most, cap), self._over(model), strict=True))
            self.dearest["tokens"] = max(self.dearest["tokens"], read + written)
            if price is not None:
                self.dearest["usd"] = max(self.dearest["usd"], price.usd(read, written))
        key = answer_key(self._identities[question.model], prompt, question.temperature, cap, question.sample)
        return _Call(model, request, key, sizes, most)

    def _under_way(self, call: _Call) -> tuple[asyncio.Future[Completion], bool]:
        """A future of one's own for an answer, which others may wait for too, and whether it is on its way already."""
        if self._closed:
            raise ModelError("an engine sends nothing after it was closed; open another one")
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._in_flight, self._gathering = loop, {}, {}
            self._queue, self._tasks, self._sent = deque(), set(), set()
        future: asyncio.Future[Completion] = loop.create_future()
        waiting = self._in_flight.get(call.key)
        if waiting is not None:
            waiting.append(future)
            return future, True
        self._in_flight[call.key] = [future]
        request = call.request
        if request.temperature > 0 and most_samples_of(call.model) > 1:
            group = (id(call.model), request.prompt, request.temperature, request.max_tokens)
            if group not in self._gathering:
                self._gathering[group] = []
                loop.call_soon(self._gathered, group)
            self._gathering[group].append(call)
        else:
            self._launch([call])
        return future, False

    def _gathered(self, group: tuple[Any, ...]) -> None:
        """Launch what was asked for in one turn: samples that follow one another are one request."""
        calls = sorted(self._gathering.pop(group, ()), key=lambda call: call.request.seed)
        run: list[_Call] = []
        for call in calls:
            if run and (call.request.seed != run[-1].request.seed + 1 or len(run) == most_samples_of(call.model)):
                self._launch(run)
                run = []
            run.append(call)
        if run:
            self._launch(run)

    def _launch(self, calls: Sequence[_Call]) -> None:
        """Send for answers to samples of one prompt, now or when a call under way has ended."""
        if len(self._tasks) >= self.concurrency:
            self._queue.append(calls)
            return
        assert self._loop is not None
        self._tasks.add(self._loop.create_task(self._deliver(calls)))

    async def _deliver(self, calls: Sequence[_Call]) -> None:
        """Hand answers to whoever waits; those that do not come with the first are asked for one by one."""
        task = asyncio.current_task()
        try:
            found = await self._asked(calls, task)
            for call in calls[len(found) :]:
                found += await self._asked([call], task)
            for call, completion in zip(calls, found, strict=True):
                for future in self._in_flight.pop(call.key):
                    if not future.done():  # whoever asked may be gone
                        future.set_result(completion)
        except Exception as error:
            for future in self._abandoned(calls):
                if not future.done():
                    future.set_exception(error)
        except BaseException:
            for future in self._abandoned(calls):
                future.cancel()
            raise
        finally:
            self._tasks.discard(task)
            self._sent.discard(task)
            if self._queue:
                self._launch(self._queue.popleft())

    def _abandoned(self, calls: Sequence[_Call]) -> Iterator[asyncio.Future[Completion]]:
        """Those who wait for calls that will have no answer."""
        return chain.from_iterable(self._in_flight.pop(call.key, ()) for call in calls)

    async def _asked(self, calls: Sequence[_Call], task: asyncio.Task[Any] | None) -> list[Completion]:
        """What one request gives, committed."""
        seed = calls[0].request.seed
        try:
            attempt = partial(self._attempt, calls, task)
            samples = await retrying(attempt, self.policy, seed=seed, sleep=self._pause, tell=self._tell)
            alone = len(self._tasks) == 1  # no other call can end in this turn of the loop
            answers = [(call.key, answer) for call, answer in zip(calls, samples.completions, strict=False)]
            return await self.cache.put_all(answers, now=alone)
        except (ModelError, RunFolderError) as error:
            self._broken = error
            raise

    def _tell(self, trouble: str) -> None:
        """Say once what keeps calls: a server that is down or full is asked again for minutes."""
        if trouble not in self._told:
            self._told.add(trouble)
            logger.warning("%s: trying again", trouble)

    async def _pause(self, seconds: float) -> None:
        """Wait before another attempt, for no longer than there is time at all: then none is made."""
        await self._sleep(min(seconds, self.ledger.time_left))

    async def _attempt(self, calls: Sequence[_Call], task: asyncio.Task[Any] | None) -> Samples:
        """Send one request, its worst case reserved before and settled after."""
        if self._closed:
            raise ModelError("an engine sends nothing after it was closed; open another one")
        if self._broken is not None:  # the run ends: what still waits for its turn would only fail as well
            raise type(self._broken)(str(self._broken))
        model, request = calls[0].model, calls[0].request
        prompt, completion = calls[0].most, len(calls) * request.max_tokens
        read, written = self._over(model)
        reservation = await self.ledger.reserve(prompt + read, completion + written, billed_price_of(model))
        kept = self._kept(calls)
        if kept:
            self.ledger.cancel(reservation)
            return Samples(kept)
        self._sent.add(task)
        try:
            if len(calls) > 1:
                samples: Samples = await model.sample(request, len(calls))  # type: ignore[attr-defined]
            else:
                answer = await model.generate(request)
                samples = Samples((answer,), answer.usage)
        except PromptRefusedError:
            samples = REFUSED
        except UnreachableError:
            self.ledger.cancel(reservation)
            self._sent.discard(task)
            raise
        except TransientError as error:
            if error.charged:
                self.ledger.settle(reservation, None if error.answer is None else error.answer.usage)
            else:
                self.ledger.release(reservation)
            self._sent.discard(task)  # while it waits for its next attempt, nothing is under way
            raise
        except ModelError:
            self.ledger.release(reservation)
            raise
        except BaseException:
            self.ledger.settle(reservation, None)  # it was sent, and may be charged for
            raise
        self.ledger.settle(reservation, samples.usage)
        beyond = (samples.usage.prompt or 0) - prompt, (samples.usage.completion or 0) - completion
        if max(beyond) > 0:
            self._overrun[id(model)] = max(read, beyond[0]), max(written, beyond[1])
        return samples

    def _over(self, model: Model) -> tuple[int, int]:
        """Tokens in and out by which a model's calls have exceeded what their requests allow.

        A server may put a text of its own before each prompt, or not hold answers to their cap.
        """
        return self._overrun.get(id(model), (0, 0))

    def _kept(self, calls: Sequence[_Call]) -> tuple[Completion, ...]:
        """Answers to all of these calls that another process has kept since they were asked for; else ()."""
        if self.cache.journal is None:
            return ()
        found = [self.cache.get(call.key) for call in calls]
        return tuple(answer for answer in found if answer is not None) if None not in found else ()

    def _answered(self, question: Question, call: _Call, completion: Completion, cached: bool, trace: Trace) -> Answer:
        primitive, usage = question.primitive, completion.usage
        value, flag = None, None
        try:
            if completion.finish == "length":
                raise InvalidAnswer(f"an answer to {primitive.name!r} was cut off after {usage.completion} tokens")
            value = primitive.read(completion.text, question.values)
        except InvalidAnswer as error:
            flag = error
        right = self._judge.right(question, value, flagged=flag is not None)
        trace.records.append(
            CallRecord(
                primitive=primitive.name,
                prompt=question.prompt,
                model=question.model,
                temperature=question.temperature,
                input_sizes=call.sizes,
                output_size=None if flag is not None else size_of(value, primitive.output),
                usage=usage,
                flagged=flag is not None,
                right=right,
                key=call.key,
                sample=question.sample,
                choice=int(value) if value is not None and primitive.options else None,
                question="" if right is None else question_key(question, call.request.prompt),
                shuffled=question.shuffle and bool(question.sample),
                wrong="" if right or flag is not None else answer_digest(value),
                cached=cached,
            )
        )
        passes = UNKNOWN if usage.completion is None else max(1, usage.completion)
        return Answer(value, passes, flag)


def default_cap(primitive: Primitive, sizes: Sequence[float]) -> int:
    """Most tokens of an answer to inputs of these sizes, in items, where the genome sets no limit."""
    expected = primitive.answer_size(*sizes)
    return min(MOST_TOKENS, LEAST_TOKENS + primitive.room + math.ceil(TOKENS_PER_ITEM * expected))
