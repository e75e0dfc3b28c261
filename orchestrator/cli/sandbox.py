"""`sandbox serve`: the platforms' wire on this machine, for any client."""

from __future__ import annotations

import threading
from pathlib import Path

import click

from ..errors import MissingExtra
from .shell import Shell, command

__all__ = ["sandbox"]


@click.group()
def sandbox() -> None:
    """A stand-in for the platforms: real HTTP on loopback, and a small learner that really learns."""


@command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0 picks a free one.")
@click.option("--state", type=click.Path(path_type=Path), help="Folder to keep files, jobs and models in.")
@click.option("--pace", "pace_s", default=0.5, show_default=True, help="Least seconds an epoch takes.")
def serve(shell: Shell, host: str, port: int, state: Path | None, pace_s: float) -> None:
    """Serve until Ctrl-C, and print the environment that points any client here."""
    try:
        from providers.sandbox import Sandbox
        from providers.sandbox import serve as served
    except ImportError as error:
        raise MissingExtra(f"the sandbox needs {error.name}", fix="pip install 'tunewright[sandbox]'") from error
    try:
        with Sandbox(state, pace_s=pace_s) as world, served(world, host=host, port=port) as running:
            shell.emit({"url": running.url, "environ": dict(running.environ)}, made_up=True)
            if not shell.as_json:
                # Keys that are made up: cut out, as they are where the shell holds them already, they help nobody.
                click.echo("".join(f"export {name}={value}\n" for name, value in running.environ.items()), nl=False)
            shell.err.print("serving until Ctrl-C; paste the lines above into another terminal")
            threading.Event().wait()
    except KeyboardInterrupt:
        shell.err.print("stopped")


sandbox.add_command(serve)
