"""`batches`: questions that were bought by the file, and what may be done about one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..canonical import plain
from ..errors import UsageError
from .shell import Shell, command

if TYPE_CHECKING:
    from ..ledger import BatchRow

__all__ = ["batches"]


@click.group()
def batches() -> None:
    """Questions of large evaluations, bought by the file."""


@command()
def ls(shell: Shell) -> None:
    """Every batch of this ledger: its state, the platform's own word, and how many questions it asks."""
    rows = shell.call(lambda orchestrator: orchestrator.batches.ls())
    _shown(shell, *rows)
    if not rows:
        shell.out.print("no evaluation here was asked by batches yet (tunewright evaluate --batch)")


@command()
@click.argument("batch")
def cancel(shell: Shell, batch: str) -> None:
    """Ask the platform to end BATCH. What is answered by then is billed, and `evaluate` keeps it."""
    _shown(shell, shell.call(lambda orchestrator: orchestrator.batches.cancel(batch)))


@command()
@click.argument("batch")
@click.option("--batch", "remote_id", help="The platform's id of it.")
@click.option("--none", "nothing", is_flag=True, help="There is none: it may be asked for again.")
def resolve(shell: Shell, batch: str, remote_id: str | None, nothing: bool) -> None:
    """Your word on a BATCH in doubt that neither we nor the platform can tell of."""
    if nothing == bool(remote_id):
        raise UsageError("say one of --batch ID and --none", where="batches resolve")
    _shown(shell, shell.call(lambda orchestrator: orchestrator.batches.resolve(batch, remote_id)))


def _shown(shell: Shell, *rows: BatchRow) -> None:
    shell.emit({"batches": [plain(row) for row in rows]})
    for row in rows:
        note = " (sandbox, not money)" if row.sandbox else ""
        where, word = f"{row.provider}:{row.model}", f" ({row.status})" if row.status else ""
        told = f"{row.stage.value}{word}  {row.requests:,} questions to {where}  {row.remote_id or '-'}{note}"
        shell.out.print(f"{row.id}  {told}")
        if row.last_error:
            shell.out.print(f"  {row.last_error}", style="yellow")


for _command in (ls, cancel, resolve):
    batches.add_command(_command)
