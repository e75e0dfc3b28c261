"""What a platform said of a job while it ran: its events, its training curve, and what we made of that curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from math import isclose, isnan
from typing import Any

import sqlalchemy as sa

from providers.records import JobEvent, MetricPoint

from . import schema
from .codec import dump, load
from .engine import writing
from .history import append, iso

__all__ = ["Readings", "keep_curve", "keep_events"]


_SAME_LOSS = 1e-4
"""Result files round a loss to six digits, events do not: within this share it is the same reading."""


class Readings:
    """Events, metrics and health by intent."""

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

    def keep_health(
        self,
        intent_id: str,
        before: Mapping[str, Any],
        after: Mapping[str, Any],
        now: datetime,
        said: Sequence[tuple[str, Mapping[str, Any]]] = (),
    ) -> bool:
        """Compare-and-set of what is known of a curve, with its history entries (kind, data) in the same transaction.

        False, and nothing written, where another process has written since `before` was read.
        """
        columns = schema.intent.c
        same = columns.health == dump(before) if before else sa.or_(columns.health.is_(None), columns.health == "")
        values = {"health": dump(after), "updated_at": iso(now)}
        with writing(self._engine) as connection:
            statement = schema.intent.update().where(columns.id == intent_id, same).values(**values)
            kept = connection.execute(statement).rowcount == 1
            for kind, data in said if kept else ():
                append(connection, now, f"intent:{intent_id}", kind, data)
        return kept


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
    """Inside the caller's write transaction; what did not change is not written.

    Where a step was trained again, with another loss, the job was started over: steps beyond the new curve's end are of
    the attempt that was thrown away, and go with it.
    """
    table = schema.metric
    mine = table.c.intent_id == intent_id
    known = {row.step: row.point for row in connection.execute(sa.select(table).where(mine))}
    read = {point.step: dump(point) for point in points}
    rows = {step: text for step, text in read.items() if known.get(step) != text}
    if _trained_again(known, points):
        connection.execute(table.delete().where(mine, table.c.step > max(read)))
    if rows:
        at_step = table.c.step == sa.bindparam("at_step")
        connection.execute(table.delete().where(mine, at_step), [{"at_step": step} for step in rows])
        values = [{"intent_id": intent_id, "step": step, "point": text} for step, text in rows.items()]
        connection.execute(table.insert(), values)


def _trained_again(known: Mapping[int, str], points: Sequence[MetricPoint]) -> bool:
    if not known or max(point.step for point in points) >= max(known):
        return False
    both = ((load(MetricPoint, known[point.step]), point) for point in points if point.step in known)
    losses = ((before.train_loss, now.train_loss) for before, now in both)
    return any(before is not None and now is not None and not _same(before, now) for before, now in losses)


def _same(before: float, now: float) -> bool:
    return isclose(before, now, rel_tol=_SAME_LOSS, abs_tol=_SAME_LOSS) or (isnan(before) and isnan(now))
