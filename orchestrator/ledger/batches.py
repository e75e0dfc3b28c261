"""Batches: questions bought by the file. A row lives from the wish until its answers are in the ledger.

PLANNED → APPROVED → UPLOADED → CREATING → CREATED → COLLECTED
   │                    ↑          │ an ambiguous answer, or found so after a restart
   └→ DROPPED           └──────── IN_DOUBT → CREATED (adopted) | NEEDS_HUMAN

Every move is a compare-and-set with its history in the same transaction. The money is the evaluation's, held under its
id by `approve` in the same transaction, and settled with the sum of its answers.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from ..canonical import sha256_of
from ..errors import UsageError
from . import schema
from .budget import Reservation, hold
from .engine import writing
from .history import Entry, append, entries, iso, moment

__all__ = [
    "BATCH_OPEN",
    "BATCH_SENT",
    "BATCH_UNSENT",
    "BatchRow",
    "BatchRows",
    "BatchStage",
    "evaluation_spending",
]


class BatchStage(StrEnum):
    """Where our own record of a batch stands."""

    PLANNED = "planned"
    APPROVED = "approved"
    UPLOADED = "uploaded"
    CREATING = "creating"
    IN_DOUBT = "in_doubt"
    NEEDS_HUMAN = "needs_human"
    CREATED = "created"
    COLLECTED = "collected"
    DROPPED = "dropped"


BATCH_UNSENT = (BatchStage.PLANNED, BatchStage.APPROVED, BatchStage.UPLOADED)
"""Nothing is bought yet, and nothing is on its way."""

BATCH_SENT = (BatchStage.CREATING, BatchStage.IN_DOUBT, BatchStage.NEEDS_HUMAN)
"""A paid request was, or may have been, sent, and what became of it is not known."""

BATCH_OPEN = (*BATCH_SENT, BatchStage.CREATED)
"""Money is, or may be, on its way."""

_REVIVABLE = (*BATCH_UNSENT, BatchStage.DROPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRow:
    """One batch of ours: `requests` questions of one evaluation to one candidate.

    `sha256`: of the input file, whose lines carry the tag. `status`: the platform's own word, as last seen.
    """

    id: str
    evaluation_id: str
    candidate: str
    provider: str
    account: str
    model: str
    tag: str
    stage: BatchStage
    sandbox: bool
    requests: int
    sha256: str
    created_at: datetime
    run_id: str | None = None
    file_id: str | None = None
    remote_id: str | None = None
    status: str | None = None
    attempt: int = 0
    sent_at: datetime | None = None
    empty_looks: int = 0
    looked_at: datetime | None = None
    last_error: str | None = None


class BatchRows:
    """The batch table."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def plan(self, row: BatchRow) -> BatchRow:
        """Write the wish if it is new; either way answer what the ledger holds. One that was dropped is wished anew."""
        with writing(self._engine) as connection:
            known = self._row(connection, row.id)
            if known is None:
                connection.execute(schema.batch.insert().values(**_values(row)))
                append(connection, row.created_at, f"batch:{row.id}", "planned", {"tag": row.tag})
            elif known.state == BatchStage.DROPPED:
                again = {"sha256": row.sha256, "run_id": row.run_id}
                _move(connection, row.id, _REVIVABLE, BatchStage.PLANNED, row.created_at, "planned_again", None, again)
        return self.get(row.id)

    def approve(self, batch_id: str, wish: Reservation, now: datetime) -> bool:
        """Hold the evaluation's money and approve, in one transaction. False, holding nothing, once it was sent.

        Raises `BudgetRefused`.
        """
        with writing(self._engine) as connection:
            row = self._row(connection, batch_id)
            if row is None or row.state not in BATCH_UNSENT:
                return False
            hold(connection, wish, now)
            target = max(BatchStage(row.state), BatchStage.APPROVED, key=BATCH_UNSENT.index)
            return _move(connection, batch_id, BATCH_UNSENT, target, now, "approved", None, {})

    def begin(self, batch_id: str, now: datetime) -> int | None:
        """Claim the one POST: UPLOADED → CREATING, durably, before the first byte. One caller wins.

        Answers the number of the attempt; None to a loser, and while no money is held for it.
        """
        with writing(self._engine) as connection:
            row = self._row(connection, batch_id)
            if row is None or not _is_covered(connection, row):
                return None
            attempt = int(row.attempt) + 1
            values = {"attempt": attempt, "sent_at": now, "empty_looks": 0, "looked_at": None}
            source = (BatchStage.UPLOADED,)
            won = _move(connection, batch_id, source, BatchStage.CREATING, now, "", row.attempt, values)
        return attempt if won else None

    def move(
        self,
        batch_id: str,
        source: Collection[BatchStage],
        target: BatchStage,
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
            return _move(connection, batch_id, source, target, now, kind, attempt, values)

    def bind(self, batch_id: str, remote_id: str, status: str, now: datetime, how: str) -> bool:
        """The platform's id becomes known, from any state in which there may be one. False if another is bound.

        Raises `UsageError` when the platform's batch belongs to another row.
        """
        values = {"remote_id": remote_id, "status": status, "last_error": None}
        with writing(self._engine) as connection:
            row = self._row(connection, batch_id)
            if row is None or row.remote_id == remote_id:
                return row is not None
            _refuse_if_taken(connection, row, remote_id)
            source = (*BATCH_UNSENT, *BATCH_SENT)
            return _move(connection, batch_id, source, BatchStage.CREATED, now, how, None, values)

    def looked(self, batch_id: str, at: datetime, attempt: int) -> bool:
        """Count one look, begun at `at`, that found nothing of this very attempt. False once it is settled."""
        columns = schema.batch.c
        unsettled = (BatchStage.CREATING, BatchStage.IN_DOUBT)
        statement = (
            schema.batch.update()
            .where(columns.id == batch_id, columns.state.in_(unsettled), columns.attempt == attempt)
            .values(empty_looks=columns.empty_looks + 1, looked_at=iso(at), updated_at=iso(at))
        )
        with writing(self._engine) as connection:
            counted = connection.execute(statement).rowcount == 1
            if counted:
                append(connection, at, f"batch:{batch_id}", "looked", {"found": 0})
        return counted

    def observe(self, batch_id: str, status: str, now: datetime) -> bool:
        """Store the platform's word; history on change only. True when it changed."""
        with writing(self._engine) as connection:
            row = self._row(connection, batch_id)
            if row is None or row.status == status:
                return False
            values, created = {"status": status}, (BatchStage.CREATED,)
            return _move(connection, batch_id, created, BatchStage.CREATED, now, "status", None, values)

    def drop_unsent(self, evaluation_id: str, now: datetime, keep: Collection[str] = ()) -> None:
        """What was wished and never sent is wanted no more, as other rows are missing now; `keep` excepted."""
        columns = schema.batch.c
        query = sa.select(columns.id).where(columns.evaluation_id == evaluation_id)
        with writing(self._engine) as connection:
            for batch_id in connection.execute(query).scalars().all():
                if batch_id not in keep:
                    _move(connection, batch_id, BATCH_UNSENT, BatchStage.DROPPED, now, "", None, {})

    def get(self, batch_id: str) -> BatchRow:
        """Raises KeyError when there is none."""
        with self._engine.connect() as connection:
            row = self._row(connection, batch_id)
        if row is None:
            raise KeyError(batch_id)
        return _batch(row)

    def find(self, key: str) -> BatchRow | None:
        """By our id, tag, or the platform's id."""
        columns = schema.batch.c
        query = sa.select(schema.batch).where(sa.or_(columns.id == key, columns.tag == key, columns.remote_id == key))
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        return None if row is None else _batch(row)

    def of(self, evaluation_id: str, stages: Collection[BatchStage] | None = None) -> tuple[BatchRow, ...]:
        """An evaluation's batches, oldest first, in the given stages."""
        return self._select(schema.batch.c.evaluation_id == evaluation_id, stages)

    def all(self, stages: Collection[BatchStage] | None = None) -> tuple[BatchRow, ...]:
        """Every batch, oldest first."""
        return self._select(sa.true(), stages)

    def history(self, batch_id: str) -> tuple[Entry, ...]:
        """What happened to the batch, oldest first."""
        with self._engine.connect() as connection:
            return entries(connection, f"batch:{batch_id}")

    def _select(self, where: sa.ColumnElement[bool], stages: Collection[BatchStage] | None) -> tuple[BatchRow, ...]:
        query = sa.select(schema.batch).where(where).order_by(schema.batch.c.created_at, schema.batch.c.id)
        if stages is not None:
            query = query.where(schema.batch.c.state.in_([stage.value for stage in stages]))
        with self._engine.connect() as connection:
            return tuple(_batch(row) for row in connection.execute(query))

    def _row(self, connection: sa.Connection, batch_id: str) -> Any:
        return connection.execute(sa.select(schema.batch).where(schema.batch.c.id == batch_id)).first()


def evaluation_spending(evaluation_id: str, provider: str = "", account: str = "") -> str:
    """The id under which an evaluation's money is held; with a platform and its account, that of a further account."""
    whole = f"evaluation:{evaluation_id}"
    return f"{whole}/{provider}-{sha256_of(account)[:12]}" if provider else whole


def _is_covered(connection: sa.Connection, row: Any) -> bool:
    """Whether money is reserved, or was billed already as high as what was to be held now: its account's own, or that
    of the account which pays."""
    table, whole = schema.spending, evaluation_spending(row.evaluation_id)
    ids = (whole, evaluation_spending(row.evaluation_id, row.provider, row.account))
    query = sa.select(table.c.id).where(table.c.id.in_(ids), table.c.state.in_(("reserved", "settled")))
    return connection.execute(query).first() is not None


def _move(
    connection: sa.Connection,
    batch_id: str,
    source: Collection[BatchStage],
    target: BatchStage,
    now: datetime,
    kind: str,
    attempt: int | None,
    values: dict[str, Any],
) -> bool:
    """The one compare-and-set of a batch."""
    columns = {key: iso(value) if isinstance(value, datetime) else value for key, value in values.items()}
    statement = (
        schema.batch.update()
        .where(schema.batch.c.id == batch_id, schema.batch.c.state.in_([stage.value for stage in source]))
        .where(sa.true() if attempt is None else schema.batch.c.attempt == attempt)
        .values(state=target.value, updated_at=iso(now), **columns)
    )
    moved = connection.execute(statement).rowcount == 1
    if moved:
        told = {key: value for key, value in columns.items() if value is not None}
        append(connection, now, f"batch:{batch_id}", kind or target.value, told)
    return moved


def _refuse_if_taken(connection: sa.Connection, row: Any, remote_id: str) -> None:
    columns = schema.batch.c
    query = sa.select(columns.id).where(
        columns.provider == row.provider, columns.account == row.account, columns.remote_id == remote_id
    )
    other = connection.execute(query).scalar()
    if other is not None:
        raise UsageError(
            f"{remote_id} already belongs to batch {other}",
            where=f"batch {row.id}",
            fix="look at the platform's console for the batch whose input carries this tag: " + row.tag,
        )


def _values(row: BatchRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "evaluation_id": row.evaluation_id,
        "candidate": row.candidate,
        "run_id": row.run_id,
        "provider": row.provider,
        "account": row.account,
        "model": row.model,
        "tag": row.tag,
        "state": row.stage.value,
        "sandbox": row.sandbox,
        "requests": row.requests,
        "sha256": row.sha256,
        "attempt": 0,
        "empty_looks": 0,
        "created_at": iso(row.created_at),
        "updated_at": iso(row.created_at),
    }


def _batch(row: Any) -> BatchRow:
    return BatchRow(
        id=row.id,
        evaluation_id=row.evaluation_id,
        candidate=row.candidate,
        run_id=row.run_id,
        provider=row.provider,
        account=row.account,
        model=row.model,
        tag=row.tag,
        stage=BatchStage(row.state),
        sandbox=bool(row.sandbox),
        requests=row.requests,
        sha256=row.sha256,
        file_id=row.file_id,
        remote_id=row.remote_id,
        status=row.status,
        attempt=row.attempt,
        sent_at=moment(row.sent_at),
        empty_looks=row.empty_looks,
        looked_at=moment(row.looked_at),
        last_error=row.last_error,
        created_at=datetime.fromisoformat(row.created_at),
    )
