"""The world behind a task and a model: genomes run cheaply, and what is true of them by many such runs."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, NamedTuple, TypeAlias

from metered import simulated

from undercut.evaluators.engine import default_cap
from undercut.evaluators.identity import seed_of
from undercut.evaluators.models.base import Completion, PromptRefusedError, Request
from undercut.evaluators.models.embedded import EmbeddedModel
from undercut.evaluators.models.simulated import MALFORMED, Capability, count_pieces, question_size
from undercut.evaluators.models.wrong import plausible
from undercut.evaluators.task import Task
from undercut.spaces.errors import InvalidAnswer
from undercut.spaces.execution import Execution, run_now
from undercut.spaces.genome import Genome
from undercut.spaces.question import Answer, Question
from undercut.spaces.toolbox import Toolbox
from undercut.spaces.types import render

MOST_KNOWN = 50_000
"""Questions whose prompt and right answer are kept, so that memory stays bounded."""
LONGEST = 4_096
"""Tokens of an answer of gpt-3.5-turbo-0125 at the most: a question of more items is refused, and costs a call."""
Pay: TypeAlias = Callable[[int], None]
"""Told the tokens, in and out, of each call before its answer is used. It may raise."""
Problem: TypeAlias = tuple[Sequence[Any], Any]
"""Inputs and the right output."""


class Outcome(NamedTuple):
    """One run: what its output is worth in [0, 1], and its tokens in and out."""

    score: float
    tokens: int


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question to a simulated model: its tokens, how likely the answer is right, and that answer with its tokens."""

    tokens: int
    chance: float
    right: Answer
    right_tokens: int


def _flagged(reason: str) -> Answer:
    """An answer that is none; each has an exception of its own, since one that is raised holds on to where it was."""
    return Answer(None, flag=InvalidAnswer(reason))


async def outcome(
    genome: Genome,
    problem: Problem,
    task: Task,
    toolbox: Toolbox,
    answer: Callable[[Question], Awaitable[tuple[Answer, int]]],
    pay: Pay | None,
    concurrent: bool = False,
) -> Outcome:
    """Run a genome once, on answers with their tokens; an output that cannot be had is worth nothing."""
    tokens = 0

    async def ask(question: Question) -> Answer:
        nonlocal tokens
        found, both = await answer(question)
        if pay is not None:
            pay(both)
        tokens += both
        return found

    inputs, target = problem
    try:
        output = await Execution(ask, toolbox, concurrent=concurrent).apply(genome, inputs)
    except InvalidAnswer:
        return Outcome(0.0, tokens)
    return Outcome(task.score(output, target), tokens)


class World:
    """A task and a simulated model.

    The runs draw from the same table of capabilities as the model, from one generator a run instead of a digest a
    prompt, which takes a fraction of the time. The same sample of the same prompt is the same answer within a run, and
    each time a call. Each genome has problems and draws of its own, so that what is looked up first changes nothing.
    """

    def __init__(self, task: Task, model: str) -> None:
        self.task = task
        self.toolbox = task.toolbox([model])
        self._capability: Capability = simulated(model, 0).capability
        self._known: dict[tuple[str, int, int], tuple[float, float]] = {}
        self._asked: dict[str, _Asked] = {}

    def truth(self, genome: Genome, size: int, runs: int) -> tuple[float, float]:
        """Share of fresh problems of a size that come out right, and tokens of a run."""
        key = (genome.key, size, runs)
        if key not in self._known:
            draw = random.Random(f"truth/{genome.key}/{size}/{runs}")
            found = [self._run(genome, self.task.make(size, draw), draw, None) for _ in range(runs)]
            self._known[key] = fmean(score for score, _ in found), fmean(tokens for _, tokens in found)
        return self._known[key]

    def runs(self, genome: Genome, problems: Sequence[Problem], tags: Sequence[str], pay: Pay) -> list[Outcome]:
        """Run a genome once on each problem; what errs follows from the run's tag."""
        return [
            self._run(genome, problem, random.Random(tag), pay) for problem, tag in zip(problems, tags, strict=True)
        ]

    def _run(self, genome: Genome, problem: Problem, draw: random.Random, pay: Pay | None) -> Outcome:
        given: dict[tuple[str, float, tuple[int, ...]], tuple[Answer, int]] = {}

        async def answer(question: Question) -> tuple[Answer, int]:
            if question_size(question) > LONGEST:
                return _flagged("the prompt is too long"), 0
            name = f"{question.primitive.name}/{question.prompt}/{question.values!r}"
            key = (name, question.temperature, question.sample)
            if key not in given:
                given[key] = self._answer(name, question, draw)
            return given[key]

        return run_now(outcome(genome, problem, self.task, self.toolbox, answer, pay))

    def _answer(self, name: str, question: Question, draw: random.Random) -> tuple[Answer, int]:
        """What the model would say, by the rule of `SimulatedModel`, and the tokens in and out."""
        asked = self._asked.get(name)
        if asked is None:
            if len(self._asked) >= MOST_KNOWN:
                self._asked.clear()
            asked = self._asked[name] = self._looked_up(question)
        if draw.random() < asked.chance:
            right = asked.right if asked.right.flag is None else _flagged(str(asked.right.flag))
            return right, asked.tokens + asked.right_tokens
        wrong = plausible(question.primitive, question.values, asked.right.value, draw)
        if wrong is None:
            return _flagged("there is no plausible wrong answer"), asked.tokens + count_pieces(MALFORMED)
        return Answer(wrong[1]), asked.tokens + count_pieces(wrong[0])

    def _looked_up(self, question: Question) -> _Asked:
        primitive = question.primitive
        tokens = count_pieces(primitive.prompt(question.values, question.prompt))
        chance = self._capability.success(primitive.name, question_size(question))
        assert chance is not None and primitive.reference is not None
        try:
            truth = primitive.reference(*question.values)
        except Exception:  # on what earlier wrong answers have spoilt
            return _Asked(tokens, 1.0, _flagged("the question makes no sense"), count_pieces(MALFORMED))
        return _Asked(tokens, chance, self._read(question, truth), count_pieces(render(truth, primitive.output)))

    def _read(self, question: Question, truth: Any) -> Answer:
        """A right answer as it is read; also one that breaks the primitive's own contract on spoilt inputs."""
        try:
            return Answer(question.primitive.read(render(truth, question.primitive.output), question.values))
        except InvalidAnswer as flag:
            return Answer(truth, flag=flag)


class EmbeddedWorld:
    """A task and the embedded model, whose answers are kept: each follows from its prompt, temperature and seed.

    All genomes are run on the same problems, so that many of their questions are the same.
    """

    def __init__(self, task: Task, model: str) -> None:
        self.task = task
        self.toolbox = task.toolbox([model])
        self._model = EmbeddedModel()
        self._answers: dict[tuple[str, float, int, int], Completion | None] = {}
        self._known: dict[tuple[str, int, int], tuple[float, float]] = {}

    def truth(self, genome: Genome, size: int, runs: int) -> tuple[float, float]:
        """Share of problems of a size that come out right, and tokens of a run."""
        key = (genome.key, size, runs)
        if key not in self._known:
            problems = [self.task.make(size, random.Random(f"truth/{size}/{place}")) for place in range(runs)]
            found = self._all(genome, problems, None)
            self._known[key] = fmean(score for score, _ in found), fmean(tokens for _, tokens in found)
        return self._known[key]

    def runs(self, genome: Genome, problems: Sequence[Problem], tags: Sequence[str], pay: Pay) -> list[Outcome]:
        """Run a genome once on each problem."""
        return self._all(genome, problems, pay)

    def _all(self, genome: Genome, problems: Sequence[Problem], pay: Pay | None) -> list[Outcome]:
        async def together() -> list[Outcome]:
            runs = (outcome(genome, each, self.task, self.toolbox, self._answer, pay, True) for each in problems)
            return await asyncio.gather(*runs)

        return asyncio.run(together())

    async def _answer(self, question: Question) -> tuple[Answer, int]:
        prompt = question.primitive.prompt(question.values, question.prompt)
        seed = seed_of(prompt, question.sample) if question.temperature else 0
        cap = question.cap or default_cap(question.primitive, question.primitive.sizes(question.values))
        key = (prompt, question.temperature, cap, seed)
        if key not in self._answers:
            try:
                self._answers[key] = await self._model.generate(Request(*key))
            except PromptRefusedError:
                self._answers[key] = None
        completion = self._answers[key]
        if completion is None:
            return _flagged("the prompt is too long"), 0
        tokens = (completion.usage.prompt or 0) + (completion.usage.completion or 0)
        try:
            if completion.finish == "length":
                raise InvalidAnswer("cut off")
            return Answer(question.primitive.read(completion.text, question.values)), tokens
        except InvalidAnswer as flag:
            return Answer(None, flag=flag), tokens
