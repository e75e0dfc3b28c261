"""Ending leases: teardown that is checked by reading the lease again, what is left behind or overdue, and the bill.

Nothing here ever asks for a machine. A lease in doubt is looked for by its tag within the settling window, torn down
when it turns up, and proved absent when it does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal

from providers.contract import Provider
from providers.errors import CannotTell, NotFound, ProviderError
from providers.records import Lease, LeaseState

from ..errors import TunewrightError
from ..ledger import LEASE_SENT, LeaseRow, LeaseStage
from .desk import Desk
from .failpoints import reach
from .patience import patiently
from .settling import Doubt

__all__ = ["find_ours", "is_overdue", "stop", "sweep"]

_ENDED = (LeaseState.STOPPED, LeaseState.FAILED)
_STOPPABLE = tuple(stage for stage in LeaseStage if stage is not LeaseStage.STOPPED)
_STOP_POLL_S, _SANDBOX_STOP_POLL_S = 5.0, 0.5
_STOPS_WITHIN_S = 60.0


async def sweep(desk: Desk, provider: Provider, account: str) -> int:
    """Stop this account's leases that nobody uses any more, and those past their deadline whoever uses them.

    Answers how many were looked after. Raises the first `TunewrightError`, after all were tried.
    """
    rows = await desk.db(desk.ledger.leases.all, open_only=True)
    mine = [row for row in rows if (row.provider, row.account) == (provider.platform.name, account)]
    left = [row for row in mine if not desk.alive(row.owner) or is_overdue(row, desk.clock.now())]
    failed: list[TunewrightError] = []
    for row in left:
        desk.say("lease_left", _why(desk, row))
        try:
            await stop(desk, provider, row)
        except TunewrightError as error:
            failed.append(error)
    if failed:
        raise failed[0]
    return len(left)


def is_overdue(row: LeaseRow, now: datetime) -> bool:
    """Whether its deadline has passed."""
    return row.deadline is not None and now >= row.deadline


def _why(desk: Desk, row: LeaseRow) -> str:
    if is_overdue(row, desk.clock.now()):
        return f"an endpoint of {row.model} is past its deadline; stopping it"
    return f"an endpoint of {row.model} was left behind; stopping it"


async def stop(desk: Desk, provider: Provider, row: LeaseRow, *, wait: bool = False) -> LeaseRow:
    """End the billing of one lease: by its id, or by whatever carries its tag where the id was never learnt.

    Answers the row as it then stands: STOPPED, or STOPPING until the platform says so, or IN_DOUBT while its endpoint
    may still turn up (`wait`: until that is known). Raises `TunewrightError` when the platform cannot be asked; the
    lease then stays open in the ledger.
    """
    reach("lease_before_unwanted")
    await desk.db(desk.ledger.leases.unwanted, row.id, desk.clock.now())
    reach("lease_after_unwanted")
    row = await desk.db(desk.ledger.leases.get, row.id)
    if row.stage is LeaseStage.STOPPED:
        await _clear_away(desk, provider, row)
    while row.stage is not LeaseStage.STOPPED:
        try:
            row = await _stop_once(desk, provider, row)
        except ProviderError as error:
            await desk.db(desk.ledger.leases.note, row.id, desk.clock.now(), "not_stopped", last_error=str(error))
            raise _may_bill(row, error) from error
        doubt = _doubt(provider, row)
        if not wait or row.stage is not LeaseStage.IN_DOUBT or doubt is None:
            break
        await desk.clock.sleep(doubt.pause_s(desk.clock.now()))
    return row


async def _clear_away(desk: Desk, provider: Provider, row: LeaseRow) -> None:
    """A refused start may leave a name that costs nothing. Not worth an error."""
    if row.attempt == 0 or row.remote_id is not None:
        return
    try:
        for lease in await find_ours(desk, provider, row):
            await _teardown(desk, provider, lease.id)
    except ProviderError as error:
        desk.say("not_cleared", f"an empty endpoint under {row.tag} was not cleared away: {error}")


async def _stop_once(desk: Desk, provider: Provider, row: LeaseRow) -> LeaseRow:
    """One look, and the teardown of what it shows."""
    asked_at = desk.clock.now()
    try:
        seen = await _seen(desk, provider, row)
    except CannotTell as error:
        return await _ask_person(desk, row, error)
    row = await _known_by(desk, row, seen)
    ended = await _tear_down_all(desk, provider, dict.fromkeys([*_known(row), *(lease.id for lease in seen)]))
    # A name was seen, and its machine came a moment after that look: only what ended it can tell of it.
    row = await _known_by(desk, row, ended)
    if row.remote_id is None:
        return await _not_found(desk, provider, row, asked_at)
    if row.stopped_at is None:
        now = desk.clock.now()
        await desk.db(desk.ledger.leases.note, row.id, now, "teardown", stopped_at=now)
    reach("lease_after_teardown")
    ran = list({lease.id: lease for lease in (*ended, *seen) if _ran(lease)}.values())
    if not await _all_ended(desk, provider, row, [lease.id for lease in ran if lease.state not in _ENDED]):
        desk.say("lease_stopping", f"the endpoint of {row.model} is still stopping; the next start looks at it again")
        return await desk.db(desk.ledger.leases.get, row.id)
    return await _settle(desk, row, ran)


async def _known_by(desk: Desk, row: LeaseRow, shown: Sequence[Lease]) -> LeaseRow:
    """The row, with the id of its machine from here on if one is shown; wanted by nobody."""
    ran = [lease for lease in shown if _ran(lease)]
    if row.remote_id is not None or not ran:
        return row
    reach("lease_before_found")
    await desk.db(desk.ledger.leases.bind, row.id, ran[0].id, None, desk.clock.now(), "found", **_told(ran[0], row))
    reach("lease_after_found")
    return await desk.db(desk.ledger.leases.get, row.id)


async def _seen(desk: Desk, provider: Provider, row: LeaseRow) -> list[Lease]:
    """What carries the tag, and the lease known by its id, each as it stands when asked for by its id."""
    try:
        listed = [lease.id for lease in await find_ours(desk, provider, row)]
    except CannotTell:
        if row.remote_id is None:
            raise
        listed = []
    found = [await _by_id(desk, provider, lease_id) for lease_id in dict.fromkeys([*_known(row), *listed])]
    return [lease for lease in found if lease is not None]


async def _by_id(desk: Desk, provider: Provider, lease_id: str) -> Lease | None:
    # A list may know of the name and not yet of the machine behind it; what bills is what its own page shows.
    with suppress(NotFound):
        return await patiently(desk, provider, lambda: provider.lease(lease_id))
    return None


async def find_ours(desk: Desk, provider: Provider, row: LeaseRow) -> tuple[Lease, ...]:
    """Everything that carries this lease's tag. Raises `ProviderError`."""
    return await patiently(desk, provider, lambda: provider.find_leases(row.tag))


def _known(row: LeaseRow) -> list[str]:
    return [row.remote_id] if row.remote_id else []


def _ran(lease: Lease) -> bool:
    """Whether a machine runs, or ever ran: a name that was only reserved has neither a price nor a time-out."""
    return lease.state is not LeaseState.STOPPED or (lease.usd_per_hour, lease.idle_timeout_s) != (None, None)


def _told(lease: Lease, row: LeaseRow) -> dict[str, object]:
    return {
        "usd_per_hour": lease.usd_per_hour or row.usd_per_hour,
        "idle_timeout_s": row.idle_timeout_s if lease.idle_timeout_s is None else lease.idle_timeout_s,
    }


async def _tear_down_all(desk: Desk, provider: Provider, ids: Iterable[str]) -> list[Lease]:
    """What the platform says that it ended by that."""
    reach("lease_before_teardown")
    ended = [await _teardown(desk, provider, lease_id) for lease_id in ids]
    return [lease for lease in ended if lease is not None]


async def _teardown(desk: Desk, provider: Provider, lease_id: str) -> Lease | None:
    with suppress(NotFound):
        return await patiently(desk, provider, lambda: provider.teardown(lease_id))
    return None


async def _all_ended(desk: Desk, provider: Provider, row: LeaseRow, billing: Sequence[str]) -> bool:
    """Whether the platform itself says that nothing bills any more; waited for a little."""
    pause_s, waited_s = _SANDBOX_STOP_POLL_S if row.sandbox else _STOP_POLL_S, 0.0
    for lease_id in billing:
        while not await _is_ended(desk, provider, lease_id):
            if waited_s >= _STOPS_WITHIN_S:
                return False
            await desk.clock.sleep(pause_s)
            waited_s += pause_s
    return True


async def _is_ended(desk: Desk, provider: Provider, lease_id: str) -> bool:
    try:
        return (await patiently(desk, provider, lambda: provider.lease(lease_id))).state in _ENDED
    except NotFound:
        return True


def _doubt(provider: Provider, row: LeaseRow) -> Doubt | None:
    if row.stage not in LEASE_SENT or row.started_at is None:
        return None
    return Doubt(row.started_at, row.empty_looks, row.looked_at, provider.platform.settling())


async def _not_found(desk: Desk, provider: Provider, row: LeaseRow, asked_at: datetime) -> LeaseRow:
    """Nothing that ran is listed: one empty look more, and absence once they prove it."""
    doubt, leases = _doubt(provider, row), desk.ledger.leases
    if doubt is not None and doubt.counts(asked_at):
        reach("lease_before_empty_look")
        await desk.db(leases.looked, row.id, asked_at, row.attempt)
        reach("lease_after_empty_look")
        row = await desk.db(leases.get, row.id)
        doubt = _doubt(provider, row)
    if doubt is not None and doubt.absent(asked_at):
        reach("lease_before_absent")
        basis = "no machine was ever listed under its tag, and the settling window has passed"
        await desk.db(
            leases.finish, row.id, LEASE_SENT, desk.clock.now(), ended=asked_at, usd=Decimal(0), state="released",
            basis=basis,
        )  # fmt: skip
        reach("lease_after_absent")
    else:
        desk.say("lease_unseen", f"the endpoint of {row.model} is not listed (yet); it is looked for at the next start")
    return await desk.db(leases.get, row.id)


async def _ask_person(desk: Desk, row: LeaseRow, error: CannotTell) -> LeaseRow:
    why = f"the platform cannot be asked for a lease by tag: {error.message}"
    leases, human = desk.ledger.leases, LeaseStage.NEEDS_HUMAN
    await desk.db(leases.move, row.id, LEASE_SENT, human, desk.clock.now(), last_error=why)
    desk.say("lease_needs_you", f"look for {row.tag} in the platform's console: {why}")
    return await desk.db(leases.get, row.id)


@dataclass(frozen=True, slots=True)
class _Bill:
    ended: datetime
    usd: Decimal | None
    basis: str


async def _settle(desk: Desk, row: LeaseRow, ran: Sequence[Lease]) -> LeaseRow:
    now, leases = desk.clock.now(), desk.ledger.leases
    bill = _bill(row, ran, now)
    reach("lease_before_settle")
    done = await desk.db(
        leases.finish, row.id, _STOPPABLE, now, ended=bill.ended, usd=bill.usd, state="settled", basis=bill.basis
    )
    reach("lease_after_settle")
    if done and bill.usd is None:
        desk.say("lease_stopped", f"stopped the endpoint of {row.model}; the platform told no price for it")
    elif done and bill.usd is not None:
        mark = " (sandbox, not money)" if row.sandbox else ""
        desk.say("lease_stopped", f"stopped the endpoint of {row.model}: about ${bill.usd:.2f}{mark}", usd=bill.usd)
    return await desk.db(leases.get, row.id)


def _bill(row: LeaseRow, ran: Sequence[Lease], now: datetime) -> _Bill:
    """Hours from the request on × price. One found stopped already is billed to when it must have stopped by itself:
    the idle time-out after the last moment at which we may have used it."""
    ended, why = now, "until it was stopped"
    idle = timedelta(seconds=row.idle_timeout_s or 0)
    was_up = any(lease.state not in _ENDED for lease in ran)
    limits = [row.stopped_at + idle] if row.stopped_at else []
    if not was_up and row.idle_timeout_s:
        limits += [row.deadline + idle] if row.deadline else []
    if limits and min(limits) < now:
        ended, why = min(limits), "until it had stopped by itself at the latest"
    hours = Decimal((ended - (row.started_at or ended)).total_seconds()) / 3600
    price, machines = row.usd_per_hour, max(1, len(ran))
    counted = f"{hours:.2f} h, from the request {why}"
    if price is None:
        return _Bill(ended, None, f"{counted}; the platform told no price, so what was held stays held")
    several = f" × {machines} machines" if machines > 1 else ""
    return _Bill(
        ended,
        (hours * price * machines).quantize(Decimal("0.0001"), ROUND_CEILING),
        f"{counted} × ${price} an hour{several}",
    )


def _may_bill(row: LeaseRow, error: ProviderError) -> TunewrightError:
    idle_min = (row.idle_timeout_s or 0) / 60 if row.remote_id else 0  # until then it is only what was asked for
    idle = f"; it stops by itself after {idle_min:.0f} min without a question" if idle_min else ""
    return TunewrightError(
        f"the endpoint of {row.model} could not be stopped and may still bill: {error}",
        where=f"{row.provider}, tag {row.tag}",
        fix=f"run `tunewright leases stop --all`, or stop it in the platform's console{idle}",
    )
