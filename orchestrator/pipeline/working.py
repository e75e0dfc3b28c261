"""The worker in its project: accounts by the environment's keys, money settled and runs brought up to date at the end.

What is done when a job ends is the same as after `watch`, so that `evaluate` goes on from either.
"""

from __future__ import annotations

from asyncio import Event
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio
from anyio.abc import TaskGroup

from providers.contract import Provider
from providers.records import JobState, RemoteJob

from ..canonical import plain
from ..jobs.health import Policy
from ..jobs.notify import notify as tell
from ..jobs.patience import patiently
from ..jobs.trouble import attend
from ..jobs.watch import Reading
from ..jobs.work import Pace, Tally, Worker
from ..ledger import Claim
from .pricing import prices_paid
from .run import policy_of
from .session import Account, Session
from .tidying import tidy_all
from .training import settle

__all__ = ["conclude", "work", "worker"]


def worker(
    session: Session, pace: Pace, *, notify: tuple[str, ...] | None = None, beside: TaskGroup | None = None
) -> Worker:
    """A worker on this project's ledger. `notify`: the words of the command to run for each job that has ended.

    `beside`: where the commands run while the worker goes on; without it they hold up the round of their account.
    """

    def opens(key: tuple[str, str]) -> AbstractAsyncContextManager[Provider]:
        return session.open(Account.recorded(*key))

    async def end(provider: Provider, claim: Claim, job: RemoteJob) -> None:
        await conclude(session, provider, claim, job)
        if notify is not None:
            await _tell(session, notify, claim, beside)

    async def heed(provider: Provider, claim: Claim, reading: Reading) -> None:
        await _attend(session, provider, claim, reading)

    return Worker(session.desk, opens, pace=pace, end=end, heed=heed)


async def _attend(session: Session, provider: Provider, claim: Claim, reading: Reading) -> None:
    """What the run that bought the job was told to do when its curve shows trouble."""
    if not reading.diagnoses:
        return
    desk = session.desk
    runs = await desk.db(desk.ledger.runs.of_intent, claim.intent_id)
    policy = policy_of(min(runs, key=lambda run: run.created_at)) if runs else Policy()
    await attend(desk, provider, await desk.db(desk.ledger.intents.get, claim.intent_id), reading, policy)


async def work(
    session: Session,
    pace: Pace,
    *,
    notify: tuple[str, ...] | None,
    once: bool,
    for_s: float | None,
    until: Event | None,
    beside: Callable[[], Coroutine[Any, Any, None]] | None,
) -> Tally:
    """Look after what was left, then work until the event, for a time, or once.

    `beside`: what runs as long, a receiver of webhooks say.
    """
    await tidy_all(session)
    async with anyio.create_task_group() as commands, anyio.create_task_group() as group:
        one = worker(session, pace, notify=notify, beside=commands)

        async def stop_when_told() -> None:
            if until is not None:
                await until.wait()
                one.stop()

        group.start_soon(stop_when_told)
        if beside is not None:
            group.start_soon(beside)
        tally = await one.run(once=once, for_s=for_s)
        group.cancel_scope.cancel()
    return tally


async def conclude(session: Session, provider: Provider, claim: Claim, job: RemoteJob) -> None:
    """What was held becomes what was billed, and the runs that bought the job know that it is trained.

    Done again after a crash, it comes to the same.
    """
    desk = session.desk
    intent = await desk.db(desk.ledger.intents.get, claim.intent_id)
    runs = await desk.db(desk.ledger.runs.of_intent, intent.id)
    usd = await settle(session, intent, job, await prices_paid(session, provider.platform, intent))
    bill = "the platform has not said what it cost" if usd is None else f"billed ${usd:.2f}"
    named = {"intent": intent.id, "remote": job.id, "provider": intent.provider}
    note = " (sandbox, not money)" if intent.sandbox else ""
    why = f": {job.error}" if job.error else ""
    desk.say("ended", f"{intent.provider} job {job.id} ended: {job.label}{why}, {bill}{note}", state=job.label, **named)
    waiting = [run for run in runs if run.stage in ("quoted", "training")]
    if job.state is JobState.SUCCEEDED and waiting:
        saved = plain(await patiently(desk, provider, lambda: provider.checkpoints(job.id), patience_s=0.0))
        for run in waiting:
            await desk.db(desk.ledger.runs.update, run.id, desk.clock.now(), stage="trained", checkpoints=saved)


async def _tell(session: Session, words: tuple[str, ...], claim: Claim, beside: TaskGroup | None) -> None:
    desk = session.desk
    intent = await desk.db(desk.ledger.intents.get, claim.intent_id)
    runs = await desk.db(desk.ledger.runs.of_intent, intent.id)
    await tell(desk, words, intent, runs[0].id if runs else None, session.environ, beside=beside)
