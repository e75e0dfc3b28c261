"""Watching one job until it ends, across hours, outages and restarts. Reads only; every reading is kept in the ledger.

A person who watches and workers that watch share one fence: whoever claims last is who may write.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from decimal import Decimal
from functools import partial

import anyio

from providers.contract import Provider
from providers.records import TERMINAL_STATES

from ..ledger import Claim, Intent
from .desk import Desk
from .health import diagnose
from .looking import Answer, Reading, fetch, found, myself, poll_spacing_s

__all__ = ["Reading", "keep", "poll_spacing_s", "quoted_hours", "read_once", "rest", "watch"]

_LEASE_S = 60.0
_GLANCE_S = 15.0
"""Between two glances at the ledger while a job is waited for: they cost no request."""


async def watch(desk: Desk, provider: Provider, intent: Intent, *, patience_s: float) -> AsyncIterator[Reading]:
    """Look, wait, look again, until the job ends. The caller may stop at any time; the job goes on.

    `patience_s`: how long an unreachable platform is waited for before `ProviderError` is raised. The platform's
    state is shown as it is; an unknown status is waited on, never taken for an end.
    """
    while True:
        reading = await read_once(desk, provider, intent, patience_s=patience_s)
        if reading.refused:
            continue
        yield reading
        if reading.ended:
            return
        await rest(desk, intent.id, reading.next_at)


async def rest(desk: Desk, intent_id: str, until: datetime) -> None:
    """Until the next look is due; a webhook that another process takes in makes it due at once."""
    while (left_s := (until - desk.clock.now()).total_seconds()) > 0:
        await desk.clock.sleep(min(left_s, _GLANCE_S))
        due = await desk.db(desk.ledger.watched.due, intent_id)
        until = until if due is None else min(until, due)


async def read_once(desk: Desk, provider: Provider, intent: Intent, *, patience_s: float | None = None) -> Reading:
    """One look, stored before it is answered. A job the platform no longer knows is `gone`, unless it had ended."""
    if intent.job_id is None:
        raise ValueError(f"intent {intent.id} has no job yet")
    watched = desk.ledger.watched
    claim = await desk.db(watched.take, intent.id, desk.clock.now(), myself(), lease_s=_LEASE_S)
    try:
        answer = await fetch(desk, provider, claim, patience_s=patience_s)
    except BaseException:
        with anyio.CancelScope(shield=True):
            await desk.db(watched.give_back, [claim])
        raise
    return await keep(desk, claim, answer)


async def keep(
    desk: Desk, claim: Claim, answer: Answer, *, keeps_lease: bool = False, stretch: float | None = None
) -> Reading:
    """Give one answer to the ledger, and say what it comes to."""
    now, ledger, hours = desk.clock.now(), desk.ledger, partial(quoted_hours, desk, claim.intent_id)
    outcome = await found(claim, answer, now, quoted_hours=hours, keeps_lease=keeps_lease, stretch=stretch)
    kept = await desk.db(ledger.watched.keep, [outcome.found], now)
    points = await desk.db(ledger.intents.metrics, claim.intent_id)
    told = await desk.db(ledger.intents.events, claim.intent_id)
    return Reading(
        job=answer.job,
        new_events=kept.fresh.get(claim.intent_id, ()),
        metrics=points,
        diagnoses=diagnose(points, ended=answer.job.state in TERMINAL_STATES, events=told),
        claim=claim,
        next_at=outcome.found.next_at,
        stuck=outcome.stuck,
        refused=claim.intent_id in kept.fenced,
    )


async def quoted_hours(desk: Desk, intent_id: str) -> Decimal | None:
    """The longest time that any quote gave for this job; None where none was quoted, as for an adopted one."""
    runs = await desk.db(desk.ledger.runs.of_intent, intent_id)
    quotes = [run.record.get("quote") or {} for run in runs]
    return max((Decimal(str(quote["hours"][1])) for quote in quotes if quote.get("hours")), default=None)
