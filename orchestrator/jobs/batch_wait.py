"""Waiting for batches, for minutes or a day: a pure read now and then, ever further apart, told when something changes.

Nothing is kept but the platform's last word, so that whoever comes next goes on from there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from providers.batches import BatchState, RemoteBatch
from providers.contract import Provider
from providers.errors import NotFound

from ..errors import StillRunning
from ..ledger import BatchRow
from .desk import Desk
from .patience import patiently

__all__ = ["ended_batches"]

_FIRST_POLL_S, _LONGEST_POLL_S = 5.0, 120.0
_SANDBOX_POLL_S = 0.2
_SLOWER = 1.5


async def ended_batches(
    desk: Desk, providers: Sequence[tuple[Provider, BatchRow]], until: datetime | None, again: str
) -> AsyncIterator[tuple[Provider, BatchRow, RemoteBatch]]:
    """Each batch, as soon as it has ended. Raises `StillRunning` at `until`; `again`: the command that goes on."""
    waiting, pause_s = list(providers), 0.0
    while waiting:
        for item in tuple(waiting):
            provider, row = item
            batch = await _look(desk, provider, row)
            if batch.ended:
                waiting.remove(item)
                yield provider, row, batch
        if not waiting:
            return
        if until is not None and desk.clock.now() >= until:
            ids = ", ".join(row.remote_id or row.id for _, row in waiting)
            raise StillRunning(
                f"the platform still answers {len(waiting)} batch{'es' if len(waiting) > 1 else ''} ({ids})",
                fix=f"go on with: {again}",
            )
        pause_s = _paused(pause_s, all(row.sandbox for _, row in waiting))
        left_s = pause_s if until is None else max((until - desk.clock.now()).total_seconds(), 0.0)
        await desk.clock.sleep(min(pause_s, left_s))


def _paused(before_s: float, sandbox: bool) -> float:
    first_s = _SANDBOX_POLL_S if sandbox else _FIRST_POLL_S
    return min(before_s * _SLOWER, _LONGEST_POLL_S) if before_s else first_s


async def _look(desk: Desk, provider: Provider, row: BatchRow) -> RemoteBatch:
    batch_id = row.remote_id or ""
    try:
        batch = await patiently(desk, provider, lambda: provider.batch(batch_id), patience_s=desk.watch_patience_s)
    except NotFound:
        # Deleted by its owner, say: it will never answer, and its questions count as missing.
        desk.say("batch_gone", f"the platform no longer knows batch {batch_id}", batch=batch_id)
        return RemoteBatch(id=batch_id, state=BatchState.FAILED, raw_status="gone", error="the platform lost it")
    if await desk.db(desk.ledger.batches.observe, row.id, batch.raw_status, desk.clock.now()):
        desk.say("batch_state", f"batch {batch.id}: {batch.label}{_counted(batch)}", batch=batch.id, state=batch.label)
    return batch


def _counted(batch: RemoteBatch) -> str:
    return "" if batch.total is None else f", {batch.done or 0:,} of {batch.total:,} answered"
