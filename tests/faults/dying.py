"""An SDK's ordinary HTTP client in which a test can kill this process in the middle of a paid request.

Its own transport, on which nothing is changed but that it is watched: httpx's by the trace of httpcore, botocore's,
which is urllib3 in threads, by the class of its connections.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from orchestrator.jobs.failpoints import reach
from providers.contract import Connection
from providers.http import certificates, timeout

from .platforms import Peculiar, any_path

__all__ = ["watched"]

_PLACES = {"send_request_body.complete": "request_sent", "receive_response_headers.complete": "answer_begun"}


@asynccontextmanager
async def watched(here: Peculiar, connection: Connection) -> AsyncIterator[Connection]:
    """The connection, whose paid requests are watched for as long as the block lasts."""
    paid = any_path(*here.paid)
    if here.http == "botocore":
        with _watched_botocore(paid):
            yield connection
    else:
        async with _client(here, paid, connection) as http:
            yield replace(connection, http=http)


def _client(here: Peculiar, paid: str, connection: Connection) -> Any:
    """The SDK's default client, over its HTTP library's own transport, watched."""
    library = import_module(here.http)
    client = getattr(import_module(here.sdk), "DefaultAsyncHttpxClient", library.AsyncClient)
    transport = _watched(library, paid)(verify=certificates(library), trust_env=False)
    return client(transport=transport, timeout=timeout(library, connection), trust_env=False)


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


@contextmanager
def _watched_botocore(paid: str) -> Iterator[None]:
    """Every connection that botocore opens meanwhile, in whatever thread, is one that tells how far it is."""
    from botocore.awsrequest import AWSHTTPConnectionPool

    plain = AWSHTTPConnectionPool.ConnectionCls
    AWSHTTPConnectionPool.ConnectionCls = _telling(plain, paid)
    try:
        yield
    finally:
        AWSHTTPConnectionPool.ConnectionCls = plain


@cache
def _telling(plain: Any, paid: str) -> Any:
    class Telling(plain):  # type: ignore[misc]
        _watched = False

        def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:
            self._watched = method == "POST" and re.search(paid, url) is not None
            super().request(method, url, *args, **kwargs)

        def getresponse(self) -> Any:
            """Asked for once the request's last byte is with the kernel; it answers once all headers are read."""
            self._tell("request_sent")
            answer = super().getresponse()
            self._tell("answer_begun")
            return answer

        def _tell(self, place: str) -> None:
            if self._watched:
                reach(place)

    return Telling
