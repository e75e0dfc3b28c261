"""One look at one job: what the platform says, and what follows from it. Everybody who watches looks through here.

Looking has two halves. `fetch` asks the platform and writes nothing; `found` makes of its answer what the ledger is to
keep. The ledger then takes all of it or, when another has claimed the job meanwhile, nothing.
"""

from __future__ import annotations

import os
import random
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from providers.contract import Provider
from providers.errors import NotFound, ProviderError, Unsupported
from providers.records import TERMINAL_STATES, JobEvent, JobState, MetricPoint, RemoteJob

from ..ledger import Claim, Found, IntentState, Progress
from .desk import Desk
from .health import Diagnosis
from .patience import patiently
from .stalling import LEAST_BOUND_S, Stalled, stalled

__all__ = ["Answer", "Reading", "fetch", "found", "jitter", "mean_spacing_s", "myself", "poll_spacing_s", "reading_due"]

_FASTEST_S, _SLOWEST_S = 15.0, 600.0
_SANDBOX_S = 0.5
# Events and curve cost several requests: they are read more rarely than the status, which comes with a list.
_READ_FASTEST_S, _READ_SLOWEST_S = 60.0, 3600.0

_STARTED = time.time_ns()


def myself() -> str:
    """Who claims: host, process and the moment it started."""
    return f"{socket.gethostname()}:{os.getpid()}:{_STARTED}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One look at the job: its state, what is new since the last look, and what the whole curve shows.

    `next_at`: when to look again. `stuck`: nothing new for longer than is usual. `refused`: another has claimed the
    job meanwhile, and the ledger keeps what they find.
    """

    job: RemoteJob
    new_events: tuple[JobEvent, ...]
    metrics: tuple[MetricPoint, ...]
    diagnoses: tuple[Diagnosis, ...]
    claim: Claim
    next_at: datetime
    stuck: Stalled | None = None
    refused: bool = False

    @property
    def ended(self) -> bool:
        """True in a terminal state."""
        return self.job.state in TERMINAL_STATES


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the platform said. `events`, `curve` None: not asked for, or not to be had just now."""

    job: RemoteJob
    events: tuple[JobEvent, ...] | None = None
    curve: tuple[MetricPoint, ...] | None = None

    @property
    def ended(self) -> bool:
        """True in a terminal state."""
        return self.job.state in TERMINAL_STATES


def mean_spacing_s(age_s: float, *, sandbox: bool = False) -> float:
    """Seconds from one look to the next: a twentieth of the job's age, between 15 s and 10 min."""
    return _SANDBOX_S if sandbox else min(max(age_s / 20, _FASTEST_S), _SLOWEST_S)


def jitter() -> float:
    """± 20 %, so that many users of a platform do not all ask at once."""
    return random.uniform(0.8, 1.2)


def poll_spacing_s(age_s: float, *, sandbox: bool = False, stretch: float | None = None) -> float:
    """Seconds until the next look: a twentieth of the job's age, between 15 s and 10 min, ± 20 % jitter.

    `stretch`: one jitter for all the jobs of a round, which so stay due at once, where one list serves them all.
    """
    return mean_spacing_s(age_s, sandbox=sandbox) * (1.0 if sandbox else stretch or jitter())


def reading_due(claim: Claim, now: datetime) -> bool:
    """Whether events and curve are to be read again: every fifth of the job's age, between a minute and an hour."""
    read_at = claim.progress.read_at
    if read_at is None or claim.sandbox:
        return True
    spacing_s = min(max((now - claim.since).total_seconds() / 5, _READ_FASTEST_S), _READ_SLOWEST_S)
    return (now - read_at).total_seconds() >= spacing_s


# ── asking ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def fetch(
    desk: Desk,
    provider: Provider,
    claim: Claim,
    *,
    shown: RemoteJob | None = None,
    whole: bool = True,
    patience_s: float | None = None,
) -> Answer:
    """Ask the platform. `shown`: the job, where a list has shown it. `whole`: events and curve too.

    A job the platform no longer knows is `gone`, unless it had ended. One whose word changed is read whole.
    """
    job = shown
    if job is None or job.state in TERMINAL_STATES:  # lists may show less of a job than asking for it does
        job = await _job(desk, provider, claim, patience_s)
    changed = job.raw_status != claim.job_status or job.state in TERMINAL_STATES
    if job.state is JobState.GONE or not (whole or changed):
        return Answer(job=job)
    events = await _events(desk, provider, claim, patience_s)
    # The curve takes several requests, and grows with the events.
    curve = await _curve(desk, provider, job) if events or changed or claim.progress.read_at is None else None
    return Answer(job=job, events=events, curve=curve)


async def _job(desk: Desk, provider: Provider, claim: Claim, patience_s: float | None) -> RemoteJob:
    try:
        return await patiently(desk, provider, lambda: provider.job(claim.job_id), patience_s=patience_s)
    except NotFound:
        intent = await desk.db(desk.ledger.intents.get, claim.intent_id)
        known = intent.job
        if known is not None and intent.state is IntentState.ENDED:
            # Platforms forget, and people tidy up; what became of the job is known here.
            return known
        model = known.model if known else intent.plan.model
        return RemoteJob(id=claim.job_id, state=JobState.GONE, raw_status="not found", model=model, tag=intent.tag)


async def _events(
    desk: Desk, provider: Provider, claim: Claim, patience_s: float | None
) -> tuple[JobEvent, ...] | None:
    try:
        page = await patiently(
            desk, provider, lambda: provider.events(claim.job_id, claim.progress.event), patience_s=patience_s
        )
    except Unsupported:
        return ()  # a platform that tells no events of its jobs
    except NotFound:
        return None
    return page.items


async def _curve(desk: Desk, provider: Provider, job: RemoteJob) -> tuple[MetricPoint, ...] | None:
    """A platform that cannot give metrics just now leaves what we have; the watch goes on.

    After the last reading nobody comes back for them: then they are asked for patiently.
    """
    patience_s = desk.patience_s if job.state in TERMINAL_STATES else 0.0
    try:
        return await patiently(desk, provider, lambda: provider.metrics(job.id), patience_s=patience_s)
    except Unsupported:
        return None  # a platform that measures nothing, or does not tell
    except ProviderError as error:
        desk.say("metrics_unavailable", f"no metrics just now: {error}")
        return None


# ── what follows ────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the ledger is to keep of a look, and whether the job seems stuck."""

    found: Found
    stuck: Stalled | None = None


async def found(
    claim: Claim,
    answer: Answer,
    now: datetime,
    *,
    quoted_hours: Callable[[], Awaitable[Decimal | None]],
    keeps_lease: bool = False,
    stretch: float | None = None,
) -> Outcome:
    """Turn an answer into what is kept: when to look again, how far the job has come, and whether it got on.

    `quoted_hours` is asked only when a job has been silent for long.
    """
    progress = _progress(claim.progress, answer, now)
    moved = replace(progress, read_at=None) != replace(claim.progress, read_at=None) or claim.progressed_at is None
    stuck = None if moved or answer.events is None else await _stuck(claim, answer, now, quoted_hours)
    news = stuck is not None and claim.stuck_at is None
    age_s = (now - claim.since).total_seconds()
    next_s = 0.0 if answer.ended else poll_spacing_s(age_s, sandbox=claim.sandbox, stretch=stretch)
    changed = answer.job.raw_status != claim.job_status or answer.events is not None or answer.ended
    kept = Found(
        claim=claim,
        next_at=now + timedelta(seconds=next_s),
        job=answer.job if changed else None,
        events=answer.events or (),
        curve=answer.curve or (),
        progress=progress,
        progressed_at=now if moved else claim.progressed_at,
        stuck_at=None if moved else now if news else claim.stuck_at,
        keeps_lease=keeps_lease and answer.ended,
        told=_told(claim, stuck if news else None, moved),
    )
    return Outcome(kept, stuck)


def _progress(before: Progress, answer: Answer, now: datetime) -> Progress:
    """How far the job has come; an event or a step once seen stays seen."""
    events = [event.id for event in answer.events or () if event.id]
    steps = [point.step for point in answer.curve or ()]
    return Progress(
        status=answer.job.raw_status,
        event=events[-1] if events else before.event,
        step=max([*steps, *([before.step] if before.step is not None else [])], default=None),
        read_at=before.read_at if answer.events is None else now,
    )


async def _stuck(
    claim: Claim, answer: Answer, now: datetime, quoted_hours: Callable[[], Awaitable[Decimal | None]]
) -> Stalled | None:
    quiet_s = (now - (claim.progressed_at or now)).total_seconds()
    if quiet_s <= LEAST_BOUND_S:
        return None
    return stalled(answer.job.state, quiet_s, await quoted_hours())


def _told(claim: Claim, stuck: Stalled | None, moved: bool) -> tuple[tuple[str, dict[str, object]], ...]:
    if stuck is not None:
        return (("stuck", {"quiet_s": round(stuck.quiet_s), "bound_s": round(stuck.bound_s)}),)
    return (("unstuck", {}),) if moved and claim.stuck_at is not None else ()
