"""What jobs were quoted and what they were billed, so that the next quote knows how far to trust itself."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from . import schema
from .engine import writing
from .history import iso

__all__ = ["Bill", "TrackRecord"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """One finished job: the range quoted from prices alone, and the bill; None: not known. Play money stays apart."""

    intent_id: str
    provider: str
    account: str
    model: str
    method: str
    sandbox: bool
    quoted_low_usd: Decimal | None
    quoted_high_usd: Decimal | None
    billed_usd: Decimal | None
    quoted_tokens_low: int | None
    quoted_tokens_high: int | None
    billed_tokens: int | None
    at: datetime

    @property
    def ratio(self) -> Decimal | None:
        """The bill over the middle of what was quoted; None where either is not known, or nothing was quoted."""
        if self.quoted_low_usd is None or self.quoted_high_usd is None or self.billed_usd is None:
            return None
        middle = (self.quoted_low_usd + self.quoted_high_usd) / 2
        return self.billed_usd / middle if middle > 0 else None


class TrackRecord:
    """The track_record table: one row a job."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def put(self, bill: Bill) -> None:
        """Write the row; a later bill of the same job replaces it."""
        table = schema.track_record
        with writing(self._engine) as connection:
            connection.execute(table.delete().where(table.c.intent_id == bill.intent_id))
            connection.execute(table.insert().values(**{f.name: _column(getattr(bill, f.name)) for f in fields(bill)}))

    def all(self) -> tuple[Bill, ...]:
        """Newest first."""
        table = schema.track_record
        query = sa.select(table).order_by(table.c.at.desc(), table.c.intent_id)
        with self._engine.connect() as connection:
            return tuple(_bill(row) for row in connection.execute(query))


def _column(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    return str(value) if isinstance(value, Decimal) else value


def _usd(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _bill(row: Any) -> Bill:
    return Bill(
        intent_id=row.intent_id,
        provider=row.provider,
        account=row.account,
        model=row.model,
        method=row.method,
        sandbox=bool(row.sandbox),
        quoted_low_usd=_usd(row.quoted_low_usd),
        quoted_high_usd=_usd(row.quoted_high_usd),
        billed_usd=_usd(row.billed_usd),
        quoted_tokens_low=row.quoted_tokens_low,
        quoted_tokens_high=row.quoted_tokens_high,
        billed_tokens=row.billed_tokens,
        at=datetime.fromisoformat(row.at),
    )
