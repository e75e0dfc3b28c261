"""Training files in Cloud Storage: an object named by its bytes, made once and never written over.

Each is one multipart request of the JSON API with `ifGenerationMatch=0` and the MD5 of the bytes, against which Cloud
Storage holds what arrived. A session that could be resumed is not kept: its address is a right to write, and the ledger
holds no secrets; an upload that was interrupted begins anew.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx2

from ..contract import Connection, Progress
from ..errors import InvalidData, NotFound
from ..records import JsonObject, ProviderFile, RemoteFile
from ..sending import Piece, cut
from ..wire import integer, mapping
from .bodies import object_metadata, upload_query
from .places import OWN_STORAGE, Bucket, StorageObject
from .tokens import Tokens
from .wire import Refused, sent_once

__all__ = ["Storage"]

_TIMEOUT = httpx2.Timeout(600.0, connect=30.0, write=3600.0)
"""Seconds; sending a gigabyte may take long."""


class Storage:
    """One bucket's objects, as far as an account needs them."""

    def __init__(self, connection: Connection, http: httpx2.AsyncClient, tokens: Tokens) -> None:
        self._root = (connection.options.get("storage_url") or OWN_STORAGE).rstrip("/")
        self._http, self._tokens = http, tokens

    async def stored(self, place: StorageObject) -> RemoteFile | None:
        """What lies there; None for nothing."""
        try:
            told = await self._answer("GET", f"{self._root}/storage/v1{place.path}")
        except Refused as refused:
            if refused.status_code != 404:
                raise
            return None
        return RemoteFile(id=place.uri, size=integer(told.get("size")), raw=told)

    async def find(self, place: StorageObject, file: ProviderFile) -> RemoteFile | None:
        """The same bytes: their hash stands in the name, whole in the metadata, and the size is theirs."""
        found = await self.stored(place)
        metadata = found.raw.get("metadata") if found else None
        known = metadata.get("sha256") if isinstance(metadata, Mapping) else None
        if found is None or found.size != file.size or known != file.sha256:
            return None
        return RemoteFile(id=found.id, size=found.size, reused=True, raw=found.raw)

    async def send(self, place: StorageObject, file: ProviderFile, report: Progress | None) -> RemoteFile:
        """Put it there. Raises `InvalidData` where the file has changed since it was prepared, or where something else
        lies there under its name."""
        whole = await cut(file, max(file.size, 1))
        tell = report or (lambda done, total: None)
        metadata = object_metadata(place, file, base64.b64encode(bytes.fromhex(whole.md5)).decode())
        head, tail, kind = _frame(metadata)
        headers = {"content-type": kind, "content-length": str(len(head) + file.size + len(tail))}
        address = f"{self._root}/upload/storage/v1/b/{place.bucket}/o?{upload_query(place)}"
        tell(0, file.size)
        try:
            told = await self._answer("POST", address, headers, _body(head, whole.pieces, tail, file.size, tell))
        except Refused as refused:
            if refused.status_code != 412:
                raise
            return await self._there_already(place, file)
        return RemoteFile(id=place.uri, size=integer(told.get("size")), raw=told)

    async def reachable(self, bucket: Bucket) -> None:
        """Raises `NotFound`, or what Cloud Storage says, where the bucket cannot be read."""
        try:
            await self._answer("GET", f"{self._root}/storage/v1/b/{bucket.name}/o?maxResults=1&fields=kind")
        except Refused as refused:
            if refused.status_code != 404:
                raise
            raise NotFound(f"there is no bucket {bucket.name!r}") from None

    async def _there_already(self, place: StorageObject, file: ProviderFile) -> RemoteFile:
        """Another process was quicker, with the same bytes."""
        found = await self.find(place, file)
        if found is None:
            raise InvalidData(
                f"{place.uri} holds other bytes than its name says",
                nothing_created=True,
                fix="delete it, or choose another folder; nothing is ever written over here",
            )
        return found

    async def _answer(
        self, method: str, address: str, headers: Mapping[str, str] | None = None, content: Any = None
    ) -> JsonObject:
        sent = {**(headers or {}), **await self._tokens.headers()}
        limits = _TIMEOUT if content is not None else self._http.timeout
        request = self._http.build_request(method, address, headers=sent, content=content, timeout=limits)
        response = await sent_once(self._http, request)
        try:
            await response.aread()
        finally:
            await response.aclose()
        return mapping(response.json())


def _frame(metadata: JsonObject) -> tuple[bytes, bytes, str]:
    """What stands before and after the bytes, and the content type that says so."""
    mark = f"tunewright-{secrets.token_hex(16)}"
    head = f"--{mark}\r\ncontent-type: application/json; charset=utf-8\r\n\r\n{json.dumps(metadata)}\r\n"
    head += f"--{mark}\r\ncontent-type: {metadata['contentType']}\r\n\r\n"
    return head.encode(), f"\r\n--{mark}--\r\n".encode(), f"multipart/related; boundary={mark}"


async def _body(
    head: bytes, pieces: tuple[Piece, ...], tail: bytes, size: int, report: Progress
) -> AsyncIterator[bytes]:
    yield head
    done = 0
    for piece in pieces:
        async for block in piece.blocks():
            done += len(block)
            yield block
            report(done, size)
    yield tail
