"""Budget and leases: the caps, every reserved or spent cent, and what still bills by the hour."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal

import providers

from ..errors import TunewrightError, UsageError
from ..jobs.janitor import stop
from ..jobs.patience import patiently
from ..ledger import LEASE_SENT, LeaseRow, LeaseStage, Spending, training_spending
from ..ledger.budget import month_of
from ..pipeline.project import Project
from ..pipeline.session import Session
from .budget_view import BudgetView, Line, line_of, scopes_of

__all__ = ["Budget", "BudgetView", "Leases", "Rented"]

_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


class Budget:
    """Caps in US dollars."""

    def __init__(self, project: Project) -> None:
        self._project = project

    async def show(
        self,
        *,
        month: str | None = None,
        provider: str | None = None,
        project: str | None = None,
        run: str | None = None,
    ) -> BudgetView:
        """What may be spent, and what was and why; before the first run, the configuration's caps and nothing spent.

        `month` ('2026-11'), `provider`, `project` and `run` narrow what is listed; the caps are those of that month.
        """
        now, mine = month_of(self._project.clock.now()), self._project.name
        at, known = _month(month) or now, self._project.known
        if known is None:
            caps = self._project.caps
            return BudgetView(caps=caps, month=at, project=mine, scopes=scopes_of(caps, (), month=at, project=mine))
        desk, ledger = known.desk, known.desk.ledger
        caps, everything = await desk.db(ledger.budget.caps), await desk.db(ledger.budget.spendings)
        asked = {"month": month, "provider": provider, "project": project, "run_id": run}
        chosen = [i for i in everything if all(v is None or getattr(i, k) == v for k, v in asked.items())]
        return BudgetView(
            caps=caps,
            month=at,
            project=mine,
            scopes=scopes_of(caps, everything, month=at, project=mine, run_id=run),
            lines=await self._lines(known, chosen),
            everything=everything,
            record=await desk.db(ledger.track_record.all),
        )

    async def _lines(self, known: Session, chosen: Sequence[Spending]) -> tuple[Line, ...]:
        desk, ledger = known.desk, known.desk.ledger
        intents = {training_spending(intent.id): intent for intent in await desk.db(ledger.intents.all)}
        leases = {f"lease:{lease.id}": lease for lease in await desk.db(ledger.leases.all)}
        return tuple(line_of(i, intents.get(i.id), leases.get(i.id)) for i in chosen)

    async def set(self, scope: str, usd: Decimal | None) -> None:
        """Set or remove (None) a cap: 'run', 'month', 'provider:NAME', 'project' (this one) or 'project:NAME'.

        Raises `UsageError` for another scope, and for what is no amount.
        """
        kind, colon, name = scope.partition(":")
        plain = kind in ("run", "month", "project") and not colon
        if not (plain or (kind == "provider" and name in providers.platform_names()) or (kind == "project" and name)):
            raise UsageError(f"no such scope {scope!r}", fix="run, month, provider:NAME, project, or project:NAME")
        if usd is not None:
            _refuse_no_amount(usd)
        scope = f"project:{self._project.name}" if scope == "project" else scope
        desk = self._project.session.desk
        await desk.db(desk.ledger.budget.set_cap, scope, usd, desk.clock.now())

    async def settle(self, spending: str, usd: Decimal) -> Spending:
        """A person's word on what something cost, where no platform tells. Kept as such; a later bill replaces it.

        Raises `UsageError` while something else will still tell, or nothing of that id is reserved.
        """
        _refuse_no_amount(usd)
        known = self._project.known
        if known is None:
            raise UsageError("no runs here yet", where=self._project.place, fix="tunewright run PAIRS …")
        desk = known.desk
        return await desk.db(desk.ledger.settle_by_word, spending, usd, desk.clock.now())


def _month(text: str | None) -> str | None:
    if text is not None and not _MONTH.fullmatch(text):
        raise UsageError(f"{text!r} is not a month", where="month", fix="write it as 2026-11")
    return text


def _refuse_no_amount(usd: Decimal) -> None:
    if not usd.is_finite() or usd < 0:
        raise UsageError(f"{usd} is not an amount of US dollars", fix="an amount from 0 on")


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

    async def stop_unknown(self, provider_name: str, remote_id: str, account: str | None = None) -> None:
        """Stop a machine that carries our tag and that no ledger here keeps: what `jobs audit` shows.

        Raises `UsageError` for one without our tag, or one that this ledger keeps.
        """
        session = self._project.session
        opened = session.account(provider_name, account)
        known = [
            row.id for row in await self.ls() if row.remote_id == remote_id and row.stage is not LeaseStage.STOPPED
        ]
        if known:
            raise UsageError(
                f"{remote_id} is lease {known[0]} of this ledger", fix=f"tunewright leases stop {known[0]}"
            )
        async with session.open(opened) as provider:
            lease = await patiently(session.desk, provider, lambda: provider.lease(remote_id))
            if lease.tag is None:
                raise UsageError(
                    f"{remote_id} does not carry our tag, so it is not ours to stop",
                    where=f"{provider_name}, {lease.model}",
                    fix="stop it in the platform's console",
                )
            await patiently(session.desk, provider, lambda: provider.teardown(remote_id))

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
