"""`models`: what can be tuned, and when tuned models go dark."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..canonical import plain
from ..errors import ExitCode
from .shell import Shell, command
from .transfers import bytes_text

if TYPE_CHECKING:
    from providers.weights import WeightsKind

    from ..nouns.sunset import Sunset

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
@click.option(
    "--within",
    type=click.IntRange(min=0),
    metavar="DAYS",
    help="Only those that end within DAYS; exit 1 if there are any.",
)
def sunset(shell: Shell, provider: str | None, within: int | None) -> None:
    """Tuned models of this ledger and of the accounts whose keys are at hand, soonest end first.

    With --within, a gate for CI: exit 1 when any model that still answers ends within DAYS.
    """
    rows = shell.call(lambda orchestrator: orchestrator.models.sunset(provider, within=within))
    shell.emit({"models": [plain(row) for row in rows], "within": within})
    for row in rows:
        _print_end(shell, row)
    if not rows:
        shell.out.print("no tuned models found" if within is None else f"no tuned model ends within {within} days")
    if within is not None and rows:
        raise SystemExit(int(ExitCode.ERROR))


def _print_end(shell: Shell, row: Sunset) -> None:
    left = row.days_left
    soon = left is not None and left < _SOON_DAYS
    days = "" if left is None else f" ({left} days)" if left > 0 else " (ended)"
    base = f", tuned on {row.base}" if row.base else ""
    source = f"; by {row.source}" if row.source else ""
    ends = f"{row.shutdown or 'no end known'}{days}"
    told = f"{ends:<24} {row.provider}:{row.model}  ({row.where}{base}{source})"
    shell.out.print(told, style="yellow" if soon else "")


@command()
@click.argument("what", metavar="RUN|PLATFORM:MODEL")
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, help="Folder to keep the archive in.")
@click.option("--weights", type=click.Choice(["merged", "adapter"]), help="Of an adapter: with its base [merged].")
@click.option("--step", type=click.IntRange(min=1), help="The checkpoint at this step [the final model].")
def download(shell: Shell, what: str, out: Path, weights: WeightsKind | None, step: int | None) -> None:
    """Archive a tuned model's weights, where the platform gives them. Goes on where it was interrupted."""
    found = shell.call(lambda orchestrator: orchestrator.models.download(what, out, weights=weights, step=step))
    shell.emit({"archive": str(found.path), "bytes": found.size, "sha256": found.sha256, "kept": found.kept})
    kept = "  (here already, and whole)" if found.kept else ""
    shell.out.print(f"{found.path}  {bytes_text(found.size)}{kept}")
    shell.out.print(f"sha256 {found.sha256}")


for _command in (ls, sunset, download):
    models.add_command(_command)
