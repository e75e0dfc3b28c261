"""`models`: what can be tuned, and when tuned models go dark."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..canonical import plain
from ..errors import BudgetRefused, ExitCode
from .live import Counter
from .options import money, spending
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


@command()
@click.argument("run_id", metavar="[RUN]", required=False)
@spending
def choose(shell: Shell, run_id: str | None, yes: bool, max_usd: Decimal | None, accept_unknown: bool | None) -> None:
    """Let the checkpoints of RUN's job meet on its validation rows; the best one is what `evaluate` asks.

    The clearly worse drop out round by round. The held-out rows have no part in it, so that what is chosen can still be
    tested on them. It is paid like an evaluation.
    """

    def agree(most: Decimal | None, cap: Decimal | None) -> None:
        if yes and cap is not None:
            return
        if not shell.interactive:
            fix = "add --yes --max-usd DOLLARS"
            raise BudgetRefused("nobody is here to agree to the spending", where="non-interactive", fix=fix)
        if not shell.confirm(f"spend up to {money(most, most=True)} to choose?"):
            raise BudgetRefused("not agreed; nothing was asked")

    with Counter(shell) as count:
        found = shell.call(
            lambda orchestrator: orchestrator.models.choose(
                run_id, consent=agree, max_usd=max_usd, accept_unknown=bool(accept_unknown), progress=count
            )
        )
    shell.emit({"chosen": plain(found)})
    for one in found.rounds:
        best = ", ".join(f"{standing.name} {standing.mean:.1%}" for standing in one.standings)
        gone = f"  (out: {', '.join(dropped.name for dropped in one.dropped)})" if one.dropped else ""
        shell.out.print(f"round {one.number}, {one.n} validation rows: {best}{gone}")
    shell.out.print(f"chosen: {found.why}")
    shell.out.print(f"next: tunewright evaluate {found.run}")


for _command in (ls, sunset, download, choose):
    models.add_command(_command)
