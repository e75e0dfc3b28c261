"""The budget: caps, and reservations that two processes can never both fit into the last dollars.

Reserving checks every cap and writes the row in one transaction that holds the write lock. Sandbox spending is kept
apart and counts against nothing real.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

import sqlalchemy as sa

from ..errors import BudgetRefused
from . import schema
from .engine import writing
from .history import append, iso

__all__ = ["Budget", "Reservation", "Spending", "close", "explain", "hold", "is_held", "training_spending"]

Kind = Literal["training", "evaluation", "hosting"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """Money reserved (the high end of a quote), later settled to what was billed."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """A wish to hold money. `run_cap` (--max-usd) bounds this run's spending whatever the stored caps say."""

    id: str
    usd: Decimal
    kind: Kind
    provider: str
    account: str
    sandbox: bool
    run_id: str | None = None
    run_cap: Decimal | None = None


class Budget:
    """Caps and spending."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def caps(self) -> Mapping[str, Decimal]:
        """Scope ('run', 'month', 'provider:NAME') → dollars."""
        with self._engine.connect() as connection:
            return _caps(connection)

    def set_cap(self, scope: str, usd: Decimal | None, now: datetime) -> None:
        """Set a cap; None removes it."""
        with writing(self._engine) as connection:
            connection.execute(schema.cap.delete().where(schema.cap.c.scope == scope))
            if usd is not None:
                connection.execute(schema.cap.insert().values(scope=scope, usd=str(usd), at=iso(now)))
            append(connection, now, "budget", "cap", {"scope": scope, "usd": None if usd is None else str(usd)})

    def reserve(
        self,
        spending_id: str,
        usd: Decimal,
        now: datetime,
        *,
        kind: Kind,
        provider: str,
        account: str,
        sandbox: bool,
        run_id: str | None = None,
        run_cap: Decimal | None = None,
    ) -> Decimal:
        """Hold `usd`, keyed by `spending_id` (asking again replaces, never adds). Raises `BudgetRefused`.

        `run_cap` (--max-usd) bounds this run's spending whatever the stored caps say.
        """
        wish = Reservation(
            id=spending_id,
            usd=usd,
            kind=kind,
            provider=provider,
            account=account,
            sandbox=sandbox,
            run_id=run_id,
            run_cap=run_cap,
        )
        with writing(self._engine) as connection:
            hold(connection, wish, now)
        return usd

    def settle(self, spending_id: str, usd: Decimal, now: datetime) -> None:
        """What was held becomes what was billed."""
        self._close(spending_id, "settled", usd, now)

    def release(self, spending_id: str, now: datetime) -> None:
        """Nothing was bought: the money is free again."""
        self._close(spending_id, "released", Decimal(0), now)

    def spendings(self, run_id: str | None = None) -> tuple[Spending, ...]:
        """Every reservation and bill, newest first."""
        with self._engine.connect() as connection:
            found = _spendings(connection)
        chosen = [item for item in found if run_id is None or item.run_id == run_id]
        return tuple(sorted(chosen, key=lambda item: item.at, reverse=True))

    def _close(self, spending_id: str, state: str, usd: Decimal, now: datetime) -> None:
        with writing(self._engine) as connection:
            close(connection, spending_id, state, usd, now)


def hold(connection: sa.Connection, wish: Reservation, now: datetime) -> None:
    """Reserve inside the caller's write transaction. Raises `BudgetRefused`. A bill that is as high stays a bill."""
    _lock(connection)
    known = _spendings(connection)
    if any(item.id == wish.id and item.state == "settled" and item.usd >= wish.usd for item in known):
        return
    month = f"{now:%Y-%m}"
    for scope, cap_usd, used in _limits(_caps(connection), wish, month, [i for i in known if i.id != wish.id]):
        if used + wish.usd > cap_usd:
            raise _refused(scope, cap_usd, used, wish.usd)
    connection.execute(schema.spending.delete().where(schema.spending.c.id == wish.id))
    connection.execute(
        schema.spending.insert().values(
            id=wish.id,
            run_id=wish.run_id,
            kind=wish.kind,
            provider=wish.provider,
            account=wish.account,
            sandbox=wish.sandbox,
            month=month,
            state="reserved",
            quoted_usd=str(wish.usd),
            usd=str(wish.usd),
            at=iso(now),
        )
    )
    append(connection, now, f"spending:{wish.id}", "reserved", {"usd": str(wish.usd)})


def is_held(connection: sa.Connection, spending_id: str) -> bool:
    """True while money is reserved under that id."""
    table = schema.spending
    query = sa.select(table.c.id).where(table.c.id == spending_id, table.c.state == "reserved")
    return connection.execute(query).first() is not None


def close(
    connection: sa.Connection, spending_id: str, state: str, usd: Decimal, now: datetime, basis: str | None = None
) -> None:
    """Settle or release inside the caller's write transaction; an id that holds nothing is left alone.

    `basis`: how the sum came about, in words.
    """
    table = schema.spending
    changed = connection.execute(
        table.update().where(table.c.id == spending_id).values(state=state, usd=str(usd), at=iso(now))
    ).rowcount
    if changed and basis is not None:
        explain(connection, spending_id, basis)
    if changed:
        append(connection, now, f"spending:{spending_id}", state, {"usd": str(usd)})


def explain(connection: sa.Connection, spending_id: str, basis: str) -> None:
    """Say how the sum came about, inside the caller's write transaction."""
    table = schema.spending
    connection.execute(table.update().where(table.c.id == spending_id).values(basis=basis))


def training_spending(intent_id: str) -> str:
    """The id under which an intent's training money is held."""
    return f"training:{intent_id}"


def _lock(connection: sa.Connection) -> None:
    # SQLite is already exclusive (BEGIN IMMEDIATE); elsewhere the tables are locked against concurrent readers.
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("LOCK TABLE spending, cap IN EXCLUSIVE MODE"))


def _limits(
    caps: Mapping[str, Decimal], wish: Reservation, month: str, others: list[Spending]
) -> list[tuple[str, Decimal, Decimal]]:
    """(scope, cap, used so far) of each cap that binds this spending."""
    limits: list[tuple[str, Decimal, Decimal]] = []
    run_caps = [usd for usd in (wish.run_cap, None if wish.sandbox else caps.get("run")) if usd is not None]
    if run_caps:
        same_run = [item for item in others if wish.run_id is not None and item.run_id == wish.run_id]
        limits.append(("this run", min(run_caps), _sum(same_run)))
    if wish.sandbox:
        return limits
    real = [item for item in others if not item.sandbox and item.month == month]
    if "month" in caps:
        limits.append((f"the month {month}", caps["month"], _sum(real)))
    scope = f"provider:{wish.provider}"
    if scope in caps:
        used = _sum([item for item in real if item.provider == wish.provider])
        limits.append((f"{wish.provider} in {month}", caps[scope], used))
    return limits


def _sum(items: list[Spending]) -> Decimal:
    return sum((item.usd for item in items), Decimal(0))


def _refused(scope: str, cap_usd: Decimal, used: Decimal, usd: Decimal) -> BudgetRefused:
    return BudgetRefused(
        f"the budget for {scope} is ${cap_usd:.2f}; ${used:.2f} of it is spent or reserved, and this needs up to "
        f"${usd:.2f}",
        fix="raise the cap (--max-usd, or tunewright budget set), or spend less: fewer epochs, rows or test prompts",
    )


def _caps(connection: sa.Connection) -> dict[str, Decimal]:
    return {row.scope: Decimal(row.usd) for row in connection.execute(sa.select(schema.cap))}


def _spendings(connection: sa.Connection) -> list[Spending]:
    return [
        Spending(
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
        )
        for row in connection.execute(sa.select(schema.spending))
    ]
