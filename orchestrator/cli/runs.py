"""`runs`: every start of the tool in this ledger."""

from __future__ import annotations

import click

from ..canonical import plain
from .shell import Shell, command

__all__ = ["runs"]


@click.group()
def runs() -> None:
    """Runs of this ledger."""


@command()
def ls(shell: Shell) -> None:
    """Newest first."""
    found = shell.call(lambda orchestrator: orchestrator.runs())
    brief = [
        {
            "run": run.id,
            "created_at": run.created_at.isoformat(),
            "stage": run.stage,
            "provider": run.provider,
            "model": run.model,
            "verdict": run.record.get("verdict"),
            "report": run.record.get("report"),
        }
        for run in found
    ]
    shell.emit({"runs": brief})
    for run in found:
        verdict = run.record.get("verdict", "")
        shell.out.print(
            f"{run.id}  {run.created_at:%Y-%m-%d %H:%M}  {run.stage:<9}  {run.provider}:{run.model}  {verdict}"
        )
    if not found:
        shell.out.print("no runs here yet")


@command()
@click.argument("run_id", metavar="[RUN]", required=False)
def show(shell: Shell, run_id: str | None) -> None:
    """One run (default: the newest) as the ledger holds it."""
    run = shell.call(lambda orchestrator: orchestrator.find_run(run_id))
    shell.emit(plain(run))
    for name in ("id", "stage", "provider", "model", "intent_id", "evaluation_id"):
        shell.out.print(f"{name:<14} {getattr(run, name) or '-'}")
    for name in ("dataset", "verdict", "report"):
        shell.out.print(f"{name:<14} {run.record.get(name, '-')}")


runs.add_command(ls)
runs.add_command(show)
