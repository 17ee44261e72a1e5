"""`undercut eval`, `run` and `cost`: what one decomposition is worth, gives and costs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from undercut.search.options import (
    concurrency_option,
    json_option,
    limit_options,
    models_options,
    sizes_option,
    with_access,
    with_sheet,
)
from undercut.spaces.errors import UndercutError, UsageError

if TYPE_CHECKING:
    from undercut.evaluators.task import Task
    from undercut.search.streaming import Work
    from undercut.spaces.genome import Genome


@click.command("eval", short_help="Measure a decomposition on held-out problems.")
@click.argument("genome", type=click.Path(path_type=Path))
@click.argument("task")
@models_options
@sizes_option("Problem sizes.  [default: the task's own]")
@click.option("--samples", type=click.IntRange(1), default=50, show_default=True, help="Problems a size.")
@click.option("--seed", type=int, default=0, show_default=True, help="Which problems.")
@click.option("--allow-code", is_flag=True, help="Let the genome use the task's functions in code.")
@click.option("--data", type=click.Path(), help="JSONL, JSON or CSV file with the problems.  [default: generated]")
@limit_options
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Keep answers and the bill in this folder: the same command goes on there.  [default: nowhere]",
)
@concurrency_option
@json_option
def eval_(genome: Path, task: str, models: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Measure the decomposition in the file GENOME on held-out problems of TASK."""
    from undercut.search.single import evaluate_genome
    from undercut.search.table import show

    result = evaluate_genome(_genome(genome), task, models, **with_access(models, options))
    if as_json:
        click.echo(json.dumps(result, indent=1))
    else:
        show(result)


@click.command(short_help="Run a decomposition on inputs.")
@click.argument("genome", type=click.Path(path_type=Path))
@click.argument("inputs", nargs=-1, required=True)
@click.option("--task", help="The task whose primitives it uses.  [default: the one named in the file]")
@models_options
@click.option("--allow-code", is_flag=True, help="Let the genome use the task's functions in code.")
@limit_options
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The folder of a run over @FILE.  [default: runs/TASK-N]",
)
@concurrency_option
@json_option
def run(
    genome: Path,
    inputs: tuple[str, ...],
    task: str | None,
    models: tuple[str, ...],
    out: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Run the decomposition in the file GENOME once; INPUTS are JSON, one argument for each input.

    A fold can take its list from a file, @FILE, with one item in JSON on each line: it is read as it is needed, and
    `undercut resume DIR` goes on with a run that was cut off.

    \b
    undercut run sort.json '[3, 1, 2]'
    undercut run count.json @digits.jsonl 7
    """  # noqa: D301 - click wants the control character
    from undercut.evaluators.tasks import open_task
    from undercut.search.single import run_genome
    from undercut.search.streaming import is_streamed, work_of_options

    found, name = _genome(genome), _task_of(genome, task)
    if is_streamed(inputs):
        work, limits = work_of_options(found, name, inputs, models, with_sheet(models, options))
        stream(work, out or free_folder(open_task(name)), as_json, **limits)
        return
    if out is not None:
        raise UsageError("--out is the folder of a run over @FILE, and no input is one; leave it out")
    _show_run(run_genome(found, name, inputs, models, **with_access(models, options)), as_json)


@click.command(short_help="Print what decompositions cost at any size.")
@click.argument("genomes", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="GENOME...")
@click.option(
    "--size", "sizes", type=click.IntRange(1), multiple=True, default=(8, 64, 1000), show_default=True,
    help="Problem size; may be given several times.",
)  # fmt: skip
@click.option("--cost", "unit", default="tokens", show_default=True, metavar="UNIT", help="The unit of the comparison.")
@click.option("--task", help="The task whose primitives they use.  [default: the one named in the first file]")
@models_options
@click.option("--allow-code", is_flag=True, help="Let the genomes use the task's functions in code.")
@json_option
def cost(
    genomes: tuple[Path, ...],
    sizes: tuple[int, ...],
    task: str | None,
    models: tuple[str, ...],
    as_json: bool,
    **options: Any,
) -> None:
    """Print what the decompositions in files cost at any size, and how that grows. No call is made.

    With several files it also says from which size on one of them is cheaper than another.
    """
    from undercut.search.single import declared_costs
    from undercut.search.table import show_costs

    known, name = [_genome(path) for path in genomes], _task_of(genomes[0], task)
    for path in genomes[1:] if task is None else ():
        other = _data(path).get("task")
        if other not in (None, name):
            raise UsageError(
                f"the files must be of one task, and {str(genomes[0])!r} is of {name!r} and {str(path)!r} of "
                f"{other!r}; compare those of one, or name it with --task"
            )
    result = declared_costs(known, name, sizes, models=models, **with_access(models, options))
    if as_json:
        click.echo(json.dumps(result, indent=1))
    else:
        show_costs(result)


def stream(work: Work, folder: Path, as_json: bool, **options: Any) -> None:
    """Carry a fold through its file, with progress, and print its result."""
    from undercut.search.progress import Bar
    from undercut.search.streaming import run_stream

    with Bar(f"{work.task} · {' '.join(work.models)} · {folder}") as bar:
        result = run_stream(work, folder, progress=bar.update, **options)
    _show_run(result, as_json)


def free_folder(task: Task) -> Path:
    """The first of runs/TASK-1, runs/TASK-2, … that is not there."""
    name = re.sub(r"[^\w.-]+", "-", task.name)
    number = 1
    while Path("runs", f"{name}-{number}").exists():
        number += 1
    return Path("runs", f"{name}-{number}")


def _show_run(result: dict[str, Any], as_json: bool) -> None:
    click.echo(json.dumps(result if as_json else result["output"]))
    if result["failure"] is not None:
        raise UndercutError(f"the run failed ({result['failure']}): {result['reason']}")


def _data(path: Path) -> Any:
    from undercut.spaces.errors import GenomeError
    from undercut.spaces.genome import TOO_DEEP

    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise GenomeError(
            f"GENOME must be a file that can be read, and {str(path)!r} is not: {error.strerror}"
        ) from error
    except RecursionError:
        raise GenomeError(f"{path}: {TOO_DEEP}") from None
    except ValueError as error:
        raise GenomeError(f"a genome file must hold JSON, and {str(path)!r} does not: {error}") from error


def _genome(path: Path) -> Genome:
    from undercut.spaces.genome import Genome

    data = _data(path)
    if isinstance(data, dict):
        data.pop("task", None)
    return Genome.from_dict(data)


def _task_of(path: Path, task: str | None) -> str:
    found = task or (_data(path).get("task"))
    if not isinstance(found, str):
        raise UsageError(f"{str(path)!r} does not say which task it is for; --task names it")
    return found
