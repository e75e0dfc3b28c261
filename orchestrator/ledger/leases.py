"""Leases: served models that bill by the hour. A row lives from the wish until the platform says that it is stopped.

WANTED → STARTING → SERVING → STOPPING → STOPPED
  ↑ unsent  │ an ambiguous answer, or found so after a restart
  └──────── IN_DOUBT → SERVING (adopted) | STOPPING (found, unwanted) | STOPPED (proved absent) | NEEDS_HUMAN

Every move is a compare-and-set with its history in the same transaction; money moves in that transaction too.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from . import schema
from .budget import Reservation, close, explain, hold, hold_again, is_held
from .engine import writing
from .history import Entry, append, entries, iso, moment

__all__ = ["LEASE_SENT", "LeaseRow", "LeaseRows", "LeaseStage", "lease_spending"]


class LeaseStage(StrEnum):
    """Where our own record of a lease stands."""

    WANTED = "wanted"
    STARTING = "starting"
    IN_DOUBT = "in_doubt"
    NEEDS_HUMAN = "needs_human"
    SERVING = "serving"
    STOPPING = "stopping"
    STOPPED = "stopped"


LEASE_SENT = (LeaseStage.STARTING, LeaseStage.IN_DOUBT, LeaseStage.NEEDS_HUMAN)
"""A paid request was, or may have been, sent, and what became of it is not known."""

_OPEN = tuple(stage for stage in LeaseStage if stage is not LeaseStage.STOPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRow:
    """One lease of ours.

    `owner` names the process that uses it ('host:pid:start'), None once nobody wants it any more. `started_at`: when
    it was asked for. `stopped_at`: when the platform took the teardown, and once STOPPED, the end of its bill.
    `deadline`: stopped by then, whoever uses it. `idle_timeout_s`: after so long without a question the platform
    stops it by itself.
    """

    id: str
    run_id: str | None
    provider: str
    account: str
    model: str
    tag: str
    stage: LeaseStage
    sandbox: bool
    owner: str | None = None
    remote_id: str | None = None
    usd_per_hour: Decimal | None = None
    started_at: datetime | None = None
    stopped_at: datetime | None = None
    attempt: int = 0
    empty_looks: int = 0
    looked_at: datetime | None = None
    last_error: str | None = None
    idle_timeout_s: int | None = None
    deadline: datetime | None = None

    def cost_usd(self, until: datetime) -> Decimal | None:
        """From the request until then, or until it stopped; 0 for one never asked for; None without a price."""
        if self.started_at is None:
            return Decimal(0)
        ended = self.stopped_at if self.stage is LeaseStage.STOPPED and self.stopped_at else until
        hours = Decimal((ended - self.started_at).total_seconds()) / 3600
        return None if self.usd_per_hour is None else (hours * self.usd_per_hour).quantize(Decimal("0.0001"))


class LeaseRows:
    """The lease table."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def want(self, row: LeaseRow, wish: Reservation, now: datetime) -> LeaseRow:
        """Write the wish and hold its money in one transaction, before anything is sent. Raises `BudgetRefused`."""
        with writing(self._engine) as connection:
            hold(connection, wish, now)
            connection.execute(schema.lease.insert().values(**_values(row), updated_at=iso(now)))
            data = {"model": row.model, "tag": row.tag, "deadline": row.deadline and iso(row.deadline)}
            append(connection, now, f"lease:{row.id}", "wanted", data)
        return row

    def begin(self, lease_id: str, now: datetime) -> int | None:
        """Claim the one POST: WANTED → STARTING, durably, before the first byte.

        Answers the number of the attempt; None when it is wanted no more, and while no money is held for it.
        """
        with writing(self._engine) as connection:
            row = self._row(connection, lease_id)
            if row is None or not is_held(connection, lease_spending(lease_id)):
                return None
            attempt = int(row.attempt) + 1
            values = {"attempt": attempt, "started_at": now, "empty_looks": 0, "looked_at": None}
            source = (LeaseStage.WANTED,)
            won = _move(connection, lease_id, source, LeaseStage.STARTING, now, "", row.attempt, values)
        return attempt if won else None

    def move(
        self,
        lease_id: str,
        source: Collection[LeaseStage],
        target: LeaseStage,
        now: datetime,
        *,
        kind: str = "",
        attempt: int | None = None,
        **values: Any,
    ) -> bool:
        """Compare-and-set: True when this caller moved it. `kind` names the history entry, by default the target.

        `attempt` fences: only the sender of that very request may move it, however long it was asleep.
        """
        with writing(self._engine) as connection:
            return _move(connection, lease_id, source, target, now, kind, attempt, values)

    def bind(self, lease_id: str, remote_id: str, owner: str | None, now: datetime, kind: str, **values: Any) -> bool:
        """The platform's id becomes known. True: it is `owner`'s to use, SERVING. False: nobody wants it any more,
        and the row says STOPPING, even if its machine was thought never to have been: an answer that came too late."""
        values = {"remote_id": remote_id, "last_error": None, **values}
        with writing(self._engine) as connection:
            row = self._row(connection, lease_id)
            wanted = owner is not None and row is not None and row.owner == owner
            if wanted and _move(connection, lease_id, LEASE_SENT, LeaseStage.SERVING, now, kind, None, values):
                return True
            if row is not None and row.remote_id is None:
                late = {**values, "owner": None, "stopped_at": None}
                source = _OPEN if owner is None else tuple(LeaseStage)
                if _move(connection, lease_id, source, LeaseStage.STOPPING, now, f"{kind}_unwanted", None, late):
                    hold_again(connection, lease_spending(lease_id), now)
        return False

    def unwanted(self, lease_id: str, now: datetime) -> None:
        """Nobody uses it any more: from here on only its end is looked for. One never asked for ends at once."""
        unsent = {"owner": None, "stopped_at": now}
        with writing(self._engine) as connection:
            if _move(connection, lease_id, (LeaseStage.WANTED,), LeaseStage.STOPPED, now, "unsent", None, unsent):
                basis = "the machine was never asked for, or refused"
                close(connection, lease_spending(lease_id), "released", Decimal(0), now, basis)
                return
            if _move(connection, lease_id, (LeaseStage.SERVING,), LeaseStage.STOPPING, now, "", None, {"owner": None}):
                return
            starting = (LeaseStage.STARTING,)
            if _move(connection, lease_id, starting, LeaseStage.IN_DOUBT, now, "", None, {"owner": None}):
                return
            disowned = schema.lease.update().where(schema.lease.c.id == lease_id, schema.lease.c.owner.is_not(None))
            if connection.execute(disowned.values(owner=None)).rowcount:
                append(connection, now, f"lease:{lease_id}", "unwanted")

    def finish(
        self, lease_id: str, source: Collection[LeaseStage], now: datetime, *, ended: datetime, usd: Decimal | None,
        state: str, basis: str,
    ) -> bool:  # fmt: skip
        """STOPPED, and its money `state` ("settled" or "released") at `usd`, in one transaction; once only.

        `usd` None: nobody told a price, and what was held stays held. `ended`: until when it billed.
        """
        kind = "stopped" if state == "settled" else "proved_absent"
        values = {"stopped_at": ended, "owner": None, "last_error": None}
        with writing(self._engine) as connection:
            done = _move(connection, lease_id, source, LeaseStage.STOPPED, now, kind, None, values)
            if done and usd is None:
                explain(connection, lease_spending(lease_id), basis)
            elif done and usd is not None:
                close(connection, lease_spending(lease_id), state, usd, now, basis)
        return done

    def looked(self, lease_id: str, at: datetime, attempt: int) -> bool:
        """Count one look, begun at `at`, that found nothing of this very attempt. False once it is settled."""
        columns = schema.lease.c
        statement = (
            schema.lease.update()
            .where(columns.id == lease_id, columns.state.in_(LEASE_SENT), columns.attempt == attempt)
            .values(empty_looks=columns.empty_looks + 1, looked_at=iso(at), updated_at=iso(at))
        )
        with writing(self._engine) as connection:
            counted = connection.execute(statement).rowcount == 1
            if counted:
                append(connection, at, f"lease:{lease_id}", "looked", {"found": 0})
        return counted

    def note(self, lease_id: str, now: datetime, kind: str, **values: Any) -> None:
        """What was learnt without a change of stage: a teardown that was taken, an error."""
        with writing(self._engine) as connection:
            columns = {key: _column(value) for key, value in values.items()}
            mine = schema.lease.update().where(schema.lease.c.id == lease_id)
            if connection.execute(mine.where(schema.lease.c.state != LeaseStage.STOPPED).values(**columns)).rowcount:
                append(connection, now, f"lease:{lease_id}", kind, {k: v for k, v in columns.items() if v is not None})

    def get(self, lease_id: str) -> LeaseRow:
        """Raises KeyError when there is none."""
        with self._engine.connect() as connection:
            row = self._row(connection, lease_id)
        if row is None:
            raise KeyError(lease_id)
        return _lease(row)

    def all(self, *, open_only: bool = False) -> tuple[LeaseRow, ...]:
        """Every lease, newest change first."""
        query = sa.select(schema.lease).order_by(schema.lease.c.updated_at.desc())
        if open_only:
            query = query.where(schema.lease.c.state.in_([stage.value for stage in _OPEN]))
        with self._engine.connect() as connection:
            return tuple(_lease(row) for row in connection.execute(query))

    def history(self, lease_id: str) -> tuple[Entry, ...]:
        """What happened to the lease, oldest first."""
        with self._engine.connect() as connection:
            return entries(connection, f"lease:{lease_id}")

    def _row(self, connection: sa.Connection, lease_id: str) -> Any:
        return connection.execute(sa.select(schema.lease).where(schema.lease.c.id == lease_id)).first()


def lease_spending(lease_id: str) -> str:
    """The id under which a lease's hosting money is held."""
    return f"lease:{lease_id}"


def _move(
    connection: sa.Connection,
    lease_id: str,
    source: Collection[LeaseStage],
    target: LeaseStage,
    now: datetime,
    kind: str,
    attempt: int | None,
    values: dict[str, Any],
) -> bool:
    """The one compare-and-set of a lease."""
    columns = {key: _column(value) for key, value in values.items()}
    statement = (
        schema.lease.update()
        .where(schema.lease.c.id == lease_id, schema.lease.c.state.in_([stage.value for stage in source]))
        .where(sa.true() if attempt is None else schema.lease.c.attempt == attempt)
        .values(state=target.value, updated_at=iso(now), **columns)
    )
    moved = connection.execute(statement).rowcount == 1
    if moved:
        told = {key: value for key, value in columns.items() if value is not None}
        append(connection, now, f"lease:{lease_id}", kind or target.value, told)
    return moved


def _column(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    return str(value) if isinstance(value, Decimal) else value


def _values(row: LeaseRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "run_id": row.run_id,
        "provider": row.provider,
        "account": row.account,
        "model": row.model,
        "tag": row.tag,
        "state": row.stage.value,
        "sandbox": row.sandbox,
        "owner": row.owner,
        "usd_per_hour": _column(row.usd_per_hour),
        "idle_timeout_s": row.idle_timeout_s,
        "deadline": _column(row.deadline),
    }


def _lease(row: Any) -> LeaseRow:
    return LeaseRow(
        id=row.id,
        run_id=row.run_id,
        provider=row.provider,
        account=row.account,
        model=row.model,
        tag=row.tag,
        stage=LeaseStage(row.state),
        sandbox=bool(row.sandbox),
        owner=row.owner,
        remote_id=row.remote_id,
        usd_per_hour=None if row.usd_per_hour is None else Decimal(row.usd_per_hour),
        started_at=moment(row.started_at),
        stopped_at=moment(row.stopped_at),
        attempt=row.attempt,
        empty_looks=row.empty_looks,
        looked_at=moment(row.looked_at),
        last_error=row.last_error,
        idle_timeout_s=row.idle_timeout_s,
        deadline=moment(row.deadline),
    )
