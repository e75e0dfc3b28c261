"""Claiming jobs to look at, in SQL: who may look next, under a lease, with a fence that outlives the claimer.

A claim raises the job's fence. Whatever is written later names that fence, so that a worker that slept past its lease
writes nothing. The statements are the same on SQLite and PostgreSQL; there, rows that another worker is just claiming
are skipped, not waited for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from . import schema
from .codec import load
from .history import iso, moment

__all__ = [
    "AT_ONCE",
    "NEVER",
    "Claim",
    "Progress",
    "claim_due",
    "claim_named",
    "held",
    "named_in_parts",
    "take",
    "watch_from",
]

AT_ONCE = 400
"""Rows named in one statement: well under SQLite's limit of variables."""

NEVER = "9999"
"""When a job that has ended is due: it sorts after every time, so that no look for due jobs passes over it."""

_WATCHED = schema.watched.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What changes while a job gets on. `event`, `step`: the newest told; `read_at`: when events were last read."""

    status: str = ""
    event: str | None = None
    step: int | None = None
    read_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to look at one job, until `lease_until` or until somebody claims after us, and what is known of it.

    `due_at`: when it was to be looked at. `since`: when the paid request was sent. `failures`: looks in a row that
    could not be had. `progressed_at`: when it last got on; `stuck_at`: when the lack of progress was told. `ended`: it
    has ended and its money is settled.
    """

    intent_id: str
    provider: str
    account: str
    job_id: str
    job_status: str
    fence: int
    lease_until: datetime
    due_at: datetime
    since: datetime
    sandbox: bool
    polls: int = 0
    failures: int = 0
    progress: Progress = Progress()
    progressed_at: datetime | None = None
    stuck_at: datetime | None = None
    ended: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """The account it is at."""
        return (self.provider, self.account)


def watch_from(connection: sa.Connection, rows: Sequence[tuple[str, str, str]], now: datetime) -> None:
    """(intent, provider, account) are to be watched from now on; those that are watched already stay as they are."""
    values = [
        {
            "intent_id": intent_id,
            "provider": provider,
            "account": account,
            "next_at": iso(now),
            "progressed_at": iso(now),
            "lease_until": "",
            "fence": 0,
            "polls": 0,
            "failures": 0,
        }
        for intent_id, provider, account in rows
    ]
    if values:
        insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        connection.execute(insert(schema.watched).on_conflict_do_nothing(), values)


def claim_due(
    connection: sa.Connection, now: datetime, until: datetime, owner: str, limit: int, account: tuple[str, str] | None
) -> tuple[Claim, ...]:
    """Up to `limit` due jobs, most overdue first, of one account or of any."""
    due = [_WATCHED.next_at <= iso(now), _WATCHED.lease_until <= iso(now), _WATCHED.ended_at.is_(None)]
    if account is not None:
        due += [_WATCHED.provider == account[0], _WATCHED.account == account[1]]
    return _claim(connection, due, until, owner, limit)


def claim_named(
    connection: sa.Connection, ids: Sequence[str], now: datetime, until: datetime, owner: str
) -> tuple[Claim, ...]:
    """Those of `ids` that nobody holds, due or not."""
    free = [_WATCHED.intent_id.in_(ids), _WATCHED.lease_until <= iso(now), _WATCHED.ended_at.is_(None)]
    return _claim(connection, free, until, owner, len(ids))


def take(connection: sa.Connection, intent_id: str, until: datetime, owner: str) -> Claim | None:
    """This very job, whoever holds it: the newest claim wins, and the other's look will be refused. None: unknown."""
    found = _claim(connection, [_WATCHED.intent_id == intent_id], until, owner, 1)
    return found[0] if found else None


def _claim(
    connection: sa.Connection, conditions: list[sa.ColumnElement[bool]], until: datetime, owner: str, limit: int
) -> tuple[Claim, ...]:
    # A CTE, because PostgreSQL may run a subquery of an UPDATE several times, and would then claim more than `limit`.
    picked = (
        sa.select(_WATCHED.intent_id)
        .where(*conditions)
        .order_by(_WATCHED.next_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("picked")
    )
    statement = (
        schema.watched.update()
        .where(_WATCHED.intent_id.in_(sa.select(picked.c.intent_id)))
        .values(lease_until=iso(until), owner=owner, fence=_WATCHED.fence + 1)
        .returning(schema.watched)
    )
    rows = {row.intent_id: row for row in connection.execute(statement)}
    known = {row.id: row for part in named_in_parts(rows) for row in connection.execute(_known(part))}
    claims = [_made(row, known[name], until) for name, row in rows.items() if name in known]
    return tuple(sorted(claims, key=lambda claim: claim.due_at))


def _known(ids: Sequence[str]) -> sa.Select[Any]:
    columns = schema.intent.c
    return sa.select(
        columns.id,
        columns.job_id,
        columns.job_status,
        columns.sent_at,
        columns.created_at,
        columns.sandbox,
    ).where(columns.id.in_(ids), columns.job_id.is_not(None))


def held(connection: sa.Connection, claims: Collection[Claim]) -> set[str]:
    """The intents whose fence still is the claim's: only these may be written. Locked until the transaction ends."""
    fences = {claim.intent_id: claim.fence for claim in claims}
    mine: set[str] = set()
    for part in named_in_parts(fences):
        query = sa.select(_WATCHED.intent_id, _WATCHED.fence).where(_WATCHED.intent_id.in_(part))
        # In one order everywhere, so that two workers never wait for each other's rows.
        rows = connection.execute(query.order_by(_WATCHED.intent_id).with_for_update())
        mine |= {row.intent_id for row in rows if row.fence == fences[row.intent_id]}
    return mine


def named_in_parts(ids: Collection[str]) -> Iterator[list[str]]:
    """The ids, sorted, in parts that one statement can name."""
    ordered = sorted(ids)
    return (ordered[at : at + AT_ONCE] for at in range(0, len(ordered), AT_ONCE))


def _made(row: Any, known: Any, until: datetime) -> Claim:
    due_at = row.next_at if row.next_at < NEVER else iso(until)
    return Claim(
        intent_id=row.intent_id,
        provider=row.provider,
        account=row.account,
        job_id=known.job_id,
        job_status=known.job_status or "",
        fence=row.fence,
        lease_until=until,
        due_at=datetime.fromisoformat(due_at),
        since=datetime.fromisoformat(known.sent_at or known.created_at),
        sandbox=bool(known.sandbox),
        polls=row.polls,
        failures=row.failures,
        progress=load(Progress, row.progress) if row.progress else Progress(),
        progressed_at=moment(row.progressed_at),
        stuck_at=moment(row.stuck_at),
        ended=row.ended_at is not None,
    )
