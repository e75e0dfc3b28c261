"""What every process of a ledger shares about rates: GCRA buckets a model, and an account's retry budget.

One row a bucket, changed by single statements, so that neither two workers nor two machines can take the same slot.
Clocks of machines that share a ledger must agree to about a second; a slot is only as exact as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from . import schema
from .engine import writing
from .history import iso

__all__ = ["RETRIES_MOST", "BucketKey", "BucketRow", "Buckets", "Slot"]

RETRIES_MOST = 500.0
"""A full retry budget, as botocore's standard mode has it."""

_FORGET_RETRIES_S = 600.0
_FORGET_RATE_S = 60.0
Kind = Literal["requests", "tokens", "retries"]


@dataclass(frozen=True, slots=True)
class BucketKey:
    """Whose bucket: `model` is '*' for what holds for the whole account. The account may hold spaces, the rest not."""

    provider: str
    account: str
    model: str
    kind: Kind

    def __str__(self) -> str:
        return f"{self.provider} {self.account} {self.model} {self.kind}"

    @classmethod
    def parse(cls, text: str) -> BucketKey:
        """The key that a row was stored under."""
        provider, _, rest = text.partition(" ")
        account, model, kind = rest.rsplit(" ", 2)
        return cls(provider, account, model, kind)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Slot:
    """A stretch of a bucket's time that is ours: `units` may be sent between `starts_at` and `ends_at` (Unix seconds).

    `per_s` None: no rate is known, and nothing was reserved. Nobody sends before `not_before`.
    """

    per_s: float | None
    units: float
    starts_at: float
    ends_at: float
    not_before: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketRow:
    """One bucket, for people. `left`: of a retry budget, as it counts now; `slept_s`: what everybody waited for it."""

    key: BucketKey
    per_s: float | None
    left: float | None
    cuts: int
    slept_s: float
    not_before: datetime | None
    updated_at: datetime


class Buckets:
    """The bucket table. `now` is an aware time; seconds are Unix seconds."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    # ── rates ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def open(self, caps: Mapping[BucketKey, float | None], now: datetime) -> dict[BucketKey, Slot]:
        """Begin with the rates that the configuration gives, None for unlimited. Nothing is written for no limit.

        A rate that another process learned within the last minute counts where it is lower; an older one is forgotten,
        for limits change and the platform tells them again with its first answer.
        """
        known = self._known(caps)
        rates = {key: _begun(known.get(key), per_s, now) for key, per_s in caps.items()}
        changed = {key: rate for key, rate in rates.items() if rate != (known[key].per_s if key in known else None)}
        if changed:
            with writing(self._engine) as connection:
                for key, rate in changed.items():
                    _ensure(connection, key, now)
                    connection.execute(_changed(key, now, per_s=rate))
        return {key: _seen(known.get(key), rate) for key, rate in rates.items()}

    def learn(self, key: BucketKey, per_s: float, now: datetime) -> None:
        """The platform has told its limit."""
        with writing(self._engine) as connection:
            _ensure(connection, key, now)
            connection.execute(_changed(key, now, per_s=per_s))

    def look(self, keys: Iterable[BucketKey]) -> dict[BucketKey, Slot]:
        """What holds just now, without taking anything."""
        known = self._known(keys)
        return {key: _seen(known.get(key), known[key].per_s if key in known else None) for key in keys}

    def _known(self, keys: Iterable[BucketKey]) -> dict[BucketKey, Any]:
        by_text = {str(key): key for key in keys}
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(_B).where(_B.c.key.in_(by_text))).all()
        return {by_text[row.key]: row for row in rows}

    def reserve(self, key: BucketKey, units: float, now: datetime, slept_s: float = 0.0) -> Slot:
        """Take the next free stretch that lets `units` through, at least a second's worth; never taken twice.

        `slept_s` is added to what everybody has waited.
        """
        at = now.timestamp()
        free = sa.case((_B.c.tat > at, _B.c.tat), else_=at)
        takes_s = sa.case((units > _B.c.per_s, units / _B.c.per_s), else_=1.0)
        statement = _changed(
            key,
            now,
            tat=sa.case((_B.c.per_s.is_(None), _B.c.tat), else_=free + takes_s),
            slept_s=_B.c.slept_s + slept_s,
        ).returning(_B.c.tat, _B.c.per_s, _B.c.not_before)
        with writing(self._engine) as connection:
            row = connection.execute(statement).first()
        if row is None or row.per_s is None:
            return Slot(None, 0.0, 0.0, 0.0, row.not_before if row else 0.0)
        taken_s = max(units / row.per_s, 1.0)
        return Slot(row.per_s, taken_s * row.per_s, row.tat - taken_s, row.tat, row.not_before)

    def hold(self, key: BucketKey, until: float, *, cut: bool, now: datetime) -> None:
        """Nobody sends before `until`. `cut`: a new episode of 429s, counted."""
        later = sa.case((_B.c.not_before > until, _B.c.not_before), else_=until)
        with writing(self._engine) as connection:
            _ensure(connection, key, now)
            connection.execute(_changed(key, now, not_before=later, cuts=_B.c.cuts + int(cut)))

    def slept(self, key: BucketKey, seconds: float, now: datetime) -> None:
        """Add to what everybody has waited for this bucket."""
        with writing(self._engine) as connection:
            _ensure(connection, key, now)
            connection.execute(_changed(key, now, slept_s=_B.c.slept_s + seconds))

    # ── the retry budget ────────────────────────────────────────────────────────────────────────────────────────────

    def spend(self, key: BucketKey, cost: float, earned: float, slept_s: float, now: datetime) -> bool:
        """Bank what successes `earned`, then pay for one retry; False when there is not enough left.

        A budget that nobody has touched for ten minutes is full again: yesterday's outage is no reason today.
        """
        banked = _banked(earned, now)
        with writing(self._engine) as connection:
            _ensure(connection, key, now)
            paid = connection.execute(
                _changed(key, now, tokens=banked - cost, slept_s=_B.c.slept_s + slept_s).where(banked >= cost)
            )
            if paid.rowcount:
                return True
            connection.execute(_changed(key, now, tokens=banked))
        return False

    def earn(self, key: BucketKey, earned: float, slept_s: float, now: datetime) -> float:
        """Bank what successes earned; what there is then."""
        statement = _changed(key, now, tokens=_banked(earned, now), slept_s=_B.c.slept_s + slept_s)
        with writing(self._engine) as connection:
            _ensure(connection, key, now)
            left = connection.execute(statement.returning(_B.c.tokens)).scalar_one()
        return float(left)

    # ── for people ──────────────────────────────────────────────────────────────────────────────────────────────────

    def all(self, now: datetime) -> tuple[BucketRow, ...]:
        """Every bucket, by key."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(_B).order_by(_B.c.key)).all()
        return tuple(_row(row, now) for row in rows)


_B = schema.bucket


def _begun(row: Any, per_s: float | None, now: datetime) -> float | None:
    fresh = row is not None and row.updated_at >= iso(now - timedelta(seconds=_FORGET_RATE_S))
    known: float | None = row.per_s if fresh else None
    return per_s if known is None else min(known, per_s or known)


def _seen(row: Any, per_s: float | None) -> Slot:
    return Slot(per_s, 0.0, 0.0, 0.0, row.not_before if row is not None else 0.0)


def _ensure(connection: sa.Connection, key: BucketKey, now: datetime) -> None:
    """The row, made where it is not there yet. Both databases spell it alike; SQLAlchemy keeps them apart."""
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    tokens = RETRIES_MOST if key.kind == "retries" else None
    values = {"key": str(key), "tokens": tokens, "tat": 0.0, "not_before": 0.0, "cuts": 0, "slept_s": 0.0}
    made = dialect.insert(_B).values(**values, updated_at=iso(now))
    connection.execute(made.on_conflict_do_nothing(index_elements=["key"]))


def _changed(key: BucketKey, now: datetime, **values: Any) -> sa.Update:
    return _B.update().where(_B.c.key == str(key)).values(**values, updated_at=iso(now))


def _banked(earned: float, now: datetime) -> sa.ColumnElement[float]:
    """What is left once `earned` is banked, in SQL."""
    stale = _B.c.updated_at < iso(now - timedelta(seconds=_FORGET_RETRIES_S))
    full = sa.or_(stale, _B.c.tokens.is_(None), _B.c.tokens + earned > RETRIES_MOST)
    return sa.case((full, RETRIES_MOST), else_=_B.c.tokens + earned)


def _row(row: Any, now: datetime) -> BucketRow:
    key, updated_at = BucketKey.parse(row.key), datetime.fromisoformat(row.updated_at)
    stale = (now - updated_at).total_seconds() > _FORGET_RETRIES_S
    return BucketRow(
        key=key,
        per_s=row.per_s,
        left=RETRIES_MOST if stale and key.kind == "retries" else row.tokens,
        cuts=row.cuts,
        slept_s=row.slept_s,
        not_before=datetime.fromtimestamp(row.not_before, UTC) if row.not_before > now.timestamp() else None,
        updated_at=updated_at,
    )
