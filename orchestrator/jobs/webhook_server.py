"""A small HTTP server for webhooks: `/webhooks/PLATFORM` for them, `/healthz` for whoever looks after it.

It answers at once, in a word, with no detail that would help a stranger, and logs neither bodies nor headers. It speaks
plain HTTP, by default on loopback: TLS is the reverse proxy's.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import anyio
import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from providers.errors import Auth, InvalidData
from providers.webhooks import MAX_BODY_BYTES

from ..errors import TunewrightError, UsageError
from .desk import Desk
from .webhooks import Sender, Serving, receive

__all__ = ["Rate", "app", "serve"]

_BODY_S = 10.0
_MOST_AT_ONCE = 100
_HEADER_BYTES = 16 * 1024


class Rate:
    """How many requests one source may send: `burst` at once, `per_s` in the long run. The oldest are forgotten."""

    _SOURCES = 1000

    def __init__(self, per_s: float = 20, burst: int = 100, now_s: Callable[[], float] = time.monotonic) -> None:
        self._per_s, self._burst, self._now_s = per_s, burst, now_s
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, source: str) -> bool:
        """Count one request; False for one too many."""
        now = self._now_s()
        left, at = self._left.pop(source, (float(self._burst), now))
        left = min(self._burst, left + (now - at) * self._per_s)
        allowed = left >= 1
        self._left[source] = (left - 1 if allowed else left, now)
        if len(self._left) > self._SOURCES:
            self._left.popitem(last=False)
        return allowed


def app(desk: Desk, senders: Mapping[str, Sender], *, rate: Rate | None = None, body_s: float = _BODY_S) -> Starlette:
    """The server as an ASGI app, to be mounted in another. `body_s`: how long a body may take to arrive."""
    limit = rate or Rate()

    async def webhook(request: Request) -> Response:
        sent_by = senders.get(request.path_params["platform"])
        if sent_by is None:
            return _said(404, "not found")
        if not limit.allows(request.client.host if request.client else ""):
            return _said(429, "too many requests", {"retry-after": "1"})
        return await _taken_in(desk, sent_by, request, body_s)

    async def health(_request: Request) -> Response:
        try:
            await desk.db(desk.ledger.deliveries.count)
        except TunewrightError:
            return _said(503, "the ledger cannot be read")
        return _said(200, "ok")

    return Starlette(routes=[Route("/webhooks/{platform}", webhook, methods=["POST"]), Route("/healthz", health)])


async def _taken_in(desk: Desk, sent_by: Sender, request: Request, body_s: float) -> Response:
    try:
        with anyio.fail_after(body_s):
            body = await _body(request)
        if body is None:
            return _said(413, "too large")
        await receive(desk, sent_by, request.headers, body)
    except (InvalidData, ClientDisconnect):
        return _said(400, "not a webhook")
    except Auth:
        return _said(401, "not accepted")
    except TimeoutError:
        return _said(408, "too slow")
    except TunewrightError:
        return _said(503, "try again")  # the ledger is busy or full: a platform sends it again
    return Response(status_code=204)


async def _body(request: Request) -> bytes | None:
    """The raw bytes; None for more than a webhook may have, of which no more than that is read."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY_BYTES:
            return None
    return body


def _said(status: int, word: str, headers: Mapping[str, str] | None = None) -> Response:
    return PlainTextResponse(word + "\n", status, headers=headers)


async def serve(
    desk: Desk,
    senders: Mapping[str, Sender],
    host: str,
    port: int,
    ready: Callable[[Serving], object] | None = None,
    *,
    rate: Rate | None = None,
    body_s: float = _BODY_S,
) -> None:
    """Serve until cancelled. `port` 0 picks a free one; `ready` is called once it listens.

    Raises `UsageError` where it cannot listen.
    """
    with _listening(host, port) as listener:
        server = _Server(_config(app(desk, senders, rate=rate, body_s=body_s)))
        running = asyncio.ensure_future(server.serve(sockets=[listener]))
        try:
            if ready is not None:
                url = _url(listener)
                ready(Serving(url, {name: f"{url}/webhooks/{name}" for name in senders}, desk.ledger.place))
            await asyncio.shield(running)
        finally:
            server.should_exit = True
            with anyio.CancelScope(shield=True):
                await running


class _Server(uvicorn.Server):
    """Leaves signals to whoever called."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _config(application: Starlette) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        http="h11",
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=_MOST_AT_ONCE,
        h11_max_incomplete_event_size=_HEADER_BYTES,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=5,
    )


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # asyncio sets TCP_NODELAY by the proto
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except OSError as error:
        raise UsageError(f"this is no address to listen at: {error.strerror}", where=f"{host}:{port}") from error
    with listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen(_MOST_AT_ONCE)
        except OSError as error:
            fix = "choose another --port, or stop what listens there"
            raise UsageError(f"cannot listen: {error.strerror}", where=f"{host}:{port}", fix=fix) from error
        yield listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
