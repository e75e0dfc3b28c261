"""Fetching what a batch has answered, and keeping it where answers that were asked one by one are kept.

Can be done again from the start at any time: the same answers are kept under the same keys. A good answer is never
replaced by an error.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import aclosing
from pathlib import Path

from providers.batches import BatchState, RemoteBatch
from providers.contract import Provider
from providers.errors import NotFound

from ..errors import TunewrightError
from ..evaluation.batch_lines import Key, Prices, answer_of, ids_in, key_of
from ..evaluation.questions import Answer
from ..jobs.desk import Desk
from ..jobs.failpoints import reach
from ..jobs.patience import patiently
from ..ledger import BatchRow, BatchStage
from ..ledger.codec import dump

__all__ = ["collect", "input_file", "refuse_wholly_failed"]

_AT_ONCE = 100
"""Answers a transaction."""


def input_file(folder: Path, sha256: str) -> Path:
    """Where the input file of a batch lies until its answers are kept."""
    return folder / f"tw-{sha256[:24]}.jsonl"


async def collect(
    desk: Desk,
    provider: Provider,
    row: BatchRow,
    batch: RemoteBatch,
    prices: Prices,
    folder: Path,
    answered: Collection[Key],
) -> set[Key]:
    """Keep every answer of a batch that has ended; what it left out is kept as missing. Answers what it was asked.

    `answered`: what this candidate has a good answer to already.
    """
    wanted = set(ids_in(input_file(folder, row.sha256), row.tag))
    found = await patiently(desk, provider, lambda: _keep_all(desk, provider, row, batch, prices, answered))
    if not _took_nothing(batch):
        why = f"batch: no answer before it {_ending(batch)}"
        await _put(desk, row, {key: Answer(text="", error=why) for key in wanted - found - set(answered)})
    reach("batch_before_collected")
    created, done = (BatchStage.CREATED,), BatchStage.COLLECTED
    await desk.db(desk.ledger.batches.move, row.id, created, done, desk.clock.now(), status=batch.raw_status)
    input_file(folder, row.sha256).unlink(missing_ok=True)
    desk.say("batch_collected", f"batch {batch.id} {_ending(batch)}: {len(found):,} of {row.requests:,} lines read")
    return wanted | found


async def _keep_all(
    desk: Desk, provider: Provider, row: BatchRow, batch: RemoteBatch, prices: Prices, answered: Collection[Key]
) -> set[Key]:
    """Every line of its files, in groups. Files that are gone count as holding nothing."""
    found: set[Key] = set()
    group: dict[Key, Answer] = {}
    try:
        async with aclosing(provider.batch_output(batch)) as lines:
            async for line in lines:
                key = key_of(line.custom_id, row.tag)
                if key is None or key in found:
                    continue
                found.add(key)
                answer = answer_of(line, prices)
                if answer.error is None or key not in answered:
                    group[key] = answer
                if len(group) >= _AT_ONCE:
                    await _put(desk, row, group)
                    reach("batch_during_collect")
                    group = {}
    except NotFound as gone:
        desk.say("batch_files_gone", f"what batch {batch.id} answered is no longer there: {gone.message}")
    await _put(desk, row, group)
    return found


async def _put(desk: Desk, row: BatchRow, answers: dict[Key, Answer]) -> None:
    rows = [(row.candidate, key.question, key.sample, dump(answer)) for key, answer in answers.items()]
    if rows:
        await desk.db(desk.ledger.answers.put, row.evaluation_id, rows)


def _ending(batch: RemoteBatch) -> str:
    words = {BatchState.COMPLETED: "was completed", BatchState.CANCELLED: "was cancelled", BatchState.FAILED: "failed"}
    return words.get(batch.state, batch.label)


def refuse_wholly_failed(row: BatchRow, batch: RemoteBatch) -> None:
    """Raises where the platform took none of the input: asking so again would fail alike."""
    if _took_nothing(batch):
        raise TunewrightError(
            f"the platform refused the whole batch {batch.id}: {batch.error or 'no reason given'}",
            where=f"{row.provider} {row.model}",
            fix="start the evaluation again without --batch to ask one by one",
        )


def _took_nothing(batch: RemoteBatch) -> bool:
    return batch.state is BatchState.FAILED and batch.output_file is None
