"""Who tells that a job has ended: claimed by one process before it tells, so that nobody is told twice."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from . import schema
from .engine import insert_new, writing
from .history import append, iso
from .intents import IntentState

__all__ = ["Notices"]


class Notices:
    """The `notified_at` of watched jobs."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def claim(self, intent_id: str, now: datetime) -> bool:
        """True to the one caller who may tell of this job's end; nobody may before it has ended."""
        intent, table = schema.intent.c, schema.watched
        query = sa.select(intent.provider, intent.account).where(
            intent.id == intent_id, intent.state == IntentState.ENDED.value
        )
        untold = sa.and_(table.c.intent_id == intent_id, table.c.notified_at.is_(None))
        with writing(self._engine) as connection:
            ended = connection.execute(query).first()
            if ended is None:
                return False
            row = {"intent_id": intent_id, "provider": ended.provider, "account": ended.account}
            # A job that was never watched by a worker has no row yet.
            insert_new(connection, table, {**row, "next_at": iso(now), "ended_at": iso(now)})
            won = connection.execute(table.update().where(untold).values(notified_at=iso(now))).rowcount == 1
            if won:
                append(connection, now, f"intent:{intent_id}", "notifying")
        return won

    def told(self, intent_id: str, failure: str | None, now: datetime) -> None:
        """How the telling went; `failure` None: well."""
        kind, data = ("notified", {}) if failure is None else ("notify_failed", {"error": failure})
        with writing(self._engine) as connection:
            append(connection, now, f"intent:{intent_id}", kind, data)
