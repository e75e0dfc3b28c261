"""Watching a job until it ends, across hours, outages and restarts. Reads only; every reading is kept in the ledger."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass

from providers.contract import Provider
from providers.errors import NotFound, ProviderError
from providers.records import TERMINAL_STATES, JobEvent, JobState, MetricPoint, RemoteJob

from ..ledger import Intent
from .desk import Desk
from .health import Diagnosis, diagnose
from .patience import patiently

__all__ = ["Reading", "poll_spacing_s", "read_once", "watch"]

_FASTEST_S, _SLOWEST_S = 15.0, 600.0
_SANDBOX_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One look at the job: its state, what is new since the last look, and what the whole curve shows."""

    job: RemoteJob
    new_events: tuple[JobEvent, ...]
    metrics: tuple[MetricPoint, ...]
    diagnoses: tuple[Diagnosis, ...]

    @property
    def ended(self) -> bool:
        """True in a terminal state."""
        return self.job.state in TERMINAL_STATES


def poll_spacing_s(age_s: float, *, sandbox: bool = False) -> float:
    """Seconds until the next look: a twentieth of the job's age, between 15 s and 10 min, ± 20 % jitter."""
    if sandbox:
        return _SANDBOX_S
    spacing = min(max(age_s / 20, _FASTEST_S), _SLOWEST_S)
    return spacing * random.uniform(0.8, 1.2)


async def watch(desk: Desk, provider: Provider, intent: Intent, *, patience_s: float) -> AsyncIterator[Reading]:
    """Look, wait, look again, until the job ends. The caller may stop at any time; the job goes on.

    `patience_s`: how long an unreachable platform is waited for before `ProviderError` is raised. The platform's
    state is shown as it is; an unknown status is waited on, never taken for an end.
    """
    while True:
        reading = await read_once(desk, provider, intent, patience_s=patience_s)
        yield reading
        if reading.ended:
            return
        age = desk.clock.now() - (intent.sent_at or intent.created_at)
        await desk.clock.sleep(poll_spacing_s(age.total_seconds(), sandbox=intent.sandbox))


async def read_once(desk: Desk, provider: Provider, intent: Intent, *, patience_s: float | None = None) -> Reading:
    """One look, stored before it is answered. A job the platform no longer knows is `gone`, unless it had ended."""
    job = await _job(desk, provider, intent, patience_s)
    events = await _events(desk, provider, intent, job, patience_s)
    metrics = await _metrics(desk, provider, intent, job)
    await desk.db(desk.ledger.intents.observe, intent.id, job, desk.clock.now())
    diagnoses = diagnose(metrics, ended=job.state in TERMINAL_STATES)
    return Reading(job=job, new_events=events, metrics=metrics, diagnoses=diagnoses)


async def _job(desk: Desk, provider: Provider, intent: Intent, patience_s: float | None) -> RemoteJob:
    job_id = intent.job_id
    if job_id is None:
        raise ValueError(f"intent {intent.id} has no job yet")
    try:
        return await patiently(desk, provider, lambda: provider.job(job_id), patience_s=patience_s)
    except NotFound:
        known = (await desk.db(desk.ledger.intents.get, intent.id)).job
        if known is not None and known.state in TERMINAL_STATES:
            # Platforms forget, and people tidy up; what became of the job is known here.
            return known
        model = known.model if known else intent.plan.model
        return RemoteJob(id=job_id, state=JobState.GONE, raw_status="not found", model=model, tag=intent.tag)


async def _events(
    desk: Desk, provider: Provider, intent: Intent, job: RemoteJob, patience_s: float | None
) -> tuple[JobEvent, ...]:
    if job.state is JobState.GONE:
        return ()
    known = await desk.db(desk.ledger.intents.events, intent.id)
    after = known[-1].id if known else None
    try:
        page = await patiently(desk, provider, lambda: provider.events(job.id, after), patience_s=patience_s)
    except NotFound:
        return ()
    return await desk.db(desk.ledger.intents.add_events, intent.id, page.items)


async def _metrics(desk: Desk, provider: Provider, intent: Intent, job: RemoteJob) -> tuple[MetricPoint, ...]:
    """The whole curve. A platform that cannot give metrics just now leaves what we have; the watch goes on.

    After the last reading nobody comes back for them: then they are asked for patiently.
    """
    if job.state is not JobState.GONE:
        patience_s = desk.patience_s if job.state in TERMINAL_STATES else 0.0
        try:
            points = await patiently(desk, provider, lambda: provider.metrics(job.id), patience_s=patience_s)
            await desk.db(desk.ledger.intents.put_metrics, intent.id, points)
        except ProviderError as error:
            desk.say("metrics_unavailable", f"no metrics just now: {error}")
    return await desk.db(desk.ledger.intents.metrics, intent.id)
