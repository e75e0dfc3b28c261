"""Together's multipart upload, gone on with after an interruption.

The platform opens an upload and signs an address for each part; a part that has arrived there is known by its ETag.
Nothing can be asked about an upload (together 3.1.1: initiate, complete, abort), and its addresses are signed once: so
they are kept, where only their owner can read them, until it is complete. An upload that takes no more is begun anew,
which is also how a completion whose answer was lost is found: the same checksum is refused with the file's id.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from math import ceil
from typing import Any, Literal

import httpx
import together
from together.lib.resources.files import FileAlreadyExistsError

from ..contract import Progress
from ..errors import InvalidData, PlatformFault
from ..parts import BegunUpload, PartsBook
from ..records import JsonObject, ProviderFile
from ..sending import Cut, Piece, cut, send_missing
from ..wire import plain

__all__ = ["InParts", "purpose_of"]

_MOST_PARTS = 250
"""Parts of one upload (together 3.1.1, `lib/constants.py`)."""

_AT_ONCE = 4
"""Parts in flight, as many as the SDK has; each is read as it is sent."""

_PART_TIMEOUT = httpx.Timeout(300.0, write=3600.0)
"""Seconds, as the SDK gives a part (the same source)."""

_NO_MORE = frozenset({400, 403, 404, 409, 410, 422})
"""Answers that say: this upload, or the signature of its addresses, is over. A wrong key is seen when it is begun."""


def purpose_of(file: ProviderFile) -> Literal["batch-api", "fine-tune"]:
    """The platform's word for what the file is for."""
    return "batch-api" if file.role == "batch" else "fine-tune"


@dataclass(frozen=True, slots=True)
class InParts:
    """One file on its way."""

    client: Any
    file: ProviderFile
    report: Progress
    book: PartsBook

    async def send(self, part_bytes: int) -> JsonObject:
        """The platform's record of the file. Raises `FileAlreadyExistsError` for bytes that it holds."""
        begun = await self.book.begun()
        if begun is not None and begun.secret:
            found = await self._gone_on(begun)
            if found is not None:
                return found
        whole = await cut(self.file, max(part_bytes, ceil(self.file.size / _MOST_PARTS)))
        fresh = await self._begin(whole)
        if begun is not None:
            await self._abort(begun)  # only now: had it been complete, the platform would have named its file
        try:
            return await self._finish(fresh, whole)
        except (together.APIStatusError, InvalidData) as error:
            if _is_final(error):
                await self._abandon(fresh)
            raise

    async def _gone_on(self, begun: BegunUpload) -> JsonObject | None:
        """The file by way of an upload that was begun before; None when that one takes no more."""
        try:
            return await self._finish(begun, await cut(self.file, begun.part_bytes))
        except InvalidData:
            await self._abandon(begun)
            raise
        except together.APIStatusError as error:
            if not _is_final(error):
                raise
        return None

    async def _begin(self, whole: Cut) -> BegunUpload:
        body = {
            "file_name": self.file.remote_name,
            "file_size": self.file.size,
            "num_parts": len(whole.pieces),
            "purpose": purpose_of(self.file),
            "file_type": "jsonl",
            "checksum": self.file.sha256,
        }
        try:
            made = await self._post("initiate", body)
        except together.ConflictError as known:
            await self.book.close()
            raise FileAlreadyExistsError(_file_id(known)) from None
        addresses = made.get("parts")
        if not (made.get("upload_id") and made.get("file_id") and isinstance(addresses, list)):
            raise PlatformFault("the answer opens no upload", body=str(sorted(made)))
        begun = BegunUpload(
            id=str(made["upload_id"]),
            part_bytes=whole.pieces[0].size,
            note=str(made["file_id"]),
            secret=json.dumps(_by_number(addresses)),
        )
        await self.book.begin(begun)
        return begun

    async def _finish(self, begun: BegunUpload, whole: Cut) -> JsonObject:
        addresses = json.loads(begun.secret)

        async def put(piece: Piece) -> str:
            address = addresses.get(str(piece.number))
            if address is None:
                raise PlatformFault(f"the platform named no place for part {piece.number}")
            return await self._put(piece, address["url"], address["headers"])

        parts = await send_missing(whole.pieces, self.book, begun.id, put, self.report, at_once=_AT_ONCE)
        done = await self._post(
            "complete",
            {
                "upload_id": begun.id,
                "file_id": begun.note,
                "parts": [{"part_number": part.number, "etag": part.id} for part in parts],
            },
        )
        await self.book.close()
        file: JsonObject = done.get("file", done)
        return file

    async def _put(self, piece: Piece, url: str, headers: Mapping[str, str]) -> str:
        """Send one part and give its ETag. The address carries its own right; our key does not go there."""
        self._refuse_plain(url)
        answer = await self.client._client.put(
            url,
            content=piece.blocks(),
            headers={**headers, "Content-Length": str(piece.size)},
            timeout=_PART_TIMEOUT,
            follow_redirects=False,
        )
        if not 200 <= answer.status_code < 300:
            raise together.APIStatusError(f"part {piece.number} was refused", response=answer, body=None)
        etag = str(answer.headers.get("ETag", "")).strip('"')
        if not etag:
            raise PlatformFault(f"part {piece.number} arrived without an ETag, by which it could be named")
        return etag

    def _refuse_plain(self, url: str) -> None:
        """Training data goes over https, unless the platform itself is spoken to without."""
        scheme = httpx.URL(url).scheme
        if scheme != "https" and scheme != self.client.base_url.scheme:
            raise PlatformFault(f"the platform names a place without https ({scheme}) for the parts; nothing was sent")

    async def _post(self, step: str, body: Mapping[str, Any]) -> JsonObject:
        answer = await self.client.post(f"/v1/files/multipart/{step}", cast_to=httpx.Response, body=body)
        return plain(answer.json())

    async def _abandon(self, begun: BegunUpload) -> None:
        await self.book.close()
        await self._abort(begun)

    async def _abort(self, begun: BegunUpload) -> None:
        """Have what has arrived thrown away, so that nobody stores it. One that is over already needs none."""
        with suppress(together.APIError, PlatformFault, ValueError):
            await self._post("abort", {"upload_id": begun.id, "file_id": begun.note})


def _by_number(addresses: list[Any]) -> dict[str, dict[str, Any]]:
    """Part number → its address, whichever of the two spellings the platform uses."""
    found = {}
    for address in addresses:
        number = address.get("PartNumber", address.get("part_number"))
        url = address.get("URL", address.get("UploadURL"))
        if number is not None and url:
            found[str(number)] = {"url": str(url), "headers": dict(address.get("Headers") or {})}
    return found


def _file_id(error: together.APIStatusError) -> str:
    body = error.body
    file_id = body.get("file_id") if isinstance(body, Mapping) else None
    if not file_id:
        with suppress(ValueError):
            file_id = error.response.json().get("file_id")
    if not file_id:
        raise PlatformFault("the platform holds these bytes already, and does not say as which file")
    return str(file_id)


def _is_final(error: Exception) -> bool:
    return not isinstance(error, together.APIStatusError) or error.status_code in _NO_MORE
