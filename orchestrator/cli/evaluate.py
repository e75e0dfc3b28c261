"""`evaluate`, `decide` and `report`: the second half of a run, each step on its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..errors import UsageError
from .live import Counter
from .options import asking, gather, grading, reading, spending
from .run import consent
from .shell import Shell, command, option
from .verdict import finish, print_view

__all__ = ["decide", "evaluate", "report"]


_ANEW = (
    "also", "also_prompt", "also_shots", "samples", "temperature", "max_tokens", "concurrency", "max_hosting_hours",
    "max_usd", "accept_unknown", "batch",
)  # fmt: skip
"""What of the options means something for the held-out rows of a run; how its pairs were read is settled."""


@command()
@click.argument("what", metavar="[RUN | PAIRS]", required=False)
@click.option("--base", metavar="CANDIDATE", help="With PAIRS: the model to compare against, or answers:FILE.")
@click.option("--tuned", metavar="CANDIDATE", help="With PAIRS: the tuned model that exists, or answers:FILE.")
@click.option("--save-answers", type=click.Path(path_type=Path), metavar="FILE", help="Keep every answer in FILE.")
@reading
@asking
@option("--timeout", "timeout_s", type=float, help="Seconds to wait for batches; then exit 75, and go on later.")
@spending
def evaluate(
    shell: Shell,
    what: str | None,
    base: str | None,
    tuned: str | None,
    yes: bool,
    timeout_s: float | None,
    **given: Any,
) -> None:
    """Ask base, tuned and any further candidates the same held-out questions, and decide.

    With a RUN (default: the newest): its held-out rows; what was answered before is not asked again.
    With PAIRS, --base and --tuned: models that already exist, on every pair, without any training.
    """
    keep = given.pop("save_answers")
    with Counter(shell) as count:
        if base or tuned:
            if not (what and base and tuned):
                raise UsageError(
                    "comparing existing models takes PAIRS, --base and --tuned",
                    fix="tunewright evaluate PAIRS --base P:MODEL --tuned P:MODEL",
                )
            pairs, first, second, agree = Path(what), base, tuned, consent(shell, yes)
            result = shell.call(
                lambda orchestrator: orchestrator.compare(
                    pairs,
                    base=first,
                    tuned=second,
                    consent=agree,
                    timeout_s=timeout_s,
                    progress=count,
                    save_answers=keep,
                    **gather(given),
                )
            )
        else:
            _is_a_run(what)
            chosen, agree = {name: value for name, value in gather(given).items() if name in _ANEW}, consent(shell, yes)
            again = _grading(given)
            result = shell.call(
                lambda orchestrator: orchestrator.evaluate(
                    what,
                    consent=agree,
                    timeout_s=timeout_s,
                    progress=count,
                    save_answers=keep,
                    **again,
                    **chosen,
                )
            )
    finish(shell, result)


def _grading(given: dict[str, Any]) -> dict[str, Any]:
    return {name: given[name] for name in ("grader", "judge", "human_labels") if given.get(name)}


def _is_a_run(what: str | None) -> None:
    if what and Path(what).exists():
        raise UsageError(
            f"{what} is a file; with PAIRS, name the two models to compare",
            fix="tunewright evaluate PAIRS --base P:MODEL --tuned P:MODEL",
        )


@command()
@click.argument("run_id", metavar="[RUN]", required=False)
@grading
def decide(shell: Shell, run_id: str | None, **given: Any) -> None:
    """The verdict of RUN again, from stored answers, by the rule recorded before they were asked.

    With another --grader than the rule was recorded for, the verdict is exploratory: it is shown, the recorded one
    stays, and the exit code is the recorded one's.
    """
    again = _grading(given)
    finish(shell, shell.call(lambda orchestrator: orchestrator.decide(run_id, **again)))


@command()
@click.argument("run_id", metavar="[RUN]", required=False)
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Folder to write into.")
@click.option("--csv", type=click.Path(dir_okay=False, path_type=Path), help="Also every prompt and answer as CSV.")
@click.option("--terminal", is_flag=True, help="Also print it here, shorter.")
def report(shell: Shell, run_id: str | None, out: Path | None, csv: Path | None, terminal: bool) -> None:
    """Write the report of RUN (default: the newest), as far as it has come."""
    written = shell.call(lambda orchestrator: orchestrator.report(run_id, out=out, csv=csv))
    files = {"report": written.html, "report_json": written.json, "provenance": written.provenance, "csv": written.csv}
    shell.emit({name: None if path is None else str(path) for name, path in files.items()})
    if terminal:
        print_view(shell, written.view)
    shell.out.print(f"report: {written.html}")
    if written.csv is not None:
        shell.out.print(f"csv:    {written.csv}")
