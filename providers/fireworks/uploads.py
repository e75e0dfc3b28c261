"""Fireworks' data sets: made under an id that is the bytes' own hash, then filled; above 150 MB by a signed address.

A signed address gets the bytes and none of our credentials, and is used over https alone (a sandbox's loopback
excepted). It takes the file in one piece: an upload that was interrupted begins anew.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import fireworks
import httpx

from ..contract import Progress
from ..errors import PlatformFault
from ..records import JsonObject, ProviderFile
from ..sending import Piece, Sizes, cut
from ..wire import plain
from .bodies import dataset_body
from .names import dataset_id

__all__ = ["SIZES", "Uploads"]

SIZES = Sizes(whole_up_to=150 * 1000**2, part_bytes=2**63)
"""The largest file of one request (fireworks-ai 1.2.30, `datasets.upload`: "up to 150Mb"); above it goes whole too."""

_TIMEOUT = httpx.Timeout(600.0, connect=30.0, write=3600.0)
"""Seconds, as the SDK's own helper gives a signed address; writing may take longer."""


class Uploads:
    """The data set calls of one account."""

    def __init__(self, client: fireworks.AsyncFireworks, http: Any, *, loopback: bool) -> None:
        self._client, self._http, self._loopback = client, http, loopback

    async def find(self, file: ProviderFile, account: str) -> JsonObject | None:
        """The data set of these bytes, filled or not; None where there is none."""
        try:
            return plain(await self._client.datasets.get(dataset_id(file), account_id=account))
        except fireworks.NotFoundError:
            return None

    async def send(self, file: ProviderFile, account: str, report: Progress | None, whole_up_to: int) -> JsonObject:
        """The platform's record of it. Raises `InvalidData` where the file has changed since it was prepared."""
        pieces = (await cut(file, max(file.size, 1))).pieces
        tell = report or (lambda done, total: None)
        if await self.find(file, account) is None:
            await self._make(file, account)
        id = dataset_id(file)
        if file.size <= whole_up_to:
            content = b"".join([await piece.read() for piece in pieces])
            sent = {"file": (file.remote_name, content, "application/jsonl")}
            await self._client.datasets.upload(id, account_id=account, file=sent["file"])
        else:
            await self._by_address(file, pieces[0], account)
        tell(file.size, file.size)
        return plain(await self._client.datasets.get(id, account_id=account))

    async def _make(self, file: ProviderFile, account: str) -> None:
        """Another process may have made it meanwhile: the same bytes."""
        try:
            await self._client.post(
                f"/v1/accounts/{account}/datasets",
                cast_to=object,
                body=dataset_body(file),
                options={"max_retries": 0, "follow_redirects": False},
            )
        except fireworks.ConflictError:
            return

    async def _by_address(self, file: ProviderFile, piece: Piece, account: str) -> None:
        id, name = dataset_id(file), file.remote_name
        told = plain(
            await self._client.datasets.get_upload_endpoint(
                id, account_id=account, filename_to_size={name: str(file.size)}
            )
        )
        address = (told.get("filenameToSignedUrls") or {}).get(name)
        if not isinstance(address, str) or not address:
            raise PlatformFault("asked where to upload, the platform named no place; nothing was sent")
        if urlsplit(address).scheme != "https" and not self._loopback:
            raise PlatformFault("asked where to upload, the platform named a place without https; nothing was sent")
        # The signature covers both headers (fireworks-ai 1.2.30, lib/dataset_upload.py).
        headers = {
            "Content-Type": "application/octet-stream",
            "X-Goog-Content-Length-Range": f"{file.size},{file.size}",
            "Content-Length": str(file.size),
        }
        answer = await self._http.put(address, content=_blocks(piece), headers=headers, timeout=_TIMEOUT)
        if not answer.is_success:
            raise PlatformFault(f"the signed address answered {answer.status_code}", status=answer.status_code)
        await self._client.datasets.validate_upload(id, account_id=account, body={})


async def _blocks(piece: Piece) -> AsyncIterator[bytes]:
    async for block in piece.blocks():
        yield block
