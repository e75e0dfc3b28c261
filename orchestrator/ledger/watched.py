"""Jobs that are watched: who looks at which, and what a look found, kept whole or refused whole.

One row a job, however often it is looked at. What a look found is written in one transaction with the check of its
fence: a worker that was asleep past its lease, while another looked, writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from providers.records import JobEvent, MetricPoint, RemoteJob

from . import schema
from .claims import NEVER, Claim, Progress, claim_due, claim_named, held, named_in_parts, take, watch_from
from .codec import dump
from .engine import writing
from .history import append, iso
from .intents import IntentState, observe
from .readings import keep_curve, keep_events

__all__ = ["Claim", "Due", "Found", "Kept", "Progress", "Resting", "Watched", "WatchedRow"]

_TABLE = schema.watched
_COLUMNS = schema.watched.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one look found. `job` None: as it was before, or it could not be had (`failures` above 0).

    `keeps_lease`: the job ended, and whoever looked is still to settle its money; then `Watched.conclude`.
    `told`: history entries, as (kind, data).
    """

    claim: Claim
    next_at: datetime
    job: RemoteJob | None = None
    events: tuple[JobEvent, ...] = ()
    curve: tuple[MetricPoint, ...] = ()
    progress: Progress
    progressed_at: datetime | None
    stuck_at: datetime | None = None
    failures: int = 0
    keeps_lease: bool = False
    told: tuple[tuple[str, dict[str, Any]], ...] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """What was written: the events not seen before, by intent; and the intents whose look was refused by the fence."""

    fresh: dict[str, tuple[JobEvent, ...]] = field(default_factory=dict)
    fenced: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Due:
    """One account with `jobs` that are watched: how many are due and free to claim, and when the next one will be."""

    provider: str
    account: str
    jobs: int
    due: int
    next_at: datetime | None

    @property
    def key(self) -> tuple[str, str]:
        """By which it is told apart."""
        return (self.provider, self.account)


@dataclass(frozen=True, slots=True)
class Resting:
    """A job that nobody looks at just now: when it is due, and since when it runs."""

    intent_id: str
    next_at: datetime
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedRow:
    """One watched job as it stands, for people."""

    intent_id: str
    next_at: datetime | None
    owner: str | None
    polls: int
    failures: int
    progressed_at: datetime | None
    stuck_at: datetime | None
    ended_at: datetime | None


class Watched:
    """The table of watched jobs. Every method is one short transaction."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    # ── what there is to watch ──────────────────────────────────────────────────────────────────────────────────────

    def backfill(self, now: datetime) -> int:
        """Watch every bound job that nobody watches yet, as in a ledger from before; answers how many."""
        columns = schema.intent.c
        unwatched = sa.select(columns.id, columns.provider, columns.account).where(
            columns.state == IntentState.CREATED.value, columns.id.not_in(sa.select(_COLUMNS.intent_id))
        )
        with self._engine.connect() as connection:
            if connection.execute(unwatched.limit(1)).first() is None:
                return 0
        with writing(self._engine) as connection:
            rows = [(row.id, row.provider, row.account) for row in connection.execute(unwatched)]
            watch_from(connection, rows, now)
            return len(rows)

    def accounts(self, now: datetime) -> tuple[Due, ...]:
        """Accounts with jobs that have not ended, the most overdue first."""
        free = _COLUMNS.lease_until <= iso(now)
        counted = sa.select(
            _COLUMNS.provider,
            _COLUMNS.account,
            sa.func.count().label("jobs"),
            sa.func.sum(sa.case((sa.and_(free, _COLUMNS.next_at <= iso(now)), 1), else_=0)).label("due"),
            sa.func.min(sa.case((free, _COLUMNS.next_at), else_=_COLUMNS.lease_until)).label("next_at"),
        ).where(_COLUMNS.ended_at.is_(None))
        query = counted.group_by(_COLUMNS.provider, _COLUMNS.account).order_by(sa.literal_column("next_at"))
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return tuple(Due(row.provider, row.account, row.jobs, row.due, _moment(row.next_at)) for row in rows)

    def resting(self, account: tuple[str, str], now: datetime, until: datetime) -> tuple[Resting, ...]:
        """The account's jobs that nobody holds and that come due before `until`."""
        columns = schema.intent.c
        query = (
            sa.select(_COLUMNS.intent_id, _COLUMNS.next_at, columns.sent_at, columns.created_at)
            .join(schema.intent, columns.id == _COLUMNS.intent_id)
            .where(_COLUMNS.provider == account[0], _COLUMNS.account == account[1], _COLUMNS.ended_at.is_(None))
            .where(_COLUMNS.lease_until <= iso(now), _COLUMNS.next_at <= iso(until))
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return tuple(
            Resting(
                row.intent_id,
                datetime.fromisoformat(row.next_at),
                datetime.fromisoformat(row.sent_at or row.created_at),
            )
            for row in rows
        )

    def rows(self) -> dict[str, WatchedRow]:
        """Every watched job, by intent."""
        with self._engine.connect() as connection:
            return {row.intent_id: _row(row) for row in connection.execute(sa.select(_TABLE))}

    def due(self, intent_id: str) -> datetime | None:
        """When the job is looked at next, as of now: whatever has happened may have made it sooner."""
        query = sa.select(_TABLE.c.next_at).where(_TABLE.c.intent_id == intent_id)
        with self._engine.connect() as connection:
            told = connection.execute(query).scalar()
        return None if told is None else datetime.fromisoformat(told)

    # ── claiming ────────────────────────────────────────────────────────────────────────────────────────────────────

    def claim(
        self, now: datetime, owner: str, *, limit: int, lease_s: float, account: tuple[str, str] | None = None
    ) -> tuple[Claim, ...]:
        """Up to `limit` due jobs for `lease_s` seconds, most overdue first. No two callers get the same."""
        with writing(self._engine) as connection:
            return claim_due(connection, now, now + timedelta(seconds=lease_s), owner, limit, account)

    def claim_these(self, ids: Sequence[str], now: datetime, owner: str, *, lease_s: float) -> tuple[Claim, ...]:
        """Those of `ids` that nobody holds, due or not."""
        until, claims = now + timedelta(seconds=lease_s), list[Claim]()
        for part in named_in_parts(ids):
            with writing(self._engine) as connection:
                claims += claim_named(connection, part, now, until, owner)
        return tuple(claims)

    def take(self, intent_id: str, now: datetime, owner: str, *, lease_s: float) -> Claim:
        """This very job, whoever holds it: the newest claim wins, and the other's look is refused.

        Raises KeyError for an intent that has no job.
        """
        columns = schema.intent.c
        query = sa.select(columns.id, columns.provider, columns.account).where(
            columns.id == intent_id, columns.job_id.is_not(None)
        )
        with writing(self._engine) as connection:
            rows = [(row.id, row.provider, row.account) for row in connection.execute(query)]
            watch_from(connection, rows, now)
            claim = take(connection, intent_id, now + timedelta(seconds=lease_s), owner)
        if claim is None:
            raise KeyError(intent_id)
        return claim

    def renew(self, claims: Sequence[Claim], until: datetime) -> None:
        """Hold on to what is still ours for longer."""
        self._set(claims, lease_until=iso(until))

    def give_back(self, claims: Sequence[Claim]) -> None:
        """Let others look; what is no longer ours stays theirs."""
        self._set(claims, lease_until="", owner=None)

    def _set(self, claims: Sequence[Claim], **values: Any) -> None:
        rows = [{"named": claim.intent_id, "held": claim.fence} for claim in claims]
        if rows:
            statement = _TABLE.update().where(
                _COLUMNS.intent_id == sa.bindparam("named"), _COLUMNS.fence == sa.bindparam("held")
            )
            with writing(self._engine) as connection:
                connection.execute(statement.values(**values), sorted(rows, key=lambda row: str(row["named"])))

    # ── what looks found ────────────────────────────────────────────────────────────────────────────────────────────

    def keep(self, found: Sequence[Found], now: datetime) -> Kept:
        """Write what some looks found, in one transaction; a look whose fence was passed by writes nothing at all."""
        with writing(self._engine) as connection:
            mine = held(connection, [item.claim for item in found])
            accepted = [item for item in found if item.claim.intent_id in mine]
            fresh = {item.claim.intent_id: _store(connection, item, now) for item in accepted}
            for keeps in (False, True):
                rows = [_columns(item) for item in accepted if item.keeps_lease is keeps]
                if rows:
                    connection.execute(_looked_at(keeps), rows)
        return Kept(fresh, frozenset(item.claim.intent_id for item in found) - mine)

    def conclude(self, claim: Claim, now: datetime) -> bool:
        """The job has ended and its money is settled: nobody looks again. False when the fence was passed by."""
        statement = (
            _TABLE.update()
            .where(_COLUMNS.intent_id == claim.intent_id, _COLUMNS.fence == claim.fence, _COLUMNS.ended_at.is_(None))
            .values(ended_at=iso(now), next_at=NEVER, lease_until="", owner=None)
        )
        with writing(self._engine) as connection:
            return connection.execute(statement).rowcount == 1


def _store(connection: sa.Connection, item: Found, now: datetime) -> tuple[JobEvent, ...]:
    """Everything a look found beside its own row."""
    intent_id = item.claim.intent_id
    fresh = keep_events(connection, intent_id, item.events)
    if item.curve:
        keep_curve(connection, intent_id, item.curve)
    if item.job is not None:
        observe(connection, intent_id, item.job, now)
    for kind, data in item.told:
        append(connection, now, f"intent:{intent_id}", kind, data)
    return fresh


def _looked_at(keeps_lease: bool) -> sa.Update:
    """A job that has ended stays so, whoever looks at it once more; one made due while we looked stays due.

    For whoever made it due may know what came after we had asked.
    """
    untouched = sa.and_(_COLUMNS.ended_at.is_(None), _COLUMNS.next_at == sa.bindparam("due"))
    later = sa.case((untouched, sa.bindparam("later")), else_=_COLUMNS.next_at)
    statement = _TABLE.update().where(_COLUMNS.intent_id == sa.bindparam("named")).values(next_at=later)
    return statement if keeps_lease else statement.values(lease_until="", owner=None)


def _columns(item: Found) -> dict[str, Any]:
    return {
        "named": item.claim.intent_id,
        "due": iso(item.claim.due_at),
        "later": iso(item.next_at),
        "polls": item.claim.polls + (0 if item.failures else 1),
        "failures": item.failures,
        "progress": dump(item.progress),
        "progressed_at": iso(item.progressed_at) if item.progressed_at else None,
        "stuck_at": iso(item.stuck_at) if item.stuck_at else None,
    }


def _row(row: Any) -> WatchedRow:
    return WatchedRow(
        intent_id=row.intent_id,
        next_at=_moment(row.next_at),
        owner=row.owner,
        polls=row.polls,
        failures=row.failures,
        progressed_at=_moment(row.progressed_at),
        stuck_at=_moment(row.stuck_at),
        ended_at=_moment(row.ended_at),
    )


def _moment(text: str | None) -> datetime | None:
    return None if not text or text >= NEVER else datetime.fromisoformat(text)
