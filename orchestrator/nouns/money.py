"""Budget and leases: the caps, every reserved or spent cent, and what still bills by the hour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import providers

from ..errors import UsageError
from ..jobs.leases import stop
from ..ledger import LeaseRow, Spending
from ..pipeline.session import Session

__all__ = ["Budget", "BudgetView", "Leases", "Limits"]


@dataclass(frozen=True, slots=True)
class BudgetView:
    """Caps by scope, and every spending. Sandbox spending is listed, and counts against no cap."""

    caps: Mapping[str, Decimal]
    spendings: tuple[Spending, ...]
    month: str

    def used(self, *, sandbox: bool = False) -> Decimal:
        """Reserved and settled dollars of this month."""
        mine = [item.usd for item in self.spendings if item.month == self.month and item.sandbox == sandbox]
        return sum(mine, Decimal(0))


@dataclass(frozen=True, slots=True)
class Limits:
    """Which ledger and which caps apply here. `exists` False: the ledger would be made by the first run."""

    ledger: str
    exists: bool
    caps: Mapping[str, Decimal]
    used: Decimal = Decimal(0)


class Budget:
    """Caps in US dollars."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def show(self) -> BudgetView:
        """What may be spent, and what was."""
        desk = self._session.desk
        caps = await desk.db(desk.ledger.budget.caps)
        return BudgetView(caps, await desk.db(desk.ledger.budget.spendings), f"{desk.clock.now():%Y-%m}")

    async def set(self, scope: str, usd: Decimal | None) -> None:
        """Set ('run', 'month', 'provider:NAME') or remove (None) a cap. Raises `UsageError` for another scope."""
        provider = scope.removeprefix("provider:")
        if scope not in ("run", "month") and not (scope != provider and provider in providers.platform_names()):
            raise UsageError(f"no such scope {scope!r}", fix="run, month, or provider:NAME")
        desk = self._session.desk
        await desk.db(desk.ledger.budget.set_cap, scope, usd, desk.clock.now())


class Leases:
    """Served models that bill by the hour."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def ls(self) -> tuple[LeaseRow, ...]:
        """Every lease of this ledger, newest change first."""
        return await self._session.desk.db(self._session.desk.ledger.leases.all)

    async def stop(self, key: str | None = None) -> tuple[LeaseRow, ...]:
        """Stop one lease (by id, tag or the platform's id), or all that are open."""
        desk = self._session.desk
        rows = await desk.db(desk.ledger.leases.all, open_only=True)
        chosen = [row for row in rows if key is None or key in (row.id, row.tag, row.remote_id)]
        if key is not None and not chosen:
            raise UsageError(f"no open lease {key!r}", fix="tunewright leases ls")
        for row in chosen:
            account = self._session.account_of(row.provider, row.account, f"lease {row.id}")
            async with self._session.open(account) as provider:
                await stop(desk, provider, row)
        return tuple([await desk.db(desk.ledger.leases.get, row.id) for row in chosen])
