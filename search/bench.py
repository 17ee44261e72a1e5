"""Running genomes on the model: on the same problems, side by side, each call counted and judged."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace

from undercut.evaluators.attribution import Attribution
from undercut.evaluators.calibrate import Calibration
from undercut.evaluators.engine import Engine
from undercut.evaluators.evaluate import Evaluation, Outcome, Scores, credit, evaluate, seen_of
from undercut.evaluators.task import Split, Task
from undercut.search.store import Store
from undercut.spaces.cost import NO_COST, Cost
from undercut.spaces.genome import Genome
from undercut.spaces.toolbox import Toolbox


@dataclass
class Bench:
    """Where genomes are run, and what that showed.

    Attributes:
        unit: the run's unit of cost.
        calibration: what is known of single calls; every call is counted there.
        outcomes: what each genome did, on all problems that were not kept for the last measurement.
        attribution: what that tells of calls that nobody can judge.
        charged: what all runs would have cost uncached, calibration aside.
    """

    task: Task
    toolbox: Toolbox
    engine: Engine
    store: Store
    unit: Callable[[Cost], float]
    seed: int
    calibration: Calibration = field(default_factory=Calibration)
    outcomes: dict[Genome, list[Outcome]] = field(default_factory=dict)
    charged: Cost = NO_COST
    _runs: dict[tuple[Genome, Split], list[Outcome]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        unjudged = [name for name, primitive in self.toolbox.primitives.items() if primitive.reference is None]
        self.attribution = Attribution(unjudged)

    def seen(self, genome: Genome) -> dict[int, Scores]:
        """A genome's own runs, by size."""
        return seen_of(self.outcomes.get(genome, ()))

    def credit(self) -> float:
        """What a result that is not fully right is worth, in [0, 1], by all runs so far; see `credit`."""
        return credit(outcome.score for each in self.outcomes.values() for outcome in each)

    async def measure(self, problems: Mapping[Genome, int], split: Split, size: int) -> None:
        """Run each genome on the first so many problems of a size, except those that it was run on before.

        Raises:
            ModelError: a model could not answer.
            BudgetError: a limit would have been exceeded.
        """
        held = self.task.instances(size, max(problems.values(), default=0), split, self.seed)
        done = {genome: sum(run.size == size for run in self._runs.get((genome, split), ())) for genome in problems}
        runs = [
            evaluate(genome, held[done[genome] : most], self.task, self.toolbox, self.engine)
            for genome, most in problems.items()
        ]
        for genome, outcomes in zip(problems, await asyncio.gather(*runs), strict=True):
            for outcome in outcomes:
                self.calibration.add(outcome.records)
                self.charged += outcome.cost
            light = [replace(outcome, records=()) for outcome in outcomes]
            self._runs.setdefault((genome, split), []).extend(light)
            if split != "test":
                self.outcomes.setdefault(genome, []).extend(light)
                places = range(done[genome], done[genome] + len(outcomes))
                known: dict[Hashable, Outcome] = {
                    (split, size, place): each for place, each in zip(places, outcomes, strict=True)
                }
                self.attribution.add(genome, known)

    def shown(self, genome: Genome, split: Split) -> Evaluation:
        """What the problems of a split have shown of a genome so far."""
        return Evaluation.of(self._runs[genome, split])

    def keep(self, genome: Genome, split: Split) -> None:
        """Keep what the problems of a split showed of a genome, if anything, in the run's store."""
        if (genome, split) not in self._runs:
            return
        evaluation = self.shown(genome, split)
        largest = max(evaluation.accuracy)
        values = (evaluation.accuracy[largest].mean, self.unit(evaluation.cost[largest]))
        self.store.add(genome, split, values, evaluation.to_dict())
