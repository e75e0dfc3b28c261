"""Leases: served models that bill by the hour. A row is written before the first request and lives until teardown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from . import schema
from .engine import writing
from .history import append, iso

__all__ = ["LeaseRow", "LeaseRows", "LeaseStage"]


class LeaseStage(StrEnum):
    """Where our own record of a lease stands."""

    WANTED = "wanted"
    STARTING = "starting"
    SERVING = "serving"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRow:
    """One lease of ours. `owner` names the process that uses it ('host:pid:start')."""

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


class LeaseRows:
    """The lease table."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def want(self, row: LeaseRow, now: datetime) -> LeaseRow:
        """Write the wish before anything is sent. Every start of serving is a lease of its own."""
        with writing(self._engine) as connection:
            connection.execute(schema.lease.insert().values(**_values(row), updated_at=iso(now)))
            append(connection, now, f"lease:{row.id}", "wanted", {"model": row.model, "tag": row.tag})
        return row

    def move(self, lease_id: str, stage: LeaseStage, now: datetime, **values: Any) -> None:
        """Change the stage and note it."""
        columns = {key: iso(v) if isinstance(v, datetime) else v for key, v in values.items()}
        columns = {key: str(v) if isinstance(v, Decimal) else v for key, v in columns.items()}
        with writing(self._engine) as connection:
            connection.execute(
                schema.lease.update()
                .where(schema.lease.c.id == lease_id)
                .values(state=stage.value, updated_at=iso(now), **columns)
            )
            append(connection, now, f"lease:{lease_id}", stage.value, {k: v for k, v in columns.items() if v})

    def get(self, lease_id: str) -> LeaseRow:
        """Raises KeyError when there is none."""
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(schema.lease).where(schema.lease.c.id == lease_id)).first()
        if row is None:
            raise KeyError(lease_id)
        return _lease(row)

    def all(self, *, open_only: bool = False) -> tuple[LeaseRow, ...]:
        """Every lease, newest change first."""
        query = sa.select(schema.lease).order_by(schema.lease.c.updated_at.desc())
        if open_only:
            query = query.where(schema.lease.c.state != LeaseStage.STOPPED.value)
        with self._engine.connect() as connection:
            return tuple(_lease(row) for row in connection.execute(query))


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
        started_at=None if row.started_at is None else datetime.fromisoformat(row.started_at),
        stopped_at=None if row.stopped_at is None else datetime.fromisoformat(row.stopped_at),
    )
