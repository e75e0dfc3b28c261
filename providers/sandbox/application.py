"""The one ASGI app: each wire below its platform's name (OpenAI's `/openai/v1`), the sandbox's own `/_sandbox`."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.types import ASGIApp

from . import (
    admin,
    bedrock_wire,
    fireworks_wire,
    gcs_wire,
    openai_wire,
    replicate_wire,
    s3_wire,
    together_wire,
    vertex_wire,
)
from .aws_signature import AWS
from .intercept import Intercept, RequestLog
from .refusals import Refused, refuse, response_of
from .world import Sandbox

__all__ = ["API_KEY", "app"]

API_KEY = "sk-sandbox-local"


def app(sandbox: Sandbox, *, api_key: str = API_KEY) -> ASGIApp:
    """The sandbox as an ASGI app. Takes `api_key` and any key that starts with `sk-sandbox`."""
    log = RequestLog()
    inner = Starlette(
        routes=[
            *admin.routes(sandbox, log),
            Mount("/openai/v1", routes=openai_wire.routes(sandbox)),
            Mount("/together", routes=together_wire.routes(sandbox)),
            Mount("/fireworks", routes=fireworks_wire.routes(sandbox)),
            Mount("/replicate", routes=replicate_wire.routes(sandbox)),
            Mount("/vertex", routes=[*vertex_wire.routes(sandbox), *gcs_wire.routes(sandbox)]),
            Mount(AWS, routes=[*bedrock_wire.routes(sandbox), *s3_wire.routes(sandbox)]),
        ],
        exception_handlers={Refused: refuse, ClientDisconnect: _left, 404: _no_route, 405: _no_route},
    )
    return Intercept(inner, sandbox.faults, log, api_key, sandbox.clock.now)


async def _no_route(request: Request, error: Exception) -> Response:
    message = f"Invalid URL ({request.method} {request.url.path})"
    return response_of(Refused(404, message), request.scope)


async def _left(_request: Request, _error: Exception) -> Response:
    """Whoever sent it died in the middle of its body: nothing of it counts, and nobody hears the answer."""
    return Response(status_code=499)
