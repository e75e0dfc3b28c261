"""Serving that bills by the hour, as a lease: wished for in the ledger before the first request, torn down after use.

A lease left behind by a crash is found by its tag and stopped at the next start. An idle timeout is always set.
"""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

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
    row = await _want(desk, provider, wish)
    try:
        lease = await _ready(desk, provider, await _start(desk, provider, row), wish.sandbox)
        yield lease
    finally:
        # Shielded: Ctrl-C must not leave a machine billing by the hour.
        with anyio.CancelScope(shield=True):
            await stop(desk, provider, await desk.db(desk.ledger.leases.get, row.id))


async def _want(desk: Desk, provider: Provider, wish: LeaseWish) -> LeaseRow:
    name = intent_id({"model": wish.model, "account": wish.account, "run": wish.run_id, "kind": "lease"})
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
        f"lease:{name}",
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
    """One paid request, unless the platform already serves it under our tag."""
    existing = await patiently(desk, provider, lambda: provider.find_leases(row.tag))
    live = [lease for lease in existing if lease.state in (LeaseState.STARTING, LeaseState.READY)]
    await desk.db(desk.ledger.leases.move, row.id, LeaseStage.STARTING, desk.clock.now(), started_at=desk.clock.now())
    if live:
        lease = live[0]
    else:
        desk.say("serving", f"starting a dedicated endpoint for {row.model}; it bills by the hour until it is stopped")
        lease = await provider.serve(row.model, row.tag, IDLE_TIMEOUT_S)
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
    """End the billing of one lease: by its id, or by whatever carries its tag where the id was never learnt."""
    ids = [row.remote_id] if row.remote_id else []
    ids += [lease.id for lease in await patiently(desk, provider, lambda: provider.find_leases(row.tag))]
    for lease_id in dict.fromkeys(ids):
        await _teardown(desk, provider, lease_id)
    now = desk.clock.now()
    await desk.db(desk.ledger.leases.move, row.id, LeaseStage.STOPPED, now, stopped_at=now)
    hours = Decimal((now - (row.started_at or now)).total_seconds()) / 3600
    billed_usd = (hours * (row.usd_per_hour or Decimal(0))).quantize(Decimal("0.0001"))
    await desk.db(desk.ledger.budget.settle, f"lease:{row.id}", billed_usd, now)
    if ids:
        desk.say("lease_stopped", f"stopped the endpoint of {row.model}: about ${billed_usd:.2f}", usd=billed_usd)


async def _teardown(desk: Desk, provider: Provider, lease_id: str) -> None:
    try:
        await patiently(desk, provider, lambda: provider.teardown(lease_id))
    except NotFound:
        return
    except ProviderError as error:
        raise TunewrightError(
            f"the endpoint {lease_id} could not be stopped and may still bill: {error}",
            fix="run `tunewright leases stop --all`, or stop it in the platform's console",
        ) from error


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
