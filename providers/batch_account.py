"""Batches over an SDK's client: what is the same wherever there are any. An adapter adds buying and finding."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable
from typing import Any

from .account import Account
from .batches import BatchAnswer, RemoteBatch, answer_line
from .records import JsonObject
from .wire import plain

__all__ = ["BatchAccount", "BatchCalls"]


class BatchCalls(ABC):
    """The batch calls of one account. `client`: the SDK's; `read`: a batch as the platform tells it, as a record."""

    def __init__(self, client: Any, read: Callable[[JsonObject], RemoteBatch]) -> None:
        self._client, self._read = client, read

    @abstractmethod
    async def create(self, file_id: str, tag: str) -> RemoteBatch:
        """The paid request: exactly one POST, no retry, no redirect followed."""

    @abstractmethod
    async def find(self, tag: str, file_id: str | None) -> tuple[RemoteBatch, ...]:
        """Batches of our tag, or of that input file where they bear none."""

    async def get(self, batch_id: str) -> RemoteBatch:
        """A pure read."""
        return self._read(plain(await self._client.batches.retrieve(batch_id)))

    async def cancel(self, batch_id: str) -> RemoteBatch:
        """Ask for it to be cancelled."""
        return self._read(plain(await self._client.batches.cancel(batch_id)))

    async def output(self, one: RemoteBatch) -> AsyncGenerator[BatchAnswer, None]:
        """Every line of both files, as it is read; neither is held in memory."""
        for file_id in (one.output_file, one.error_file):
            if file_id:
                async with self._client.files.with_streaming_response.content(file_id) as response:
                    async for line in response.iter_lines():
                        if line.strip():
                            yield answer_line(line)


class BatchAccount(Account):
    """An account whose platform answers batches of questions."""

    _batches: BatchCalls

    async def create_batch(self, file_id: str, tag: str) -> RemoteBatch:
        """Buy the answers: one POST, no retry, no redirect followed."""
        with self._asking("create_batch"):
            return await self._batches.create(file_id, tag)

    async def find_batches(self, tag: str, file_id: str | None) -> tuple[RemoteBatch, ...]:
        """Batches of our tag, or of that input file where they bear none."""
        with self._asking("find_batches"):
            return await self._batches.find(tag, file_id)

    async def batch(self, batch_id: str) -> RemoteBatch:
        """A pure read."""
        with self._asking("batch"):
            return await self._batches.get(batch_id)

    async def batch_output(self, batch: RemoteBatch) -> AsyncGenerator[BatchAnswer, None]:
        """Every line of its output and error files, in no order."""
        with self._asking("batch_output"):
            async for line in self._batches.output(batch):
                yield line

    async def cancel_batch(self, batch_id: str) -> RemoteBatch:
        """Ask for it to be cancelled; what is answered by then is billed."""
        with self._asking("cancel_batch"):
            return await self._batches.cancel(batch_id)
