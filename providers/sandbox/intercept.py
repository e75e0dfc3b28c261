"""The layer that every request passes: it logs the request, checks the key, and lets request faults strike.

Works on raw ASGI, because several faults are about what happens to the connection rather than to the answer.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .aws_signature import ACCESS_KEY, AWS, access_key_of
from .faults import Fault, Faults
from .refusals import Refused, response_of

__all__ = ["ADMIN", "Intercept", "RequestLog"]

ADMIN = "/_sandbox"
_TICK_S = 0.01
_PAGE = "<!doctype html><html><head><title>Service</title></head><body><h1>{}</h1></body></html>"


class RequestLog:
    """How often each (method, path) was asked, faults or not; the sandbox's own admin requests excepted.

    `under_way` requests are being worked on; `held` ones wait for the sandbox's clock.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()
        self.under_way = self.held = 0

    @contextmanager
    def working(self) -> Iterator[None]:
        """One request, from its arrival to its end."""
        self._shift(1, 0)
        try:
            yield
        finally:
            self._shift(-1, 0)

    @contextmanager
    def holding(self) -> Iterator[None]:
        """The same request, while nothing is done but waiting for the clock."""
        self._shift(-1, 1)
        try:
            yield
        finally:
            self._shift(1, -1)

    def _shift(self, under_way: int, held: int) -> None:
        with self._lock:
            self.under_way += under_way
            self.held += held

    def add(self, method: str, path: str) -> None:
        with self._lock:
            self._counts[method, path] += 1

    def rows(self) -> list[dict[str, Any]]:
        with self._lock:
            return [{"method": m, "path": p, "count": count} for (m, p), count in self._counts.items()]

    def clear(self) -> None:
        with self._lock:
            self._counts.clear()


class Intercept:
    """ASGI middleware around the app. `api_key` may enter; `now` is the sandbox's clock, in seconds."""

    def __init__(self, app: ASGIApp, faults: Faults, log: RequestLog, api_key: str, now: Callable[[], float]) -> None:
        self._app, self._faults, self._log, self._api_key, self._now = app, faults, log, api_key, now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(ADMIN):
            await self._app(scope, receive, send)
            return
        self._log.add(scope["method"], scope["path"])
        with self._log.working():
            await self._pass(scope, receive, send)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        if not self._may_enter(scope, path):
            await _no_key(scope)(scope, receive, send)
            return
        fault = self._faults.take("request", method, path)
        send = _numbered(send)
        if fault is None:
            await self._app(scope, receive, send)
        else:
            await self._strike(fault, scope, receive, send)

    def _may_enter(self, scope: Scope, path: str) -> bool:
        if "/_upload/" in path or "/_signed/" in path:
            return True  # a signed URL carries its own right, as the platform's storage does
        if path.startswith(f"{AWS}/"):
            return access_key_of(scope["headers"]) == ACCESS_KEY
        key = _key(scope)
        return key == self._api_key or key.startswith("sk-sandbox")

    async def _strike(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        if fault.name == "reset":
            await _cut(scope)
            return
        request = _Request(await _read(receive))
        if fault.name == "slow":
            await self._hold(fault.seconds)
            await self._app(scope, request, send)
            return
        if fault.name == "duplicate_delivery":
            await self._app(dict(scope), request, _Reply())  # routing writes into the scope
            await self._app(scope, _Request(request.body), send)
            return
        reply = _Reply()
        if fault.processed:
            await self._app(dict(scope), request, reply)
        await _answer(fault, reply, scope, receive, send)

    async def _hold(self, seconds: float) -> None:
        """Wait that long, or until the sandbox's clock has been advanced by as much."""
        now, loop = self._now(), asyncio.get_running_loop()
        began = loop.time()
        with self._log.holding():
            # The clock tells nobody that it was moved.
            while (left_s := seconds - max(loop.time() - began, self._now() - now)) > 0:  # noqa: ASYNC110
                await asyncio.sleep(min(left_s, _TICK_S))


def _numbered(send: Send) -> Send:
    """Gives every answer an id, as the platforms do, for people to quote."""
    header = (b"x-request-id", f"req_{secrets.token_hex(12)}".encode())

    async def numbered(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], header]
        await send(message)

    return numbered


async def _answer(fault: Fault, reply: _Reply, scope: Scope, receive: Receive, send: Send) -> None:
    if fault.name == "lost_reply":
        await _cut(scope)
    elif fault.name == "truncated":
        await _tear(fault, reply, scope, send)
    else:
        await _response(fault, scope)(scope, receive, send)


async def _tear(fault: Fault, reply: _Reply, scope: Scope, send: Send) -> None:
    """Half of the body: in a frame that fits it ("framed"), or in one for the whole, cut off ("cut")."""
    half = reply.body[: len(reply.body) // 2]
    length = len(half) if fault.value == "framed" else len(reply.body)
    kept = [header for header in reply.headers if header[0].lower() != b"content-length"]
    headers = [*kept, (b"content-length", str(length).encode())]
    # A refusal comes as 200 too: what makes this fault is that the status promises what the body does not hold.
    status = reply.status if reply.status < 400 else 200
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": half, "more_body": fault.value != "framed"})
    if fault.value != "framed":
        await asyncio.sleep(0)
        scope["state"]["transport"].close()


def _response(fault: Fault, scope: Scope) -> Response:
    """What a proxy or the platform itself says when it goes wrong."""
    if fault.name == "html":
        return HTMLResponse(_PAGE.format("We will be right back"), 200)
    if fault.name == "bad_gateway":
        return HTMLResponse(_PAGE.format("502 Bad Gateway"), 502)
    path = scope["path"]
    refusal = _aws_refusal(fault) if path.startswith(f"{AWS}/") else _refusal(fault, path.split("/")[1])
    return response_of(refusal, scope)


def _refusal(fault: Fault, wire: str) -> Refused:
    if wire == "vertex":
        return _google_refusal(fault)
    if fault.name == "rate_limit":
        code, kind = ("rate_limit_exceeded", "requests") if wire == "openai" else ("rate_limit", "rate_limit")
        return Refused(429, "Rate limit reached. Please try again later.", code=code, type=kind, headers=_wait(fault))
    if fault.name == "training_not_available":
        return Refused(403, _CLOSED, code="training_not_available")
    if fault.name == "insufficient_quota":
        if wire == "fireworks":
            return Refused(412, _SUSPENDED, code="PRECONDITION_FAILED")
        status = 429 if wire == "openai" else 402
        return Refused(status, _NO_CREDIT, code="insufficient_quota", type="insufficient_quota")
    return Refused(500, "The server had an error while processing your request.", type="server_error")


def _aws_refusal(fault: Fault) -> Refused:
    if fault.name == "rate_limit":
        return Refused(429, "Too many requests, please wait.", code="ThrottlingException", headers=_wait(fault))
    if fault.name == "training_not_available":
        return Refused(403, "Model customization is not available to this account.", code="AccessDeniedException")
    if fault.name == "insufficient_quota":
        return Refused(403, _NOT_PAID, code="AccessDeniedException")
    return Refused(500, "The server had an error while processing your request.", code="InternalServerException")


def _google_refusal(fault: Fault) -> Refused:
    if fault.name == "rate_limit":
        return Refused(429, "Resource exhausted, please try again later.", headers=_wait(fault))
    if fault.name == "training_not_available":
        return Refused(403, "Permission 'aiplatform.tuningJobs.create' denied on resource.")
    if fault.name == "insufficient_quota":
        message = "This API method requires billing to be enabled. Please enable billing on project #123456789012."
        return Refused(403, message, code="BILLING_DISABLED")
    return Refused(500, "Internal error encountered.")


_NOT_PAID = "INVALID_PAYMENT_INSTRUMENT: A valid payment instrument must be provided."
_CLOSED = "Fine-tuning is no longer available to this organization."
_SUSPENDED = "Account sandbox is suspended, possibly due to reaching the monthly spending limit."
_NO_CREDIT = "You exceeded your current quota, please check your plan and billing details."


def _wait(fault: Fault) -> dict[str, str]:
    return {"retry-after": f"{fault.seconds:g}"}


def _no_key(scope: Scope) -> Response:
    if scope["path"].startswith(f"{AWS}/"):
        shown = access_key_of(scope["headers"])[:4] or "(none)"
        message = f"The security token included in the request is invalid (access key {shown}…)."
        return response_of(Refused(403, message, code="UnrecognizedClientException"), scope)
    key = _key(scope)
    shown = f"{key[:8]}***" if key else "(none)"
    message = f"Incorrect API key provided: {shown}. The sandbox takes any key that starts with sk-sandbox."
    return response_of(Refused(401, message, code="invalid_api_key"), scope)


def _key(scope: Scope) -> str:
    headers = dict(scope["headers"])
    scheme, _, key = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


async def _cut(scope: Scope) -> None:
    """Drop the connection without a word, and let the server notice before it misses an answer."""
    scope["state"]["transport"].abort()
    for _ in range(3):
        await asyncio.sleep(0)


async def _read(receive: Receive) -> bytes:
    """The whole body, before anything else: a client that leaves early has still sent it."""
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body"):
            return b"".join(parts)


class _Request:
    """A request body that was read already, handed on once."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self._given = False

    async def __call__(self) -> Message:
        if self._given:
            # The client is still there, as far as this answer goes: a file that is sent stops at a disconnect.
            await asyncio.get_running_loop().create_future()
        self._given = True
        return {"type": "http.request", "body": self.body, "more_body": False}


class _Reply:
    """Takes the app's response in, and keeps it."""

    def __init__(self) -> None:
        self.status = 200
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message["headers"])
        self.body += message.get("body", b"")
