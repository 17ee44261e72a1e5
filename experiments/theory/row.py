"""A row of theory: a task, a model that can do exactly what the row assumes, and the structure known to be best."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from undercut.evaluators.declared import DeclaredRates
from undercut.evaluators.engine import AnswerCache, Engine, Ledger
from undercut.evaluators.evaluate import Evaluation, Outcome, evaluate
from undercut.evaluators.models.simulated import SimulatedModel
from undercut.evaluators.task import Task
from undercut.search.units import unit_of
from undercut.spaces.estimate import CallRates, Estimate
from undercut.spaces.estimator import Estimator
from undercut.spaces.genome import Genome, Node
from undercut.spaces.growth import growth
from undercut.spaces.primitive import Primitive
from undercut.spaces.types import ListOf

FURTHER = 8
"""How many times the largest size searched a structure is judged at."""


class TrueRates:
    """Rates of simulated models as declared, not as measured: what theory's optimum is found with."""

    def __init__(self, models: Sequence[SimulatedModel]) -> None:
        self._models = models
        self._declared = DeclaredRates(models)

    def call(self, node: Node, primitive: Primitive, sizes: Sequence[float]) -> CallRates:
        """The declared tokens, and the capability's chances at the size of all inputs that are lists."""
        capability = self._models[int(node.genes["model"])].capability
        size = sum(size for size, kind in zip(sizes, primitive.inputs, strict=True) if isinstance(kind, ListOf))
        right = capability.success(primitive.name, size)
        assert right is not None
        return CallRates(
            self._declared.call(node, primitive, sizes).cost, right, 1 - (1 - right) * capability.malformed
        )

    def dependence(self, node: Node) -> float:
        """How alike two samples are; greedy ones are the same."""
        return self._models[int(node.genes["model"])].capability.dependence if node.genes["temperature"] else 1.0

    def catches(self, check: Genome, body: Genome) -> float:
        """All that is wrong."""
        return 1.0

    def agreement(self, node: Node, size: float) -> float:
        """All wrong answers are taken to be the same, as theory has it."""
        return 1.0

    def shares(self, node: Node, primitive: Primitive, sizes: Sequence[float]) -> tuple[float, ...]:
        """How often each option of a choice comes, as the primitive declares."""
        return primitive.expected_shares()


@dataclass(frozen=True)
class Row:
    """What theory says of one task, and how a search is held against it.

    Nothing of it but the task, the models and the unit of cost reaches the search.

    Attributes:
        name: as in the literature's list, `T5`.
        about: the claim, in one line.
        task: types, primitives and problems.
        models: the models of a run with this seed; they draw their errors from it.
        family: the designs among which theory says that the best one is.
        optimum: in the words of theory, what is best and what it costs.
        turned: genes that theory has an optimum of, as `operator.gene`, such as `fold.size`.
        continuous: the optimum of theory for each of them, where it is a formula.
        unit: what is saved.
        sizes: the sizes searched; everything is judged at `FURTHER` times the last one.
        floor: the accuracy there that is asked for, of what is found as of the known optimum.
        problems: how many are run at the largest size judged; half as many at the others.
        settings: further settings of the search, alike for all that the row is compared with.
    """

    name: str
    about: str
    task: Task
    models: Callable[[int], Sequence[SimulatedModel]]
    family: Callable[[], Iterable[Genome]]
    optimum: str
    turned: tuple[str, ...] = ()
    continuous: Mapping[str, float] = field(default_factory=dict)
    unit: str = "tokens"
    sizes: tuple[int, ...] = (8, 16, 32)
    floor: float = 0.9
    problems: int = 60
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def judged(self) -> tuple[int, ...]:
        """The sizes at which structures are judged: from the largest searched to `FURTHER` times that."""
        last = self.sizes[-1]
        return tuple(last << k for k in range(FURTHER.bit_length()))

    @cached_property
    def known(self) -> Genome:
        """The cheapest of the family that is right often enough at the largest size judged, by the true rates."""
        return min(self.family(), key=self._price)

    def true(self, genome: Genome, size: int) -> Estimate:
        """The walk with symbols at a size, with the true rates."""
        return self._walk.apply(genome, self.task.extents(size))

    def law(self, genome: Genome) -> str:
        """How the cost grows, by the walk with the true rates."""
        return str(growth(lambda size: self.cost(genome, size)))

    def cost(self, genome: Genome, size: int) -> float:
        """What a genome costs at a size in the row's unit, by the walk with the true rates."""
        return unit_of(self.unit)(self.true(genome, size).cost)

    def run(self, genome: Genome, size: int, seed: int, count: int) -> list[Outcome]:
        """Run a genome on so many fresh problems of a size."""
        models = self.models(seed)
        toolbox = self.task.toolbox([model.name for model in models], allow_code=True)
        engine = Engine(models, cache=AnswerCache(), ledger=Ledger(), workers=self.settings.get("workers"))
        problems = self.task.instances(size, count, "test", seed + 1000)
        return asyncio.run(evaluate(genome, problems, self.task, toolbox, engine))

    def measured(self, genome: Genome, seed: int) -> dict[int, tuple[float, float]]:
        """Accuracy and cost in the row's unit of a genome at every size that is judged."""
        found = {}
        for size in self.judged:
            count = self.problems if size == self.judged[-1] else (self.problems + 1) // 2
            evaluation = Evaluation.of(self.run(genome, size, seed, count))
            found[size] = (evaluation.accuracy[size].mean, unit_of(self.unit)(evaluation.cost[size]))
        return found

    @cached_property
    def _walk(self) -> Estimator:
        models = self.models(0)
        toolbox = self.task.toolbox([model.name for model in models], allow_code=True)
        return Estimator(TrueRates(models), toolbox, self.settings.get("workers"))

    def _price(self, genome: Genome) -> tuple[bool, float]:
        far = self.true(genome, self.judged[-1])
        return math.exp(far.log_right) < self.floor, unit_of(self.unit)(far.cost)


def steepness(costs: Mapping[int, float]) -> float:
    """The slope of a cost over sizes on log-log axes, by least squares; 0 for what costs nothing."""
    if not all(costs.values()):
        return 0.0
    logs = [(math.log(size), math.log(cost)) for size, cost in costs.items()]
    x, y = (sum(each) / len(logs) for each in zip(*logs, strict=True))
    return sum((a - x) * (b - y) for a, b in logs) / sum((a - x) ** 2 for a, _ in logs)


def genes_of(genome: Genome, wanted: Sequence[str]) -> dict[str, Any]:
    """The values of genes, each named `operator.gene`, at the first node that has it."""
    found: dict[str, Any] = {}
    for name in wanted:
        operator, gene = name.split(".")
        values = [node.genes[gene] for node in genome.walk() if node.op == operator and gene in node.genes]
        found[name] = values[0] if values else None
    return found
