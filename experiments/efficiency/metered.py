"""A model whose calls are counted, and the world it stands for: true accuracies by many cheap runs."""

from __future__ import annotations

import random
from bisect import bisect_right
from datetime import datetime
from statistics import fmean
from typing import Any

from undercut.evaluators.models.base import Completion, Model, Request
from undercut.evaluators.models.registry import SIMULATED
from undercut.evaluators.models.simulated import MALFORMED, Capability, SimulatedModel, count_pieces, question_size
from undercut.evaluators.models.wrong import wrong_answer
from undercut.evaluators.task import Task
from undercut.spaces.errors import InvalidAnswer
from undercut.spaces.execution import Execution, run_now
from undercut.spaces.genome import Genome
from undercut.spaces.question import Answer, Question
from undercut.spaces.types import render


class Metered:
    """A model that notes every request it is sent: how many there were, and when.

    Attributes:
        calls: requests so far.
        tokens: tokens in and out so far.
        log: the moment of each request, with the calls and tokens up to it.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self.calls = self.tokens = 0
        self.log: list[tuple[datetime, int, int]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    @property
    def name(self) -> str:
        """The model's name."""
        return self._model.name

    async def generate(self, request: Request) -> Completion:
        """Hand the request on, and count it."""
        completion = await self._model.generate(request)
        self.calls += 1
        self.tokens += (completion.usage.prompt or 0) + (completion.usage.completion or 0)
        self.log.append((datetime.now(), self.calls, self.tokens))
        return completion

    def at(self, moment: datetime) -> tuple[int, int]:
        """Calls and tokens sent up to a moment."""
        place = bisect_right(self.log, moment, key=lambda entry: entry[0])
        return self.log[place - 1][1:] if place else (0, 0)


def simulated(name: str, seed: int) -> SimulatedModel:
    """The simulated model of a name, with a seed of its own for its errors."""
    _, capability, shape = SIMULATED[name.removeprefix("simulated/")]
    return SimulatedModel(name, capability, seed=seed, shape=shape, count=count_pieces)


class World:
    """What is true of genomes on one task and simulated model, by many fresh runs: accuracy and mean tokens by size.

    The runs draw from the same table of capabilities as the model, without keys and caches between. Each genome has
    problems and draws of its own, so that what is looked up first changes nothing.
    """

    def __init__(self, task: Task, model: str) -> None:
        self.task = task
        self.toolbox = task.toolbox([model])
        self._capability: Capability = simulated(model, 0).capability
        self._known: dict[tuple[str, int, int], tuple[float, float]] = {}

    def truth(self, genome: Genome, size: int, runs: int) -> tuple[float, float]:
        """Share of fresh problems of a size that come out right, and tokens of a run."""
        key = (genome.key, size, runs)
        if key not in self._known:
            draw = random.Random(f"truth/{genome.key}/{size}/{runs}")
            found = [self._run(genome, self.task.make(size, draw), draw) for _ in range(runs)]
            self._known[key] = fmean(score for score, _ in found), fmean(tokens for _, tokens in found)
        return self._known[key]

    def _run(self, genome: Genome, problem: tuple[tuple[Any, ...], Any], draw: random.Random) -> tuple[float, int]:
        given: dict[tuple[str, float, tuple[int, ...]], Answer] = {}
        tokens = 0

        async def ask(question: Question) -> Answer:
            nonlocal tokens
            prompt = question.primitive.prompt(question.values, question.prompt)
            key = (prompt, question.temperature, question.sample)
            if key not in given:  # the same sample of the same prompt is the same answer
                given[key] = self._answer(question, draw)
            answer = given[key]
            text = MALFORMED if answer.flag else render(answer.value, question.primitive.output)
            tokens += count_pieces(prompt) + count_pieces(text)
            return answer

        inputs, target = problem
        try:
            output = run_now(Execution(ask, self.toolbox, concurrent=False).apply(genome, inputs))
        except InvalidAnswer:
            return 0.0, tokens
        return self.task.score(output, target), tokens

    def _answer(self, question: Question, draw: random.Random) -> Answer:
        """What the model would say, by the rule of `SimulatedModel`."""
        primitive = question.primitive
        chance = self._capability.success(primitive.name, question_size(question))
        assert chance is not None and primitive.reference is not None
        try:
            truth = primitive.reference(*question.values)
        except Exception:  # on what earlier wrong answers have spoilt
            return Answer(None, flag=InvalidAnswer("the question makes no sense"))
        if draw.random() < chance:
            return Answer(truth)
        text = wrong_answer(primitive, question.values, truth, draw)
        if text is None:
            return Answer(None, flag=InvalidAnswer("there is no plausible wrong answer"))
        return Answer(primitive.read(text, question.values))
