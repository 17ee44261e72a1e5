"""The true front of a bounded space, by exhaustive enumeration: what every searcher is held against.

    python experiments/efficiency/oracle.py             every task; the fronts stand in oracle.json

A space is all genomes of a task of at most so many nodes, with every gene. Of set intersection, whose best structures
have four nodes, there are too many to walk through: oracle and rivals take those of the operators that such structures
need, where our search has all. On a simulated model three genes change nothing but the cost: prompts
other than the first are longer and as good, and temperature and shuffling make no difference to answers that err
independently. So the oracle takes each of these at its first value, and every other gene at all of its values; what is
right by rehearsal and not dearer than `CEILING` times one call is run, the cheapest first, and the more often the
nearer it comes to the front; of genomes that ask the very same questions one is run. No genome is left out by chance.

To the embedded model prompts and orders do make a difference, and the oracle takes all values of every gene. There are
too many for sorting: its space has the first prompt alone and no shuffling, for every searcher.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from bench import checks_of
from results import say
from world import EmbeddedWorld, World

from undercut.evaluators.declared import DeclaredRates
from undercut.evaluators.models.registry import open_model
from undercut.evaluators.task import Instance, Task
from undercut.evaluators.tasks import open_task
from undercut.search.designs import known_designs
from undercut.search.front import front
from undercut.search.rehearse import rehearse
from undercut.spaces.estimator import Estimator
from undercut.spaces.genome import Genome
from undercut.spaces.normal import SAMPLING, bare, normal
from undercut.spaces.primitive import Primitive
from undercut.spaces.space import Space
from undercut.spaces.toolbox import Toolbox

ORACLE = Path(__file__).parent / "oracle.json"
MODEL = "simulated/gpt-3.5"
CEILING = 32.0
"""Genomes that cost more than so many times one call are not tried; a search's own limit by default."""
STAGES = ((16, 0.45), (100, 0.2), (500, 0.08))
"""Runs of a genome, and how far below a cheaper one it may lie to be run more often: about four standard errors."""
MANY, MANY_EMBEDDED = 2000, 300
"""Runs that the front is chosen by; it is measured by twice as many. The embedded model takes a while for each."""
STEP = 0.02
"""Once a genome's accuracy is so close to 1, dearer ones are not run: they could add no more."""


@dataclass(frozen=True)
class Problem:
    """One bounded problem of search.

    Attributes:
        task_name: the task.
        sizes: the sizes run, the last of which is the target.
        nodes: the most nodes of a genome.
        model: the model's name.
        operators: those that genomes of rivals and oracle consist of; None: all.
        bared: whether each primitive has its first wording alone, and nothing is shuffled.
    """

    task_name: str
    sizes: tuple[int, ...]
    nodes: int
    model: str = MODEL
    operators: tuple[str, ...] | None = None
    bared: bool = False

    @property
    def name(self) -> str:
        """What the problem is called."""
        return self.task_name if self.model == MODEL else f"{self.task_name}, {self.model}"

    @property
    def target(self) -> int:
        """The size at which accuracy and cost count."""
        return self.sizes[-1]

    @cached_property
    def task(self) -> Task:
        """The task, as everybody is given it."""
        task = open_task(self.task_name)
        return replace(task, primitives=_bared(task)) if self.bared else task

    @cached_property
    def world(self) -> World:
        """What is true."""
        return World(self.task, self.model) if self.model == MODEL else EmbeddedWorld(self.task, self.model)

    @property
    def most_runs(self) -> int:
        """Runs that what is true of a genome rests on at the most."""
        return MANY if self.model == MODEL else MANY_EMBEDDED

    @cached_property
    def space(self) -> Space:
        """What is searched."""
        return Space(self.task.signature, self.task.toolbox([self.model]), self.operators, self.nodes)

    @cached_property
    def _estimator(self) -> Estimator:
        return Estimator(DeclaredRates([open_model(self.model)]), self.task.toolbox([self.model]))

    def declared(self, genome: Genome) -> float:
        """Tokens of a run at the target in which every answer is right."""
        return self._estimator.apply(genome, self.task.extents(self.target)).cost.tokens

    @cached_property
    def _checks(self) -> list[Instance]:
        return checks_of(self.task, self.sizes, 0)

    @cached_property
    def _right(self) -> dict[Genome, bool]:
        """By what is left of a genome where every answer is right."""
        return {}

    def right(self, genome: Genome) -> bool:
        """Whether a genome in normal form is right where every answer is: not by luck alone."""
        core = bare(genome)
        if core not in self._right:
            self._right[core] = bool(rehearse(core, self._checks, self.task, self.world.toolbox).right)
        return self._right[core]

    @cached_property
    def _most(self) -> float:
        return CEILING * self.declared(next(genome for _, genome in known_designs(self.task, self.sizes[0])))

    def affordable(self, genome: Genome) -> bool:
        """Whether a genome is within the limit on cost."""
        return self.declared(genome) <= self._most


PROBLEMS = {
    problem.name: problem
    for problem in (
        Problem("sort", (8, 16, 32), 3),
        Problem("sum", (4, 8, 16), 3),
        Problem("intersection", (8, 16, 32), 4, operators=("call", "split", "join", "map", "vote", "retry")),
        Problem("count", (12, 24, 48), 3),
        Problem("sort", (8, 16, 32), 3, "embedded", bared=True),
        Problem("lookup", (16, 32, 64), 4, "embedded"),
    )
}


def _bared(task: Task) -> tuple[Primitive, ...]:
    return tuple(replace(tool, prompts=tool.prompts[:1], symmetric=()) for tool in task.primitives)


def slim(problem: Problem) -> Space:
    """The space without the genes that make no difference on a simulated model."""
    if problem.model != MODEL:
        return problem.space
    toolbox = Toolbox(_bared(problem.task), (), [problem.model], temperatures=(0.0,), overlaps=problem.task.overlaps)
    return Space(problem.task.signature, toolbox, problem.operators, problem.nodes)


def enumerated(problem: Problem) -> tuple[int, int, list[Genome]]:
    """How many genomes were walked through, how many of them are right and affordable, and one for all that ask alike.

    Two genomes ask alike where a run on references puts the very same questions, as many times, and their votes and
    retries have the same genes.
    """
    example = problem.task.instances(problem.target, 1, "select")
    toolbox = problem.task.toolbox([problem.model])
    right, alike = set[Genome](), dict[int, Genome]()
    walked = 0
    for genome in slim(problem).enumerate():
        walked += 1
        plain = normal(genome)
        if plain in right or not problem.right(plain):
            continue
        if problem.affordable(plain):
            right.add(plain)
            asked = rehearse(plain, example, problem.task, toolbox).questions
            taken = (str((node.op, node.genes)) for node in plain.walk() if node.op in SAMPLING)
            alike.setdefault(hash((*sorted(map(repr, asked)), *sorted(taken))), plain)
    return walked, len(right), list(alike.values())


def true_front(problem: Problem, genomes: Sequence[Genome]) -> list[tuple[Genome, float, float]]:
    """The non-dominated by accuracy and cost at the target, the cheapest looked at first."""
    best, close, looked = 0.0, list[Genome](), 0
    many = problem.most_runs
    for genome in sorted(genomes, key=problem.declared):
        if best >= 1 - STEP:
            break
        looked += 1
        accuracy = 0.0
        for runs, doubt in STAGES:
            accuracy, _ = problem.world.truth(genome, problem.target, min(runs, many))
            if accuracy < best - doubt:
                break
        else:
            close.append(genome)
            best = max(best, accuracy)
    say(f"{problem.name}: {len(genomes):,} unlike, {looked:,} run, {len(close):,} near the front")
    chosen = front((genome, *problem.world.truth(genome, problem.target, many)) for genome in close)
    return [(genome, *problem.world.truth(genome, problem.target, 2 * many)) for genome, _, _ in chosen]


def volume(points: Sequence[tuple[float, float]], most: float) -> float:
    """Hypervolume of (accuracy, cost), cost as a logarithm, against accuracy 0 and a cost of `most`."""
    total, best = 0.0, 0.0
    cheapest_first = sorted((math.log(cost), accuracy) for accuracy, cost in points if cost < most)
    for cost, accuracy in cheapest_first:
        if accuracy > best:
            total += (accuracy - best) * (math.log(most) - cost)
            best = accuracy
    return total


def found_of(problem: Problem) -> dict[str, Any]:
    """The oracle of a problem, in its JSON form."""
    begin = time.process_time()
    walked, right, genomes = enumerated(problem)
    say(f"{problem.name}: {walked:,} walked through in {time.process_time() - begin:.0f} s")
    points = true_front(problem, genomes)
    return {
        "sizes": problem.sizes,
        "nodes": problem.nodes,
        "genomes": problem.space.count(),
        "walked": walked,
        "right": right,
        "unlike": len(genomes),
        "seconds": round(time.process_time() - begin),
        "front": [{"name": str(g), "accuracy": a, "cost": c, "genome": g.to_dict()} for g, a, c in points],
    }


def oracle_known(problem: Problem) -> bool:
    """Whether the oracle stands in the file."""
    return ORACLE.exists() and problem.name in json.loads(ORACLE.read_text())


def oracle_of(problem: Problem) -> dict[str, Any]:
    """The oracle that stands in the file.

    Raises:
        LookupError: it was not made yet.
    """
    if not oracle_known(problem):
        raise LookupError(f"make the oracle first: python experiments/efficiency/oracle.py --tasks '{problem.name}'")
    return dict(json.loads(ORACLE.read_text())[problem.name])


def main() -> None:
    """Enumerate, run, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", choices=PROBLEMS, default=list(PROBLEMS))
    for name in parser.parse_args().tasks:
        found = found_of(PROBLEMS[name])
        kept = json.loads(ORACLE.read_text()) if ORACLE.exists() else {}
        ORACLE.write_text(json.dumps({**kept, name: found}, indent=1) + "\n")
        say(f"{name}: {found['genomes']:,} genomes, {len(found['front'])} on the front, {found['seconds']} s")
        for point in found["front"]:
            say(f"    {point['accuracy']:.3f}  {point['cost']:7.1f}  {point['name']}")


if __name__ == "__main__":
    main()
