"""Serving that bills by the hour, as a lease: one paid request after the ledger knows of it, torn down after use.

What is not clearly refused is in doubt: found by its tag it is used, or torn down where nobody wants it any more; a
second request under one tag is never sent. An idle time-out and a deadline are always set.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from secrets import token_hex

import anyio

from providers.contract import Provider
from providers.errors import ProviderError
from providers.records import Lease, LeaseState

from ..canonical import intent_id, tag_of
from ..errors import InDoubt, TunewrightError
from ..ledger import LEASE_SENT, LeaseRow, LeaseStage, Reservation, lease_spending
from .desk import Desk
from .failpoints import reach
from .janitor import find_ours, is_overdue, stop, sweep
from .patience import patiently
from .recover import QUICK_LOOKS_S

__all__ = ["DEFAULT_HOURS", "IDLE_TIMEOUT_S", "LeaseWish", "leased", "start", "want"]

IDLE_TIMEOUT_S = 900
DEFAULT_HOURS = Decimal(4)
"""The longest that a machine is rented where neither the user nor a price and what was reserved for it say."""

_MAX_STALL_S = 5.0
_POLL_S, _SANDBOX_POLL_S = 5.0, 0.5
_READY_WITHIN_S = 3600.0
_DEADLINE_LOOK_S = 5.0
_UP = (LeaseState.STARTING, LeaseState.READY)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseWish:
    """What to serve, and how much may be held for it.

    `usd_per_hour`: as quoted, until the platform tells its own price. `max_hours`: stopped by then whoever uses it; by
    default as long as what is reserved lasts at that price, or `DEFAULT_HOURS` where that is not known.
    """

    model: str
    account: str
    reserve_usd: Decimal
    sandbox: bool
    run_id: str | None = None
    run_cap: Decimal | None = None
    usd_per_hour: Decimal | None = None
    max_hours: Decimal | None = None

    def hours(self, usd_per_hour: Decimal | None) -> Decimal:
        """How long it may be rented at that price."""
        if self.max_hours is not None:
            return self.max_hours
        return self.reserve_usd / usd_per_hour if usd_per_hour and self.reserve_usd else DEFAULT_HOURS


@asynccontextmanager
async def leased(
    desk: Desk, provider: Provider, wish: LeaseWish, *, look_s: float = _DEADLINE_LOOK_S
) -> AsyncIterator[Lease]:
    """Serve `wish.model` for the length of the block; the billing stops when it ends, however it ends, or at the
    deadline, which ends the block with `TunewrightError` (looked at every `look_s`).

    Raises `BudgetRefused`, `InDoubt`, or the platform's own `ProviderError` when it refused.
    """
    await sweep(desk, provider, wish.account)
    reach("lease_before_want")
    row = await want(desk, provider, wish)
    reach("lease_after_want")
    try:
        row = await start(desk, provider, row, wish)
        lease = await _ready(desk, provider, row)
        async with _until(desk, row, look_s):
            yield lease
    finally:
        # Shielded: Ctrl-C must not leave a machine billing by the hour.
        with anyio.CancelScope(shield=True):
            await stop(desk, provider, row)


async def want(desk: Desk, provider: Provider, wish: LeaseWish) -> LeaseRow:
    """The wish and its money, in one transaction. Every start of serving is a lease of its own: two of one run must
    not share one bill. Raises `BudgetRefused`."""
    now, name = desk.clock.now(), intent_id({"model": wish.model, "run": wish.run_id, "one": token_hex(8)})
    row = LeaseRow(
        id=name,
        run_id=wish.run_id,
        provider=provider.platform.name,
        account=wish.account,
        model=wish.model,
        tag=tag_of(name),
        stage=LeaseStage.WANTED,
        sandbox=wish.sandbox,
        owner=desk.owner,
        usd_per_hour=wish.usd_per_hour,
        idle_timeout_s=IDLE_TIMEOUT_S,
        deadline=_deadline(now, wish.hours(wish.usd_per_hour)),
    )
    held = Reservation(
        id=lease_spending(name),
        usd=wish.reserve_usd,
        kind="hosting",
        provider=row.provider,
        account=wish.account,
        sandbox=wish.sandbox,
        run_id=wish.run_id,
        run_cap=wish.run_cap,
        unknown=wish.usd_per_hour is None,
    )
    return await desk.db(desk.ledger.leases.want, row, held, now)


def _deadline(since: datetime, hours: Decimal) -> datetime:
    return since + timedelta(hours=float(hours))


async def start(desk: Desk, provider: Provider, row: LeaseRow, wish: LeaseWish) -> LeaseRow:
    """The paid request, once, after the ledger knows that it may have been sent. Answers the row, SERVING."""
    reach("lease_before_starting")
    began = desk.clock.now()
    attempt = await desk.db(desk.ledger.leases.begin, row.id, began)
    if attempt is None:
        raise TunewrightError("this lease was stopped before it was asked for", where=f"lease {row.id}")
    reach("lease_after_starting")
    bills = f"it bills by the hour until it is stopped{' (sandbox, not money)' if row.sandbox else ''}"
    desk.say("serving", f"starting a dedicated endpoint for {row.model}; {bills}")
    if desk.clock.now() > began + timedelta(seconds=_MAX_STALL_S):
        # This process slept between its claim and now; somebody may already have looked and found nothing.
        await _unsent(desk, row, attempt, "stalled before sending")
        raise TunewrightError("the machine stalled before the paid request; nothing was sent", fix="start it again")
    try:
        lease = await provider.serve(row.model, row.tag, IDLE_TIMEOUT_S)
    except ProviderError as error:
        return await _unclear(desk, provider, row, wish, attempt, error)
    reach("lease_after_answer")
    return await _bind(desk, row, wish, lease, "serving")


async def _unsent(desk: Desk, row: LeaseRow, attempt: int, why: str) -> None:
    leases, now = desk.ledger.leases, desk.clock.now()
    await desk.db(
        leases.move, row.id, LEASE_SENT, LeaseStage.WANTED, now, kind="refused", attempt=attempt, started_at=None,
        last_error=why,
    )  # fmt: skip


async def _unclear(
    desk: Desk, provider: Provider, row: LeaseRow, wish: LeaseWish, attempt: int, error: ProviderError
) -> LeaseRow:
    """A refusal that proves nothing was rented goes back; everything else is in doubt, and only looked for."""
    if error.nothing_created:
        reach("lease_before_refused")
        await _unsent(desk, row, attempt, str(error))
        reach("lease_after_refused")
        raise error
    reach("lease_before_in_doubt")
    leases, source = desk.ledger.leases, (LeaseStage.STARTING,)
    await desk.db(
        leases.move, row.id, source, LeaseStage.IN_DOUBT, desk.clock.now(), attempt=attempt, last_error=str(error)
    )
    reach("lease_after_in_doubt")
    desk.say("lease_in_doubt", f"{error}. The endpoint may or may not have been started; looking for it")
    for pause_s in QUICK_LOOKS_S:
        await desk.clock.sleep(pause_s)
        try:
            found = [lease for lease in await find_ours(desk, provider, row) if lease.state in _UP]
        except ProviderError:
            break
        if len(found) == 1:
            desk.say("lease_adopted", f"found it: endpoint {found[0].id}")
            return await _bind(desk, row, wish, found[0], "adopted")
    raise InDoubt(
        f"starting an endpoint for {row.model} got no clear answer ({error}), and it is not found under its tag yet. "
        "It is not asked for again; the money stays reserved",
        where=f"{row.provider}, tag {row.tag}",
        fix="`tunewright leases stop --all` looks for it and stops it; so does the next start",
    ) from error


async def _bind(desk: Desk, row: LeaseRow, wish: LeaseWish, lease: Lease, kind: str) -> LeaseRow:
    """Ours to use, unless somebody has stopped it meanwhile."""
    reach("lease_before_bind")
    price = lease.usd_per_hour or row.usd_per_hour
    current = await desk.db(desk.ledger.leases.get, row.id)
    told = {
        "usd_per_hour": price,
        "idle_timeout_s": row.idle_timeout_s if lease.idle_timeout_s is None else lease.idle_timeout_s,
        "deadline": _deadline(current.started_at or desk.clock.now(), wish.hours(price)),
    }
    if not await desk.db(desk.ledger.leases.bind, row.id, lease.id, desk.owner, desk.clock.now(), kind, **told):
        raise TunewrightError(f"the endpoint of {row.model} was stopped while it started", where=f"lease {row.id}")
    reach("lease_after_bind")
    return await desk.db(desk.ledger.leases.get, row.id)


async def _ready(desk: Desk, provider: Provider, row: LeaseRow) -> Lease:
    lease_id, waited_s, pause_s = row.remote_id or "", 0.0, _SANDBOX_POLL_S if row.sandbox else _POLL_S
    lease = await patiently(desk, provider, lambda: provider.lease(lease_id))
    while lease.state is LeaseState.STARTING and waited_s < _READY_WITHIN_S:
        await desk.clock.sleep(pause_s)
        waited_s += pause_s
        if is_overdue(row, desk.clock.now()):
            raise _deadline_passed(row)
        lease = await patiently(desk, provider, lambda: provider.lease(lease_id))
    if lease.state is not LeaseState.READY:
        raise TunewrightError(f"the endpoint {lease.id} did not become ready: {lease.state.value}", where=lease.model)
    return lease


@asynccontextmanager
async def _until(desk: Desk, row: LeaseRow, look_s: float) -> AsyncIterator[None]:
    """The block, ended at the deadline. By this process's own time: an injected clock must not be slept on here."""
    failure: Exception | None = None
    finished = False
    async with anyio.create_task_group() as group:
        group.start_soon(_end_at_deadline, desk, row, look_s, group.cancel_scope)
        try:
            yield
            finished = True
        except Exception as error:  # noqa: BLE001  carried out as it is: the group would wrap it
            failure = error
        group.cancel_scope.cancel()
    if failure is not None:
        raise failure
    if not finished:
        raise _deadline_passed(row)


async def _end_at_deadline(desk: Desk, row: LeaseRow, look_s: float, block: anyio.CancelScope) -> None:
    # Looked at often, not slept until: a suspended machine wakes up late.
    while True:
        if is_overdue(row, desk.clock.now()):
            block.cancel()
            return
        await anyio.sleep(look_s)


def _deadline_passed(row: LeaseRow) -> TunewrightError:
    return TunewrightError(
        f"the endpoint of {row.model} was stopped at its deadline, {row.deadline:%Y-%m-%d %H:%M} UTC: as long as was "
        "reserved for it, or allowed",
        where=f"lease {row.id}",
        fix="start it again with --max-hosting-hours HOURS: what was answered is kept",
    )
