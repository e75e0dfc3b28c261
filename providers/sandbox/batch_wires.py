"""Batches as OpenAI's and as Together's wire show them: thin routes over `batches.py`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .batches import WINDOW_S, Ask, Batch, Phase
from .openai_shapes import page
from .refusals import Refused, body_of
from .world import Sandbox

__all__ = ["openai_routes", "together_routes"]

_ENDPOINT = "/v1/chat/completions"
_TOGETHER_STATUS: Mapping[Phase, str] = {
    "validating": "VALIDATING",
    "in_progress": "IN_PROGRESS",
    "finalizing": "IN_PROGRESS",
    "cancelling": "IN_PROGRESS",
    "completed": "COMPLETED",
    "failed": "FAILED",
    "expired": "EXPIRED",
    "cancelled": "CANCELLED",
}


def openai_routes(world: Sandbox, ask: Ask) -> list[Route]:
    """Batch routes, below `/openai/v1`. `ask` answers one chat request's body."""
    return _routes(_OpenAI(world, ask, "openai"), "/batches")


def together_routes(world: Sandbox, ask: Ask) -> list[Route]:
    """Batch routes, below `/together`."""
    return _routes(_Together(world, ask, "together"), "/v1/batches")


def _routes(wire: _Wire, path: str) -> list[Route]:
    return [
        Route(path, wire.create, methods=["POST"]),
        Route(path, wire.list),
        Route(f"{path}/{{id}}", wire.retrieve),
        Route(f"{path}/{{id}}/cancel", wire.cancel, methods=["POST"]),
    ]


class _Wire:
    """What both wires do alike; each has its own shapes."""

    purpose = ""
    created_status = 200

    def __init__(self, world: Sandbox, ask: Ask, name: str) -> None:
        self._world, self._ask, self._name = world, ask, name

    def shape(self, batch: Batch, now: float) -> dict[str, Any]:
        raise NotImplementedError

    def listing(self, bodies: list[dict[str, Any]], request: Request) -> Any:
        raise NotImplementedError

    def created(self, body: dict[str, Any]) -> dict[str, Any]:
        return body

    async def create(self, request: Request) -> Response:
        sent = await body_of(request)
        file = self._world.files.get(self._name, str(sent.get("input_file_id")))
        if file is None or not file.arrived:
            raise Refused(400, f"No such File object: {sent.get('input_file_id')}", param="input_file_id")
        if file.purpose != self.purpose:
            message = f"Invalid file purpose {file.purpose!r}: a batch takes {self.purpose!r}."
            raise Refused(400, message, param="input_file_id")
        if sent.get("endpoint") != _ENDPOINT:
            raise Refused(400, f"The sandbox answers batches at {_ENDPOINT} only.", param="endpoint")
        self.check(sent)
        made = self._world.batches.create(self._name, file.id, _ENDPOINT, sent.get("metadata"))
        return JSONResponse(self.created(self.shape(made, self._world.clock.now())), self.created_status)

    def check(self, sent: Mapping[str, Any]) -> None:
        """Refuse what this wire alone refuses."""

    async def list(self, request: Request) -> Response:
        now = self._world.clock.now()
        listed = [batch for batch in self._world.batches.all(self._name) if batch.listed(now)]
        settled = [await self._world.batches.settle(batch, self._ask) for batch in listed]
        return JSONResponse(self.listing([self.shape(batch, now) for batch in settled], request))

    async def retrieve(self, request: Request) -> Response:
        batch = await self._world.batches.settle(self._batch(request), self._ask)
        return JSONResponse(self.shape(batch, self._world.clock.now()))

    async def cancel(self, request: Request) -> Response:
        batch, now = self._batch(request), self._world.clock.now()
        if batch.ended(now):
            raise Refused(409, f"Cannot cancel a batch that is {batch.phase(now)}.")
        return JSONResponse(self.shape(self._world.batches.cancel(batch.id), now))

    def file(self, batch: Batch, id: str) -> str | None:
        return id if self._world.batches.has(batch, id) else None

    def _batch(self, request: Request) -> Batch:
        id = request.path_params["id"]
        batch = self._world.batches.get(self._name, id)
        if batch is None:
            raise Refused(404, f"No batch found with id '{id}'.", param="batch_id")
        return batch


class _OpenAI(_Wire):
    purpose = "batch"

    def check(self, sent: Mapping[str, Any]) -> None:
        if sent.get("completion_window") != "24h":
            raise Refused(400, "Invalid 'completion_window': only '24h' is supported.", param="completion_window")

    def listing(self, bodies: list[dict[str, Any]], request: Request) -> Any:
        return page(bodies, request.query_params, 20)

    def shape(self, batch: Batch, now: float) -> dict[str, Any]:
        phase = batch.phase(now)
        body: dict[str, Any] = {
            "id": batch.id,
            "object": "batch",
            "endpoint": batch.endpoint,
            "input_file_id": batch.input_file,
            "completion_window": "24h",
            "status": phase,
            "created_at": int(batch.created_at),
            "expires_at": int(batch.created_at + WINDOW_S),
            "request_counts": {"total": batch.total, "completed": batch.done, "failed": batch.failed},
            "metadata": batch.metadata,
            "model": batch.model or None,
        }
        body |= dict.fromkeys(("output_file_id", "error_file_id", "errors"))
        body["output_file_id"] = self.file(batch, batch.output_file)
        body["error_file_id"] = self.file(batch, batch.error_file)
        if phase == "failed":
            error = {"code": "invalid_request", "message": batch.failure, "param": None, "line": None}
            body["errors"] = {"object": "list", "data": [error]}
        return {key: value for key, value in body.items() if value is not None or key == "metadata"}


class _Together(_Wire):
    purpose = "batch-api"
    created_status = 201

    def created(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"job": body}

    def listing(self, bodies: list[dict[str, Any]], request: Request) -> Any:
        return bodies

    def shape(self, batch: Batch, now: float) -> dict[str, Any]:
        phase = batch.phase(now)
        body = {
            "id": batch.id,
            "user_id": "user_sandbox",
            "input_file_id": batch.input_file,
            "status": _TOGETHER_STATUS[phase],
            "created_at": _iso(batch.created_at),
            "job_deadline": _iso(batch.created_at + WINDOW_S),
            "endpoint": batch.endpoint,
            "progress": 100.0 if batch.settled else 0.0,
            "model_id": batch.model,
            "output_file_id": self.file(batch, batch.output_file),
            "error_file_id": self.file(batch, batch.error_file),
            "error": batch.failure if phase == "failed" else None,
            "completed_at": _iso(batch.created_at + batch.takes_s) if phase == "completed" else None,
        }
        return {key: value for key, value in body.items() if value is not None}


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat().replace("+00:00", "Z")
