"""`jobs`: what was bought, what became of it, and settling what is in doubt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..canonical import plain
from ..errors import ExitCode, UsageError
from ..settings import Target
from .live import curve_text
from .options import USD, asking, gather, money, reading
from .shell import Shell, command, option

if TYPE_CHECKING:
    from ..jobs.audit import Audit
    from ..ledger import Intent

__all__ = ["jobs"]

_JOB = click.argument("job")


@click.group()
def jobs() -> None:
    """Jobs by intent id, tag, or the platform's own id."""


def _brief(intent: Intent) -> dict[str, object]:
    return {
        "intent": intent.id,
        "tag": intent.tag,
        "provider": intent.provider,
        "account": intent.account,
        "model": intent.plan.model,
        "state": intent.state.value,
        "job": intent.job_id,
        "job_state": intent.job.label if intent.job else None,
        "tuned_model": intent.job.tuned_model if intent.job else None,
        "sandbox": intent.sandbox,
        "last_error": intent.last_error,
    }


def _line(shell: Shell, intent: Intent) -> None:
    job = intent.job
    what = job.label if job else intent.state.value
    shell.out.print(
        f"{intent.id}  {intent.created_at:%Y-%m-%d %H:%M}  {intent.provider}:{intent.plan.model}  {what}"
        f"  {intent.job_id or '-'}" + (f"  {job.tuned_model}" if job and job.tuned_model else "")
    )
    if intent.last_error:
        shell.out.print(f"  {intent.last_error}", style="yellow")


@command()
def ls(shell: Shell) -> None:
    """Every job of this ledger, newest first."""
    found = shell.call(lambda orchestrator: orchestrator.jobs.ls())
    watched = shell.call(lambda orchestrator: orchestrator.jobs.watched())
    stuck = {name: row.progressed_at for name, row in watched.items() if row.stuck_at and not row.ended_at}
    told = [{**_brief(intent), "stuck_since": plain(stuck.get(intent.id))} for intent in found]
    shell.emit({"jobs": told})
    for intent in found:
        _line(shell, intent)
        if since := stuck.get(intent.id):
            text = f"  may be stuck: nothing new since {since:%Y-%m-%d %H:%M} UTC; look at the platform's console"
            shell.out.print(text, style="yellow")
    if not found:
        shell.out.print("no runs here yet, and so no jobs")


@command()
@_JOB
def show(shell: Shell, job: str) -> None:
    """One job, freshly read from its platform, and its whole history."""
    intent, history = shell.call(lambda orchestrator: orchestrator.jobs.show(job))
    at_platform = plain(intent.job.hyperparameters) if intent.job else {}
    shell.emit(
        {
            **_brief(intent),
            "plan": plain(intent.plan),
            "request": None if intent.request is None else plain(intent.request),
            "hyperparameters_at_platform": at_platform,
            "health": plain(intent.health),
            "history": [plain(entry) for entry in history],
        }
    )
    _line(shell, intent)
    shell.out.print(f"  reserved {money(intent.reserved_usd, sandbox=intent.sandbox, most=True)}")
    if intent.request is not None:
        shell.out.print(f"  sent: {json.dumps(plain(intent.request), ensure_ascii=False)}")
    if at_platform:
        values = ", ".join(f"{name} {json.dumps(value)}" for name, value in at_platform.items())
        shell.out.print(f"  as the platform has it: {values}")
    for entry in history:
        detail = ", ".join(f"{key} {value}" for key, value in entry.data.items())
        shell.out.print(f"  {entry.at:%Y-%m-%d %H:%M:%S}  {entry.kind}  {detail}")


@command()
@_JOB
def events(shell: Shell, job: str) -> None:
    """What the platform has said of the job."""
    found = shell.call(lambda orchestrator: orchestrator.jobs.events(job))
    shell.emit({"events": [plain(event) for event in found]})
    for event in found:
        at = f"{event.at:%Y-%m-%d %H:%M:%S}" if event.at else "-"
        shell.out.print(f"{at}  {event.level:<7} {event.message}")


@command()
@_JOB
def metrics(shell: Shell, job: str) -> None:
    """The training curve so far, and what it shows."""
    from ..report.twin import plain as without_nan

    reading = shell.call(lambda orchestrator: orchestrator.jobs.read(job))
    points, diagnoses = without_nan(reading.metrics), without_nan(reading.diagnoses)
    shell.emit({"metrics": points, "diagnoses": diagnoses})
    shell.out.print(curve_text(reading.metrics) or "no metrics yet")
    for diagnosis in reading.diagnoses:
        shell.out.print(diagnosis.text, style="yellow" if diagnosis.severity == "warning" else "dim")


@command()
@_JOB
def checkpoints(shell: Shell, job: str) -> None:
    """What the platform has saved of the job."""
    found = shell.call(lambda orchestrator: orchestrator.jobs.checkpoints(job))
    shell.emit({"checkpoints": [plain(item) for item in found]})
    for item in found:
        loss = item.metrics.valid_loss if item.metrics else None
        shell.out.print(f"step {item.step}  {item.model or item.id}" + (f"  valid loss {loss:.3f}" if loss else ""))


@command()
@_JOB
def cancel(shell: Shell, job: str) -> None:
    """Ask the platform to stop the job. What was trained is billed."""
    _act(shell, job, "cancel")


@command()
@_JOB
def pause(shell: Shell, job: str) -> None:
    """Pause the job, where the platform can."""
    _act(shell, job, "pause")


@command()
@_JOB
def resume(shell: Shell, job: str) -> None:
    """Resume a paused job."""
    _act(shell, job, "resume")


def _act(shell: Shell, job: str, verb: str) -> None:
    remote = shell.call(lambda orchestrator: getattr(orchestrator.jobs, verb)(job))
    shell.emit({"job": remote.id, "state": remote.label})
    shell.out.print(f"{remote.id}: {remote.label}")


@command()
@click.option("--wait", is_flag=True, help="Stay until the platform's settling window has passed.")
@click.option("--resubmit", is_flag=True, help="Once proved absent, make it ready to be bought again.")
def recover(shell: Shell, wait: bool, resubmit: bool) -> None:
    """Find every job whose paid request got no clear answer. Sends nothing; exit 1 while any is in doubt."""
    found = shell.call(lambda orchestrator: orchestrator.jobs.recover(wait=wait, resubmit=resubmit))
    shell.emit({"jobs": [_brief(intent) for intent in found]})
    for intent in found:
        _line(shell, intent)
    if not found:
        shell.out.print("nothing is in doubt")
    if any(intent.state.value in ("in_doubt", "creating", "needs_human") for intent in found):
        raise SystemExit(int(ExitCode.ERROR))


@command()
@click.argument("intent")
@click.option("--job", "job_id", help="The platform's id of the job that this intent bought.")
@click.option("--none", "nothing", is_flag=True, help="Nothing was created: free the money.")
def resolve(shell: Shell, intent: str, job_id: str | None, nothing: bool) -> None:
    """Your word on what became of a paid request that nobody else can settle."""
    if nothing == bool(job_id):
        raise UsageError("say one of --job ID and --none", where="jobs resolve")
    settled = shell.call(lambda orchestrator: orchestrator.jobs.resolve(intent, job_id))
    shell.emit(_brief(settled))
    _line(shell, settled)


@command()
@click.argument("job", metavar="PLATFORM:JOB_ID")
@click.option("--pairs", type=click.Path(path_type=Path), help="The pairs it was trained on.")
@reading
@asking
@option("--prices", type=click.Path(path_type=Path), help="Your own price file (TOML); its rows replace ours.")
@option("--max-usd", type=USD, help="The most that asking base and tuned may cost.")
@option("--accept-unknown", is_flag=True, default=None, help="Go on although a price is not known.")
@click.option("--count-spending", is_flag=True, help="Count its training in this month's budget.")
@click.option("--account", help="A name for the account, where the platform gives no id.")
def adopt(shell: Shell, job: str, pairs: Path | None, count_spending: bool, **given: Any) -> None:
    """Take a job made elsewhere into this ledger. Buys nothing.

    With --pairs, or --test FILE (pairs it never saw), it can be evaluated, decided and reported like any other run.
    """
    target = Target.parse(job)
    run = shell.call(
        lambda orchestrator: orchestrator.jobs.adopt(
            target.provider, target.model, pairs=pairs, count_spending=count_spending, **gather(given)
        )
    )
    known = "settings" in run.record
    shell.emit({"run": run.id, "intent": run.intent_id, "job": target.model, "can_be_evaluated": known})
    shell.out.print(f"run {run.id}: adopted {target.model}; watch it with: tunewright watch {run.id}")
    shell.out.print(
        f"then: tunewright evaluate {run.id}" if known else "its pairs are not known: see --pairs and --test"
    )


@command()
@click.argument("provider", required=False)
@click.option("--all", "everything", is_flag=True, help="Every platform whose key is at hand.")
@click.option("--account", help="A name for the account, where the platform gives no id.")
def audit(shell: Shell, provider: str | None, everything: bool, account: str | None) -> None:
    """Jobs and machines that carry our tag and that this ledger does not know, and the reverse. Changes nothing.

    Each difference says what to do about it: adopt, stop, recover or resolve. Exit 1 on any.
    """
    if everything == bool(provider):
        raise UsageError("name a platform, or say --all", where="jobs audit")
    if provider is None:
        audits = shell.call(lambda orchestrator: orchestrator.jobs.audit_all())
    else:
        audits = (shell.call(lambda orchestrator: orchestrator.jobs.audit(provider, account)),)
    # One platform's document is its own; that of --all holds one each.
    documents = [_audited(found) for found in audits]
    shell.emit({"audits": documents} if everything else documents[0])
    for found in audits:
        _differences(shell, found)
    if any(found.differences for found in audits):
        raise SystemExit(int(ExitCode.ERROR))


def _audited(found: Audit) -> dict[str, object]:
    return {
        "provider": found.provider,
        "account": found.account,
        "unknown": [plain(job) for job in found.unknown],
        "missing": [_brief(intent) for intent in found.missing],
        "unresolved": [_brief(intent) for intent in found.unresolved],
        "unknown_leases": [plain(lease) for lease in found.unknown_leases],
        "missing_leases": [plain(row) for row in found.missing_leases],
        "unresolved_leases": [plain(row) for row in found.unresolved_leases],
        "differences": [plain(difference) for difference in found.differences],
        "not_asked": list(found.not_asked),
    }


def _differences(shell: Shell, found: Audit) -> None:
    for difference in found.differences:
        shell.out.print(f"{found.provider}: {difference.what}", style="yellow")
        shell.out.print(f"  {difference.fix}")
    for what in found.not_asked:
        shell.out.print(f"{found.provider}: not asked: {what}")
    if not found.differences and not found.not_asked:
        shell.out.print(f"the ledger and {found.provider} agree")


for _command in (ls, show, events, metrics, checkpoints, cancel, pause, resume, recover, resolve, adopt, audit):
    jobs.add_command(_command)
