"""The user's command around watching: run when the job has ended, well or not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ..errors import JobFailed
from ..jobs.notify import notify
from ..ledger import Run
from .session import Session

__all__ = ["notifying"]


@asynccontextmanager
async def notifying(session: Session, run: Run, words: tuple[str, ...] | None) -> AsyncIterator[None]:
    """Watch inside; when the job has ended, success or failure, tell. Ended by anything else, the job goes on."""
    try:
        yield
    except JobFailed:
        await _tell(session, run, words)
        raise
    await _tell(session, run, words)


async def _tell(session: Session, run: Run, words: tuple[str, ...] | None) -> None:
    desk = session.desk
    current = await desk.db(desk.ledger.runs.get, run.id)
    if words is None or current.intent_id is None:
        return
    intent = await desk.db(desk.ledger.intents.get, current.intent_id)
    await notify(desk, words, intent, run.id, session.environ)
