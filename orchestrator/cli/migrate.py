"""`migrate`: a tuned model moves to another platform, and is held against what it answered before."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ExitCode
from .live import Counter
from .options import gather, money, on_trouble, reading, spending, targets, training
from .run import AGAIN, SUNSET, consent
from .shell import Shell, command, option
from .verdict import print_result
from .watching import Watcher

if TYPE_CHECKING:
    from ..pipeline.moved import Moved

__all__ = ["migrate"]

_EXIT = {
    "equivalent": ExitCode.DONE,
    "not_equivalent": ExitCode.NOT_EARNED,
    "inconclusive": ExitCode.INCONCLUSIVE,
}
_STYLE = {"equivalent": "bold green", "not_equivalent": "bold red", "inconclusive": "bold yellow"}
_FILE = click.Path(path_type=Path)


@command()
@click.argument("source", metavar="RUN|PLATFORM:JOB_ID")
@targets
@option("--pairs", type=_FILE, help="For a job made elsewhere: the pairs it was trained on.")
@reading
@option("--answers", type=_FILE, help="The old model's answers in a file, where it can no longer be asked.")
@option("--margin", type=float, help="How much worse it may be and still count as equivalent [0.05: 5 points].")
@option("--keep-only", is_flag=True, help="Keep the old model's answers, and do nothing more.")
@option("--old-account", help="A name for the old account, where its platform gives no id.")
@training
@spending
@SUNSET
@on_trouble
@AGAIN
def migrate(shell: Shell, source: str, yes: bool, **given: Any) -> None:
    """Move a tuned model: the same pairs, split and rule at --to PLATFORM:MODEL, and is it as good there?

    The old model's held-out answers are kept first, so that this can be answered when it is gone. Every hyperparameter
    that is carried over, or is not, is printed with its reason. The same command goes on where it stopped.

    Exit codes: 0 equivalent within the margin, 6 worse by more, 7 these prompts cannot tell.
    """
    agree = consent(shell, yes)
    with Watcher(shell) as see, Counter(shell) as count:
        moved = shell.call(
            lambda orchestrator: orchestrator.migrate(source, consent=agree, see=see, progress=count, **gather(given))
        )
    shell.emit(moved.to_json())
    if moved.result is None:
        shell.out.print(f"kept: {moved.answers}")
        shell.out.print(f"next: tunewright migrate {source} --to PLATFORM:MODEL", style="dim")
        return
    _print(shell, moved)
    assert moved.equivalence is not None
    raise SystemExit(int(_EXIT[moved.equivalence.answer]))


def _billed(usd: Decimal | None, sandbox: bool) -> str:
    """Each side says for itself whether it was money."""
    return "an unknown sum" if usd is None else money(usd) + (" of play money" if sandbox else "")


def _print(shell: Shell, moved: Moved) -> None:
    """The new run as any other; then what moved, the bills beside each other, and the answer."""
    result, found = moved.result, moved.equivalence
    assert result is not None
    assert found is not None
    print_result(shell, result)
    shell.out.print(f"\nmoved: {moved.old.name} → {result.run.provider}:{result.job.tuned_model if result.job else ''}")
    old = _billed(moved.old.billed_usd, moved.old.begun.account.sandbox)
    new = _billed(result.billed.training_usd, result.billed.sandbox)
    shell.out.print(f"  training was billed {old} there and {new} here")
    for line in moved.translation.lines if moved.translation else ():
        shell.out.print(f"  {line.text}", style="dim")
    shell.out.print(f"equivalence: {found.answer.replace('_', ' ')}", style=_STYLE[found.answer])
    shell.out.print(f"  {found.reason}")
    if found.prompts_needed:
        shell.out.print(f"  next: about {found.prompts_needed:,} held-out prompts would tell")
    shell.out.print(f"  graded by {found.grader}; the old answers: {moved.answers}", style="dim")
