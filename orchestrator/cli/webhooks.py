"""`webhooks serve`: a small server that platforms tell when a job has ended."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

import click

from ..canonical import plain
from .shell import Shell, command

if TYPE_CHECKING:
    from ..nouns.webhooks import Serving

__all__ = ["webhooks"]


@click.group()
def webhooks() -> None:
    """What platforms send when a job has ended: a reason to look at it at once, never its state."""


@command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), default=8790, show_default=True, help="0 picks a free one.")
def serve(shell: Shell, host: str, port: int) -> None:
    """Serve until Ctrl-C. Signing secrets come from the environment, as in docs/webhooks.md."""
    if not _loopback(host):
        shell.err.print(f"warning: {host} is not this machine alone, and this is plain HTTP", style="yellow")
    try:
        shell.call(
            lambda orchestrator: orchestrator.webhooks.serve(host, port, ready=lambda serving: _told(shell, serving))
        )
    except KeyboardInterrupt:
        shell.err.print("stopped")


def _told(shell: Shell, serving: Serving) -> None:
    shell.emit({**plain(serving), "health": f"{serving.url}/healthz"})
    for name, url in serving.webhooks.items():
        shell.out.print(f"{name}  {url}")
    shell.err.print(f"ledger {serving.ledger}; serving until Ctrl-C")


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


webhooks.add_command(serve)
