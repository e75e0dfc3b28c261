"""Webhooks that arrived: each is remembered once, and makes the job it names due at once. It never sets a state.

A delivery about a job that this ledger does not hold leaves nothing behind.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa

from providers.records import WebhookNews

from . import schema
from .claims import watch_from
from .engine import insert_new, writing
from .history import append, iso
from .intents import IntentState

__all__ = ["Arrival", "Deliveries"]

_KEPT = timedelta(days=30)
"""Longer than any platform goes on repeating a delivery; older ones are forgotten."""


class Arrival(StrEnum):
    """What became of a delivery."""

    LOOKING = "looking"
    REPEATED = "repeated"
    ENDED = "ended"
    UNKNOWN = "unknown"


class Deliveries:
    """The table of deliveries. Every method is one short transaction."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def arrived(self, provider: str, news: WebhookNews, now: datetime) -> Arrival:
        """Remember the delivery and make its job due, both or neither. A repeated one changes nothing."""
        columns = schema.intent.c
        query = sa.select(columns.id, columns.account, columns.state).where(
            columns.provider == provider, columns.job_id == news.job_id
        )
        with writing(self._engine) as connection:
            intents = connection.execute(query).all()
            if not intents:
                return Arrival.UNKNOWN
            if not _remember(connection, provider, news, now):
                return Arrival.REPEATED
            running = [row for row in intents if row.state != IntentState.ENDED]
            for row in running:
                _look_now(connection, row.id, provider, row.account, now)
                append(connection, now, f"intent:{row.id}", "webhook", {"kind": news.kind, "id": news.id})
            return Arrival.LOOKING if running else Arrival.ENDED

    def count(self) -> int:
        """How many are remembered."""
        with self._engine.connect() as connection:
            return connection.execute(sa.select(sa.func.count()).select_from(schema.delivery)).scalar_one()


def _remember(connection: sa.Connection, provider: str, news: WebhookNews, now: datetime) -> bool:
    """False for one that is remembered already, by whichever worker took it in."""
    table = schema.delivery
    connection.execute(table.delete().where(table.c.at < iso(now - _KEPT)))
    # Two platforms may give the same id: each has its own.
    values = {"id": f"{provider} {news.id}", "provider": provider, "job_id": news.job_id, "kind": news.kind}
    return insert_new(connection, table, {**values, "at": iso(now)})


def _look_now(connection: sa.Connection, intent_id: str, provider: str, account: str, now: datetime) -> None:
    # Also while somebody looks: the time that changed under them says that there is news since they asked.
    table = schema.watched
    watch_from(connection, [(intent_id, provider, account)], now)
    row = sa.and_(table.c.intent_id == intent_id, table.c.ended_at.is_(None))
    connection.execute(table.update().where(row).values(next_at=iso(now)))
