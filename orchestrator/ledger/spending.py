"""What was reserved and what was billed, as records: how they are read, and how they are added without rounding."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal
from functools import reduce
from typing import Any, Literal, get_args

import sqlalchemy as sa

from . import schema

__all__ = [
    "KINDS",
    "Kind",
    "Reservation",
    "Spending",
    "exact_dollars",
    "exact_sum",
    "spendings",
    "training_spending",
]

Kind = Literal["training", "evaluation", "judging", "hosting"]
KINDS: tuple[Kind, ...] = get_args(Kind)

# Decimal rounds to 28 digits by default; sums of money are not to be rounded at all.
_EXACT = Context(prec=1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """Money reserved (the high end of a quote), later settled to what was billed.

    `month`: in which it was reserved, UTC; it counts there, whenever the bill comes. `quoted_usd` None: a part of it
    has no known price. `basis`: how the sum came about, in words.
    """

    id: str
    run_id: str | None
    kind: str
    provider: str
    account: str
    sandbox: bool
    month: str
    state: str
    quoted_usd: Decimal | None
    usd: Decimal
    at: datetime
    project: str | None = None
    basis: str | None = None

    @property
    def reserved_usd(self) -> Decimal:
        """What is held now."""
        return self.usd if self.state == "reserved" else Decimal(0)

    @property
    def billed_usd(self) -> Decimal:
        """What was billed."""
        return self.usd if self.state == "settled" else Decimal(0)

    @property
    def unknown(self) -> bool:
        """True while nobody can say what this will cost: its `usd` holds the known part alone."""
        return self.state == "reserved" and self.quoted_usd is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """A wish to hold money. `run_cap` (--max-usd) bounds this run's spending whatever the stored caps say.

    `then_usd`: what the same run needs afterwards; it must fit too, and is not held. `project`: by default its run's.
    `unknown`: a part has no known price, and `usd` is the rest. `basis`: how `usd` came about.
    """

    id: str
    usd: Decimal
    kind: Kind
    provider: str
    account: str
    sandbox: bool
    run_id: str | None = None
    run_cap: Decimal | None = None
    project: str | None = None
    then_usd: Decimal = Decimal(0)
    unknown: bool = False
    basis: str | None = None


def training_spending(intent_id: str) -> str:
    """The id under which an intent's training money is held."""
    return f"training:{intent_id}"


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """The sum, without rounding: the parts that are listed always add up to the total that is shown."""
    return reduce(_EXACT.add, amounts, Decimal(0))


def exact_dollars(usd: Decimal) -> str:
    """Every digit of it, and at least cents: "$0.10", "$0.000123"."""
    exponent = usd.normalize(_EXACT).as_tuple().exponent
    places = max(2, -exponent if isinstance(exponent, int) else 2)
    return f"${usd.quantize(Decimal(1).scaleb(-places), context=_EXACT):,f}"


def spendings(connection: sa.Connection, *where: sa.ColumnElement[bool]) -> list[Spending]:
    """The rows that fulfil every condition."""
    return [_spending(row) for row in connection.execute(sa.select(schema.spending).where(*where))]


def _spending(row: Any) -> Spending:
    return Spending(
        id=row.id,
        run_id=row.run_id,
        kind=row.kind,
        provider=row.provider,
        account=row.account,
        sandbox=bool(row.sandbox),
        month=row.month,
        state=row.state,
        quoted_usd=None if row.quoted_usd is None else Decimal(row.quoted_usd),
        usd=Decimal(row.usd),
        at=datetime.fromisoformat(row.at),
        project=row.project,
        basis=row.basis,
    )
