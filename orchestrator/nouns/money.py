"""Budget and leases: the caps, every reserved or spent cent, and what still bills by the hour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal

import providers

from ..errors import TunewrightError, UsageError
from ..jobs.janitor import stop
from ..ledger import LEASE_SENT, LeaseRow, LeaseStage, Spending
from ..pipeline.project import Project
from ..pipeline.session import Session

__all__ = ["Budget", "BudgetView", "Leases", "Rented"]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Rented(LeaseRow):
    """A lease as it stands now. `age_s`: since it was asked for. `so_far_usd`: None without a price."""

    age_s: float | None
    so_far_usd: Decimal | None

    @classmethod
    def at(cls, row: LeaseRow, now: datetime) -> Rented:
        """The row with its age and cost at that moment."""
        known = {item.name: getattr(row, item.name) for item in fields(row)}
        age_s = (now - row.started_at).total_seconds() if row.started_at else None
        return cls(**known, age_s=age_s, so_far_usd=row.cost_usd(now))


class Leases:
    """Served models that bill by the hour. `key` is a lease's id, its tag, or the platform's id."""

    def __init__(self, project: Project) -> None:
        self._project = project

    async def ls(self) -> tuple[Rented, ...]:
        """Every lease of this ledger, newest change first; none where there is no ledger yet."""
        known = self._project.known
        rows = () if known is None else await known.desk.db(known.desk.ledger.leases.all)
        return tuple(Rented.at(row, self._project.clock.now()) for row in rows)

    async def stop(self, key: str | None = None, *, wait: bool = False) -> tuple[LeaseRow, ...]:
        """Stop one lease, or all that are open, whoever uses them. `wait`: until one in doubt is found or proved
        absent. Raises the first `TunewrightError` of those that could not be stopped, after all were tried."""
        known = self._project.known
        rows = [row for row in await self.ls() if row.stage is not LeaseStage.STOPPED]
        chosen = [row for row in rows if key is None or key in (row.id, row.tag, row.remote_id)]
        if key is not None and not chosen:
            raise UsageError(f"no open lease {key!r}", fix="tunewright leases ls")
        stopped: list[LeaseRow] = []
        failed: list[TunewrightError] = []
        for row in chosen:
            assert known is not None  # whose rows these are
            try:
                stopped.append(await _stopped(known, row, wait))
            except TunewrightError as error:
                failed.append(error)
        if failed:
            raise failed[0]
        return tuple(stopped)

    async def resolve(self, key: str, remote_id: str | None) -> LeaseRow:
        """A person's word on a lease that nobody else can tell of: the platform's id of it, which is then stopped, or
        (None) there is none. Raises `UsageError` for a lease that is in no doubt."""
        known = self._project.known
        row = next((row for row in await self.ls() if key in (row.id, row.tag)), None)
        if known is None or row is None or row.stage not in LEASE_SENT:
            raise UsageError(f"no lease {key!r} in doubt", fix="tunewright leases ls")
        leases, now = known.desk.ledger.leases, known.desk.clock.now()
        if remote_id is not None:
            await known.desk.db(leases.bind, row.id, remote_id, None, now, "resolved")
            return await _stopped(known, row, False)
        ended = row.started_at or now
        basis = "a person says that there is none"
        await known.desk.db(
            leases.finish, row.id, LEASE_SENT, now, ended=ended, usd=Decimal(0), state="released", basis=basis
        )
        return await known.desk.db(leases.get, row.id)


async def _stopped(session: Session, row: LeaseRow, wait: bool) -> LeaseRow:
    desk = session.desk
    account = session.account_of(row.provider, row.account, f"lease {row.id}")
    async with session.open(account) as provider:
        return await stop(desk, provider, row, wait=wait)
