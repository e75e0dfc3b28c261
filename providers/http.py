"""The one place that builds HTTP clients: two for every account, with explicit time-outs and no retries of their own.

Jobs, files and every paid request go over the SDK's ordinary transport, where a lost reply cannot be mistaken for a
refused connection; evaluation goes over its aiohttp transport, because one httpx pool collapses past a few dozen
requests in flight (120 against 1,200 requests/s at 64, measured 2026-11-22).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

from .contract import Connection

__all__ = ["HttpClients", "certificates", "http_clients", "timeout"]

_EVALUATION_CONNECTIONS = 512
"""Most connections of one account's evaluation; how many are in flight is the orchestrator's choice."""

_CONNECT_S = 10.0
_READ_S = 120.0
_WRITE_S = 120.0
_POOL_S = 60.0


@dataclass(frozen=True, slots=True)
class HttpClients:
    """`control`: jobs, files, money. `evaluation`: questions, many at once."""

    control: Any
    evaluation: Any


def timeout(sdk: ModuleType, connection: Connection) -> Any:
    """The SDK's own time-out record, every part of it set; `read_timeout_s` among the options sets the longest one."""
    read_s = float(connection.options.get("read_timeout_s", _READ_S))
    return sdk.Timeout(connect=_CONNECT_S, read=read_s, write=_WRITE_S, pool=_POOL_S)


@cache
def certificates(library: ModuleType) -> Any:
    """For `verify`: the trusted certificates, read once a process, for that takes 100 ms."""
    return library.create_ssl_context()


@asynccontextmanager
async def http_clients(connection: Connection, sdk: ModuleType, library: ModuleType) -> AsyncIterator[HttpClients]:
    """Both clients, closed at the end; an injected one (`connection.http`) is used for both and stays open.

    `library` is the HTTP library under the SDK (httpx, httpx2). At a loopback address proxies named in the environment
    are passed by: a sandbox is never behind one.
    """
    if connection.http is not None:
        yield HttpClients(connection.http, connection.http)
        return
    common = {
        "timeout": timeout(sdk, connection),
        "trust_env": not connection.is_sandbox,
        "verify": certificates(library),
    }
    limits = library.Limits(max_connections=_EVALUATION_CONNECTIONS, max_keepalive_connections=_EVALUATION_CONNECTIONS)
    control = sdk.DefaultAsyncHttpxClient(**common)
    evaluation = sdk.DefaultAioHttpClient(**common, limits=limits)
    try:
        yield HttpClients(control, evaluation)
    finally:
        await control.aclose()
        await evaluation.aclose()
