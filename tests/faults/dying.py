"""An SDK's ordinary HTTP client in which a test can kill this process in the middle of a paid request."""

from __future__ import annotations

import re
from functools import cache
from types import ModuleType
from typing import Any

from orchestrator.jobs.failpoints import reach
from providers.contract import Connection
from providers.http import timeout

__all__ = ["client"]

_PAID = re.compile(r"/(fine_tuning/jobs|fine-tunes|supervisedFineTuningJobs|trainings|deployments)$")
_PLACES = {"send_request_body.complete": "request_sent", "receive_response_headers.complete": "answer_begun"}


def client(sdk: Any, library: ModuleType, connection: Connection) -> Any:
    """The SDK's default client over the library's own transport, watched."""
    transport = _watched(library)(verify=_certificates(library), trust_env=False)
    return sdk.DefaultAsyncHttpxClient(transport=transport, timeout=timeout(sdk, connection), trust_env=False)


@cache
def _certificates(library: ModuleType) -> Any:
    return library.create_ssl_context()


@cache
def _watched(library: ModuleType) -> Any:
    class Watched(library.AsyncHTTPTransport):  # type: ignore[misc, name-defined]
        async def handle_async_request(self, request: Any) -> Any:
            if request.method == "POST" and _PAID.search(request.url.path):
                request.extensions = {**request.extensions, "trace": _trace}
            return await super().handle_async_request(request)

    return Watched


async def _trace(event: str, _info: Any) -> None:
    """httpcore tells every step of a request, `http11.send_request_body.complete` and the like."""
    place = _PLACES.get(event.partition(".")[2])
    if place is not None:
        reach(place)
