"""The sandbox's own requests, under `/_sandbox`: its clock, its faults, its bill, and the log of what was
asked of it.

For tests and for people's own CI; no platform has these.
"""

from __future__ import annotations

from dataclasses import asdict

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .intercept import ADMIN, RequestLog
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

    async def bill(request: Request) -> Response:
        return JSONResponse({"serving_usd": str(world.serving.bill_usd())})

    return [
        Route(f"{ADMIN}/bill", bill),
        Route(f"{ADMIN}/clock", clock, methods=["GET", "POST"]),
        Route(f"{ADMIN}/faults", faults, methods=["GET", "POST", "DELETE"]),
        Route(f"{ADMIN}/requests", requests, methods=["GET", "DELETE"]),
    ]
