"""The command `undercut`. What `--help` does not need is imported where it is used."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from undercut.spaces.errors import UndercutError, UsageError

if TYPE_CHECKING:
    from undercut.spaces.genome import Genome

Command = TypeVar("Command", bound=Callable[..., Any])
FORMATS = ("python", "json", "mermaid")


def _read_sizes(text: str) -> tuple[int, ...]:
    """Problem sizes: whole numbers of 1 or more with commas between them."""
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() and int(word) > 0 for word in words):
        raise UsageError(f"--sizes must be whole numbers of 1 or more with commas between, as in 8,16,32, not {text!r}")
    return tuple(int(word) for word in words)


def _sizes(words: str) -> Callable[[Command], Command]:
    return click.option("--sizes", type=_read_sizes, metavar="N,N,…", help=words)


def _options(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Several options as one decorator, in the order in which help shows them."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


_models = _options(
    click.option(
        "-m", "--model", "models", multiple=True, default=("embedded",), show_default=True, metavar="MODEL",
        help="embedded, simulated/NAME, or any litellm name such as openai/gpt-5-mini; may be given several times.",
    ),
    click.option("--api-base", metavar="URL", help="An OpenAI-compatible server that has the models."),
    click.option(
        "--prices", type=click.Path(path_type=Path), metavar="FILE",
        help="TOML sheet with a date and, by model, price and shape.  [default: what undercut and litellm know]",
    ),
    click.option(
        "--shape", "shapes", multiple=True, metavar="[MODEL=]N,L,D",
        help="Parameters, layers and width of a model, for FLOPs and aalp, as in 8e9,32,4096 (a fourth: active ones).",
    ),
    click.option("--batch", is_flag=True, help="Count in the sheet's batch prices: the result may wait."),
    click.option(
        "--workers", type=click.IntRange(1), metavar="N",
        help="How many calls can run at the same time, for latency.  [default: no limit]",
    ),
)  # fmt: skip
_limits = _options(
    click.option("--max-calls", type=int, help="Never send more calls than this."),
    click.option("--max-tokens", type=int, help="Never use more tokens than this, in and out together."),
    click.option("--max-usd", type=float, help="Never spend more US dollars than this."),
)
_json = click.option("--json", "as_json", is_flag=True, help="Print plain JSON on standard output.")
_concurrency = click.option(
    "--concurrency", type=click.IntRange(1), default=64, show_default=True, help="Most calls under way at once."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="undercut")
def commands() -> None:
    """Find, by search, the cheapest way to split a problem over language-model calls.

    \b
    undercut search sort --sizes 8,16,32 --target-size 64    search on the model that comes with undercut
    undercut export runs/sort-1 --pick best -o sort.py       take the best one away as code
    """  # noqa: D301 - click wants the control character


@commands.command()
@click.argument("task")
@_models
@click.option(
    "--strategy", default="evolution", show_default=True, metavar="NAME",
    help="What proposes: evolution, bayes, random or exhaustive.",
)  # fmt: skip
@_sizes("Problem sizes to run at, ascending.  [default: the task's own]")
@click.option(
    "--target-size", type=int, help="Problem size to optimise for, by forecast.  [default: twice the largest]"
)
@click.option(
    "--cost", default="tokens", show_default=True, metavar="UNIT",
    help="What to save: tokens, passes, flops, aalp, usd or latency.",
)  # fmt: skip
@_limits
@click.option("--evaluations", type=int, default=32, show_default=True, help="Most decompositions run on the model.")
@click.option(
    "--samples", type=int, default=50, show_default=True, help="Held-out problems a size for the final front."
)
@click.option("--max-size", type=int, default=9, show_default=True, help="Most nodes of a decomposition.")
@click.option(
    "--ceiling", type=float, default=32, show_default=True,
    help="Leave out what costs more than so many times the cheapest that is right.",
)  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Everything random follows from it.")
@click.option("--allow-code", is_flag=True, help="Let decompositions use the task's functions in code.")
@click.option("--data", type=click.Path(), help="JSONL or CSV file with the problems.  [default: generated]")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="The run's folder.  [default: runs/TASK-N]")
@click.option("--storage", metavar="URL", help="Database for the trials.  [default: a journal in DIR]")
@_concurrency
@_json
def search(
    task: str,
    models: tuple[str, ...],
    sizes: tuple[int, ...] | None,
    target_size: int | None,
    out: Path | None,
    storage: str | None,
    concurrency: int,
    as_json: bool,
    **options: Any,
) -> None:
    """Search for decompositions of TASK and print the Pareto front.

    TASK is the name of a built-in (see `undercut tasks`), module:attribute for one of your own, or an installed
    package's entry point. The run is kept in DIR and goes on with `undercut resume DIR` if it was cut off.
    """
    from undercut.evaluators.tasks import open_task
    from undercut.search.settings import Settings

    wanted = sizes or open_task(task, options["data"]).sizes
    target = 2 * wanted[-1] if target_size is None else target_size
    settings = Settings(task=task, models=models, sizes=wanted, target_size=target, **_on_terms(models, options))
    _run(settings, out or _free_folder(task), storage, concurrency, as_json, resume=False)


@commands.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@_limits
@click.option("--storage", metavar="URL", help="Database for the trials, if the run has one.")
@_concurrency
@_json
def resume(folder: Path, storage: str | None, concurrency: int, as_json: bool, **limits: int | float | None) -> None:
    """Go on with the run in DIR; what was answered already is not asked again. Limits may be raised."""
    from undercut.search.settings import Settings
    from undercut.search.store import Store
    from undercut.search.streaming import holds_stream, work_of

    if holds_stream(folder):
        _stream(work_of(folder), folder, as_json, concurrency=concurrency, **limits)
        return
    store = Store.open(folder, storage)
    raised = {name: value for name, value in limits.items() if value is not None}
    settings = Settings.from_dict({**store.settings.to_dict(), **raised})
    store.close()
    _run(settings, folder, storage, concurrency, as_json, resume=True)


@commands.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--storage", metavar="URL", help="Database for the trials, if the run has one.")
@click.option("--constants", is_flag=True, help="Print the fitted constants of the law instead, with intervals.")
@_json
def front(folder: Path, storage: str | None, constants: bool, as_json: bool) -> None:
    """Print the front of the run in DIR."""
    from undercut.search.table import show, show_constants

    result = _result(folder, storage)
    if as_json:
        click.echo(json.dumps(result["constants"] if constants else result, indent=1))
    elif constants:
        show_constants(result)
    else:
        show(result)


@commands.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--pick", default="best", show_default=True, help="best (most accurate), cheapest, or an ID of the front."
)
@click.option("--format", "form", default="python", show_default=True, help="python, json or mermaid.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Where to.  [default: standard output]"
)
@click.option("--storage", metavar="URL", help="Database for the trials, if the run has one.")
def export(folder: Path, pick: str, form: str, output: Path | None, storage: str | None) -> None:
    """Write one decomposition of the run in DIR as a Python file that needs only llm(prompt) -> str, or as data."""
    from undercut.search.picking import exported, picked

    if form not in FORMATS:
        raise UsageError(f"--format must be one of {', '.join(FORMATS)}, and {form!r} is not")
    result = _result(folder, storage)
    text = exported(result, picked(result, pick), form)
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"-o must be a file that can be written, and {str(output)!r} is not: {error.strerror}"
        ) from error
    click.echo(f"{output} holds {pick} of {folder} as {form}", err=True)


@commands.command("eval")
@click.argument("genome", type=click.Path(path_type=Path))
@click.argument("task")
@_models
@_sizes("Problem sizes.  [default: the task's own]")
@click.option("--samples", type=click.IntRange(1), default=50, show_default=True, help="Problems a size.")
@click.option("--seed", type=int, default=0, show_default=True, help="Which problems.")
@click.option("--allow-code", is_flag=True, help="Let the genome use the task's functions in code.")
@click.option("--data", type=click.Path(), help="JSONL or CSV file with the problems.  [default: generated]")
@_limits
@_concurrency
@_json
def eval_(genome: Path, task: str, models: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Measure the decomposition in the file GENOME on held-out problems of TASK."""
    from undercut.search.single import evaluate_genome
    from undercut.search.table import show

    result = evaluate_genome(_genome(genome), task, models, **_on_terms(models, options))
    if as_json:
        click.echo(json.dumps(result, indent=1))
    else:
        show(result)


@commands.command()
@click.argument("genome", type=click.Path(path_type=Path))
@click.argument("inputs", nargs=-1, required=True)
@click.option("--task", help="The task whose primitives it uses.  [default: the one named in the file]")
@_models
@click.option("--allow-code", is_flag=True, help="Let the genome use the task's functions in code.")
@_limits
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The folder of a run over @FILE.  [default: runs/TASK-N]",
)
@_concurrency
@_json
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
    """  # noqa: D301 - as above
    from undercut.search.streaming import is_streamed

    found, name = _genome(genome), _task_of(genome, task)
    if is_streamed(inputs):
        from undercut.search.streaming import work_of_options

        work, limits = work_of_options(found, name, inputs, models, _on_terms(models, options))
        _stream(work, out or _free_folder(name), as_json, **limits)
        return
    if out is not None:
        raise UsageError("--out is the folder of a run over @FILE, and no input is one; leave it out")
    from undercut.search.single import run_genome

    _show_run(run_genome(found, name, inputs, models, **_on_terms(models, options)), as_json)


@commands.command()
@click.argument("genomes", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="GENOME...")
@click.option(
    "--size", "sizes", type=click.IntRange(1), multiple=True, default=(8, 64, 1000), show_default=True,
    help="Problem size; may be given several times.",
)  # fmt: skip
@click.option("--cost", "unit", default="tokens", show_default=True, metavar="UNIT", help="The unit of the comparison.")
@click.option("--task", help="The task whose primitives they use.  [default: the one named in the first file]")
@_models
@click.option("--allow-code", is_flag=True, help="Let the genomes use the task's functions in code.")
@_json
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

    known = [_genome(path) for path in genomes]
    result = declared_costs(known, _task_of(genomes[0], task), sizes, models=models, **_on_terms(models, options))
    if as_json:
        click.echo(json.dumps(result, indent=1))
    else:
        show_costs(result)


@commands.command()
@_json
def tasks(as_json: bool) -> None:
    """List the built-in tasks."""
    from undercut.evaluators.tasks import TASKS

    _list([(task.name, task.summary) for task in TASKS.values()], as_json)


@commands.command()
@_json
def models(as_json: bool) -> None:
    """List the models that need no key, and how others are named."""
    from undercut.evaluators.models.registry import list_models

    _list(list_models(), as_json)


@commands.command()
@_json
def operators(as_json: bool) -> None:
    """List the operators that decompositions are made of."""
    from undercut.spaces.operators import OPERATORS

    _list([(operator.name, operator.summary) for operator in OPERATORS.values()], as_json)


def _on_terms(models: Sequence[str], options: dict[str, Any]) -> dict[str, Any]:
    """The options with the sheet that --prices and --shape describe in their place."""
    from undercut.evaluators.models.sheet import Sheet, read_sheet

    prices, shapes = options.pop("prices"), options.pop("shapes")
    sheet = Sheet() if prices is None else read_sheet(prices)
    for text in shapes:
        sheet = sheet.with_shape(text, models)
    return {**options, "sheet": sheet}


def _list(rows: Sequence[tuple[str, str]], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([{"name": name, "summary": summary} for name, summary in rows], indent=1))
        return
    width = max(len(name) for name, _ in rows)
    for name, summary in rows:
        click.echo(f"{name:<{width}}  {summary}")


def _run(settings: Any, folder: Path, storage: str | None, concurrency: int, as_json: bool, *, resume: bool) -> None:
    from undercut.search.progress import Bar
    from undercut.search.run import run_search
    from undercut.search.table import headline, show

    with Bar(f"{headline(settings.to_dict())} · {folder}") as bar:
        result = run_search(
            settings, folder, storage=storage, concurrency=concurrency, progress=bar.update, resume=resume
        )
    if as_json:
        click.echo(json.dumps(result, indent=1))
        return
    show(result)
    if result["front"]:
        database = "" if storage is None else " --storage URL"
        file = f"{folder.name.rsplit('-', 1)[0]}.py"
        click.echo(f"\nNext: undercut export {folder}{database} --pick best --format python -o {file}")


def _stream(work: Any, folder: Path, as_json: bool, **options: Any) -> None:
    from undercut.search.progress import Bar
    from undercut.search.streaming import run_stream

    with Bar(f"{work.task} · {' '.join(work.models)} · {folder}") as bar:
        result = run_stream(work, folder, progress=bar.update, **options)
    _show_run(result, as_json)


def _show_run(result: dict[str, Any], as_json: bool) -> None:
    click.echo(json.dumps(result if as_json else result["output"]))
    if result["failure"] is not None:
        raise UndercutError(f"the run failed ({result['failure']}): {result['reason']}")


def _free_folder(task: str) -> Path:
    """The first of runs/TASK-1, runs/TASK-2, … that is not there."""
    name = task.rpartition(":")[2].rpartition("/")[2]
    number = 1
    while Path("runs", f"{name}-{number}").exists():
        number += 1
    return Path("runs", f"{name}-{number}")


def _result(folder: Path, storage: str | None) -> dict[str, Any]:
    from undercut.search.store import Store

    store = Store.open(folder, storage)
    result = store.result
    store.close()
    if result is None:
        raise UsageError(f"the run in {str(folder)!r} has not ended; `undercut resume {folder}` goes on with it")
    return result


def _data(path: Path) -> Any:
    from undercut.spaces.errors import GenomeError

    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise GenomeError(
            f"GENOME must be a file that can be read, and {str(path)!r} is not: {error.strerror}"
        ) from error
    except (ValueError, RecursionError) as error:
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


def _sentence(error: click.ClickException) -> str:
    """What click says of wrong use, as one sentence in the manner of ours."""
    said = " ".join(error.format_message().split()).rstrip(".")
    context = getattr(error, "ctx", None)
    more = "" if context is None else f"; `{context.command_path} --help` says more"
    return said[:1].lower() + said[1:] + more


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; gives its exit code: 0 done, 1 a run that could not finish, 2 wrong use."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        commands.main(args=given or ["--help"], prog_name="undercut", standalone_mode=False)
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.ClickException as error:
        click.echo(f"undercut: {_sentence(error)}", err=True)
        return 2
    except (KeyboardInterrupt, click.Abort):
        click.echo("stopped; `undercut resume DIR` goes on", err=True)
        return 1
    except UsageError as error:
        click.echo(f"undercut: {error}", err=True)
        return 2
    except UndercutError as error:
        click.echo(f"undercut: {error}", err=True)
        return 1
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
