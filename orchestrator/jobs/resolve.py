"""A person's word on what became of a paid request: the one way out where neither we nor the platform can tell."""

from __future__ import annotations

from datetime import datetime, timedelta

from providers.contract import Platform
from providers.records import Capability, RemoteJob

from ..errors import UsageError
from ..ledger import UNRESOLVED, Intent
from .desk import Desk
from .failpoints import reach

__all__ = ["refuse_hasty", "refuse_settled", "resolve"]


async def resolve(desk: Desk, intent: Intent, job: RemoteJob | None) -> Intent:
    """Bind `job`, or (None) take it that nothing was created and free the money. Answers the intent as it then is.

    Raises `UsageError` where there is nothing to resolve, or where the job carries another plan's tag.
    """
    refuse_settled(intent)
    now = desk.clock.now()
    reach("before_resolve")
    if job is None:
        await desk.db(desk.ledger.intents.proved_absent, intent.id, UNRESOLVED, now, kind="resolved")
    else:
        _refuse_foreign(intent, job)
        await desk.db(desk.ledger.intents.record_job, intent.id, job, now, "resolved")
    reach("after_resolve")
    return await desk.db(desk.ledger.intents.get, intent.id)


def refuse_settled(intent: Intent) -> None:
    """Raises `UsageError` unless the intent waits for a decision."""
    if intent.state not in UNRESOLVED:
        raise UsageError(f"intent {intent.id} is {intent.state.value}; there is nothing to resolve")


def refuse_hasty(intent: Intent, platform: Platform, now: datetime) -> None:
    """Raises `UsageError` where a person says "none" while a job may still turn up, at a platform that cannot be asked.

    Elsewhere the platform itself was asked, again and again, before the person was.
    """
    if intent.sent_at is None or platform.capabilities(now.date())[Capability.FIND_BY_TAG].answer == "yes":
        return
    settling = platform.settling()
    until = intent.sent_at + timedelta(seconds=settling.window_s)
    if now < until:
        raise UsageError(
            f"the request was sent at {intent.sent_at:%H:%M} UTC, and its job may turn up until {until:%H:%M}: whoever "
            "says now that there is none may buy it twice",
            where=f"intent {intent.id}",
            fix=f"look at the platform's console again after {until:%H:%M} UTC ({settling.reason})",
        )


def _refuse_foreign(intent: Intent, job: RemoteJob) -> None:
    """A job that bears the tag of another plan of ours is a slip of the hand."""
    if job.tag is not None and job.tag != intent.tag:
        raise UsageError(
            f"job {job.id} carries the tag {job.tag}, not this intent's {intent.tag}",
            where=f"intent {intent.id}",
            fix="look at the id again: that job was bought for another plan",
        )
