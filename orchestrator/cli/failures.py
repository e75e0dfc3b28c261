"""`failures`: what the tuned model still gets wrong, as rows for the next round."""

from __future__ import annotations

from pathlib import Path

import click

from .shell import Shell, command

__all__ = ["failures"]


@command()
@click.argument("run_id", metavar="[RUN]", required=False)
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, help="The file to write, JSON lines.")
def failures(shell: Shell, run_id: str | None, out: Path) -> None:
    """Write the held-out rows that RUN's tuned model got wrong (default: the newest run), with both answers.

    Correct them where the reference is wrong, and learn from them what training rows are missing. Every command reads
    the file; its rows are marked as held out, and are tested again in the next round, never trained on.
    """
    found = shell.call(lambda orchestrator: orchestrator.failures(run_id, out=out))
    shell.emit({"run": found.run, "failures": str(found.path), "failed": found.failed, "of": found.of})
    shell.out.print(f"{found.failed:,} of {found.of:,} held-out rows: {found.path}")
