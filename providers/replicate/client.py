"""Replicate's SDK as a wire: its client and its addresses, without its retries and its models.

replicate 1.0.7 repeats a read up to ten times by itself, sleeping as long as the server says; drops headers and body
of a refusal; and cannot read a training that was aborted. So its client sends over a transport of ours, which raises
a refusal before the SDK sees it, and answers are read as the JSON they are.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
from replicate.client import Client

from ..contract import Connection
from ..errors import CannotTell, PlatformFault
from ..http import certificates
from ..records import JsonObject
from ..wire import MAX_PAGES, json_or_text
from .bodies import OWN_HOST

__all__ = ["Wire", "wire"]

_CONNECT_S = 10.0
_READ_S = 120.0
_WRITE_S = 120.0
_POOL_S = 60.0
_CONNECTIONS = 128


class RefusedStatus(Exception):
    """An answer that is no 2xx, whole. Shaped as `classify` reads it."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(f"status {response.status_code}")
        self.status_code = response.status_code
        self.response = response
        self.body = json_or_text(response)


class _Transport(httpx.AsyncBaseTransport):
    """Sends through one HTTP client, and raises what was refused."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._http.send(request, stream=True, auth=None, follow_redirects=False)
        if response.is_success:
            return response
        try:
            await response.aread()
        finally:
            await response.aclose()
        raise RefusedStatus(response)


class Wire:
    """One account's requests, each sent once."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def get(self, path: str) -> JsonObject:
        """One read."""
        return _object(await self._client._async_request("GET", path))

    async def find(self, path: str) -> JsonObject | None:
        """The same; None where there is nothing."""
        try:
            return await self.get(path)
        except RefusedStatus as refused:
            if refused.status_code != 404:
                raise
            return None

    async def post(self, path: str, body: JsonObject | None = None, headers: Mapping[str, str] | None = None) -> Any:
        """One POST, its answer as JSON."""
        return _object(await self._client._async_request("POST", path, json=body, headers=dict(headers or {})))

    async def send_file(self, name: str, content: Any, metadata: JsonObject) -> JsonObject:
        """One upload, in the SDK's own form. `content`: an open file."""
        form = {"files": {"content": (name, content, "application/jsonl")}, "data": {"metadata": json.dumps(metadata)}}
        return _object(await self._client._async_request("POST", "/v1/files", **form))

    async def every(self, path: str) -> AsyncIterator[JsonObject]:
        """Each entry of a listing, page by page; the next page's address is taken for its query alone, so that the key
        goes nowhere else. Raises `CannotTell` where it does not end."""
        asked = path
        for _ in range(MAX_PAGES):
            page = await self.get(asked)
            rows = page.get("results")
            if not isinstance(rows, list):
                raise PlatformFault("the answer is not a listing", body=str(dict(page))[:65_536])
            for row in rows:
                if isinstance(row, Mapping):
                    yield row
            following = page.get("next")
            if not following:
                return
            asked = f"{path}?{urlsplit(str(following)).query}"
        raise CannotTell(f"the listing does not end within {MAX_PAGES} pages")


@asynccontextmanager
async def wire(connection: Connection) -> AsyncIterator[Wire]:
    """The account's wire, closed at the end; an injected HTTP client (`connection.http`) stays open."""
    read_s = float(connection.options.get("read_timeout_s", _READ_S))
    timeout = httpx.Timeout(connect=_CONNECT_S, read=read_s, write=_WRITE_S, pool=_POOL_S)
    limits = httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS)
    http = connection.http or httpx.AsyncClient(
        timeout=timeout, limits=limits, trust_env=not connection.is_sandbox, verify=certificates(httpx)
    )
    client = Client(
        # The SDK would take both from the environment; the connection alone says what is meant.
        api_token=connection.api_key.reveal() if connection.api_key else "none",
        base_url=connection.base_url or OWN_HOST,
        timeout=timeout,
        transport=_Transport(http),
    )
    try:
        yield Wire(client)
    finally:
        if connection.http is None:
            await http.aclose()


def _object(response: httpx.Response) -> JsonObject:
    """The answer's JSON. An HTML page, or half an answer, raises what `classify` knows for that."""
    answer = response.json()
    if not isinstance(answer, Mapping):
        raise PlatformFault("the answer is not a JSON object", body=response.text[:65_536])
    return answer
