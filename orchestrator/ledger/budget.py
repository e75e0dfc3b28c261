"""The budget: caps, and reservations that two processes can never both fit into the last dollars.

Reserving checks every cap and writes the row in one transaction that holds the write lock. Sandbox spending is kept
apart and counts against nothing real. A spending counts in the month in which it was reserved, whenever its bill comes:
that month's cap is the one it was held against.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import sqlalchemy as sa

from . import schema
from .caps import bounds, is_of, key_of, lowest, refuse_over
from .engine import writing
from .history import append, iso
from .spending import KINDS, Kind, Reservation, Spending, exact_sum, spendings, training_spending

__all__ = [
    "KINDS",
    "Budget",
    "Reservation",
    "Spending",
    "close",
    "explain",
    "hold",
    "hold_again",
    "is_held",
    "month_of",
    "training_spending",
]

_FREED = "not sent: freed"
_HELD = "the high end of the quote"
_HELD_AGAIN = "the high end of the quote, held again: it was bought after all"
_ADOPTED = "bought elsewhere and adopted: its bill is not known yet"


class Budget:
    """Caps and spending."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def caps(self) -> Mapping[str, Decimal]:
        """Scope ('run', 'month', 'provider:NAME', 'project:NAME') → dollars; the lowest where several are set."""
        with self._engine.connect() as connection:
            return {scope: usd for scope, (usd, _) in lowest(_caps(connection)).items()}

    def set_cap(self, scope: str, usd: Decimal | None, now: datetime) -> None:
        """Set a cap; None removes it."""
        with writing(self._engine) as connection:
            _set_cap(connection, scope, usd, now)

    def configure(self, project: str, caps: Mapping[str, Decimal], now: datetime) -> None:
        """The caps of one project's configuration file, by scope: those alone, in place of what it said before.

        Where several projects share a ledger each keeps its own, and the lowest holds for all.
        """
        wanted = {key_of(scope, "" if scope.startswith("project:") else project): usd for scope, usd in caps.items()}
        with self._engine.connect() as connection:
            kept = _caps(connection)
        gone = {key: None for key in kept if key not in wanted and is_of(key, project)}
        changed = {key: usd for key, usd in wanted.items() if kept.get(key) != usd}
        if changed or gone:
            with writing(self._engine) as connection:
                for key, usd in {**changed, **gone}.items():
                    _set_cap(connection, key, usd, now)

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
        project: str | None = None,
        then_usd: Decimal = Decimal(0),
        unknown: bool = False,
        basis: str | None = None,
    ) -> Decimal:
        """Hold `usd`, keyed by `spending_id` (asking again replaces, never adds). Raises `BudgetRefused`.

        The rest is as in `Reservation`.
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
            project=project,
            then_usd=then_usd,
            unknown=unknown,
            basis=basis,
        )
        self.hold(wish, now)
        return usd

    def hold(self, wishes: Reservation | Sequence[Reservation], now: datetime) -> None:
        """The same, for wishes that are records already: all of them, or none. Raises `BudgetRefused`."""
        with writing(self._engine) as connection:
            for wish in (wishes,) if isinstance(wishes, Reservation) else wishes:
                hold(connection, wish, now)

    def adopt(self, wish: Reservation, now: datetime) -> None:
        """Note a spending that was begun elsewhere: no cap refuses what is bought already, and its bill will count."""
        with writing(self._engine) as connection:
            _lock(connection)
            if not spendings(connection, schema.spending.c.id == wish.id):
                unknown = replace(wish, usd=Decimal(0), unknown=True, basis=wish.basis or _ADOPTED)
                _insert(connection, _of_its_run(connection, unknown), month_of(now), now)

    def settle(self, spending_id: str, usd: Decimal, now: datetime, *, basis: str | None = None) -> None:
        """What was held becomes what was billed. `basis`: how the bill came about."""
        self._close(spending_id, "settled", usd, now, basis)

    def release(self, spending_id: str, now: datetime, *, basis: str | None = None) -> None:
        """Nothing was bought: the money is free again."""
        self._close(spending_id, "released", Decimal(0), now, basis)

    def spendings(self, run_id: str | None = None) -> tuple[Spending, ...]:
        """Every reservation and bill, newest first."""
        where = () if run_id is None else (schema.spending.c.run_id == run_id,)
        with self._engine.connect() as connection:
            return tuple(sorted(spendings(connection, *where), key=lambda item: item.at, reverse=True))

    def _close(self, spending_id: str, state: str, usd: Decimal, now: datetime, basis: str | None) -> None:
        with writing(self._engine) as connection:
            close(connection, spending_id, state, usd, now, basis)


def month_of(now: datetime) -> str:
    """The calendar month in UTC: '2026-11'."""
    return f"{now.astimezone(UTC):%Y-%m}"


def hold(connection: sa.Connection, wish: Reservation, now: datetime) -> None:
    """Reserve inside the caller's write transaction. Raises `BudgetRefused`. A bill that is as high stays a bill.

    More of what was billed in an earlier month is a spending of its own: the bill stays where it was.
    """
    _lock(connection)
    wish, month = _of_its_run(connection, wish), month_of(now)
    known = _that_may_count(connection, wish, month)
    mine = next((item for item in known if item.id == wish.id), None)
    earlier = exact_sum(item.usd for item in known if _is_part(item.id, wish.id))
    if mine is not None and mine.state == "settled":
        if exact_sum((earlier, mine.usd)) >= wish.usd:
            return
        if mine.month < month:
            known = _kept_apart(connection, known, mine, now)
            earlier = exact_sum((earlier, mine.usd))
        month = max(month, mine.month)
    wish = replace(wish, usd=max(Decimal(0), exact_sum((wish.usd, -earlier))))
    refuse_over(bounds(_caps(connection), wish, month, [item for item in known if item.id != wish.id]), wish)
    connection.execute(schema.spending.delete().where(schema.spending.c.id == wish.id))
    _insert(connection, wish, month, now)


def _that_may_count(connection: sa.Connection, wish: Reservation, month: str) -> list[Spending]:
    """Every row that some cap of this wish could count, with its own."""
    columns = schema.spending.c
    run = sa.false() if wish.run_id is None else columns.run_id == wish.run_id
    project = sa.false() if wish.project is None else columns.project == wish.project
    own = sa.or_(columns.id == wish.id, columns.id.startswith(f"{wish.id}@", autoescape=True))
    return spendings(connection, sa.or_(own, columns.month == month, run, project))


def _is_part(spending_id: str, whole: str) -> bool:
    """What was billed in an earlier month under that id."""
    return spending_id.startswith(f"{whole}@")


def _kept_apart(connection: sa.Connection, known: list[Spending], mine: Spending, now: datetime) -> list[Spending]:
    kept = replace(mine, id=f"{mine.id}@{mine.month}")
    connection.execute(schema.spending.update().where(schema.spending.c.id == mine.id).values(id=kept.id))
    append(connection, now, f"spending:{mine.id}", "kept", {"month": mine.month, "usd": str(mine.usd)})
    return [kept if item.id == mine.id else item for item in known]


def _of_its_run(connection: sa.Connection, wish: Reservation) -> Reservation:
    if wish.project is not None or wish.run_id is None:
        return wish
    query = sa.select(schema.run.c.project).where(schema.run.c.id == wish.run_id)
    return replace(wish, project=connection.execute(query).scalar())


def _insert(connection: sa.Connection, wish: Reservation, month: str, now: datetime) -> None:
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
            quoted_usd=None if wish.unknown else str(wish.usd),
            usd=str(wish.usd),
            at=iso(now),
            project=wish.project,
            basis=wish.basis or _HELD,
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

    `usd` is the whole bill: what earlier months have taken of it stays theirs. The same bill again changes nothing.
    """
    columns = schema.spending.c
    parts = spendings(connection, columns.id.startswith(f"{spending_id}@", autoescape=True))
    here = max(Decimal(0), exact_sum((usd, *(-item.usd for item in parts)))) if state == "settled" else usd
    (mine,) = spendings(connection, columns.id == spending_id) or (None,)
    told = basis or (_FREED if state == "released" else None)
    if mine is None or (mine.state, mine.usd, mine.basis) == (state, here, told or mine.basis):
        return
    values = {"state": state, "usd": str(here), "at": iso(now), "basis": told}
    connection.execute(schema.spending.update().where(columns.id == spending_id).values(**values))
    append(connection, now, f"spending:{spending_id}", state, {"usd": str(here), "basis": told})


def hold_again(connection: sa.Connection, spending_id: str, now: datetime) -> None:
    """What turns out to be bought although its money was freed is held again, as quoted, whatever the caps say."""
    table = schema.spending
    freed = sa.select(table.c.quoted_usd).where(table.c.id == spending_id, table.c.state == "released")
    quoted_usd = connection.execute(freed).scalar()
    if quoted_usd is not None:
        close(connection, spending_id, "reserved", Decimal(quoted_usd), now, _HELD_AGAIN)


def explain(connection: sa.Connection, spending_id: str, basis: str) -> None:
    """Say how the sum came about, inside the caller's write transaction."""
    table = schema.spending
    connection.execute(table.update().where(table.c.id == spending_id).values(basis=basis))


def _lock(connection: sa.Connection) -> None:
    # SQLite is already exclusive (BEGIN IMMEDIATE); elsewhere the tables are locked against concurrent readers.
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("LOCK TABLE spending, cap IN EXCLUSIVE MODE"))


def _set_cap(connection: sa.Connection, key: str, usd: Decimal | None, now: datetime) -> None:
    connection.execute(schema.cap.delete().where(schema.cap.c.scope == key))
    if usd is not None:
        connection.execute(schema.cap.insert().values(scope=key, usd=str(usd), at=iso(now)))
    append(connection, now, "budget", "cap", {"scope": key, "usd": None if usd is None else str(usd)})


def _caps(connection: sa.Connection) -> dict[str, Decimal]:
    """As kept: see `caps.key_of`."""
    return {row.scope: Decimal(row.usd) for row in connection.execute(sa.select(schema.cap))}
