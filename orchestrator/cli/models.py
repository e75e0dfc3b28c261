"""`models`: what can be tuned, and when tuned models go dark."""

from __future__ import annotations

import click

from ..canonical import plain
from .shell import Shell, command

__all__ = ["models"]

_PROVIDER = click.argument("provider", required=False)
_SOON_DAYS = 90


@click.group()
def models() -> None:
    """Base models and tuned models."""


@command()
@_PROVIDER
def ls(shell: Shell, provider: str | None) -> None:
    """Base models known by dated facts; needs no key."""
    rows = shell.call(lambda orchestrator: orchestrator.models.ls(provider))
    shell.emit({"models": [{"provider": row.provider, **plain(row.facts)} for row in rows]})
    width = max((len(f"{row.provider}:{row.facts.name}") for row in rows), default=0)
    for row in rows:
        facts = row.facts
        tunable = facts.tunable.answer + (f", until {facts.jobs_close}" if facts.jobs_close else "")
        ends = f"  ends {facts.shutdown}" if facts.shutdown else ""
        name = f"{row.provider}:{facts.name}"
        shell.out.print(f"{name:<{width}}  tunable: {tunable}{ends}  (as of {facts.as_of})")


@command()
@_PROVIDER
def sunset(shell: Shell, provider: str | None) -> None:
    """Tuned models of this ledger and of the accounts whose keys are at hand, soonest end first."""
    rows = shell.call(lambda orchestrator: orchestrator.models.sunset(provider))
    shell.emit({"models": [plain(row) for row in rows]})
    for row in rows:
        soon = row.days_left is not None and row.days_left < _SOON_DAYS
        ends = f"{row.shutdown} ({row.days_left} days)" if row.shutdown else "no end known"
        shell.out.print(f"{ends:<24} {row.provider}:{row.model}", style="yellow" if soon else "")
    if not rows:
        shell.out.print("no tuned models found")


models.add_command(ls)
models.add_command(sunset)
