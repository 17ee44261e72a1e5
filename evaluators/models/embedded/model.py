"""The embedded model behind the `Model` protocol: requests that arrive together are computed together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from undercut.evaluators.models.base import Completion, PromptTooLongError, Request, Shape, Usage
from undercut.evaluators.models.embedded.network import CONTEXT, Job, Network
from undercut.evaluators.models.embedded.tokenizer import END, decode, encode_prompt

MICRO_BATCH = 64
"""The most requests that are computed at once; more gain little per token and keep the first ones waiting."""
GATHER_SECONDS = 0.002

_WEIGHTS = Path(__file__).parent / "weights.npz"


def _prompt_tokens(request: Request) -> list[int]:
    tokens = encode_prompt(request.prompt)
    if len(tokens) >= CONTEXT:
        raise PromptTooLongError(
            f"a prompt of the embedded model must have fewer than {CONTEXT} tokens, this one has {len(tokens)}; "
            "split the input over more calls"
        )
    return tokens


class EmbeddedModel:
    """The small transformer that ships with the package; it needs no network, no key and no accelerator.

    One instance serves one event loop at a time. The answer to a request depends only on its prompt, its
    temperature, its seed and its limit, never on which others are computed with it.

    Attributes:
        network: the forward pass, for scripts that want tokens and not text.
    """

    def __init__(self, weights: Path = _WEIGHTS) -> None:
        """Load the weights that ship, or those of another file."""
        self.network = Network(weights)
        self._pool: ThreadPoolExecutor | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: dict[Request, asyncio.Future[Completion]] = {}
        self._under_way: dict[Request, asyncio.Future[Completion]] = {}
        self._pump: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """The name a user gives to get this model."""
        return "embedded"

    @property
    def shape(self) -> Shape:
        """Parameters (all of them, the embedding included), layers, width."""
        network = self.network
        return Shape(parameters=network.parameters, layers=network.layers, width=network.width)

    def count(self, text: str) -> int:
        """Number of tokens that a prompt is billed, the two that frame it included."""
        return len(encode_prompt(text))

    def complete(self, requests: Sequence[Request]) -> list[Completion]:
        """Answer requests in order, in the calling thread.

        Raises:
            PromptTooLongError: a prompt does not fit into the context.
        """
        prompts = [_prompt_tokens(request) for request in requests]
        jobs = [
            Job(prompt, min(request.max_tokens, CONTEXT - len(prompt)), request.temperature, request.seed)
            for prompt, request in zip(prompts, requests, strict=True)
        ]
        order = sorted(range(len(jobs)), key=lambda index: len(jobs[index].prompt))
        answers: dict[int, list[int]] = {}
        for start in range(0, len(order), MICRO_BATCH):
            part = order[start : start + MICRO_BATCH]
            answers.update(zip(part, self.network.generate([jobs[index] for index in part]), strict=True))
        return [_completion(prompt, answers[index]) for index, prompt in enumerate(prompts)]

    async def generate(self, request: Request) -> Completion:
        """Answer one request, computed together with those that arrive within about 2 ms.

        Raises:
            PromptTooLongError: the prompt does not fit into the context.
        """
        _prompt_tokens(request)  # refused here, so that it cannot spoil the batch it would be in
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._pump = loop, None
            self._waiting, self._under_way = {}, {}
        future = self._waiting.get(request) or self._under_way.get(request)
        if future is None:
            future = self._waiting[request] = loop.create_future()
            if self._pump is None or self._pump.done():
                self._pump = loop.create_task(self._serve(loop))
        return await asyncio.shield(future)  # one of several askers may be cancelled, the others still wait

    async def close(self) -> None:
        """Stop the worker thread."""
        if self._pump is not None and self._loop is asyncio.get_running_loop():
            self._pump.cancel()
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    async def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        """Compute micro-batches until nobody waits."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="embedded")
        while self._waiting:
            if len(self._waiting) < MICRO_BATCH:
                await asyncio.sleep(GATHER_SECONDS)
            batch = dict(list(self._waiting.items())[:MICRO_BATCH])
            for request in batch:
                del self._waiting[request]
            self._under_way = batch
            job = loop.run_in_executor(self._pool, self.complete, list(batch))
            await asyncio.wait([job])
            error = job.exception()
            for place, future in enumerate(batch.values()):
                if future.done():
                    continue
                if error is None:
                    future.set_result(job.result()[place])
                else:
                    future.set_exception(error)
            self._under_way = {}


def _completion(prompt: Sequence[int], answer: Sequence[int]) -> Completion:
    stopped = bool(answer) and answer[-1] == END
    usage = Usage(prompt=len(prompt), completion=len(answer))
    return Completion(decode(answer), usage, "stop" if stopped else "length")
