"""`leases`: what bills by the hour, and stopping it."""

from __future__ import annotations

import click

from ..canonical import plain
from ..errors import UsageError
from .options import money
from .shell import Shell, command

__all__ = ["leases"]


@click.group()
def leases() -> None:
    """Served models that bill by the hour."""


@command()
def ls(shell: Shell) -> None:
    """Every lease of this ledger."""
    rows = shell.call(lambda orchestrator: orchestrator.leases.ls())
    shell.emit({"leases": [plain(row) for row in rows]})
    for row in rows:
        hourly = f"{money(row.usd_per_hour, sandbox=row.sandbox)} an hour" if row.usd_per_hour else "price unknown"
        shell.out.print(f"{row.id}  {row.stage.value:<8} {row.provider}:{row.model}  {hourly}  {row.remote_id or '-'}")
    if not rows:
        shell.out.print("nothing is, or was, rented: no run here needed it yet")


@command()
@click.argument("lease", required=False)
@click.option("--all", "everything", is_flag=True, help="Stop every open lease.")
def stop(shell: Shell, lease: str | None, everything: bool) -> None:
    """Stop LEASE, or all open ones, and settle what they cost."""
    if everything == bool(lease):
        raise UsageError("name one lease, or say --all", where="leases stop")
    rows = shell.call(lambda orchestrator: orchestrator.leases.stop(lease))
    shell.emit({"leases": [plain(row) for row in rows]})
    for row in rows:
        shell.out.print(f"{row.id}: {row.stage.value}")
    if not rows:
        shell.out.print("nothing is rented")


leases.add_command(ls)
leases.add_command(stop)
