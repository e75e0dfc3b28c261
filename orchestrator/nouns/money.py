"""Budget and leases: the caps, every reserved or spent cent, and what still bills by the hour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import providers

from ..errors import UsageError
from ..jobs.leases import stop
from ..ledger import LeaseRow, Spending
from ..pipeline.project import Project
from ..pipeline.session import Session

__all__ = ["Budget", "BudgetView", "Leases"]


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


class Budget:
    """Caps in US dollars."""

    def __init__(self, project: Project) -> None:
        self._project = project

    async def show(self) -> BudgetView:
        """What may be spent, and what was; before the first run, the configuration's caps and nothing spent."""
        known = self._project.known
        if known is None:
            return BudgetView(self._project.caps, (), f"{self._project.clock.now():%Y-%m}")
        desk = known.desk
        caps = await desk.db(desk.ledger.budget.caps)
        return BudgetView(caps, await desk.db(desk.ledger.budget.spendings), f"{desk.clock.now():%Y-%m}")

    async def set(self, scope: str, usd: Decimal | None) -> None:
        """Set ('run', 'month', 'provider:NAME') or remove (None) a cap. Raises `UsageError` for another scope."""
        provider = scope.removeprefix("provider:")
        if scope not in ("run", "month") and not (scope != provider and provider in providers.platform_names()):
            raise UsageError(f"no such scope {scope!r}", fix="run, month, or provider:NAME")
        desk = self._project.session.desk
        await desk.db(desk.ledger.budget.set_cap, scope, usd, desk.clock.now())


class Leases:
    """Served models that bill by the hour."""

    def __init__(self, project: Project) -> None:
        self._project = project

    async def ls(self) -> tuple[LeaseRow, ...]:
        """Every lease of this ledger, newest change first; none where there is no ledger yet."""
        known = self._project.known
        return () if known is None else await known.desk.db(known.desk.ledger.leases.all)

    async def stop(self, key: str | None = None) -> tuple[LeaseRow, ...]:
        """Stop one lease (by id, tag or the platform's id), or all that are open."""
        known = self._project.known
        rows = () if known is None else await known.desk.db(known.desk.ledger.leases.all, open_only=True)
        chosen = [row for row in rows if key is None or key in (row.id, row.tag, row.remote_id)]
        if key is not None and not chosen:
            raise UsageError(f"no open lease {key!r}", fix="tunewright leases ls")
        return tuple([await _stopped(known, row) for row in chosen if known is not None])


async def _stopped(session: Session, row: LeaseRow) -> LeaseRow:
    desk = session.desk
    account = session.account_of(row.provider, row.account, f"lease {row.id}")
    async with session.open(account) as provider:
        await stop(desk, provider, row)
    return await desk.db(desk.ledger.leases.get, row.id)
