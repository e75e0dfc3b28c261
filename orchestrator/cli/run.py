"""`run`, `submit` and `watch`: the paid part, with consent asked once and Ctrl-C harmless."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import BudgetRefused, ExitCode, UsageError
from .live import Counter
from .options import PAIRS, asking, choosing, gather, limit, on_trouble, reading, spending, targets, training
from .quoting import print_limits, print_quote
from .shell import Shell, command, option
from .verdict import finish
from .watching import Watcher

if TYPE_CHECKING:
    from ..costing import Quote
    from ..settings import RunSettings

__all__ = ["AGAIN", "SUNSET", "consent", "run", "submit", "watch"]

# Never by the environment: a variable left standing would buy a job at every start.
AGAIN = click.option("--again", is_flag=True, default=None, help="Buy another job for a plan that already has one.")
SUNSET = option(
    "--accept-sunset", is_flag=True, default=None, help="Buy although the model, or its platform, is about to end."
)
_NOTIFY = option("--notify", metavar="CMD", help="A command to run, without a shell, when the job has ended.")
_DRY_RUN = option("--dry-run", is_flag=True, help="Print the exact requests and send nothing.")


def consent(shell: Shell, yes: bool) -> Callable[[Quote | None, RunSettings], None]:
    """Asks the person once, after showing the quote; without one, needs --yes and a cap.

    Made before the work starts: it reads the ledger's caps for the person to see.
    """
    limits = shell.call(lambda orchestrator: orchestrator.limits())

    def agree(quote: Quote | None, settings: RunSettings) -> None:
        if quote is not None:
            print_quote(shell.err, quote)
            print_limits(shell.err, limits)
        if yes and settings.max_usd is not None:
            return
        if not shell.interactive:
            missing = "--max-usd is" if yes else "--yes and --max-usd are" if settings.max_usd is None else "--yes is"
            raise BudgetRefused(
                f"nobody is here to agree to the spending, and {missing} not given",
                where="non-interactive",
                fix="add --yes --max-usd DOLLARS, or use --dry-run or `tunewright estimate`",
            )
        if not yes and not shell.confirm("spend this?"):
            raise BudgetRefused("not agreed; nothing was sent")

    return agree


@command()
@PAIRS
@reading
@targets
@training
@asking
@choosing
@spending
@SUNSET
@_NOTIFY
@on_trouble
@_DRY_RUN
@AGAIN
def run(shell: Shell, pairs: Path, yes: bool, dry_run: bool, notify: str | None, **given: Any) -> None:
    """From PAIRS to a verdict: check, split, quote, submit once, watch, ask base and tuned, decide, report.

    Ctrl-C never cancels the job; the same command takes up where it stopped.
    """
    if dry_run:
        _dry_run(shell, pairs, given)
        return
    agree = consent(shell, yes)
    with Watcher(shell) as see, Counter(shell) as count:
        result = shell.call(
            lambda orchestrator: orchestrator.run(
                pairs, consent=agree, see=see, progress=count, notify=notify, **gather(given)
            )
        )
    finish(shell, result)


@command()
@PAIRS
@reading
@targets
@training
@spending
@SUNSET
@on_trouble
@_DRY_RUN
@AGAIN
def submit(shell: Shell, pairs: Path, yes: bool, dry_run: bool, **given: Any) -> None:
    """Buy the job for PAIRS, exactly once, and leave it running. The same plan again answers the same job."""
    if dry_run:
        _dry_run(shell, pairs, given)
        return
    agree = consent(shell, yes)
    bought = shell.call(lambda orchestrator: orchestrator.submit(pairs, consent=agree, **gather(given)))
    intent = shell.call(lambda orchestrator: orchestrator.jobs.get(bought.intent_id or ""))
    shell.emit({"run": bought.id, "intent": intent.id, "job": intent.job_id, "state": intent.state.value})
    shell.out.print(f"run {bought.id}: job {intent.job_id} is bought; watch it with: tunewright watch {bought.id}")


@command()
@click.argument("run_id", metavar="[RUN]", required=False)
@click.option("--all", "every", is_flag=True, help="Every job of this ledger that runs now.")
@option("--timeout", "timeout_s", type=float, help="Seconds to watch; exit 75 when they pass.")
@_NOTIFY
@on_trouble
def watch(shell: Shell, run_id: str | None, every: bool, timeout_s: float | None, **how: str | None) -> None:
    """Watch the job of RUN (default: the newest) to its end. Ctrl-C leaves it running."""
    if every:
        _watch_all(shell, run_id, timeout_s)
        return
    with Watcher(shell) as see:
        job = shell.call(lambda orchestrator: orchestrator.watch(run_id, see=see, timeout_s=timeout_s, **how))
    shell.emit({"run": shell.run_id, "job": job.id, "state": job.label, "tuned_model": job.tuned_model})
    shell.out.print(f"tuned model: {job.tuned_model}")
    shell.out.print(f"next: tunewright evaluate {shell.run_id}")


def _watch_all(shell: Shell, run_id: str | None, timeout_s: float | None) -> None:
    if run_id is not None:
        raise UsageError("say either a run or --all", where="watch")
    with Watcher(shell) as see:
        ended = shell.call(
            lambda orchestrator: orchestrator.watch_all(
                see=lambda run, reading: see(reading, run.id), timeout_s=timeout_s
            )
        )
    rows = [
        {"run": one.run.id, "job": one.job.id, "state": one.job.label, "tuned_model": one.job.tuned_model}
        for one in ended
    ]
    shell.emit({"ended": rows})
    for one in ended:
        what = f"tuned model {one.job.tuned_model}" if one.well else one.job.error or ""
        shell.out.print(f"{one.run.id}  {one.job.label}  {what}")
    if not ended:
        shell.out.print("no job runs now")
    if not all(one.well for one in ended):
        raise SystemExit(int(ExitCode.JOB_FAILED))


def _dry_run(shell: Shell, pairs: Path, given: dict[str, Any]) -> None:
    """Quote, and every request with its exact body. Sends nothing, and writes only to a temporary folder."""
    from ..canonical import plain

    quote, requests = shell.call(lambda orchestrator: orchestrator.dry_run(pairs, **gather(given)))
    cap: Decimal | None = given.get("max_usd")
    shell.emit({"dry_run": True, "quote": quote.to_json(), "requests": [plain(item) for item in requests]})
    print_quote(shell.out, quote)
    if cap is not None and quote.high_usd > cap:
        raise BudgetRefused(f"the quote is {quote.total_text}, and --max-usd is {limit(cap)}", fix="raise --max-usd")
    for item in requests:
        shell.out.print(f"\n{item.method} {item.url}{'   (this is the paid one)' if item.paid else ''}", style="bold")
        if item.body is not None:
            shell.out.print(json.dumps(plain(item.body), indent=2) if not isinstance(item.body, str) else item.body)
