"""The Gen AI SDK as a wire: its client and its addresses, without its retries and its models.

google-genai 3.6.1 repeats a POST once by itself where it sends over aiohttp and the connection breaks, the paid one too
(`_async_request_once`, unless retry options are set); its own httpx client follows redirects; and its models warn of a
job state that they do not know, and drop every field that they do not. So its client sends over a transport of ours,
once and without redirects, which raises a refusal whole before the SDK sees it; and answers are read as they are.
"""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any, cast
from urllib.parse import urlencode

import httpx2
import openai
from google import genai
from google.genai.types import HttpOptions, HttpRetryOptions

from ..contract import Connection
from ..errors import CannotTell, PlatformFault
from ..http import http_clients, timeout
from ..records import JsonObject
from ..wire import MAX_PAGES, json_or_text
from .places import API_VERSION, host_of
from .tokens import Tokens

__all__ = ["Refused", "Wire", "wire"]

_CLIENTS = cast(
    ModuleType,
    SimpleNamespace(
        Timeout=httpx2.Timeout,
        DefaultAsyncHttpxClient=httpx2.AsyncClient,
        DefaultAioHttpClient=openai.DefaultAioHttpClient,
    ),
)
"""This SDK has no HTTP clients of its own to give. The OpenAI SDK's is plain httpx2 over aiohttp."""

_PAGE = 100
"""Entries of one page; the API documents no most."""

_REASON = re.compile(r"[A-Z][A-Z0-9_]{2,63}")


class Refused(Exception):
    """An answer that is no success, whole. Shaped as `classify` reads it.

    Its code is the reason that Google gives (`BILLING_DISABLED`), else the status's name (`NOT_FOUND`).
    """

    def __init__(self, response: httpx2.Response) -> None:
        super().__init__(f"status {response.status_code}")
        self.status_code = response.status_code
        self.response = response
        self.body = _said(json_or_text(response))


class _Once(httpx2.AsyncBaseTransport):
    """Sends through one HTTP client, with its time-outs and no redirect, and raises what was refused."""

    def __init__(self, http: httpx2.AsyncClient, limits: httpx2.Timeout) -> None:
        self._http, self._timeout = http, limits

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        # The SDK asks for no time-out at all, unless it is told one for connecting, sending and waiting alike.
        request.extensions = {**request.extensions, "timeout": self._timeout.as_dict()}
        return await sent_once(self._http, request)


class _Never(httpx2.BaseTransport):
    """The SDK also makes a synchronous client, which nobody here uses; this one loads no certificates."""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        raise RuntimeError("the synchronous client is not used")


async def sent_once(http: httpx2.AsyncClient, request: httpx2.Request) -> httpx2.Response:
    """The answer, its body still to be read. Raises `Refused` for anything but a success."""
    response = await http.send(request, stream=True, auth=None, follow_redirects=False)
    if response.is_success:
        return response
    try:
        await response.aread()
    finally:
        await response.aclose()
    raise Refused(response)


@dataclass(slots=True)
class Wire:
    """One account's requests, each sent once, to whichever of Google's hosts serves a location."""

    connection: Connection
    tokens: Tokens
    control: httpx2.AsyncClient
    evaluation: httpx2.AsyncClient
    timeout: httpx2.Timeout
    _made: dict[tuple[str, bool], genai.Client] = field(default_factory=dict, repr=False)

    async def get(self, location: str, path: str, **query: str | int) -> JsonObject:
        """One read."""
        client = await self._client(location)
        asked = f"{path}?{urlencode(query)}" if query else path
        return _object(await client._api_client.async_request("get", asked, {}, None))

    async def post(self, location: str, path: str, body: JsonObject) -> JsonObject:
        """One POST: exactly one, whatever becomes of it."""
        client = await self._client(location)
        return _object(await client._api_client.async_request("post", path, dict(body), None))

    async def ask(self, location: str, path: str, body: JsonObject) -> tuple[JsonObject, Mapping[str, str]]:
        """The same for a question, over the transport for many at once; with the answer's headers."""
        client = await self._client(location, asking=True)
        answer = await client._api_client.async_request("post", path, dict(body), None)
        return _object(answer), dict(answer.headers or {})

    async def stream(self, location: str, path: str, body: JsonObject) -> AsyncIterator[JsonObject]:
        """An answer piece by piece."""
        client = await self._client(location, asking=True)
        async for piece in await client._api_client.async_request_streamed("post", path, dict(body), None):
            yield _object(piece)

    async def every(self, location: str, path: str, key: str, **query: str) -> AsyncIterator[JsonObject]:
        """Each entry of a listing, page by page. Raises `CannotTell` where it does not end."""
        token = ""
        for _ in range(MAX_PAGES):
            more = {"pageToken": token} if token else {}
            page = await self.get(location, path, **query, **more, pageSize=_PAGE)
            rows = page.get(key, [])
            if not isinstance(rows, list):
                raise PlatformFault("the answer is not a listing", body=str(dict(page))[:65_536])
            for row in rows:
                if isinstance(row, Mapping):
                    yield row
            token = str(page.get("nextPageToken") or "")
            if not token:
                return
        raise CannotTell(f"the listing does not end within {MAX_PAGES} pages")

    async def _client(self, location: str, *, asking: bool = False) -> genai.Client:
        """The SDK's client at that location's host, its credentials holding: renewing them is none of its requests."""
        credentials = await self.tokens.credentials()
        host = (self.connection.base_url or host_of(location)).rstrip("/")
        if (host, asking) not in self._made:
            http = self.evaluation if asking else self.control
            self._made[host, asking] = genai.Client(
                vertexai=True,
                project=self.connection.project,
                location=location,
                credentials=cast(Any, credentials),
                http_options=HttpOptions(
                    base_url=host,
                    api_version=API_VERSION,
                    retry_options=HttpRetryOptions(attempts=1),
                    httpx_async_client=httpx2.AsyncClient(transport=_Once(http, self.timeout), trust_env=False),
                    httpx_client=httpx2.Client(transport=_Never(), trust_env=False),
                    # For websockets, which nobody opens here: one that trusts nobody, instead of one that is loaded.
                    async_client_args={"ssl": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)},
                ),
            )
        return self._made[host, asking]


@asynccontextmanager
async def wire(connection: Connection, tokens: Tokens) -> AsyncIterator[Wire]:
    """The account's wire, its HTTP clients closed at the end; an injected one (`connection.http`) stays open."""
    async with http_clients(connection, _CLIENTS, httpx2) as http:
        yield Wire(connection, tokens, http.control, http.evaluation, timeout(_CLIENTS, connection))


def _object(answer: Any) -> JsonObject:
    """The answer's JSON. An HTML page, or half an answer, raises what `classify` knows for that."""
    text = str(answer.body or "")
    found = json.loads(text) if text.strip() else {}
    if not isinstance(found, Mapping):
        raise PlatformFault("the answer is not a JSON object", body=text[:65_536])
    return found


def _said(told: object) -> object:
    """`{"error": {"code": 403, "status": "PERMISSION_DENIED", "message", "details": [{"reason"}]}}` with its code as a
    word; a stream's refusal is a list of one."""
    inner = told[0] if isinstance(told, list) and len(told) == 1 else told
    error = inner.get("error") if isinstance(inner, Mapping) else None
    if not isinstance(error, Mapping):
        return told
    return {"error": {"code": _reason(error) or str(error.get("status") or ""), "message": error.get("message")}}


def _reason(error: Mapping[str, Any]) -> str | None:
    details = error.get("details")
    for detail in details if isinstance(details, list) else ():
        reason = detail.get("reason") if isinstance(detail, Mapping) else None
        if isinstance(reason, str) and _REASON.fullmatch(reason):
            return reason
    return None
