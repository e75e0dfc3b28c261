"""Watching every job of the ledger at once, for one person: each as `follow` watches one, none held up by another."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import anyio

from providers.errors import Auth, ProviderError
from providers.records import JobState, RemoteJob

from ..errors import JobFailed, UsageError
from ..jobs.watch import Reading
from ..ledger import IntentState, Run
from .run import account_of, follow
from .session import Session

__all__ = ["Ended", "follow_all"]


@dataclass(frozen=True, slots=True)
class Ended:
    """A run whose job has ended, well or not."""

    run: Run
    job: RemoteJob

    @property
    def well(self) -> bool:
        """Whether there is a tuned model."""
        return self.job.state is JobState.SUCCEEDED


async def follow_all(session: Session, see: Callable[[Run, Reading], None]) -> tuple[Ended, ...]:
    """Watch the jobs that run now, until each has ended. What cannot be watched from here is told and left out."""
    ended: list[Ended] = []
    async with AsyncExitStack() as stack, anyio.create_task_group() as group:
        for run in await _running(session):
            if await _can_open(session, stack, run):
                group.start_soon(_follow, session, run, see, ended)
    return tuple(ended)


async def _running(session: Session) -> list[Run]:
    """The newest run of each job that has not ended."""
    desk, found = session.desk, list[Run]()
    for intent in await desk.db(desk.ledger.intents.all, (IntentState.CREATED,)):
        runs = await desk.db(desk.ledger.runs.of_intent, intent.id)
        found += sorted(runs, key=lambda run: run.created_at)[-1:]
    return found


async def _can_open(session: Session, stack: AsyncExitStack, run: Run) -> bool:
    """Opened here, for all the runs of the account: it is closed when the last has ended."""
    try:
        await stack.enter_async_context(session.open(await account_of(session, run, run.provider or "")))
    except (Auth, UsageError) as error:
        session.desk.say("skipped", f"run {run.id} cannot be watched from here: {error}")
        return False
    return True


async def _follow(session: Session, run: Run, see: Callable[[Run, Reading], None], ended: list[Ended]) -> None:
    desk = session.desk
    try:
        job = await follow(session, run, lambda reading: see(run, reading))
    except JobFailed:
        intent = await desk.db(desk.ledger.intents.get, run.intent_id or "")
        assert intent.job is not None
        job = intent.job
    except ProviderError as error:
        desk.say("warning", f"run {run.id} is no longer watched, its job goes on: {error}")
        return
    ended.append(Ended(run, job))
