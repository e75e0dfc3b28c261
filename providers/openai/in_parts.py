"""OpenAI's uploads in parts, gone on with after an interruption.

The API has no way to ask how an upload stands (openai 3.57 and its specification, 2026-11-22: create, add a part,
complete, cancel). So the next missing part, or the completion, is the question: refused, the upload has expired (an
hour after it was made), was cancelled, or was completed by a request whose answer was lost. The last is seen by name
and size in the list of files; else everything is sent anew.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

import openai
from openai import AsyncOpenAI

from ..contract import Progress
from ..errors import InvalidData, PlatformFault
from ..parts import BegunUpload, PartsBook
from ..records import JsonObject, ProviderFile
from ..sending import Cut, Piece, cut, send_missing
from ..wire import plain

__all__ = ["MIME", "InParts", "purpose_of"]

MIME = "application/jsonl"

_AT_ONCE = 2
"""Parts in flight, each of them in memory."""

_NO_MORE = frozenset({400, 404, 409, 410, 422})
"""Answers that say: this upload takes no more. Others (a key, a rate, a fault) say nothing about it."""


def purpose_of(file: ProviderFile) -> Literal["batch", "fine-tune"]:
    """The platform's word for what the file is for."""
    return "batch" if file.role == "batch" else "fine-tune"


Find = Callable[[AsyncOpenAI, ProviderFile], Awaitable[JsonObject | None]]


@dataclass(frozen=True, slots=True)
class InParts:
    """One file on its way. `find` looks for the same bytes among the account's files."""

    client: AsyncOpenAI
    file: ProviderFile
    report: Progress
    book: PartsBook
    find: Find

    async def send(self, part_bytes: int) -> JsonObject:
        """The platform's record of the file: gone on with where an upload of it stands open, else anew."""
        begun = await self.book.begun()
        if begun is not None:
            found = await self._gone_on(begun)
            if found is not None:
                return found
        whole = await cut(self.file, part_bytes)
        begun = await self._begin(part_bytes)
        try:
            return await self._finish(begun, whole)
        except (openai.APIStatusError, InvalidData) as error:
            if _is_final(error):
                await self._abandon(begun)
            raise

    async def _gone_on(self, begun: BegunUpload) -> JsonObject | None:
        """The file by way of an upload that was begun before; None when that one takes no more."""
        try:
            return await self._finish(begun, await cut(self.file, begun.part_bytes))
        except InvalidData:
            await self._abandon(begun)
            raise
        except openai.APIStatusError as error:
            if not _is_final(error):
                raise
        await self._abandon(begun)
        return await self.find(self.client, self.file)

    async def _begin(self, part_bytes: int) -> BegunUpload:
        name, size = self.file.remote_name, self.file.size
        made = plain(
            await self.client.uploads.create(bytes=size, filename=name, mime_type=MIME, purpose=purpose_of(self.file))
        )
        if not made.get("id"):
            raise PlatformFault("the answer names no upload", body=str(dict(made)))
        begun = BegunUpload(id=str(made["id"]), part_bytes=part_bytes)
        await self.book.begin(begun)
        return begun

    async def _finish(self, begun: BegunUpload, whole: Cut) -> JsonObject:
        async def add(piece: Piece) -> str:
            sent = plain(await self.client.uploads.parts.create(upload_id=begun.id, data=("part", await piece.read())))
            if not sent.get("id"):
                raise PlatformFault("the answer names no part", body=str(dict(sent)))
            return str(sent["id"])

        parts = await send_missing(whole.pieces, self.book, begun.id, add, self.report, at_once=_AT_ONCE)
        ids = [part.id for part in parts]
        done = plain(await self.client.uploads.complete(upload_id=begun.id, part_ids=ids, md5=whole.md5))
        if not isinstance(done.get("file"), Mapping):
            raise PlatformFault("the completed upload names no file", body=str(dict(done)))
        await self.book.close()
        file: JsonObject = done["file"]
        return file

    async def _abandon(self, begun: BegunUpload) -> None:
        """Forget it here, and cancel it there, as far as it still stands."""
        await self.book.close()
        with suppress(openai.APIError):
            await self.client.uploads.cancel(begun.id)


def _is_final(error: Exception) -> bool:
    return not isinstance(error, openai.APIStatusError) or error.status_code in _NO_MORE
