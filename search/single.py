"""One genome by itself: measure it, run it once, or say what it costs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from undercut.evaluators.bill import NOTHING
from undercut.evaluators.cache import ANSWERS, AnswerCache
from undercut.evaluators.declared import DeclaredRates
from undercut.evaluators.engine import Engine
from undercut.evaluators.evaluate import Evaluation, evaluate, open_judges
from undercut.evaluators.ledger import Ledger
from undercut.evaluators.models.registry import Access, open_models
from undercut.evaluators.task import Task, is_of
from undercut.evaluators.tasks import open_task
from undercut.evaluators.tasks.rows import decoded
from undercut.evaluators.tasks.text import DOCUMENT
from undercut.search.front import letter
from undercut.search.stopping import run_to_end
from undercut.search.units import can_be_billed, field_of, known_unit
from undercut.spaces.cost import FIELDS, Cost
from undercut.spaces.errors import GenomeError, RunFolderError, TaskError
from undercut.spaces.estimator import Estimator
from undercut.spaces.genome import Genome
from undercut.spaces.growth import Growth, crossover, growth
from undercut.spaces.space import Space
from undercut.spaces.toolbox import Toolbox

MOST_NODES = 1000
"""Most nodes of a genome that a user gives, each counted as often as it is used: all of them are walked through."""
FROM_FILE = "@"
"""What the name of a file begins with that stands for an input."""


def evaluate_genome(
    genome: Genome,
    task_name: str,
    models: Sequence[str],
    *,
    sizes: tuple[int, ...] | None = None,
    samples: int = 50,
    seed: int = 0,
    allow_code: bool = False,
    data: str | None = None,
    access: Access | None = None,
    workers: int | None = None,
    max_calls: int | None = None,
    max_tokens: int | None = None,
    max_usd: float | None = None,
    max_minutes: float | None = None,
    concurrency: int = 64,
    out: Path | None = None,
) -> dict[str, Any]:
    """Measure a genome on held-out problems; the JSON form of a front with one item.

    Answers and the bill are kept in the folder `out`, if there is one: with it the same call goes on where it was cut
    off, and measuring another genome asks nothing again that the first one asked.

    Raises:
        UsageError: the genome, the task, a model or the folder cannot be used.
        ModelError: a model could not answer.
        BudgetError: a limit was reached.
    """
    task = open_task(task_name, data)
    validate(genome, task, task.toolbox(models, allow_code))
    measured_at = sorted(set(sizes or task.sizes))
    instances = [i for size in measured_at for i in task.instances(size, samples, "test", seed)]
    opened = open_models(models, access, task.primitives)
    judges = open_judges(task, access)
    can_be_billed(max_usd, [*opened, *judges])
    with closing(_answers(out)) as answers:
        ledger = Ledger(max_calls, max_tokens, max_usd, max_minutes, journal=answers.journal)
        engine = Engine([*opened, *judges], cache=answers, ledger=ledger, concurrency=concurrency, workers=workers)
        work = evaluate(genome, instances, task, task.toolbox(models, allow_code), engine)
        outcomes = run_to_end(work, engine, [*opened, *judges])
    item = {
        "id": "a",
        "name": str(genome),
        "genome": genome.to_dict(),
        **Evaluation.of(outcomes).to_dict(),
        "predicted": None,
        "law": _text(_laws(genome, task, Estimator(DeclaredRates(opened), task.toolbox(models, allow_code)))["tokens"]),
    }
    return {
        "task": task_name,
        "models": list(models),
        "seed": seed,
        "sizes": measured_at,
        "target_size": None,
        "cost": "tokens",
        "spent": ledger.spent.bill(),
        "front": [item],
        "baselines": [],
    }


def _answers(folder: Path | None) -> AnswerCache:
    if folder is None:
        return AnswerCache()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunFolderError(f"--out must be a folder that can be made, and {str(folder)!r} cannot: {error}") from error
    return AnswerCache(folder / ANSWERS)


def run_genome(
    genome: Genome,
    task_name: str,
    inputs: Sequence[str],
    models: Sequence[str],
    *,
    allow_code: bool = False,
    access: Access | None = None,
    workers: int | None = None,
    max_calls: int | None = None,
    max_tokens: int | None = None,
    max_usd: float | None = None,
    max_minutes: float | None = None,
    concurrency: int = 64,
) -> dict[str, Any]:
    """Run a genome once on inputs given as JSON: its output, and what it cost.

    Raises:
        UsageError: the genome, the task, a model or an input cannot be used.
        ModelError: a model could not answer.
        BudgetError: a limit was reached.
    """
    task = open_task(task_name)
    validate(genome, task, task.toolbox(models, allow_code))
    values = read_inputs(inputs, task, task_name)
    opened = open_models(models, access, task.primitives)
    can_be_billed(max_usd, opened)
    ledger = Ledger(max_calls, max_tokens, max_usd, max_minutes)
    engine = Engine(opened, cache=AnswerCache(), ledger=ledger, concurrency=concurrency, workers=workers)
    trace = run_to_end(engine.run(genome, values, task.toolbox(models, allow_code)), engine, opened)
    return {
        "output": trace.output,
        "failure": trace.failure,
        "reason": trace.reason,
        "cost": trace.cost(opened).to_dict(),
    }


def read_inputs(texts: Sequence[str], task: Task, name: str) -> list[Any]:
    """The values of a task's inputs, given as JSON; `@FILE` gives the path of that file.

    Raises:
        TaskError: there are too many or too few, or one is not of its type.
    """
    if len(texts) != len(task.inputs):
        kinds = ", ".join(map(str, task.inputs))
        raise TaskError(f"task {name!r} takes {len(task.inputs)} inputs ({kinds}), and {len(texts)} were given")
    values: list[Any] = []
    for text, kind in zip(texts, task.inputs, strict=True):
        if text.startswith(FROM_FILE):
            values.append(Path(text.removeprefix(FROM_FILE)))
            continue
        try:
            value = decoded(text)
        except ValueError as error:
            raise TaskError(
                f"each of INPUTS must be JSON, as in '[3, 1, 2]' or '\"a text\"', and {text!r:.80} is not: {error}"
            ) from error
        if isinstance(value, str) and task.cut is not None and kind == DOCUMENT:
            value = task.cut(value)
        if not is_of(value, kind):
            raise TaskError(f"an input of task {name!r} must be of type {kind}, and {json.dumps(value):.80} is not")
        values.append(value)
    return values


def declared_costs(
    genomes: Sequence[Genome],
    task_name: str,
    sizes: Sequence[int],
    *,
    unit: str = "tokens",
    models: Sequence[str] = ("embedded",),
    allow_code: bool = False,
    access: Access | None = None,
    workers: int | None = None,
) -> dict[str, Any]:
    """What genomes cost at any size and how that grows, with answers that are always right; no call is made.

    The JSON form of a front whose items have no accuracy. `laws` says how each field grows, `expressions` the same in
    the syntax of sympy, which `sympy.sympify` reads. `crossovers` says for each pair of them from which size on
    the first costs less than the second in `unit`.

    Raises:
        UsageError: a genome, the task or a model cannot be used.
    """
    task = open_task(task_name)
    opened = open_models(models, replace(access or Access(), keyless=True), task.primitives)
    measure = known_unit(unit, opened)
    estimator = Estimator(DeclaredRates(opened), task.toolbox(models, allow_code), workers)
    items = []
    for position, genome in enumerate(genomes):
        validate(genome, task, task.toolbox(models, allow_code))
        laws = _laws(genome, task, estimator)
        items.append(
            {
                "id": letter(position),
                "name": str(genome),
                "genome": genome.to_dict(),
                "accuracy": {},
                "cost": {str(size): estimator.apply(genome, task.extents(size)).cost.to_dict() for size in sizes},
                "predicted": {},
                "law": _text(laws[field_of(unit)]),
                "laws": {name: _text(law) for name, law in laws.items()},
                "expressions": {name: None if law is None else law.expression for name, law in laws.items()},
            }
        )

    def of(genome: Genome, size: int) -> float:
        return measure(estimator.apply(genome, task.extents(size)).cost)

    crossovers = [
        {"cheaper": letter(i), "than": letter(j), "from": crossover(partial(of, one), partial(of, other))}
        for i, one in enumerate(genomes)
        for j, other in enumerate(genomes)
        if i != j
    ]
    return {
        "task": task_name,
        "models": list(models),
        "seed": None,
        "sizes": list(sizes),
        "target_size": None,
        "cost": unit,
        "spent": NOTHING.bill(),
        "front": items,
        "baselines": [],
        "crossovers": crossovers,
    }


def _laws(genome: Genome, task: Task, estimator: Estimator) -> dict[str, Growth | None]:
    """How each field of the cost grows with the size."""

    def of(name: str, size: int) -> float:
        cost: Cost = estimator.apply(genome, task.extents(size)).cost
        return float(getattr(cost, name))

    return {name: growth(partial(of, name)) for name in (*FIELDS, "tokens")}


def _text(law: Growth | None) -> str | None:
    return None if law is None else str(law)


def validate(genome: Genome, task: Task, toolbox: Toolbox) -> None:
    """Hold a genome that a user gave against its task.

    Raises:
        GenomeError: it is not legal, or too large to be walked through: few lines of shared nodes may stand for many.
    """
    if genome.size > MOST_NODES:
        raise GenomeError(
            f"a genome has at most {MOST_NODES:,} nodes, each counted as often as it is used, and this one has "
            f"{genome.size:,}"
        )
    Space(task.signature, toolbox, max_size=MOST_NODES).validate(genome)
