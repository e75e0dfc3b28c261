"""What a platform said of a job while it ran: its own events, and the training curve. Kept across restarts."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from providers.records import JobEvent, MetricPoint

from . import schema
from .codec import dump, load
from .engine import writing

__all__ = ["Readings", "keep_curve", "keep_events"]


class Readings:
    """Events and metrics by intent."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add_events(self, intent_id: str, events: Sequence[JobEvent]) -> tuple[JobEvent, ...]:
        """Keep the platform's events; answers those not seen before."""
        with writing(self._engine) as connection:
            return keep_events(connection, intent_id, events)

    def events(self, intent_id: str) -> tuple[JobEvent, ...]:
        """The platform's events, in the order seen."""
        query = sa.select(schema.job_event.c.event).where(schema.job_event.c.intent_id == intent_id)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(schema.job_event.c.seen)).scalars()
            return tuple(load(JobEvent, text) for text in rows)

    def put_metrics(self, intent_id: str, points: Sequence[MetricPoint]) -> None:
        """Keep the curve; a later reading of a step replaces the earlier; what did not change is not written."""
        if points:
            with writing(self._engine) as connection:
                keep_curve(connection, intent_id, points)

    def metrics(self, intent_id: str) -> tuple[MetricPoint, ...]:
        """The curve, by rising step."""
        query = sa.select(schema.metric.c.point).where(schema.metric.c.intent_id == intent_id)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(schema.metric.c.step)).scalars()
            return tuple(load(MetricPoint, text) for text in rows)


def keep_events(connection: sa.Connection, intent_id: str, events: Sequence[JobEvent]) -> tuple[JobEvent, ...]:
    """Inside the caller's write transaction; answers those not seen before."""
    if not events:
        return ()
    table, fresh = schema.job_event, list[JobEvent]()
    known = set(connection.execute(sa.select(table.c.event_id).where(table.c.intent_id == intent_id)).scalars())
    for item in events:
        if item.id not in known:
            known.add(item.id)
            fresh.append(item)
            values = {"intent_id": intent_id, "event_id": item.id, "seen": len(known), "event": dump(item)}
            connection.execute(table.insert().values(**values))
    return tuple(fresh)


def keep_curve(connection: sa.Connection, intent_id: str, points: Sequence[MetricPoint]) -> None:
    """Inside the caller's write transaction; what did not change is not written."""
    table = schema.metric
    mine = table.c.intent_id == intent_id
    known = {row.step: row.point for row in connection.execute(sa.select(table).where(mine))}
    read = {point.step: dump(point) for point in points}
    rows = {step: text for step, text in read.items() if known.get(step) != text}
    if rows:
        at_step = table.c.step == sa.bindparam("at_step")
        connection.execute(table.delete().where(mine, at_step), [{"at_step": step} for step in rows])
        values = [{"intent_id": intent_id, "step": step, "point": text} for step, text in rows.items()]
        connection.execute(table.insert(), values)
