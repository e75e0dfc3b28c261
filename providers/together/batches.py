"""Together's batches. They bear no mark of ours: a batch is found by its input file, whose lines carry our tag."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import together
from together.types import BatchCreateResponse

from ..batch_account import BatchCalls
from ..batches import ENDPOINT, BatchState, RemoteBatch
from ..errors import CannotTell, PlatformFault
from ..records import JsonObject
from ..wire import iso_time, plain

__all__ = ["BATCH_STATES", "Batches", "batch"]

BATCH_STATES: Mapping[str, BatchState] = {
    "VALIDATING": BatchState.VALIDATING,
    "IN_PROGRESS": BatchState.RUNNING,
    "COMPLETED": BatchState.COMPLETED,
    "FAILED": BatchState.FAILED,
    "EXPIRED": BatchState.EXPIRED,
    "CANCELLED": BatchState.CANCELLED,
}
"""Each wire status once."""


class Batches(BatchCalls):
    """The batch calls of one account."""

    def __init__(self, client: together.AsyncTogether) -> None:
        super().__init__(client, batch)

    async def create(self, file_id: str, tag: str) -> RemoteBatch:
        """The paid request: exactly one POST, no retry, no redirect followed."""
        body = {"endpoint": ENDPOINT, "input_file_id": file_id}
        told = plain(
            await self._client.post(
                "/v1/batches",
                cast_to=BatchCreateResponse,
                body=body,
                options={"max_retries": 0, "follow_redirects": False},
            )
        )
        job = told.get("job")
        if not isinstance(job, Mapping):
            raise PlatformFault("the answer names no batch", body=str(dict(told)))
        return batch(job)

    async def find(self, tag: str, file_id: str | None) -> tuple[RemoteBatch, ...]:
        """Batches of that input file, which is one tag's alone; the platform lists all at once.

        Raises `CannotTell` without a file.
        """
        if file_id is None:
            raise CannotTell("a batch is found by its input file here, and none is known")
        listed: Any = await self._client.batches.list()
        if listed is not None and not isinstance(listed, list):
            raise PlatformFault("the answer is not a listing", body=str(listed)[:65_536])
        found = [batch(plain(raw)) for raw in listed or ()]
        return tuple(one for one in found if one.input_file == file_id)


def batch(raw: JsonObject) -> RemoteBatch:
    """A batch. Raises `PlatformFault` without an id, for then nothing can be followed."""
    if not raw.get("id"):
        raise PlatformFault("the answer names no batch", body=str(dict(raw)))
    status = str(raw.get("status") or "")
    return RemoteBatch(
        id=str(raw["id"]),
        state=BATCH_STATES.get(status, BatchState.UNKNOWN),
        raw_status=status,
        input_file=raw.get("input_file_id") or None,
        output_file=raw.get("output_file_id") or None,
        error_file=raw.get("error_file_id") or None,
        created_at=iso_time(raw.get("created_at")),
        expires_at=iso_time(raw.get("job_deadline")),
        error=raw.get("error") or None,
        raw=raw,
    )
