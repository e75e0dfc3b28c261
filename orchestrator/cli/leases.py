"""`leases`: what bills by the hour, and stopping it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..canonical import plain
from ..errors import ExitCode, UsageError
from ..settings import Target
from .options import money
from .shell import Shell, command

if TYPE_CHECKING:
    from ..ledger import LeaseRow
    from ..nouns.money import Rented

__all__ = ["leases"]


@click.group()
def leases() -> None:
    """Served models that bill by the hour."""


@command()
def ls(shell: Shell) -> None:
    """Every lease of this ledger: its state, age, cost so far, idle time-out and deadline."""
    rows = shell.call(lambda orchestrator: orchestrator.leases.ls())
    shell.emit({"leases": [plain(row) for row in rows]})
    for row in rows:
        shell.out.print(f"{row.id}  {row.stage.value:<8} {row.provider}:{row.model}  {row.remote_id or '-'}")
        shell.out.print(f"  {_told(row)}")
        _trouble(shell, row)
    if not rows:
        shell.out.print("nothing is, or was, rented: no run here needed it yet")


def _told(row: Rented) -> str:
    """Age, cost and what will end it, for people."""
    cost = money(row.so_far_usd, sandbox=row.sandbox)
    hourly = f"{money(row.usd_per_hour)} an hour" if row.usd_per_hour is not None else "price unknown"
    if row.stopped_at is not None and row.stage.value == "stopped":
        return f"stopped {row.stopped_at:%Y-%m-%d %H:%M} UTC, cost {cost} ({hourly})"
    age = "not asked for yet" if row.age_s is None else f"{row.age_s / 3600:.1f} h old, {cost} so far ({hourly})"
    idle = f", idle time-out {row.idle_timeout_s / 60:.0f} min" if row.idle_timeout_s else ""
    idle = ", never stops by itself" if row.idle_timeout_s == 0 else idle
    ends = f", deadline {row.deadline:%Y-%m-%d %H:%M} UTC" if row.deadline else ""
    return f"{age}{idle}{ends}{'' if row.owner else ', used by nobody'}"


def _trouble(shell: Shell, row: LeaseRow) -> None:
    if row.last_error:
        shell.out.print(f"  {row.last_error}", style="yellow")


@command()
@click.argument("lease", required=False)
@click.option("--all", "everything", is_flag=True, help="Stop every open lease.")
@click.option("--wait", is_flag=True, help="Until one in doubt is found, or proved not to be there.")
def stop(shell: Shell, lease: str | None, everything: bool, wait: bool) -> None:
    """Stop LEASE, or all open ones, whoever uses them, and settle what they cost. Exit 1 while one may still bill.

    PLATFORM:ID stops a machine with our tag that this ledger does not know (`jobs audit` shows them).
    """
    if everything == bool(lease):
        raise UsageError("name one lease, or say --all", where="leases stop")
    if lease is not None and ":" in lease:
        target = Target.parse(lease)
        shell.call(lambda orchestrator: orchestrator.leases.stop_unknown(target.provider, target.model))
        shell.emit({"stopped": lease})
        shell.out.print(f"{lease}: stopped; what it has cost is on the platform's bill, and not in this ledger")
        return
    rows = shell.call(lambda orchestrator: orchestrator.leases.stop(lease, wait=wait))
    _shown(shell, *rows)
    if not rows:
        shell.out.print("nothing is rented")
    if any(row.stage.value != "stopped" for row in rows):
        raise SystemExit(int(ExitCode.ERROR))


@command()
@click.argument("lease")
@click.option("--remote", "remote_id", help="The platform's id of it; it is stopped.")
@click.option("--none", "nothing", is_flag=True, help="There is none: its money is free.")
def resolve(shell: Shell, lease: str, remote_id: str | None, nothing: bool) -> None:
    """Your word on a LEASE in doubt that the platform cannot be asked for."""
    if nothing == bool(remote_id):
        raise UsageError("say one of --remote ID and --none", where="leases resolve")
    _shown(shell, shell.call(lambda orchestrator: orchestrator.leases.resolve(lease, remote_id)))


def _shown(shell: Shell, *rows: LeaseRow) -> None:
    shell.emit({"leases": [plain(row) for row in rows]})
    for row in rows:
        shell.out.print(f"{row.id}: {row.stage.value}")
        _trouble(shell, row)


for _command in (ls, stop, resolve):
    leases.add_command(_command)
