"""Serving that bills by the hour, as a lease: wished for in the ledger before the first request, torn down after use.

A lease left behind by a crash is found by its tag and stopped at the next start. An idle timeout is always set.
"""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from secrets import token_hex

import anyio

from providers.contract import Provider
from providers.errors import NotFound, ProviderError
from providers.records import Lease, LeaseState

from ..canonical import intent_id, tag_of
from ..errors import TunewrightError
from ..ledger import LeaseRow, LeaseStage
from .desk import Desk
from .patience import patiently

__all__ = ["LeaseWish", "leased", "stop", "sweep"]

IDLE_TIMEOUT_S = 900
_POLL_S = 5.0
_SANDBOX_POLL_S = 0.5
_READY_WITHIN_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseWish:
    """What to serve, and how much may be held for it."""

    model: str
    account: str
    reserve_usd: Decimal
    sandbox: bool
    run_id: str | None = None
    run_cap: Decimal | None = None


@asynccontextmanager
async def leased(desk: Desk, provider: Provider, wish: LeaseWish) -> AsyncIterator[Lease]:
    """Serve `wish.model` for the length of the block; the billing stops when it ends, however it ends."""
    await sweep(desk, provider, wish.account)
    row = await _want(desk, provider, wish)
    try:
        lease = await _ready(desk, provider, await _start(desk, provider, row), wish.sandbox)
        yield lease
    finally:
        # Shielded: Ctrl-C must not leave a machine billing by the hour.
        with anyio.CancelScope(shield=True):
            await stop(desk, provider, await desk.db(desk.ledger.leases.get, row.id))


async def _want(desk: Desk, provider: Provider, wish: LeaseWish) -> LeaseRow:
    # Every start of serving is a lease of its own: two of one run must not share one bill.
    name = intent_id({"model": wish.model, "account": wish.account, "run": wish.run_id, "one": token_hex(8)})
    row = LeaseRow(
        id=name,
        run_id=wish.run_id,
        provider=provider.platform.name,
        account=wish.account,
        model=wish.model,
        tag=tag_of(name),
        stage=LeaseStage.WANTED,
        sandbox=wish.sandbox,
        owner=_me(),
    )
    await desk.db(
        desk.ledger.budget.reserve,
        _spending(row),
        wish.reserve_usd,
        desk.clock.now(),
        kind="hosting",
        provider=row.provider,
        account=wish.account,
        sandbox=wish.sandbox,
        run_id=wish.run_id,
        run_cap=wish.run_cap,
    )
    return await desk.db(desk.ledger.leases.want, row, desk.clock.now())


async def _start(desk: Desk, provider: Provider, row: LeaseRow) -> Lease:
    """One paid request, after the ledger knows that it may have been sent."""
    now = desk.clock.now()
    await desk.db(desk.ledger.leases.move, row.id, LeaseStage.STARTING, now, started_at=now)
    bills = f"it bills by the hour until it is stopped{_mark(row)}"
    desk.say("serving", f"starting a dedicated endpoint for {row.model}; {bills}")
    try:
        lease = await provider.serve(row.model, row.tag, IDLE_TIMEOUT_S)
    except ProviderError as error:
        if error.nothing_created:
            await desk.db(desk.ledger.leases.move, row.id, LeaseStage.WANTED, desk.clock.now(), started_at=None)
        raise
    await desk.db(
        desk.ledger.leases.move,
        row.id,
        LeaseStage.SERVING,
        desk.clock.now(),
        remote_id=lease.id,
        usd_per_hour=lease.usd_per_hour,
    )
    return lease


async def _ready(desk: Desk, provider: Provider, lease: Lease, sandbox: bool) -> Lease:
    lease_id, waited_s, pause_s = lease.id, 0.0, _SANDBOX_POLL_S if sandbox else _POLL_S
    while lease.state is LeaseState.STARTING and waited_s < _READY_WITHIN_S:
        await desk.clock.sleep(pause_s)
        waited_s += pause_s
        lease = await patiently(desk, provider, lambda: provider.lease(lease_id))
    if lease.state is not LeaseState.READY:
        raise TunewrightError(f"the endpoint {lease.id} did not become ready: {lease.state.value}", where=lease.model)
    return lease


async def stop(desk: Desk, provider: Provider, row: LeaseRow) -> None:
    """End the billing of one lease: by its id, or by whatever carries its tag where the id was never learnt.

    Raises `TunewrightError` when that cannot be done; the lease then stays open in the ledger.
    """
    try:
        found = await patiently(desk, provider, lambda: provider.find_leases(row.tag))
        ids = dict.fromkeys([*([row.remote_id] if row.remote_id else []), *(lease.id for lease in found)])
        for lease_id in ids:
            await _teardown(desk, provider, lease_id)
    except ProviderError as error:
        raise TunewrightError(
            f"the endpoint of {row.model} could not be stopped and may still bill: {error}",
            where=f"{row.provider}, tag {row.tag}",
            fix="run `tunewright leases stop --all`, or stop it in the platform's console; it stops by itself after "
            f"{IDLE_TIMEOUT_S / 60:.0f} min or a little more without a question",
        ) from error
    if not ids and _may_appear(desk, provider, row):
        desk.say("lease_unseen", f"the endpoint of {row.model} is not listed (yet); it is looked for at the next start")
        return
    await _settle(desk, row, found)


def _may_appear(desk: Desk, provider: Provider, row: LeaseRow) -> bool:
    """Whether the paid request may have been sent and its endpoint be missing from the list only for now."""
    if row.stage is not LeaseStage.STARTING or row.started_at is None:
        return False
    return desk.clock.now() < row.started_at + timedelta(seconds=provider.platform.settling().window_s)


async def _settle(desk: Desk, row: LeaseRow, found: Sequence[Lease]) -> None:
    """What it cost, by the hour from the first request on. Where no price is known the money stays reserved; an
    endpoint on which nothing ever ran cost nothing. `found`: as it stood before it was stopped."""
    now = desk.clock.now()
    await desk.db(desk.ledger.leases.move, row.id, LeaseStage.STOPPED, now, stopped_at=now)
    prices = [row.usd_per_hour, *(lease.usd_per_hour for lease in found)]
    usd_per_hour = next((price for price in prices if price is not None), None)
    hours = Decimal((now - (row.started_at or now)).total_seconds()) / 3600
    ran = row.remote_id is not None or any(lease.state is not LeaseState.STOPPED for lease in found)
    if not ran:
        await desk.db(desk.ledger.budget.release, _spending(row), now)
    elif usd_per_hour is None:
        desk.say("lease_stopped", f"stopped the endpoint of {row.model}; the platform told no price for it")
    else:
        billed_usd = (hours * usd_per_hour).quantize(Decimal("0.0001"))
        await desk.db(desk.ledger.budget.settle, _spending(row), billed_usd, now)
        text = f"stopped the endpoint of {row.model}: about ${billed_usd:.2f}{_mark(row)}"
        desk.say("lease_stopped", text, usd=billed_usd)


async def _teardown(desk: Desk, provider: Provider, lease_id: str) -> None:
    try:
        await patiently(desk, provider, lambda: provider.teardown(lease_id))
    except NotFound:
        return


async def sweep(desk: Desk, provider: Provider, account: str) -> int:
    """Stop leases of this account whose process is gone. Answers how many."""
    rows = await desk.db(desk.ledger.leases.all, open_only=True)
    left = [
        row
        for row in rows
        if row.provider == provider.platform.name and row.account == account and not _alive(row.owner)
    ]
    for row in left:
        desk.say("lease_left", f"an endpoint of {row.model} was left behind by a crash; stopping it")
        await stop(desk, provider, row)
    return len(left)


def _mark(row: LeaseRow) -> str:
    return " (sandbox, not money)" if row.sandbox else ""


def _spending(row: LeaseRow) -> str:
    return f"lease:{row.id}"


def _me() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}"


def _alive(owner: str | None) -> bool:
    """True when the owning process still runs here. On another host we cannot know, and leave it alone."""
    host, _, rest = (owner or "::").partition(":")
    pid, _, started = rest.partition(":")
    if not pid:
        return False
    if host != socket.gethostname():
        return True
    return _started(int(pid)) == started


def _started(pid: int) -> str:
    """The process's start time in clock ticks, so that a re-used pid is not mistaken for the old one."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return _signalled(pid)


def _signalled(pid: int) -> str:
    # Without /proc (macOS) only the pid itself can be asked after.
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        return "alive"
    return "alive"
