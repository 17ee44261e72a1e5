"""Declared cost is measured cost, exactly, in every field, where the model never errs.

python experiments/cost/exact.py                 400 random genomes, three sizes, with and without limited workers

Three tasks are known ones. The fourth has primitives that decide something, for the operators that need them; what they
decide is always the same, as is declared of them, so that what is expected is what happens.

The model is `simulated/perfect`, with prices that are powers of two, so that sums of dollars are exact as well.
Genomes are drawn at random; left out, and counted, are those that ask nothing or cost too much to run, those in which
something is refused although every answer is right (a check that says no, nothing to combine), and those that merge
blocks with a body that loses items, for which the order of the blocks, and so the cost, depends on the values, as it
does for all sorting algorithms but the comparison of all pairs of numbers.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from results import keep, say, table

from undercut.evaluators.cache import AnswerCache
from undercut.evaluators.declared import DeclaredRates
from undercut.evaluators.engine import Engine
from undercut.evaluators.ledger import Ledger
from undercut.evaluators.models.registry import NOMINAL, PERFECT
from undercut.evaluators.models.simulated import Capability, SimulatedModel, count_pieces
from undercut.evaluators.task import Instance, Task
from undercut.evaluators.tasks import TASKS
from undercut.evaluators.tasks.primitives import SORT
from undercut.spaces.cost import FIELDS, Cost
from undercut.spaces.errors import InvalidAnswer
from undercut.spaces.estimator import Estimator
from undercut.spaces.execution import Execution, run_now
from undercut.spaces.extent import length
from undercut.spaces.genome import Genome, Node
from undercut.spaces.operators import OPERATORS
from undercut.spaces.pricing import Price
from undercut.spaces.primitive import Primitive
from undercut.spaces.question import Answer, Question
from undercut.spaces.space import Space
from undercut.spaces.toolbox import Toolbox
from undercut.spaces.types import NEED, NUMBER, NUMBERS, SCORE, TRUTH, Atom

OPTION = Atom("option", parse=int, options=3)
DECIDING = Task(
    "decide",
    (NUMBERS,),
    NUMBERS,
    (
        SORT,
        Primitive(
            "needed", (NUMBERS,), NEED, ("needed {0}",), law=lambda n: 1, reference=lambda a: True, shares=(0.0, 1.0)
        ),
        Primitive(
            "which", (NUMBERS,), OPTION, ("which {0}",), law=lambda n: 1, reference=lambda a: 2, shares=(0.0, 0.0, 1.0)
        ),
        Primitive("rate", (NUMBERS,), SCORE, ("rate {0}",), law=lambda n: 1, reference=lambda a: 1),
        Primitive(
            "better", (NUMBERS, NUMBERS), TRUTH, ("better {0} {1}",), law=lambda a, b: 1, reference=lambda a, b: True
        ),
        Primitive(
            "below", (NUMBER, NUMBER), TRUTH, ("below {0} {1}",), law=lambda a, b: 1, reference=lambda a, b: a < b
        ),
    ),
    TASKS["sort"].make,
    summary="sort a list, with primitives that decide something",
)
STUDIED = {"decide": DECIDING} | {name: TASKS[name] for name in ("sort", "count", "sum")}
SIZES = (5, 16, 33)
WORKERS = (None, 3)
OVERLAPS = (0, 1, 5)
MOST_TOKENS = 20_000
"""Genomes that cost more than this at the largest size are not run."""
PRICE = Price(2.0**-20, 2.0**-18)


@dataclass
class Found:
    """What the comparisons came to."""

    comparisons: int = 0
    mismatches: Counter[str] = field(default_factory=Counter)
    operators: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    wrong: list[dict[str, Any]] = field(default_factory=list)

    def compare(self, declared: Cost, measured: Cost, where: dict[str, Any]) -> None:
        """Hold two costs against each other, field by field; what neither knows is no comparison."""
        pairs = {name: (getattr(declared, name), getattr(measured, name)) for name in FIELDS}
        known = {name: pair for name, pair in pairs.items() if not all(map(math.isnan, pair))}
        unequal = {name: pair for name, pair in known.items() if pair[0] != pair[1]}
        self.comparisons += len(known)
        self.mismatches.update(list(unequal))
        if unequal:
            self.wrong.append({**where, "declared_and_measured": unequal})


def draw(task: Task, toolbox: Toolbox, rates: DeclaredRates, count: int, found: Found, seed: int) -> list[Genome]:
    """So many different random genomes of a task that can be compared."""
    space = Space(task.signature, toolbox)
    generator = random.Random(f"exact/{task.name}/{seed}")
    instances = [task.instances(size, 1, seed=seed)[0] for size in SIZES]
    estimator = Estimator(rates, toolbox)
    chosen: dict[Genome, None] = {}
    while len(chosen) < count:
        genome = space.sample(generator)
        if genome in chosen:
            continue
        reason = why_not(genome, task, estimator, instances)
        if reason:
            found.left_out[reason] += 1
        else:
            chosen[genome] = None
    return list(chosen)


def why_not(genome: Genome, task: Task, estimator: Estimator, instances: list[Instance]) -> str | None:
    """Why a genome's costs cannot be compared, or None where they can."""
    if not any(node.op == "call" for node in genome.walk()):
        return "asks nothing"
    if not estimator.apply(genome, task.extents(SIZES[-1])).cost.tokens <= MOST_TOKENS:
        return "too dear"
    if not keeps_items(genome, estimator):
        return "merges with a body that loses items"
    if depends_on_values(genome):
        return "sorts in a way that depends on the values"
    if any(refused(genome, instance, estimator.toolbox) for instance in instances):
        return "something is refused"
    return None


def keeps_items(genome: Genome, estimator: Estimator) -> bool:
    """Whether every body that merges blocks gives as many items as it takes."""
    bodies = [node.bodies[0] for node in genome.walk() if node.op == "merge_blocks"]
    return all(length(estimator.apply(body, (((1, 3),), ((1, 5),))).extent) == 8 for body in bodies)


def depends_on_values(genome: Genome) -> bool:
    """Whether what it costs hangs on what is compared or decided, not on sizes and answers of single calls alone."""
    return any(
        (node.op == "sort_by" and (node.genes["algorithm"] != "pairs" or _compares_lists(node)))
        or (node.op in ("guard", "route") and getattr(node.bodies[0].output, "op", "") != "call")
        for node in genome.walk()
    )


def _compares_lists(node: Node) -> bool:
    """Whether it sorts lists, which may have different sizes: where each comes to stand depends on the values."""
    return any(inner.genes.get("primitive") == "better" for inner in node.bodies[0].walk())


def refused(genome: Genome, instance: Instance, toolbox: Toolbox) -> bool:
    """Whether something is refused on the way although every answer is right."""

    async def ask(question: Question) -> Answer:
        assert question.primitive.reference is not None
        value = question.primitive.reference(*question.values)
        if question.primitive.output == TRUTH and not value:
            raise InvalidAnswer("a check says no")
        return Answer(value)

    try:
        run_now(Execution(ask, toolbox, concurrent=False).apply(genome, instance.inputs))
    except InvalidAnswer:
        return True
    return False


async def study(count: int, seed: int) -> tuple[int, Found]:
    """Compare so many genomes of each task; the number of genomes and what was found."""
    model = SimulatedModel("simulated/perfect", Capability({}, PERFECT), shape=NOMINAL, price=PRICE, count=count_pieces)
    rates, found, genomes = DeclaredRates([model]), Found(), 0
    for name, task in STUDIED.items():
        toolbox = Toolbox(task.primitives, task.functions, [model.name], overlaps=OVERLAPS)
        walks = {workers: Estimator(rates, toolbox, workers) for workers in WORKERS}
        engines = {
            workers: Engine([model], cache=AnswerCache(), ledger=Ledger(), workers=workers) for workers in WORKERS
        }
        for genome in draw(task, toolbox, rates, count, found, seed):
            genomes += 1
            found.operators.update({node.op for node in genome.walk()})
            for size in SIZES:
                instance = task.instances(size, 1, seed=seed)[0]
                for workers in WORKERS:
                    trace = await engines[workers].run(genome, instance.inputs, toolbox)
                    declared = walks[workers].apply(genome, task.extents(size)).cost
                    where = {"task": name, "genome": str(genome), "size": size, "workers": workers}
                    found.compare(declared, trace.cost([model]), where)
        say(f"{name}: {genomes} genomes, {found.comparisons:,} comparisons, {found.mismatches.total():,} mismatches")
    return genomes, found


def main() -> None:
    """Run the study, print it and keep it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100, help="genomes of each task")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    genomes, found = asyncio.run(study(asked.count, asked.seed))
    missing = sorted(set(OPERATORS) - set(found.operators))
    keep(
        "exact",
        {
            "tasks": list(STUDIED),
            "sizes": list(SIZES),
            "workers": list(WORKERS),
            "seed": asked.seed,
            "genomes": genomes,
            "comparisons": found.comparisons,
            "mismatches": found.mismatches.total(),
            "mismatches_by_field": dict(found.mismatches),
            "operators": dict(found.operators.most_common()),
            "operators_missing": missing,
            "left_out": dict(found.left_out.most_common()),
            "first_mismatches": found.wrong[:5],
        },
    )
    print(table(("operator", "in genomes"), found.operators.most_common()))
    print(f"missing: {', '.join(missing) or 'none'}; left out: {dict(found.left_out)}")
    print(f"{genomes} genomes, {found.comparisons:,} comparisons, {found.mismatches.total():,} mismatches")


if __name__ == "__main__":
    main()
