"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from undercut.spaces.errors import UsageError

if TYPE_CHECKING:
    from undercut.evaluators.models.sheet import Sheet

Command = TypeVar("Command", bound=Callable[..., Any])


def read_sizes(text: str) -> tuple[int, ...]:
    """Problem sizes: whole numbers of 1 or more with commas between them."""
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() and int(word) > 0 for word in words):
        raise UsageError(f"--sizes must be whole numbers of 1 or more with commas between, as in 8,16,32, not {text!r}")
    return tuple(int(word) for word in words)


def sizes_option(words: str) -> Callable[[Command], Command]:
    """`--sizes`, with this help."""
    return click.option("--sizes", type=read_sizes, metavar="N,N,…", help=words)


def several(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Several options as one decorator, in the order in which help shows them."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


timeout_option = click.option(
    "--timeout", type=float, metavar="SECONDS", help="Longest wait for one answer of a model.  [default: 300]"
)
models_options = several(
    click.option(
        "-m", "--model", "models", multiple=True, default=("embedded",), show_default=True, metavar="MODEL",
        help="embedded, simulated/NAME, or any litellm name such as openai/gpt-5-mini; may be given several times.",
    ),
    click.option(
        "--api-base", metavar="URL",
        help="An OpenAI-compatible server that has the models; asked through the proxy that the environment names.",
    ),
    timeout_option,
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


def _limits(calls: str) -> Callable[[Command], Command]:
    return several(
        click.option("--max-calls", type=int, help=calls),
        click.option("--max-tokens", type=int, help="The same for tokens, in and out together."),
        click.option("--max-usd", type=float, help="The same for US dollars."),
        click.option("--max-minutes", type=float, help="Send nothing more after so many minutes."),
    )


limit_options = _limits("Never send more calls than this.")
search_limit_options = _limits("Never send more calls than this; a search plans to end within.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print plain JSON on standard output.")
concurrency_option = click.option(
    "--concurrency", type=click.IntRange(1), default=64, show_default=True, help="Most calls under way at once."
)


def tell_of_unused(sheet: Sheet, models: Sequence[str]) -> None:
    """Say that a sheet is of other models; it may still be meant for a judge, and is not refused."""
    if models and sheet.models and not any(name in sheet.models for name in models):
        click.echo(
            f"--prices has none of the models of this run ({', '.join(models)}), but {', '.join(sheet.models)}",
            err=True,
        )


def with_sheet(models: Sequence[str], options: dict[str, Any]) -> dict[str, Any]:
    """The options with the sheet that --prices and --shape describe in their place."""
    from undercut.evaluators.models.sheet import Sheet, read_sheet

    prices, shapes = options.pop("prices"), options.pop("shapes")
    sheet = Sheet() if prices is None else read_sheet(prices)
    tell_of_unused(sheet, models)
    for text in shapes:
        sheet = sheet.with_shape(text, models)
    return {**options, "sheet": sheet}


def with_access(models: Sequence[str], options: dict[str, Any]) -> dict[str, Any]:
    """The options with the `Access` to the models in the place of those that describe it."""
    from undercut.evaluators.models.registry import Access

    options = with_sheet(models, options)
    access = Access(**{each.name: options.pop(each.name) for each in fields(Access) if each.name in options})
    return {**options, "access": access}
