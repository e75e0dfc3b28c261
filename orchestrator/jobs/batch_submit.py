"""Buying one batch of questions exactly once: the same write-ahead protocol as for a training job.

The wish is durable before anything is sent, the money of its evaluation is held, the platform is asked for our tag
before the first POST, CREATING is committed before the first byte, and then there is exactly one POST.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from providers.batches import RemoteBatch
from providers.contract import Provider
from providers.errors import CannotTell, ProviderError
from providers.records import ProviderFile

from ..errors import TunewrightError
from ..ledger import BATCH_SENT, BATCH_UNSENT, BatchRow, BatchStage, Reservation
from .batch_recover import batch_to_human, look_for_batch
from .desk import Desk
from .failpoints import reach
from .patience import patiently
from .uploading import upload

__all__ = ["BatchOrder", "submit_batch"]

_MAX_STALL_S = 5.0
_WINNER_POLL_S = 1.0
_WINNER_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOrder:
    """What to buy: the row as a record not yet written, its input file, and the evaluation's money to hold for it."""

    row: BatchRow
    file: ProviderFile
    wish: Reservation


async def submit_batch(desk: Desk, provider: Provider, order: BatchOrder) -> BatchRow:
    """Take the order to a bound batch; the same order again answers the same batch, whatever became of it.

    Raises `BudgetRefused`, `InDoubt`, or the platform's own `ProviderError` when it refused.
    """
    reach("batch_before_plan")
    row = await desk.db(desk.ledger.batches.plan, order.row)
    reach("batch_after_plan")
    if row.stage in BATCH_SENT:
        row = await look_for_batch(desk, provider, row)
    if row.remote_id is not None:
        return row
    if not await desk.db(desk.ledger.batches.approve, row.id, order.wish, desk.clock.now()):
        return await _follow_winner(desk, provider, row)
    reach("batch_after_approve")
    file_id = await upload(desk, provider, row, order.file)
    uploaded = BatchStage.UPLOADED
    await desk.db(desk.ledger.batches.move, row.id, BATCH_UNSENT, uploaded, desk.clock.now(), file_id=file_id)
    reach("batch_after_upload")
    row = await desk.db(desk.ledger.batches.get, row.id)
    return await _known_by_tag(desk, provider, row, file_id) or await _create(desk, provider, row, file_id)


async def _known_by_tag(desk: Desk, provider: Provider, row: BatchRow, file_id: str) -> BatchRow | None:
    """Ask before the first POST, so that a fresh checkout with an empty ledger adopts what is bought already."""
    try:
        found = await patiently(desk, provider, lambda: provider.find_batches(row.tag, file_id))
    except CannotTell:
        return None
    if len(found) > 1:
        raise await batch_to_human(desk, row, "several batches carry the tag", found)
    if not found:
        return None
    reach("batch_found_before_sending")
    await desk.db(desk.ledger.batches.bind, row.id, found[0].id, found[0].raw_status, desk.clock.now(), "adopted")
    desk.say("batch_adopted", f"the platform already has this batch: {found[0].id}", batch=found[0].id)
    return await desk.db(desk.ledger.batches.get, row.id)


async def _create(desk: Desk, provider: Provider, row: BatchRow, file_id: str) -> BatchRow:
    """The paid request. Whoever wins the compare-and-set may send, once."""
    reach("batch_before_creating")
    began = desk.clock.now()
    attempt = await desk.db(desk.ledger.batches.begin, row.id, began)
    if attempt is None:
        return await _follow_winner(desk, provider, row)
    reach("batch_after_creating")
    if desk.clock.now() > began + timedelta(seconds=_MAX_STALL_S):
        # This process slept between its claim and now; somebody may already have looked and found nothing.
        await _unsent(desk, row, attempt, "stalled before sending")
        raise TunewrightError("the machine stalled before the paid request; nothing was sent", fix="start it again")
    try:
        batch = await provider.create_batch(file_id, row.tag)
    except ProviderError as error:
        return await _classify(desk, provider, row, attempt, error)
    reach("batch_after_answer")
    return await _record(desk, row, batch)


async def _record(desk: Desk, row: BatchRow, batch: RemoteBatch) -> BatchRow:
    now = desk.clock.now()
    bound = await desk.db(desk.ledger.batches.bind, row.id, batch.id, batch.raw_status, now, "created")
    reach("batch_after_record")
    current = await desk.db(desk.ledger.batches.get, row.id)
    if not bound:
        raise TunewrightError(
            f"the platform created batch {batch.id}, while the ledger already holds {current.remote_id} for it",
            where=f"{row.provider}, tag {row.tag}",
            fix="look at both in the platform's console, and cancel the one you do not want",
        )
    desk.say("batch_submitted", f"submitted: batch {batch.id}, {row.requests:,} questions", batch=batch.id)
    return current


async def _follow_winner(desk: Desk, provider: Provider, row: BatchRow) -> BatchRow:
    """Another process is sending this very request: wait for its answer in the ledger, then look."""
    deadline = desk.clock.now() + timedelta(seconds=_WINNER_S)
    current = await desk.db(desk.ledger.batches.get, row.id)
    while current.stage is BatchStage.CREATING and desk.clock.now() < deadline:
        await desk.clock.sleep(_WINNER_POLL_S)
        current = await desk.db(desk.ledger.batches.get, row.id)
    if current.stage in BATCH_UNSENT or current.stage is BatchStage.DROPPED:
        raise TunewrightError(
            f"another process tried this very batch and was refused: {current.last_error or 'it gave up'}",
            where=f"batch {row.id}",
            fix="start it again",
        )
    return await look_for_batch(desk, provider, current) if current.remote_id is None else current


async def _classify(desk: Desk, provider: Provider, row: BatchRow, attempt: int, error: ProviderError) -> BatchRow:
    """A refusal that proves nothing was bought goes back; everything else is in doubt, and only looked for."""
    if error.nothing_created:
        reach("batch_before_refused")
        await _unsent(desk, row, attempt, str(error))
        reach("batch_after_refused")
        raise error
    reach("batch_before_in_doubt")
    creating, doubt = (BatchStage.CREATING,), BatchStage.IN_DOUBT
    now = desk.clock.now()
    await desk.db(desk.ledger.batches.move, row.id, creating, doubt, now, attempt=attempt, last_error=str(error))
    reach("batch_after_in_doubt")
    desk.say("batch_in_doubt", f"{error}. The batch may or may not have been created; looking for it")
    return await look_for_batch(desk, provider, await desk.db(desk.ledger.batches.get, row.id))


async def _unsent(desk: Desk, row: BatchRow, attempt: int, why: str) -> None:
    # Only for this very attempt: a later one of another process is not ours to take back.
    source = (BatchStage.CREATING, BatchStage.IN_DOUBT)
    now, batches = desk.clock.now(), desk.ledger.batches
    await desk.db(
        batches.move, row.id, source, BatchStage.UPLOADED, now, kind="refused", attempt=attempt, last_error=why
    )
