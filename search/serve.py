"""`undercut serve`: models that need no key behind an OpenAI-compatible endpoint."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

import click

from undercut.spaces.errors import UsageError

KEY = "UNDERCUT_SERVE_KEY"


@click.command(short_help="Serve models that need no key over HTTP.")
@click.option(
    "-m", "--model", "models", multiple=True, default=("embedded",), show_default=True, metavar="MODEL",
    help="embedded or simulated/NAME; may be given several times.",
)  # fmt: skip
@click.option("--task", "tasks", multiple=True, help="Task whose prompts simulated models understand.  [default: all]")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes a free one.")
def serve(models: tuple[str, ...], tasks: tuple[str, ...], host: str, port: int) -> None:
    """Serve models over HTTP, in OpenAI's chat protocol, until it is stopped.

    They are named undercut/MODEL there. Where UNDERCUT_SERVE_KEY is set, requests must bring it as their key.

    \b
    undercut serve -m embedded
    undercut search sort -m undercut/embedded --api-base http://127.0.0.1:8000/v1
    """  # noqa: D301 - click wants the control character
    import asyncio

    from undercut.evaluators.models.registry import open_models
    from undercut.evaluators.models.server import ChatServer
    from undercut.evaluators.tasks import TASKS, open_task

    wrong = [name for name in models if name != "embedded" and not name.startswith("simulated/")]
    if wrong:
        raise UsageError(f"what is served must be embedded or simulated/NAME, and {wrong[0]!r} is neither")
    known = [open_task(name) for name in tasks] or list(TASKS.values())
    primitives = {primitive.name: primitive for task in known for primitive in task.primitives}
    opened = open_models(models, primitives=primitives.values())
    server = ChatServer(opened, primitives.values(), os.environ.get(KEY) or None)

    async def run() -> None:
        from aiohttp import web

        runner = web.AppRunner(server.application(), access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise UsageError(
                f"--host and --port must be an address that is free here, and {host}:{port} is not: {error.strerror}"
            ) from error
        address = runner.addresses[0]
        click.echo(f"{', '.join(server.names)} at http://{host}:{address[1]}/v1", err=True)
        stopped = asyncio.Event()
        with suppress(NotImplementedError):  # Windows has Control-C alone
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        try:
            await stopped.wait()
        finally:
            await runner.cleanup()

    with suppress(KeyboardInterrupt):
        asyncio.run(run())
    click.echo("stopped", err=True)
