"""Intents: one row a wish for a paid job, its state changed only by compare-and-set.

PLANNED → APPROVED → UPLOADED → CREATING → CREATED → ENDED
                         ↑          │ an ambiguous answer, or found so after a restart
                         └──────── IN_DOUBT → CREATED (adopted) | NEEDS_HUMAN
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from providers.records import TERMINAL_STATES, JsonObject, Plan, RemoteJob

from ..errors import UsageError
from . import schema
from .budget import Reservation, close, hold, hold_again, is_held, training_spending
from .claims import watch_from
from .codec import dump, load, load_json
from .engine import writing
from .history import Entry, append, entries, iso, moment
from .readings import Readings

__all__ = ["UNRESOLVED", "UNSENT", "UNSETTLED", "Intent", "IntentState", "Intents", "observe"]


class IntentState(StrEnum):
    """Where a wish for a paid job stands."""

    PLANNED = "planned"
    APPROVED = "approved"
    UPLOADED = "uploaded"
    CREATING = "creating"
    IN_DOUBT = "in_doubt"
    NEEDS_HUMAN = "needs_human"
    CREATED = "created"
    ENDED = "ended"


UNSENT = (IntentState.PLANNED, IntentState.APPROVED, IntentState.UPLOADED)
"""Nothing is bought yet, and nothing is on its way."""

UNSETTLED = (IntentState.CREATING, IntentState.IN_DOUBT)
"""A paid request was, or may have been, sent, and what became of it is not known."""

UNRESOLVED = (*UNSETTLED, IntentState.NEEDS_HUMAN)
"""The same, and those of which only a person can tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """One wish for a paid job. `reserved_usd`: what was approved to be held from the budget for it.

    `request`: the body of the paid request, exactly as it was sent last; None before, and for an adopted job. `health`:
    what was last seen of the training curve, and what was done about it (`jobs.trouble` reads it).
    """

    id: str
    tag: str
    plan: Plan
    account: str
    state: IntentState
    sandbox: bool
    attempt: int = 0
    sent_at: datetime | None = None
    empty_looks: int = 0
    looked_at: datetime | None = None
    job: RemoteJob | None = None
    job_id: str | None = None
    reserved_usd: Decimal | None = None
    last_error: str | None = None
    request: JsonObject | None = None
    health: JsonObject = field(default_factory=dict)
    created_at: datetime
    updated_at: datetime

    @property
    def provider(self) -> str:
        """The platform's name."""
        return self.plan.provider


class Intents(Readings):
    """The intent table, with what was read of each intent's job."""

    def plan(self, intent: Intent) -> Intent:
        """Write the intent if it is new; either way answer what the ledger holds."""
        with writing(self._engine) as connection:
            if self._row(connection, intent.id) is None:
                connection.execute(schema.intent.insert().values(**_values(intent)))
                append(connection, intent.created_at, f"intent:{intent.id}", "planned", {"tag": intent.tag})
        return self.get(intent.id)

    def get(self, intent_id: str) -> Intent:
        """Raises KeyError when there is none."""
        with self._engine.connect() as connection:
            row = self._row(connection, intent_id)
        if row is None:
            raise KeyError(intent_id)
        return _intent(row)

    def find(self, key: str) -> Intent | None:
        """By intent id, tag, or the platform's job id."""
        columns = schema.intent.c
        query = sa.select(schema.intent).where(sa.or_(columns.id == key, columns.tag == key, columns.job_id == key))
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        return None if row is None else _intent(row)

    def all(self, states: Collection[IntentState] | None = None) -> tuple[Intent, ...]:
        """Newest first, in the given states."""
        query = sa.select(schema.intent).order_by(schema.intent.c.created_at.desc())
        if states is not None:
            query = query.where(schema.intent.c.state.in_([state.value for state in states]))
        with self._engine.connect() as connection:
            return tuple(_intent(row) for row in connection.execute(query))

    def move(
        self,
        intent_id: str,
        source: Collection[IntentState],
        target: IntentState,
        now: datetime,
        *,
        kind: str = "",
        data: dict[str, Any] | None = None,
        attempt: int | None = None,
        **values: Any,
    ) -> bool:
        """Compare-and-set: True when this caller moved it. The history entry is in the same transaction.

        `attempt` fences: only the sender of that very request may move it, however long it was asleep.
        """
        with writing(self._engine) as connection:
            return _move(connection, intent_id, source, target, now, kind, data, attempt, values)

    def approve(self, intent_id: str, wish: Reservation, now: datetime) -> bool:
        """Reserve and approve in one transaction. False, holding nothing, once a paid request was sent.

        Approving again replaces the reservation. Raises `BudgetRefused`.
        """
        with writing(self._engine) as connection:
            row = self._row(connection, intent_id)
            if row is None or row.state not in UNSENT:
                return False
            hold(connection, wish, now)
            target = max(IntentState(row.state), IntentState.APPROVED, key=UNSENT.index)
            data = {"usd": str(wish.usd)}
            values = {"reserved_usd": wish.usd}
            return _move(connection, intent_id, UNSENT, target, now, "approved", data, None, values)

    def begin_create(self, intent_id: str, now: datetime, request: JsonObject | None = None) -> int | None:
        """Claim the one POST: UPLOADED → CREATING, durably, before the first byte. One caller wins.

        `request`: the body that will be sent, kept in the same transaction. Answers the number of the attempt; None to
        a loser, and while no money is held for it.
        """
        with writing(self._engine) as connection:
            row = self._row(connection, intent_id)
            if row is None or not is_held(connection, training_spending(intent_id)):
                return None
            values = {"attempt": row.attempt + 1, "sent_at": now, "empty_looks": 0, "looked_at": None}
            values["request"] = None if request is None else dump(request)
            source, target = (IntentState.UPLOADED,), IntentState.CREATING
            data = {"attempt": row.attempt + 1}
            won = _move(connection, intent_id, source, target, now, "", data, row.attempt, values)
        return row.attempt + 1 if won else None

    def proved_absent(
        self,
        intent_id: str,
        source: Collection[IntentState],
        now: datetime,
        *,
        kind: str,
        why: str | None = None,
        attempt: int | None = None,
    ) -> bool:
        """Nothing was bought: back to UPLOADED, and the money free, in one transaction. False in any other state."""
        with writing(self._engine) as connection:
            data = {} if why is None else {"error": why}
            values = {"last_error": why}
            moved = _move(connection, intent_id, source, IntentState.UPLOADED, now, kind, data, attempt, values)
            if moved:
                close(connection, training_spending(intent_id), "released", Decimal(0), now)
        return moved

    def release_unsent(self, intent_id: str, now: datetime) -> bool:
        """Free the money of an intent that has sent nothing; another process's paid request keeps it held."""
        with writing(self._engine) as connection:
            row = self._row(connection, intent_id)
            unsent = row is not None and row.state in UNSENT
            if unsent and is_held(connection, training_spending(intent_id)):
                close(connection, training_spending(intent_id), "released", Decimal(0), now)
        return unsent

    def record_job(self, intent_id: str, job: RemoteJob, now: datetime, how: str) -> bool:
        """Bind the platform's job: from any state in which one may exist. False if another job is already bound.

        Raises `UsageError` when the job belongs to another intent.
        """
        known = {"job_id": job.id, "job": dump(job), "job_state": job.state.value, "job_status": job.raw_status}
        source = (*UNSENT, *UNRESOLVED)
        with writing(self._engine) as connection:
            row = self._row(connection, intent_id)
            if row is None or row.job_id == job.id:
                return row is not None
            _refuse_if_taken(connection, row, job.id)
            data, values = {"job": job.id}, {"last_error": None, **known}
            bound = _move(connection, intent_id, source, IntentState.CREATED, now, how, data, None, values)
            if bound:
                watch_from(connection, [(intent_id, row.provider, row.account)], now)
                hold_again(connection, training_spending(intent_id), now)
            return bound

    def looked(self, intent_id: str, at: datetime, attempt: int) -> bool:
        """Count one look, begun at `at`, that found nothing of this very attempt. False once it is settled."""
        columns = schema.intent.c
        statement = (
            schema.intent.update()
            .where(columns.id == intent_id, columns.state.in_(UNSETTLED), columns.attempt == attempt)
            .values(empty_looks=columns.empty_looks + 1, looked_at=iso(at), updated_at=iso(at))
        )
        with writing(self._engine) as connection:
            counted = connection.execute(statement).rowcount == 1
            if counted:
                append(connection, at, f"intent:{intent_id}", "looked", {"found": 0})
        return counted

    def observe(self, intent_id: str, job: RemoteJob, now: datetime) -> None:
        """Store what the platform says of the job now; a terminal state ends the intent, and is final.

        History on change only.
        """
        with writing(self._engine) as connection:
            observe(connection, intent_id, job, now)

    def history(self, intent_id: str) -> tuple[Entry, ...]:
        """What happened to the intent, oldest first."""
        with self._engine.connect() as connection:
            return entries(connection, f"intent:{intent_id}")

    def _row(self, connection: sa.Connection, intent_id: str) -> Any:
        return connection.execute(sa.select(schema.intent).where(schema.intent.c.id == intent_id)).first()


def observe(connection: sa.Connection, intent_id: str, job: RemoteJob, now: datetime) -> bool:
    """`Intents.observe`, inside the caller's write transaction. True when the state or the platform's word changed."""
    target = IntentState.ENDED if job.state in TERMINAL_STATES else IntentState.CREATED
    values = {"job": dump(job), "job_state": job.state.value, "job_status": job.raw_status}
    row = connection.execute(sa.select(schema.intent).where(schema.intent.c.id == intent_id)).first()
    ended = row is not None and row.state == IntentState.ENDED
    if row is None or row.job_id != job.id or (ended and row.job_state != job.state):
        return False
    source = (IntentState.CREATED, IntentState.ENDED)
    changed: bool = row.job_status != job.raw_status or row.state != target
    data = {"state": job.label} if changed else None
    _move(connection, intent_id, source, target, now, "job" if changed else None, data, None, values)
    return changed


def _move(
    connection: sa.Connection,
    intent_id: str,
    source: Collection[IntentState],
    target: IntentState,
    now: datetime,
    kind: str | None,
    data: dict[str, Any] | None,
    attempt: int | None,
    values: dict[str, Any],
) -> bool:
    """The one compare-and-set. `kind` '' names the history entry after the target, None writes none."""
    columns = schema.intent.c
    statement = (
        schema.intent.update()
        .where(columns.id == intent_id, columns.state.in_([state.value for state in source]))
        .where(sa.true() if attempt is None else columns.attempt == attempt)
        .values(state=target.value, updated_at=iso(now), **{key: _column(value) for key, value in values.items()})
    )
    moved = connection.execute(statement).rowcount == 1
    if moved and kind is not None:
        append(connection, now, f"intent:{intent_id}", kind or target.value, data)
    return moved


def _refuse_if_taken(connection: sa.Connection, row: Any, job_id: str) -> None:
    columns = schema.intent.c
    query = sa.select(columns.id).where(
        columns.provider == row.provider, columns.account == row.account, columns.job_id == job_id
    )
    other = connection.execute(query).scalar()
    if other is not None:
        raise UsageError(
            f"job {job_id} already belongs to intent {other}",
            where=f"intent {row.id}",
            fix="look at the platform's console for the job that carries this intent's tag: " + row.tag,
        )


def _column(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    return str(value) if isinstance(value, Decimal) else value


def _values(intent: Intent) -> dict[str, Any]:
    return {
        "id": intent.id,
        "provider": intent.provider,
        "account": intent.account,
        "tag": intent.tag,
        "plan": dump(intent.plan),
        "state": intent.state.value,
        "attempt": 0,
        "empty_looks": 0,
        "sandbox": intent.sandbox,
        "created_at": iso(intent.created_at),
        "updated_at": iso(intent.updated_at),
    }


def _usd(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _intent(row: Any) -> Intent:
    return Intent(
        id=row.id,
        tag=row.tag,
        plan=load(Plan, row.plan),
        account=row.account,
        state=IntentState(row.state),
        sandbox=bool(row.sandbox),
        attempt=row.attempt,
        sent_at=moment(row.sent_at),
        empty_looks=row.empty_looks,
        looked_at=moment(row.looked_at),
        job=None if row.job is None else load(RemoteJob, row.job),
        job_id=row.job_id,
        reserved_usd=_usd(row.reserved_usd),
        last_error=row.last_error,
        request=None if row.request is None else load_json(row.request),
        health=load_json(row.health) if row.health else {},
        created_at=datetime.fromisoformat(row.created_at),
        updated_at=datetime.fromisoformat(row.updated_at),
    )
