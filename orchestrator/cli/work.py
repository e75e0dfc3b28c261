"""`work`: watch every job of the ledger, as a service or for a while. Several may run at once."""

from __future__ import annotations

from typing import Any

import click

from ..canonical import plain
from .shell import Shell, command, option
from .stopping import until_told

__all__ = ["work"]


@command()
@click.option("--once", is_flag=True, help="Look at what is due now, and come back: for cron.")
@click.option("--for", "for_s", type=click.FloatRange(min=0, min_open=True), help="Seconds to work [until stopped].")
@option("--batch", type=click.IntRange(1, 1000), default=50, show_default=True, help="Jobs to claim at once.")
@option(
    "--lease-s",
    type=click.FloatRange(min=5),
    default=120.0,
    show_default=True,
    help="Seconds until others take over the jobs of a worker that is not heard of again.",
)
@option("--notify", metavar="CMD", help="A command to run, without a shell, for each job that has ended.")
@option("--webhooks", metavar="HOST:PORT", help="Take in the platforms' webhooks there, as long as it works.")
def work(shell: Shell, **how: Any) -> None:
    """Watch every job of this ledger until stopped; on PostgreSQL from as many hosts as you like.

    One line per change on stderr. SIGTERM and Ctrl-C end it with exit 0: claims are given back, and no job is stopped.
    With --json one document at the end says what was done.
    """
    tally = shell.call(lambda orchestrator: until_told(lambda told: orchestrator.work(until=told, **how)))
    shell.emit({"worked": plain(tally)})
    shell.out.print(
        f"{tally.looks} looks, {tally.changes} changes, {tally.ended} jobs ended, {tally.stuck} seem stuck, "
        f"{tally.failures} failures, {tally.refused} looks refused"
    )
