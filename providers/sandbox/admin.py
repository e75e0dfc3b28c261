"""The sandbox's own requests, under `/_sandbox`: its clock, its faults, its rate limits, its temper as a judge, its
bill, and the log of what was asked of it; and whom it tells when a job has ended.

For tests and for people's own CI; no platform has these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .intercept import ADMIN, RequestLog
from .webhooks import EVENT_TYPES, signed, usable_url
from .world import Sandbox

__all__ = ["routes"]


def routes(world: Sandbox, log: RequestLog) -> list[Route]:
    """Clock, faults and request log."""

    async def clock(request: Request) -> Response:
        if request.method == "POST":
            body = await request.json()
            await run_in_threadpool(world.advance, float(body["advance_s"]))
        return JSONResponse({"now": world.clock.now()})

    async def faults(request: Request) -> Response:
        if request.method == "POST":
            try:
                return JSONResponse(asdict(world.faults.set(**(await request.json()))))
            except (TypeError, ValueError) as error:
                return JSONResponse({"error": str(error)}, 400)
        if request.method == "DELETE":
            world.faults.clear(request.query_params.get("name"))
        return JSONResponse({"faults": world.faults.active()})

    async def requests(request: Request) -> Response:
        if request.method == "DELETE":
            log.clear()
        return JSONResponse({"requests": log.rows(), "under_way": log.under_way, "held": log.held})

    async def limits(request: Request) -> Response:
        if request.method == "POST":
            try:
                return JSONResponse(asdict(world.throttle.set(**(await request.json()))))
            except (TypeError, ValueError) as error:
                return JSONResponse({"error": str(error)}, 400)
        if request.method == "DELETE":
            world.throttle.clear()
        return JSONResponse({"limits": world.throttle.active(), "refused": world.throttle.refused})

    async def judge(request: Request) -> Response:
        if request.method == "POST":
            try:
                return JSONResponse(asdict(world.judge.set(**(await request.json()))))
            except (TypeError, ValueError) as error:
                return JSONResponse({"error": str(error)}, 400)
        if request.method == "DELETE":
            world.judge.clear()
        return JSONResponse(world.judge.active())

    async def bill(request: Request) -> Response:
        return JSONResponse({"serving_usd": str(world.serving.bill_usd())})

    async def webhooks(request: Request) -> Response:
        if request.method == "POST":
            return _hooked(world, await request.json())
        if request.method == "DELETE":
            for hook in world.webhooks.all():
                world.webhooks.drop(hook.id)
        hooks = [{"id": hook.id, "url": hook.url, "event_types": hook.event_types} for hook in world.webhooks.all()]
        return JSONResponse({"webhooks": hooks, "deliveries": [asdict(sent) for sent in world.webhooks.deliveries()]})

    return [
        Route(f"{ADMIN}/bill", bill),
        Route(f"{ADMIN}/clock", clock, methods=["GET", "POST"]),
        Route(f"{ADMIN}/faults", faults, methods=["GET", "POST", "DELETE"]),
        Route(f"{ADMIN}/judge", judge, methods=["GET", "POST", "DELETE"]),
        Route(f"{ADMIN}/limits", limits, methods=["GET", "POST", "DELETE"]),
        Route(f"{ADMIN}/requests", requests, methods=["GET", "DELETE"]),
        Route(f"{ADMIN}/webhooks", webhooks, methods=["GET", "POST", "DELETE"]),
    ]


def _hooked(world: Sandbox, body: Mapping[str, Any]) -> Response:
    """Send every kind of webhook to `url`, signed with `secret`, or with one made here; answers with the secret."""
    if not usable_url(body.get("url")):
        return JSONResponse({"error": "the sandbox sends webhooks to http://127.0.0.1 only"}, 400)
    try:
        signed([secret for secret in [body.get("secret")] if secret], "msg", 0, b"")
    except ValueError as error:
        return JSONResponse({"error": f"a secret is whsec_ followed by base64: {error}"}, 400)
    hook = world.webhooks.add(body["url"], "sandbox", tuple(EVENT_TYPES.values()), body.get("secret"))
    return JSONResponse({"id": hook.id, "url": hook.url, "secret": hook.secret})
