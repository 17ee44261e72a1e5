"""`undercut init` and `undercut check`: a task file to begin with, and what a search of a task will ask and cost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from undercut.search.options import json_option, sizes_option, tell_of_unused

if TYPE_CHECKING:
    from undercut.evaluators.models.base import Model
    from undercut.evaluators.task import Task
    from undercut.spaces.primitive import Primitive
    from undercut.spaces.types import Type

SHOWN = 700
"""Characters of a prompt that are shown; the middle of a longer one is left out."""

ANY = "any model"
"""What stands for the models where none is named."""


@click.command(short_help="Write an example of a task file, with its data.")
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path))
def init(folder: Path) -> None:
    """Write an example of a task without code into DIR: task.toml, in which every key is explained, and its data."""
    from undercut.search.example import write_example

    path = write_example(folder)
    click.echo(f"{path} and its data are written", err=True)
    click.echo(f"Next: undercut check {path}")


@click.command(short_help="Say what a search of a task will ask and cost.")
@click.argument("task")
@click.option(
    "-m", "--model", "models", multiple=True, metavar="MODEL",
    help="A model that the search will use; may be given several times.  [default: tokens are words and signs]",
)  # fmt: skip
@click.option("--api-base", metavar="URL", help="An OpenAI-compatible server that has the models.")
@click.option("--prices", type=click.Path(path_type=Path), metavar="FILE", help="TOML sheet of prices and shapes.")
@sizes_option("Problem sizes of the search.  [default: the task's own]")
@click.option("--target-size", type=int, help="Problem size to optimise for.  [default: twice the largest]")
@click.option("--evaluations", type=int, default=32, show_default=True, help="As for `undercut search`.")
@click.option("--samples", type=int, default=50, show_default=True, help="As for `undercut search`.")
@click.option("--max-size", type=int, default=9, show_default=True, help="As for `undercut search`.")
@click.option("--seed", type=int, default=0, show_default=True, help="As for `undercut search`.")
@click.option("--data", type=click.Path(), help="JSONL, JSON or CSV file with the problems.")
@json_option
def check(task: str, models: tuple[str, ...], sizes: tuple[int, ...] | None, as_json: bool, **options: Any) -> None:
    """Validate TASK and say what a search of it will ask and cost. No call is made."""
    from undercut.evaluators.tasks import open_task

    found = open_task(task, options["data"])
    wanted = sizes or found.sizes
    result = checked(found, task, models, wanted, **options)
    if as_json:
        click.echo(json.dumps(result, indent=1))
    else:
        _show(result)


def checked(
    task: Task,
    name: str,
    models: Sequence[str],
    sizes: tuple[int, ...],
    *,
    target_size: int | None = None,
    api_base: str | None = None,
    prices: Path | None = None,
    **settings: Any,
) -> dict[str, Any]:
    """What a task holds and what a search of it will cost, in JSON form.

    Raises:
        UsageError: the task, a model or a setting cannot be used.
    """
    from undercut.evaluators.evaluate import open_judges
    from undercut.evaluators.models.registry import Access, open_models
    from undercut.evaluators.models.scripted import ScriptedModel
    from undercut.evaluators.models.sheet import Sheet, read_sheet
    from undercut.evaluators.models.simulated import count_pieces
    from undercut.evaluators.task import SPLITS
    from undercut.search.expense import foretold, limit_of
    from undercut.search.rounds import problems_of
    from undercut.search.settings import Settings

    sheet = Sheet() if prices is None else read_sheet(prices)
    tell_of_unused(sheet, models)
    access = Access(api_base, sheet=sheet, keyless=True)
    opened: list[Model] = open_models(models, access, task.primitives)
    judges: list[Model] = open_judges(task, access) if opened else []
    if not opened:
        opened = [ScriptedModel({}, ANY, count=count_pieces)]
        judges = [ScriptedModel({}, name, count=count_pieces) for name in [task.judge_model] if name]
    target = 2 * sizes[-1] if target_size is None else target_size
    asked = Settings(task=name, sizes=sizes, target_size=target, sheet=sheet, **settings)
    held = {split: problems_of(asked, task, split) for split in SPLITS}
    splits = {size: {split: held[split][size] for split in SPLITS} for size in sizes}
    problem = task.instances(sizes[0], 1, "search", asked.seed)[0]
    cost = foretold(asked, task, opened, judges)
    return {
        "task": task.name,
        "inputs": list(map(str, task.inputs)),
        "output": str(task.output),
        "sizes": {str(size): held for size, held in splits.items()},
        "primitives": [
            {
                "name": primitive.name,
                "inputs": list(map(str, primitive.inputs)),
                "output": str(primitive.output),
                "prompts": len(primitive.prompts),
                "judged": primitive.reference is not None or primitive is task.judge,
                "example": _example(primitive, task, problem.inputs, problem.target),
            }
            for primitive in (*task.primitives, *([] if task.judge is None else [task.judge]))
        ],
        "cost": {
            field: {end: getattr(cost, end).to_dict()[field] for end in ("low", "mean", "high", "least")}
            for field in ("calls", "tokens", "usd")
        },
        "limit": limit_of(cost),
        "models": [model.name for model in opened],
    }


def _show(result: dict[str, Any]) -> None:
    from undercut.evaluators.models.registry import runs_here

    click.echo(f"{result['task']}: {', '.join(result['inputs'])} → {result['output']}")
    for size, held in result["sizes"].items():
        known = ", ".join(f"{count} {split}" for split, count in held.items())
        click.echo(f"  size {size}: {known}")
    for primitive in result["primitives"]:
        many = "" if primitive["prompts"] == 1 else f", {primitive['prompts']} prompts"
        click.echo(f"\n{primitive['name']}: {', '.join(primitive['inputs'])} → {primitive['output']}{many}")
        click.echo("".join(f"  | {line}\n" for line in primitive["example"].splitlines()), nl=False)
    unjudged = [primitive["name"] for primitive in result["primitives"] if not primitive["judged"]]
    if unjudged:
        which = "no call can be judged" if len(unjudged) == len(result["primitives"]) else "some calls cannot be judged"
        click.echo(f"\n{which}, for want of a reference ({', '.join(unjudged)}): the search learns from whole results")
    cost = result["cost"]
    words = [f"{_range(cost['calls'])} calls", f"{_range(cost['tokens'])} tokens"]
    if cost["usd"]["mean"] is not None:
        words.append("${mean:,.2f} (${low:,.2f}–${high:,.2f})".format(**cost["usd"]))
    click.echo(f"\na search will take about {', '.join(words)} on {', '.join(result['models'])}; no call was made")
    if all(map(runs_here, result["models"])):
        click.echo(f"it runs in this process and is not held to that; with --max-tokens {result['limit']} it would be")
    else:
        click.echo(f"unless a limit says otherwise it is held to {result['limit']:,} tokens and ends in order")
    least = [f"--max-{unit} {_rounded(cost[unit]['least']).replace(',', '')}" for unit in ("calls", "tokens")]
    click.echo(f"a lower limit ends it in order, too, on fewer problems; about {' or '.join(least)} is too low")
    if cost["usd"]["mean"] is None:
        unnamed = result["models"] == [ANY]
        how = "name a model with -m" if unnamed else "a model or judge has no known price; --prices FILE gives it one"
        click.echo(f"what that is in US dollars is not known: {how}")


def _range(found: dict[str, float]) -> str:
    low, mean, high = (_rounded(found[end]) for end in ("low", "mean", "high"))
    return f"{mean} ({low}–{high})"


def _rounded(value: float) -> str:
    digits = max(0, len(str(int(value))) - 2)
    return f"{round(value, -digits):,.0f}"


def _example(primitive: Primitive, task: Task, inputs: Sequence[Any], target: Any) -> str:
    """A prompt of a primitive, filled with a problem's values by type; where there is none, with the type's name."""
    from undercut.spaces.types import ListOf

    known = dict(zip(map(str, task.inputs), inputs, strict=True)) | {str(task.output): target}

    def value(kind: Type) -> Any:
        if str(kind) in known:
            return known[str(kind)]
        return [value(kind.item)] if isinstance(kind, ListOf) else f"({kind})"

    text = primitive.prompt([value(kind) for kind in primitive.inputs])
    half = SHOWN // 2
    return text if len(text) <= SHOWN else f"{text[:half]}\n[… {len(text) - SHOWN:,} characters …]\n{text[-half:]}"
