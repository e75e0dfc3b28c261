"""OpenAI's management of webhook endpoints: create, list, change, rotate the secret, try out, delete.

In the shapes of the stock SDK (openai 3.57). The platform wants an HTTPS URL; the sandbox, a plain one on this machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .openai_shapes import page
from .refusals import Refused, body_of
from .webhooks import EVENT_TYPES, Delivery, Hook, usable_url
from .world import Sandbox

__all__ = ["routes"]


def routes(world: Sandbox) -> list[Route]:
    """Webhook routes, below `/openai/v1`."""
    wire = _Endpoints(world)
    return [
        Route("/webhook_endpoints", wire.create, methods=["POST"]),
        Route("/webhook_endpoints", wire.list),
        Route("/webhook_endpoints/{id}", wire.update, methods=["POST"]),
        Route("/webhook_endpoints/{id}", wire.delete, methods=["DELETE"]),
        Route("/webhook_endpoints/{id}", wire.retrieve),
        Route("/webhook_endpoints/{id}/rotate_secret", wire.rotate, methods=["POST"]),
        Route("/webhook_endpoints/{id}/test", wire.test, methods=["POST"]),
        Route("/webhook_event_types", wire.event_types),
    ]


class _Endpoints:
    def __init__(self, world: Sandbox) -> None:
        self._hooks = world.webhooks

    async def create(self, request: Request) -> Response:
        body = await body_of(request)
        values = {"name": str(body.get("name") or ""), **_checked({"url": None, "event_types": None} | body)}
        return JSONResponse(_body(self._hooks.add(**values), secret=True))

    async def list(self, request: Request) -> Response:
        return JSONResponse(page([_body(hook) for hook in self._hooks.all()], request.query_params, 20))

    async def retrieve(self, request: Request) -> Response:
        return JSONResponse(_body(self._hook(request)))

    async def update(self, request: Request) -> Response:
        body = await body_of(request)
        name = {"name": str(body["name"])} if "name" in body else {}
        return JSONResponse(_body(self._hooks.change(self._hook(request).id, **name, **_checked(body))))

    async def delete(self, request: Request) -> Response:
        hook = self._hook(request)
        self._hooks.drop(hook.id)
        return JSONResponse({"id": hook.id, "object": "webhook_endpoint.deleted", "deleted": True})

    async def rotate(self, request: Request) -> Response:
        body = await body_of(request) if await request.body() else {}
        keep = bool(body.get("keep_old_secret_active_for_24_hours"))
        return JSONResponse(_body(self._hooks.rotate(self._hook(request).id, keep_old=keep), secret=True))

    async def test(self, request: Request) -> Response:
        hook, kind = self._hook(request), (await body_of(request)).get("event_type")
        if kind not in EVENT_TYPES.values():
            raise Refused(400, f"Unknown event type: {kind!r}", param="event_type")
        sample = Delivery(id="msg_test", hook=hook.id, job="ftjob-test", kind=str(kind), ended_at=0.0, next_at=0.0)
        status = await run_in_threadpool(self._hooks.send, hook, sample)
        if not status:
            raise Refused(400, "The endpoint could not be reached.")
        told = {"object": "webhook_endpoint.test", "success": True, "status_code": status}
        return JSONResponse({**told, "event_type": kind, "webhook_endpoint_id": hook.id})

    async def event_types(self, _request: Request) -> Response:
        return JSONResponse({"object": "list", "data": [*EVENT_TYPES.values()]})

    def _hook(self, request: Request) -> Hook:
        id = request.path_params["id"]
        hook = self._hooks.get(id)
        if hook is None:
            raise Refused(404, f"No such webhook endpoint: {id}", param="id")
        return hook


def _checked(body: Mapping[str, Any]) -> dict[str, Any]:
    """The URL and the event types, those that are there. Raises `Refused` (400)."""
    if "url" in body and not usable_url(body["url"]):
        raise Refused(400, "Invalid 'url': the sandbox sends to http://127.0.0.1 only.", param="url")
    kinds = body.get("event_types")
    if "event_types" in body and not (
        isinstance(kinds, list) and kinds and all(isinstance(kind, str) for kind in kinds)
    ):
        raise Refused(400, "Invalid 'event_types': expected a list of event types.", param="event_types")
    values = {"url": body["url"]} if "url" in body else {}
    return values | ({"event_types": tuple(kinds)} if kinds else {})


def _body(hook: Hook, *, secret: bool = False) -> dict[str, Any]:
    body = {
        "id": hook.id,
        "object": "webhook_endpoint",
        "created_at": int(hook.created_at),
        "updated_at": int(hook.updated_at),
        "name": hook.name,
        "url": hook.url,
        "event_types": list(hook.event_types),
        "signing_secret_hint": f"whsec_…{hook.secret[-4:]}",
    }
    return body | ({"signing_secret": hook.secret} if secret else {})
