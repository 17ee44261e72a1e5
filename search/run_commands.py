"""`undercut search`, `resume`, `front` and `export`: a run from its start to what is taken away."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from undercut.search.files import write_whole
from undercut.search.genome_commands import free_folder, stream
from undercut.search.options import (
    concurrency_option,
    json_option,
    models_options,
    search_limit_options,
    sizes_option,
    timeout_option,
    with_sheet,
)
from undercut.spaces.errors import BudgetError, ModelError, UsageError

if TYPE_CHECKING:
    from undercut.evaluators.task import Task
    from undercut.search.settings import Settings
    from undercut.search.store import Store

FORMATS = ("python", "json", "mermaid")


class Stopped(KeyboardInterrupt):
    """A run that was interrupted, with what can be said of it."""


@click.command(short_help="Search for decompositions and print the front.")
@click.argument("task")
@models_options
@click.option(
    "--strategy", default="auto", show_default=True, metavar="NAME",
    help="What proposes: auto (a mixture), evolution, bayes, gp (needs torch), random or exhaustive.",
)  # fmt: skip
@sizes_option("Problem sizes to run at, ascending.  [default: the task's own]")
@click.option(
    "--target-size", type=int, help="Problem size to optimise for, by forecast.  [default: twice the largest]"
)
@click.option(
    "--cost", default="tokens", show_default=True, metavar="UNIT",
    help="What to save: tokens, passes, flops, aalp, usd or latency.",
)  # fmt: skip
@search_limit_options
@click.option(
    "--unlimited", is_flag=True,
    help="Set no limit on the bill.  [default: a fifth more tokens than `undercut check` foretells, unless all models "
    "run in this process]",
)  # fmt: skip
@click.option(
    "--evaluations", type=int, default=32, show_default=True,
    help="Most decompositions run before the front is chosen; up to a dozen may join while it is.",
)  # fmt: skip
@click.option(
    "--samples",
    type=int,
    default=50,
    show_default=True,
    help="Held-out problems of the largest size for the final front, half as many of others; for what is dear, fewer.",
)
@click.option("--max-size", type=int, default=9, show_default=True, help="Most nodes of a decomposition.")
@click.option(
    "--ceiling", type=float, default=32, show_default=True,
    help="Leave out what costs more than so many times what a right answer costs with the best known.",
)  # fmt: skip
@click.option(
    "--until", type=float, metavar="ACCURACY", help="Look no further once this accuracy is reached at the target size."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Everything random follows from it.")
@click.option("--allow-code", is_flag=True, help="Let decompositions use the task's functions in code.")
@click.option("--data", type=click.Path(), help="JSONL, JSON or CSV file with the problems.  [default: generated]")
@click.option(
    "--reuse", type=click.Path(path_type=Path), metavar="DIR", multiple=True,
    help="An earlier run whose answers are not asked for again, and whose measurements of single calls are the start; "
    "may be repeated.",
)  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="The run's folder.  [default: runs/TASK-N]")
@click.option("--storage", metavar="URL", help="Database for the trials.  [default: a journal in DIR]")
@concurrency_option
@json_option
def search(
    task: str,
    models: tuple[str, ...],
    sizes: tuple[int, ...] | None,
    target_size: int | None,
    out: Path | None,
    storage: str | None,
    reuse: tuple[Path, ...],
    concurrency: int,
    as_json: bool,
    unlimited: bool,
    **options: Any,
) -> None:
    """Search for decompositions of TASK and print the Pareto front.

    TASK is the name of a built-in (see `undercut tasks`), a task file (see `undercut init`), module:attribute for one
    of your own in code, or an installed package's entry point. The run is kept in DIR and goes on with `undercut
    resume DIR` if it was cut off.
    """
    from undercut.evaluators.tasks import open_task
    from undercut.search.settings import Settings

    found = open_task(task, options["data"])
    wanted = sizes or found.sizes
    target = 2 * wanted[-1] if target_size is None else target_size
    settings = Settings(task=task, models=models, sizes=wanted, target_size=target, **with_sheet(models, options))
    if found.blind and "embedded" in models:
        click.echo(
            "embedded knows operations on numbers alone and reads no texts; -m names a model that does", err=True
        )
    folder = out or free_folder(found)
    _run(settings, folder, storage, concurrency, as_json, reuse=reuse, task=found, held=not unlimited)


@click.command(short_help="Go on with a run that was cut off.")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@search_limit_options
@click.option("--unlimited", is_flag=True, help="Lift the limits that the run has.")
@timeout_option
@click.option("--storage", metavar="URL", help="Database for the trials, if the run has one.")
@concurrency_option
@json_option
def resume(
    folder: Path,
    storage: str | None,
    timeout: float | None,
    concurrency: int,
    as_json: bool,
    unlimited: bool,
    **limits: int | float | None,
) -> None:
    """Go on with the run in DIR; what was answered already is not asked again. Limits may be raised.

    The front of a run that has ended is printed.
    """
    from undercut.search.settings import Settings
    from undercut.search.store import Store
    from undercut.search.streaming import holds_stream, limits_of, work_of

    if holds_stream(folder):
        work = work_of(folder)
        work = work if timeout is None else replace(work, timeout=timeout)
        known = {} if unlimited else limits_of(folder)
        given = {name: value for name, value in limits.items() if value is not None}
        stream(work, folder, as_json, concurrency=concurrency, **{**known, **given})
        return
    raised = {name: value for name, value in {**limits, "timeout": timeout}.items() if value is not None}
    lifted = dict.fromkeys(limits) if unlimited else {}
    strict = {"untold": 1.0} if "max_tokens" in raised else {}  # a limit of the user's own is never exceeded
    with closing(Store.open(folder, storage)) as store:
        settings = Settings.from_dict({**store.settings.to_dict(), **lifted, **raised, **strict})
        _hold_against(store, limits)
        _tell_of_others(store)
        ended = store.result if settings == store.settings else None
    if ended is None:
        again = ["--unlimited"] * unlimited + [f"--{name.replace('_', '-')} {value}" for name, value in raised.items()]
        _run(settings, folder, storage, concurrency, as_json, resume=True, again=again)
    else:
        _show(ended, folder, storage, as_json)


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--storage", metavar="URL", help="Database for the trials, if the run has one.")
@click.option("--constants", is_flag=True, help="Print the fitted constants of the law instead, with intervals.")
@click.option(
    "--plot", type=click.Path(path_type=Path), metavar="FILE",
    help="Draw it as well, into a file such as front.svg or front.png (needs matplotlib).",
)  # fmt: skip
@json_option
def front(folder: Path, storage: str | None, constants: bool, plot: Path | None, as_json: bool) -> None:
    """Print the front of the run in DIR."""
    from undercut.search.table import show, show_constants

    result = _result(folder, storage)[0]
    if plot is not None:
        from undercut.search.plot import draw

        draw(result, plot)
        click.echo(f"{plot} shows the front of {folder}", err=True)
    if as_json:
        click.echo(json.dumps(result["constants"] if constants else result, indent=1))
    elif constants:
        show_constants(result)
    else:
        show(result)


@click.command(short_help="Write one decomposition as Python, JSON or Mermaid.")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--pick",
    default="best",
    show_default=True,
    help="best (most accurate, but for what adds next to nothing to a cheaper one), cheapest, or an ID of the front.",
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
    result, digests, home = _result(folder, storage)
    text = exported(result, picked(result, pick), form, digests, home)
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        write_whole(output, text)
    except OSError as error:
        raise UsageError(
            f"-o must be a file that can be written, and {str(output)!r} is not: {error.strerror}"
        ) from error
    click.echo(f"{output} holds {pick} of {folder} as {form}", err=True)


def _held(settings: Settings, task: Task, begin: Callable[[], None]) -> Settings:
    """The settings with the limit that stands where the user gave none, which is said."""
    from undercut.search.expense import limited

    known = limited(settings, task, begin)
    if known != settings:
        click.echo(
            f"held to {known.max_tokens:,} tokens, a fifth more than `undercut check` foretells; --max-tokens, "
            "--max-calls or --max-usd sets another limit, --unlimited none",
            err=True,
        )
    return known


def _run(
    settings: Settings,
    folder: Path,
    storage: str | None,
    concurrency: int,
    as_json: bool,
    *,
    reuse: Sequence[Path] = (),
    resume: bool = False,
    again: Sequence[str] = (),
    task: Task | None = None,
    held: bool = False,
) -> None:
    """Search, or go on, and print the front; what is given in `again` counts for this time alone, and is said again."""
    from undercut.search.progress import Bar
    from undercut.search.run import run_search
    from undercut.search.store import resuming
    from undercut.search.table import headline

    with Bar(f"{headline(settings.to_dict())} · {folder}") as bar:
        try:
            if held and task is not None:
                settings = _held(settings, task, bar.begin)
            result = run_search(
                settings,
                folder,
                storage=storage,
                reuse=reuse,
                concurrency=concurrency,
                progress=bar.update,
                resume=resume,
                task=task,
            )
        except (ModelError, BudgetError) as error:
            raise type(error)(f"{error}; {resuming(folder, storage, again)} goes on") from error
        except KeyboardInterrupt as error:
            raise Stopped(_going_on(folder, storage, again)) from error
    _show(result, folder, storage, as_json)


def _show(result: dict[str, Any], folder: Path, storage: str | None, as_json: bool) -> None:
    """Print the front of a run that has ended, and what can be done with it."""
    from undercut.search.table import show

    if as_json:
        click.echo(json.dumps(result, indent=1))
        return
    show(result)
    if result["front"]:
        database = "" if storage is None else " --storage URL"
        run, file = (shlex.quote(name) for name in (str(folder), f"{folder.name.rsplit('-', 1)[0]}.py"))
        click.echo(f"\nNext: undercut export {run}{database} --pick best --format python -o {file}")


def _hold_against(store: Store, limits: Mapping[str, float | None]) -> None:
    """Refuse a limit below what the run has spent: a poorer front would be found, and take the place of its own."""
    from undercut.evaluators.ledger import ROUNDING, Ledger

    spent = Ledger(journal=store.answers.journal).spent
    for unit in ("calls", "tokens", "usd"):
        limit, much = limits[f"max_{unit}"], getattr(spent, unit)
        if limit is not None and much is not None and much > limit * (1 + ROUNDING):
            raise UsageError(
                f"--max-{unit} counts all that a run has spent, here {much:.12g} so far, and {limit:.12g} is less; a "
                "higher limit goes on"
            )


def _tell_of_others(store: Store) -> None:
    """Say what stands on the bill of a run although nobody can tell whether it was spent."""
    from undercut.evaluators.ledger import Ledger

    others = Ledger(journal=store.answers.journal).elsewhere
    if others.calls:
        click.echo(
            f"another process is at work on this run, or was killed with up to {others.calls:,} calls under way: these "
            f"stay on the bill at their most, {others.tokens:,} tokens",
            err=True,
        )


def _going_on(folder: Path, storage: str | None, again: Sequence[str]) -> str:
    """What can be said of a run that was interrupted: it may have been before anything of it was kept."""
    from undercut.search.store import Store, resuming
    from undercut.spaces.errors import RunFolderError

    try:
        Store.open(folder, storage, reading=True).close()
    except RunFolderError:
        return "stopped before the run had begun; start it again"
    return f"stopped; {resuming(folder, storage, again)} goes on"


def _result(folder: Path, storage: str | None) -> tuple[dict[str, Any], list[str] | None, str | None]:
    """A run's front, what tells whether its task has changed since, and the folder where it began."""
    from undercut.search.store import Store, resuming

    store = Store.open(folder, storage, reading=True)
    result, digests, home = store.result, store.digests, store.settings.home
    store.close()
    if result is None:
        raise UsageError(f"the run in {str(folder)!r} has not ended; {resuming(folder, storage)} goes on with it")
    return result, digests, home
