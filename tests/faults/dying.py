"""An SDK's ordinary HTTP client in which a test can kill this process in the middle of a paid request."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from orchestrator.jobs.failpoints import reach
from providers.contract import Connection
from providers.http import timeout

from .platforms import Peculiar, any_path

__all__ = ["watched"]

_PLACES = {"send_request_body.complete": "request_sent", "receive_response_headers.complete": "answer_begun"}


@asynccontextmanager
async def watched(here: Peculiar, connection: Connection) -> AsyncIterator[Connection]:
    """The connection with the SDK's default client, over its HTTP library's own transport, watched."""
    library = import_module(here.http)
    client = getattr(import_module(here.sdk), "DefaultAsyncHttpxClient", library.AsyncClient)
    transport = _watched(library, any_path(*here.paid))(verify=_certificates(library), trust_env=False)
    async with client(transport=transport, timeout=timeout(library, connection), trust_env=False) as http:
        yield replace(connection, http=http)


@cache
def _certificates(library: ModuleType) -> Any:
    return library.create_ssl_context()


@cache
def _watched(library: ModuleType, paid: str) -> Any:
    class Watched(library.AsyncHTTPTransport):  # type: ignore[misc, name-defined]
        async def handle_async_request(self, request: Any) -> Any:
            if request.method == "POST" and re.search(paid, request.url.path):
                request.extensions = {**request.extensions, "trace": _trace}
            return await super().handle_async_request(request)

    return Watched


async def _trace(event: str, _info: Any) -> None:
    """httpcore tells every step of a request, `http11.send_request_body.complete` and the like."""
    place = _PLACES.get(event.partition(".")[2])
    if place is not None:
        reach(place)
