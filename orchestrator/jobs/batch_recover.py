"""Finding out what became of a paid request for a batch whose answer was lost. Never sends one.

The same rules as for a training job: one hit is adopted, two need a person, and none proves something only after the
platform's settling window, with three empty looks spaced over it.
"""

from __future__ import annotations

from collections.abc import Sequence

from providers.batches import RemoteBatch
from providers.contract import Provider
from providers.errors import CannotTell, ProviderError
from providers.records import Capability

from ..errors import InDoubt, UsageError
from ..ledger import BATCH_SENT, BATCH_UNSENT, BatchRow, BatchStage
from .desk import Desk
from .failpoints import reach
from .patience import patiently
from .recover import QUICK_LOOKS_S
from .settling import Doubt

__all__ = ["batch_to_human", "look_for_batch", "recover_batch", "resolve_batch"]

_UNSETTLED = (BatchStage.CREATING, BatchStage.IN_DOUBT)


async def look_for_batch(desk: Desk, provider: Provider, row: BatchRow) -> BatchRow:
    """Look a few times in quick succession, as right after a lost answer. Raises `InDoubt` unless it is found."""
    for pause_s in QUICK_LOOKS_S:
        await desk.clock.sleep(pause_s)
        try:
            row = await _look_once(desk, provider, row)
        except ProviderError as error:
            raise _in_doubt(provider, row) from error
        if row.stage not in _UNSETTLED:
            break
    if row.stage in BATCH_SENT:
        raise _in_doubt(provider, row)
    return row


async def recover_batch(
    desk: Desk, provider: Provider, row: BatchRow, *, resubmit: bool = False, wait: bool = False
) -> BatchRow:
    """Settle one batch whose paid request got no clear answer. `wait`: until the settling window has passed.

    Answers the row as it now stands: CREATED (adopted), UPLOADED (proved absent, `resubmit` allowed), NEEDS_HUMAN, or
    still IN_DOUBT.
    """
    while row.stage in BATCH_SENT:
        asked_at = desk.clock.now()
        row = await _look_once(desk, provider, row)
        if row.stage not in _UNSETTLED:
            break
        # As of the question: a listing may be old by the time it is answered.
        if _doubt(provider, row).absent(asked_at):
            return await _proved_absent(desk, provider, row, resubmit)
        if not wait:
            break
        await desk.clock.sleep(_doubt(provider, row).pause_s(desk.clock.now()))
    return row


async def _look_once(desk: Desk, provider: Provider, row: BatchRow) -> BatchRow:
    reach("batch_before_look")
    asked_at = desk.clock.now()
    try:
        found = await patiently(desk, provider, lambda: provider.find_batches(row.tag, row.file_id))
    except CannotTell as error:
        await batch_to_human(desk, row, f"the platform cannot be asked for a batch by tag: {error.message}", ())
        return await desk.db(desk.ledger.batches.get, row.id)
    now = desk.clock.now()
    if len(found) > 1:
        await batch_to_human(desk, row, "several batches carry the tag", found)
    elif found:
        reach("batch_before_adopt")
        await desk.db(desk.ledger.batches.bind, row.id, found[0].id, found[0].raw_status, now, "adopted")
        reach("batch_after_adopt")
        desk.say("batch_adopted", f"found it: batch {found[0].id}", batch=found[0].id)
    elif row.stage in _UNSETTLED:
        reach("batch_before_empty_look")
        if _doubt(provider, row).counts(asked_at):
            await desk.db(desk.ledger.batches.looked, row.id, asked_at, row.attempt)
        reach("batch_during_empty_look")
        creating, doubt = (BatchStage.CREATING,), BatchStage.IN_DOUBT
        await desk.db(desk.ledger.batches.move, row.id, creating, doubt, now, attempt=row.attempt)
        reach("batch_after_empty_look")
    return await desk.db(desk.ledger.batches.get, row.id)


def _doubt(provider: Provider, row: BatchRow) -> Doubt:
    return Doubt(row.sent_at or row.created_at, row.empty_looks, row.looked_at, provider.platform.settling())


async def _proved_absent(desk: Desk, provider: Provider, row: BatchRow, resubmit: bool) -> BatchRow:
    """The window has passed with empty looks: nothing was bought, as far as any client can know."""
    now = desk.clock.now()
    reach("batch_before_absent")
    if resubmit or provider.platform.capabilities(now.date())[Capability.SERVER_SIDE_KEY]:
        target, kind, attempt = BatchStage.UPLOADED, "proved_absent", row.attempt
        await desk.db(desk.ledger.batches.move, row.id, _UNSETTLED, target, now, kind=kind, attempt=attempt)
        reach("batch_after_absent")
    else:
        await batch_to_human(desk, row, "no batch carries the tag, and the settling window has passed", ())
    return await desk.db(desk.ledger.batches.get, row.id)


async def batch_to_human(desk: Desk, row: BatchRow, why: str, found: Sequence[RemoteBatch]) -> InDoubt:
    """Only a person can tell now; answers the error that asks. What was held stays held."""
    ids = ", ".join(batch.id for batch in found)
    told = f"{why}: {ids}" if ids else why
    reach("batch_before_needs_human")
    source = (*BATCH_UNSENT, *_UNSETTLED)
    await desk.db(desk.ledger.batches.move, row.id, source, BatchStage.NEEDS_HUMAN, desk.clock.now(), last_error=told)
    reach("batch_after_needs_human")
    return _needs_human(await desk.db(desk.ledger.batches.get, row.id))


async def resolve_batch(desk: Desk, row: BatchRow, batch: RemoteBatch | None) -> BatchRow:
    """A person's word: bind `batch`, or (None) take it that nothing was created. Raises `UsageError`."""
    if row.stage not in BATCH_SENT:
        raise UsageError(f"batch {row.id} is {row.stage.value}; there is nothing to resolve")
    now = desk.clock.now()
    if batch is None:
        await desk.db(desk.ledger.batches.move, row.id, BATCH_SENT, BatchStage.UPLOADED, now, kind="resolved")
    elif batch.tag not in (None, row.tag) or (batch.tag is None and batch.input_file not in (None, row.file_id)):
        raise UsageError(
            f"batch {batch.id} carries {batch.tag or batch.input_file}, not this one's {row.tag} and {row.file_id}",
            where=f"batch {row.id}",
            fix="look at the id again: that batch was bought for other questions",
        )
    else:
        await desk.db(desk.ledger.batches.bind, row.id, batch.id, batch.raw_status, now, "resolved")
    return await desk.db(desk.ledger.batches.get, row.id)


def _in_doubt(provider: Provider, row: BatchRow) -> InDoubt:
    if row.stage is BatchStage.NEEDS_HUMAN:
        return _needs_human(row)
    settling = provider.platform.settling()
    error = f" ({row.last_error})" if row.last_error else ""
    return InDoubt(
        f"the paid request of batch {row.id} got no clear answer{error}, and no batch is found under its tag yet. "
        "Nothing is sent again; the money stays reserved",
        where=f"{row.provider}, tag {row.tag}",
        fix="start the same evaluation again: it looks first, and by "
        f"{settling.window_s / 60:.0f} min after the request it knows ({settling.reason})",
    )


def _needs_human(row: BatchRow) -> InDoubt:
    return InDoubt(
        f"batch {row.id} needs your decision: {row.last_error}",
        where=f"{row.provider}, tag {row.tag}",
        fix="look at the platform's console, then `tunewright batches resolve "
        f"{row.id} --batch BATCH_ID` to bind a batch, or `tunewright batches resolve {row.id} --none` if there is none",
    )
