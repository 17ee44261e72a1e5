"""The command `undercut`. What `--help` does not need is imported where it is used."""

from __future__ import annotations

import errno
import json
import sys
from collections.abc import Sequence

import click

from undercut.search.genome_commands import cost, eval_, run
from undercut.search.options import json_option
from undercut.search.run_commands import Stopped, export, front, resume, search
from undercut.search.serve import serve
from undercut.search.stopping import terminated_like_interrupted
from undercut.search.task_commands import check, init
from undercut.spaces.errors import UndercutError, UsageError

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What systems call a full disk, one's share of it, and the largest file."""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="undercut")
def commands() -> None:
    """Find, by search, the cheapest way to split a problem over language-model calls.

    \b
    undercut search sort --sizes 8,16,32 --target-size 64    search on the model that comes with undercut
    undercut export runs/sort-1 --pick best -o sort.py       take the best one away as code
    """  # noqa: D301 - click wants the control character


@commands.command()
@json_option
def tasks(as_json: bool) -> None:
    """List the built-in tasks."""
    from undercut.evaluators.tasks import TASKS

    _list([(task.name, task.summary) for task in TASKS.values()], as_json)


@commands.command()
@json_option
def models(as_json: bool) -> None:
    """List the models that need no key, and how others are named."""
    from undercut.evaluators.models.registry import list_models

    _list(list_models(), as_json)


@commands.command()
@json_option
def operators(as_json: bool) -> None:
    """List the operators that decompositions are made of."""
    from undercut.spaces.operators import OPERATORS

    _list([(operator.name, operator.summary) for operator in OPERATORS.values()], as_json)


for command in (search, resume, front, export, eval_, run, cost, init, check, serve):
    commands.add_command(command)


def _list(rows: Sequence[tuple[str, str]], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([{"name": name, "summary": summary} for name, summary in rows], indent=1))
        return
    width = max(len(name) for name, _ in rows)
    for name, summary in rows:
        click.echo(f"{name:<{width}}  {summary}")


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
        with terminated_like_interrupted():
            commands.main(args=given or ["--help"], prog_name="undercut", standalone_mode=False)
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.ClickException as error:
        click.echo(f"undercut: {_sentence(error)}", err=True)
        return 2
    except (KeyboardInterrupt, click.Abort) as error:
        stopped = error.__cause__ if isinstance(error, click.Abort) else error  # click makes the one of the other
        usual = "stopped; `undercut resume DIR` goes on with a run that was kept in a folder"
        click.echo(stopped if isinstance(stopped, Stopped) else usual, err=True)
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
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        click.echo(f"undercut: there must be room for what is written, and there is none: {error.strerror}", err=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
