"""Which weights are meant by a run or a model's name, and whether their platform gives them at all."""

from __future__ import annotations

from pathlib import Path

from providers.contract import Provider
from providers.records import Capability, JobState, RemoteJob
from providers.weights import WeightsKind

from ..clock import today
from ..errors import UsageError
from ..jobs.downloading import Archive, Wish, download
from ..jobs.patience import patiently
from ..ledger import Intent
from ..pipeline.project import Project
from ..pipeline.session import Account, Session, platform_named
from ..settings import Target

__all__ = ["take"]

_LISTED = 1000


async def take(project: Project, what: str, out: Path, kind: WeightsKind | None, step: int | None) -> Archive:
    """Download the weights of a run, or of PLATFORM:MODEL (a tuned model's name, or its job's id)."""
    if ":" in what:
        target = Target.parse(what)
        _refuse_where_never_given(project, target.provider)
        intent = await _known(project, target)
        account = _account(project.session, target.provider, intent)
    else:
        intent = await _of_run(project, what)
        _refuse_where_never_given(project, intent.provider)
        target, account = (
            Target(intent.provider, str(intent.job_id)),
            _account(project.session, intent.provider, intent),
        )
    async with project.session.open(account) as provider:
        job = await _job(project.session, provider, target, intent)
        if job.state is not JobState.SUCCEEDED:
            raise UsageError(f"job {job.id} is {job.label}: it has no weights to give", fix="tunewright jobs ls")
        return await download(project.session.desk, provider, Wish(job.id, kind, step), out)


def _refuse_where_never_given(project: Project, name: str) -> None:
    """Before a key is asked for: does this platform give weights on this day?"""
    support = platform_named(name).capabilities(today(project.clock))[Capability.DOWNLOAD]
    if not support:
        raise UsageError(
            f"{support.answer}: {platform_named(name).title} gives no weights to download; {support.reason}",
            where=f"{name}, source: {support.source}" if support.source else name,
            fix="keep the pairs and the run's record: the same model can be tuned again elsewhere",
        )


def _account(session: Session, provider: str, intent: Intent | None) -> Account:
    if intent is None:
        return session.account(provider, None)
    return session.account_of(provider, intent.account, f"job {intent.job_id}")


async def _of_run(project: Project, run_id: str) -> Intent:
    known = project.known
    if known is None:
        raise UsageError(
            "no runs here yet", where=project.place, fix="tunewright models download PLATFORM:MODEL -o DIR"
        )
    ledger = known.desk.ledger
    try:
        run = await known.desk.db(ledger.runs.get, run_id)
    except KeyError:
        raise UsageError(f"no run {run_id!r} in this ledger", where=ledger.place, fix="tunewright runs ls") from None
    intent = await known.desk.db(ledger.intents.get, run.intent_id) if run.intent_id else None
    if intent is None or intent.job_id is None:
        raise UsageError(f"run {run_id} has bought no job", fix=f"tunewright watch {run_id}")
    return intent


async def _known(project: Project, target: Target) -> Intent | None:
    """The job of this ledger that made the model."""
    if project.known is None:
        return None
    desk = project.known.desk
    for intent in await desk.db(desk.ledger.intents.all):
        names = (intent.job_id, intent.job.tuned_model if intent.job else None)
        if intent.provider == target.provider and target.model in names:
            return intent
    return None


async def _job(session: Session, provider: Provider, target: Target, intent: Intent | None) -> RemoteJob:
    """The job as the platform tells it now. Raises `UsageError` where the account has none that made the model."""
    desk = session.desk
    if intent is not None:
        return await patiently(desk, provider, lambda: provider.job(str(intent.job_id)))
    for job in await patiently(desk, provider, lambda: provider.jobs(limit=_LISTED)):
        if target.model in (job.id, job.tuned_model):
            return job
    raise UsageError(
        f"this account has no job that made {target.model}",
        where=target.provider,
        fix="`tunewright models sunset` lists the tuned models; a job's own id does too",
    )
