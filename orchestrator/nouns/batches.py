"""Batches: questions that were bought by the file, where each stands, and what a person may do about one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from providers.contract import Provider

from ..errors import UsageError
from ..jobs.batch_recover import resolve_batch
from ..jobs.desk import Desk
from ..jobs.patience import patiently
from ..ledger import BatchRow, BatchStage
from ..pipeline.project import Project
from ..pipeline.session import Session

__all__ = ["Batches"]


class Batches:
    """What evaluations have bought by the file. `key` is a batch's id, its tag, or the platform's id."""

    def __init__(self, project: Project) -> None:
        self._project = project

    async def ls(self) -> tuple[BatchRow, ...]:
        """Every batch of this ledger, newest first; none where there is no ledger yet."""
        known = self._project.known
        rows = () if known is None else await known.desk.db(known.desk.ledger.batches.all)
        return tuple(reversed(rows))

    async def cancel(self, key: str) -> BatchRow:
        """Ask the platform to end it; what is answered by then is billed, and kept by the next evaluation.

        Raises `UsageError` for one that is not under way.
        """
        session, row = await self._row(key)
        if row.stage is not BatchStage.CREATED or row.remote_id is None:
            raise UsageError(f"batch {row.id} is {row.stage.value}, not under way", fix="tunewright batches ls")
        desk, remote_id = session.desk, row.remote_id
        async with _opened(session, row) as provider:
            batch = await patiently(desk, provider, lambda: provider.cancel_batch(remote_id))
        await desk.db(desk.ledger.batches.observe, row.id, batch.raw_status, desk.clock.now())
        return await desk.db(desk.ledger.batches.get, row.id)

    async def resolve(self, key: str, remote_id: str | None) -> BatchRow:
        """A person's word on a batch whose paid request got no clear answer: the platform's id of it, or (None) there
        is none. Raises `UsageError` for one in no doubt, or an id that was bought for other questions."""
        session, row = await self._row(key)
        if remote_id is None:
            return await resolve_batch(session.desk, row, None)
        async with _opened(session, row) as provider:
            batch = await patiently(session.desk, provider, lambda: provider.batch(remote_id))
        return await resolve_batch(session.desk, row, batch)

    async def _row(self, key: str) -> tuple[Session, BatchRow]:
        known = self._project.known
        row = None if known is None else await _find(known.desk, key)
        if known is None or row is None:
            raise UsageError(f"no batch {key!r} in this ledger", fix="tunewright batches ls")
        return known, row


async def _find(desk: Desk, key: str) -> BatchRow | None:
    return await desk.db(desk.ledger.batches.find, key)


@asynccontextmanager
async def _opened(session: Session, row: BatchRow) -> AsyncIterator[Provider]:
    account = session.account_of(row.provider, row.account, f"batch {row.id}")
    async with session.open(account) as provider:
        yield provider
