"""What a genome is worth: accuracy by size with its interval, measured cost, failures as their own class."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from undercut.evaluators.engine import Engine
from undercut.evaluators.models.base import Model
from undercut.evaluators.models.registry import Access, open_models
from undercut.evaluators.statistics import Accuracy, accuracy
from undercut.evaluators.task import Instance, Task
from undercut.evaluators.trace import CallRecord, Trace
from undercut.spaces.cost import NO_COST, Cost
from undercut.spaces.genome import Genome
from undercut.spaces.question import Question
from undercut.spaces.toolbox import Toolbox


@dataclass(frozen=True, slots=True)
class Outcome:
    """One genome on one instance.

    Attributes:
        size: the instance's size in items.
        score: in [0, 1]; 0 for a failure.
        failure: the class of the failure, None where there was an output to score.
        cost: what it costs uncached, whatever came from the cache.
        records: every call.
    """

    size: int
    score: float
    failure: str | None
    cost: Cost
    output: Any = None
    records: tuple[CallRecord, ...] = ()


class Scores(NamedTuple):
    """Some runs at one size: the sum of their scores, how many were right altogether, and how many runs there were."""

    total: float
    right: int
    runs: int

    def plus(self, other: Scores) -> Scores:
        """These runs and others."""
        return Scores(self.total + other.total, self.right + other.right, self.runs + other.runs)


NO_RUNS = Scores(0.0, 0, 0)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What is known of a genome after running it: by size its accuracy, mean cost and scores, and how it failed."""

    accuracy: dict[int, Accuracy]
    cost: dict[int, Cost]
    failures: dict[str, int]
    seen: dict[int, Scores]

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> Evaluation:
        """Sum up outcomes by size; costs are means an instance."""
        by_size: dict[int, list[Outcome]] = {}
        for outcome in outcomes:
            by_size.setdefault(outcome.size, []).append(outcome)
        return cls(
            {size: accuracy([o.score for o in found]) for size, found in sorted(by_size.items())},
            {size: mean_cost([o.cost for o in found]) for size, found in sorted(by_size.items())},
            dict(Counter(outcome.failure for outcome in outcomes if outcome.failure is not None)),
            seen_of(outcomes),
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON form, without the scores."""
        return {
            "accuracy": {str(size): found.to_dict() for size, found in self.accuracy.items()},
            "cost": {str(size): found.to_dict() for size, found in self.cost.items()},
            "failures": self.failures,
        }


def credit(scores: Iterable[float]) -> float:
    """What a result that is not fully right is worth, in [0, 1]: the mean of those seen and of one worth nothing."""
    partly = [score for score in scores if score < 1]
    return math.fsum(partly) / (len(partly) + 1)


def seen_of(outcomes: Iterable[Outcome]) -> dict[int, Scores]:
    """What some runs showed, by size."""
    by_size: dict[int, list[float]] = {}
    for outcome in outcomes:
        by_size.setdefault(outcome.size, []).append(outcome.score)
    return {
        size: Scores(math.fsum(scores), sum(score == 1 for score in scores), len(scores))
        for size, scores in sorted(by_size.items())
    }


def mean_cost(costs: Sequence[Cost]) -> Cost:
    """The mean of costs, field by field, the critical path included."""
    total = NO_COST
    for cost in costs:
        total += cost
    return total * (1 / len(costs)) if costs else NO_COST


async def run_once(genome: Genome, instance: Instance, task: Task, toolbox: Toolbox, engine: Engine) -> Outcome:
    """Run a genome on one instance.

    Raises:
        ModelError: a model could not answer.
        BudgetError: a limit would have been exceeded.
    """
    trace = await engine.run(genome, instance.inputs, toolbox)
    score, failure = 0.0, trace.failure
    if failure is None:
        score = await _scored(trace.output, instance, task, toolbox, engine)
        if not 0 <= score <= 1:
            score, failure = 0.0, "unscored"
    return Outcome(instance.size, score, failure, trace.cost(engine.models), trace.output, tuple(trace.records))


def open_judges(task: Task, access: Access | None = None) -> list[Model]:
    """The model that judges a task's outputs, where it has one of its own; it stands behind the run's models.

    It has no batch prices: these are for the use of what is found, and nobody judges there.

    Raises:
        ModelNameError: there is no such model, or its key is not set.
    """
    if task.judge is None or task.judge_model is None:
        return []
    return open_models([task.judge_model], replace(access or Access(), batch=False), [task.judge])


async def _scored(output: Any, instance: Instance, task: Task, toolbox: Toolbox, engine: Engine) -> float:
    """What an output is worth, by the task's scorer or its judge; NaN where the judge did not say."""
    if task.judge is None:
        return task.scored(output, instance.target)
    model = 0 if task.judge_model is None else len(toolbox.models)
    asked = Question(task.judge, (*instance.inputs, output, instance.target), model=model)
    answer = await engine.asker(Trace())(asked)
    return math.nan if answer.flag is not None else float(answer.value)


async def evaluate(
    genome: Genome, instances: Sequence[Instance], task: Task, toolbox: Toolbox, engine: Engine
) -> list[Outcome]:
    """Run a genome on instances, side by side; outcomes come in the order of the instances.

    Raises:
        ModelError: a model could not answer.
        BudgetError: a limit would have been exceeded.
    """
    return list(await asyncio.gather(*(run_once(genome, instance, task, toolbox, engine) for instance in instances)))
