"""`providers`: the platforms and what each can do today, with reasons and dates."""

from __future__ import annotations

import click

from ..canonical import plain
from .shell import Shell, command

__all__ = ["providers"]


@click.group()
def providers() -> None:
    """The platforms."""


@command()
def ls(shell: Shell) -> None:
    """Names usable before the colon of --to."""
    names = shell.call(lambda orchestrator: orchestrator.platforms.ls())
    shell.emit({"providers": list(names)})
    for name in names:
        shell.out.print(name)


@command()
@click.argument("name")
def show(shell: Shell, name: str) -> None:
    """What a platform can do on this day, why, and who says so."""
    found = shell.call(lambda orchestrator: orchestrator.platforms.show(name))
    shell.emit({"provider": name, "capabilities": {key.value: plain(value) for key, value in found.items()}})
    for capability, support in found.items():
        until = f" until {support.until}" if support.until else ""
        reason = f"  {support.reason}" if support.reason else ""
        shell.out.print(f"{capability.value:<18} {support.answer}{until}{reason}")


providers.add_command(ls)
providers.add_command(show)
