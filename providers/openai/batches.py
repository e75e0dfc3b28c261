"""OpenAI's batches: bought with our tag in the metadata, found again by it, their output read line by line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openai import AsyncOpenAI, omit
from openai.types import Batch

from ..batch_account import BatchCalls
from ..batches import ENDPOINT, BatchState, RemoteBatch
from ..errors import PlatformFault
from ..records import JsonObject
from ..tags import same_tag
from ..wire import every, integer, plain, unix_time
from .bodies import TAG_KEY

__all__ = ["BATCH_STATES", "Batches", "batch"]

BATCH_STATES: Mapping[str, BatchState] = {
    "validating": BatchState.VALIDATING,
    "in_progress": BatchState.RUNNING,
    "finalizing": BatchState.FINALIZING,
    "completed": BatchState.COMPLETED,
    "failed": BatchState.FAILED,
    "expired": BatchState.EXPIRED,
    "cancelling": BatchState.CANCELLING,
    "cancelled": BatchState.CANCELLED,
}
"""Each wire status once."""

_WINDOW = "24h"
"""The only completion window there is (openai 3.54.0)."""


class Batches(BatchCalls):
    """The batch calls of one account."""

    def __init__(self, client: AsyncOpenAI) -> None:
        super().__init__(client, batch)

    async def create(self, file_id: str, tag: str) -> RemoteBatch:
        """The paid request: exactly one POST, no retry, no redirect followed."""
        body = {
            "input_file_id": file_id,
            "endpoint": ENDPOINT,
            "completion_window": _WINDOW,
            "metadata": {TAG_KEY: tag},
        }
        return batch(
            plain(
                await self._client.post(
                    "/batches", cast_to=Batch, body=body, options={"max_retries": 0, "follow_redirects": False}
                )
            )
        )

    async def find(self, tag: str, file_id: str | None) -> tuple[RemoteBatch, ...]:
        """Batches with our tag in their metadata. The list has no filter and is read through whole."""

        async def page(after: str | None) -> Any:
            return await self._client.batches.list(limit=100, after=after or omit)

        found = [batch(raw) async for raw in every(page)]
        return tuple(one for one in found if same_tag(one.tag, tag))


def batch(raw: JsonObject) -> RemoteBatch:
    """A batch. Raises `PlatformFault` without an id, for then nothing can be followed."""
    if not raw.get("id"):
        raise PlatformFault("the answer names no batch", body=str(dict(raw)))
    status, counts, metadata = str(raw.get("status") or ""), raw.get("request_counts"), raw.get("metadata")
    counted = counts if isinstance(counts, Mapping) else {}
    return RemoteBatch(
        id=str(raw["id"]),
        state=BATCH_STATES.get(status, BatchState.UNKNOWN),
        raw_status=status,
        input_file=raw.get("input_file_id") or None,
        tag=metadata.get(TAG_KEY) if isinstance(metadata, Mapping) else None,
        output_file=raw.get("output_file_id") or None,
        error_file=raw.get("error_file_id") or None,
        created_at=unix_time(raw.get("created_at")),
        expires_at=unix_time(raw.get("expires_at")),
        total=integer(counted.get("total")),
        done=integer(counted.get("completed")),
        failed=integer(counted.get("failed")),
        error=_why(raw.get("errors")),
        raw=raw,
    )


def _why(errors: object) -> str | None:
    told = errors.get("data") if isinstance(errors, Mapping) else None
    rows = [row for row in told if isinstance(row, Mapping)] if isinstance(told, list) else []
    return "; ".join(str(row.get("message") or row.get("code")) for row in rows[:3]) or None
