"""OpenAI's wire: files, fine-tuning jobs, models and chat completions, as thin routes over the sandbox's world."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from . import batch_wires, openai_uploads, openai_webhooks
from .catalog import BaseModel, base_models
from .chat import answer, check_chat, completion, respond, throttled
from .files import StoredFile
from .jobs import View
from .openai_jobs import job_fields
from .openai_shapes import (
    checkpoint_bodies,
    event_bodies,
    file_body,
    job_body,
    model_body,
    page,
    result_csv,
    tuned_body,
)
from .refusals import Refused, body_of
from .world import Sandbox, Tuned

__all__ = ["routes"]

_WIRE = "openai"
_PURPOSES = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")
_MAX_BYTES = 512 * 1024 * 1024


def routes(world: Sandbox) -> list[Route]:
    """Every route of this wire, below its `/v1`."""
    wire = _Wire(world)
    return [
        *openai_uploads.routes(world),
        *openai_webhooks.routes(world),
        *batch_wires.openai_routes(world, wire.answered),
        Route("/files", wire.upload, methods=["POST"]),
        Route("/files", wire.files),
        Route("/files/{id}", wire.delete_file, methods=["DELETE"]),
        Route("/files/{id}", wire.file),
        Route("/files/{id}/content", wire.content),
        Route("/fine_tuning/jobs", wire.create, methods=["POST"]),
        Route("/fine_tuning/jobs", wire.jobs),
        Route("/fine_tuning/jobs/{id}", wire.job),
        Route("/fine_tuning/jobs/{id}/events", wire.events),
        Route("/fine_tuning/jobs/{id}/checkpoints", wire.checkpoints),
        Route("/fine_tuning/jobs/{id}/cancel", wire.cancel, methods=["POST"]),
        Route("/fine_tuning/jobs/{id}/pause", wire.pause, methods=["POST"]),
        Route("/fine_tuning/jobs/{id}/resume", wire.resume, methods=["POST"]),
        Route("/models", wire.models),
        Route("/models/{id:path}", wire.delete_model, methods=["DELETE"]),
        Route("/models/{id:path}", wire.model),
        Route("/chat/completions", wire.chat, methods=["POST"]),
    ]


class _Wire:
    def __init__(self, world: Sandbox) -> None:
        self._world = world

    # ── files ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def upload(self, request: Request) -> Response:
        async with request.form() as form:
            sent, purpose = form.get("file"), str(form.get("purpose") or "")
            if not isinstance(sent, UploadFile):
                raise Refused(400, "'file' is a required property", param="file")
            name, data = sent.filename or "file", await sent.read()
            lasts_s = form.get("expires_after[seconds]")
        _check_upload(name, purpose, data)
        expires_at = self._world.clock.now() + float(str(lasts_s)) if lasts_s else None
        return JSONResponse(file_body(self._world.files.add(_WIRE, name, purpose, data, expires_at=expires_at)))

    async def files(self, request: Request) -> Response:
        purpose = request.query_params.get("purpose")
        found = [f for f in reversed(self._world.files.list(_WIRE)) if purpose in (None, f.purpose)]
        if request.query_params.get("order") == "asc":
            found.reverse()
        return JSONResponse(page([file_body(file) for file in found], request.query_params, 10_000))

    async def file(self, request: Request) -> Response:
        return JSONResponse(file_body(self._file(request)))

    async def content(self, request: Request) -> Response:
        return Response(self._world.files.content(self._file(request).id), media_type="application/octet-stream")

    async def delete_file(self, request: Request) -> Response:
        file = self._file(request)
        self._world.files.delete(file.id, keep_content=self._world.book.uses(file.id))
        return JSONResponse({"id": file.id, "object": "file", "deleted": True})

    def _file(self, request: Request) -> StoredFile:
        id = request.path_params["id"]
        file = self._world.files.get(_WIRE, id)
        if file is None:
            raise Refused(404, f"No such File object: {id}", param="id")
        return file

    # ── jobs ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def create(self, request: Request) -> Response:
        fields = job_fields(self._world, await body_of(request))
        job = self._world.create_job(_WIRE, "ftjob-", **fields)
        return self._job_response(job.id)

    async def jobs(self, request: Request) -> Response:
        wanted = _metadata_filter(request.query_params)
        found = [seen for seen in self._world.book.listed(_WIRE) if _carries(seen, wanted)]
        return JSONResponse(page([job_body(seen) for seen in found], request.query_params, 20))

    async def job(self, request: Request) -> Response:
        seen = self._job(request)
        self._write_result(seen)
        body = job_body(seen)
        fault = self._world.faults.take("status", request.method, request.url.path)
        return JSONResponse(body | {"status": fault.value} if fault else body)

    async def events(self, request: Request) -> Response:
        return JSONResponse(page(event_bodies(self._job(request)), request.query_params, 20))

    async def checkpoints(self, request: Request) -> Response:
        return JSONResponse(page(checkpoint_bodies(self._job(request)), request.query_params, 10))

    async def cancel(self, request: Request) -> Response:
        seen = self._job(request)
        if seen.over or seen.phase == "cancelling":
            raise Refused(400, f"Job has already completed or been cancelled: {seen.job.id}")
        self._world.book.cancel(seen.job.id)
        return self._job_response(seen.job.id)

    async def pause(self, request: Request) -> Response:
        seen = self._job(request)
        if seen.phase != "running":
            raise Refused(400, f"Only a running job can be paused; {seen.job.id} is {seen.phase}")
        self._world.book.pause(seen.job.id)
        return self._job_response(seen.job.id)

    async def resume(self, request: Request) -> Response:
        seen = self._job(request)
        if seen.phase != "paused":
            raise Refused(400, f"Only a paused job can be resumed; {seen.job.id} is {seen.phase}")
        self._world.book.resume(seen.job.id)
        return self._job_response(seen.job.id)

    def _job(self, request: Request) -> View:
        id = request.path_params["id"]
        seen = self._world.book.view(id)
        if seen is None or seen.job.wire != _WIRE:
            raise Refused(404, f"Could not find fine tune: {id}", code="fine_tune_not_found", param="fine_tune_id")
        return seen

    def _job_response(self, id: str) -> Response:
        seen = self._world.book.view(id)
        assert seen is not None
        return JSONResponse(job_body(seen))

    def _write_result(self, seen: View) -> None:
        """The result file appears with success; its bytes are base64, as the platform has sent them since 2024."""
        id = f"file-result-{seen.job.id[6:]}"
        if seen.phase == "succeeded" and self._world.files.get(_WIRE, id) is None:
            data = base64.b64encode(result_csv(seen).encode())
            self._world.files.add(_WIRE, "step_metrics.csv", "fine-tune-results", data, id=id)

    # ── models ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def models(self, request: Request) -> Response:
        bases = [model_body(base, self._world.clock.now()) for base in base_models(_WIRE)]
        tuned = [tuned_body(model) for model in self._world.tuned(_WIRE) if not model.checkpoint]
        return JSONResponse({"object": "list", "data": bases + tuned})

    async def model(self, request: Request) -> Response:
        found = self._model(request.path_params["id"])
        if isinstance(found, BaseModel):
            return JSONResponse(model_body(found, self._world.clock.now()))
        return JSONResponse(tuned_body(found))

    async def delete_model(self, request: Request) -> Response:
        found = self._model(request.path_params["id"])
        if isinstance(found, BaseModel):
            raise Refused(403, "You have insufficient permissions for this operation.", code="insufficient_permissions")
        self._world.delete_job(found.job.id)
        return JSONResponse({"id": found.name, "object": "model", "deleted": True})

    def _model(self, name: str) -> BaseModel | Tuned:
        found = self._world.model(_WIRE, name)
        if found is None:
            message = f"The model `{name}` does not exist or you do not have access to it."
            raise Refused(404, message, code="model_not_found", param="model")
        return found

    async def chat(self, request: Request) -> Response:
        body = await body_of(request)
        check_chat(body)
        found = self._model(body["model"])
        headers = throttled(self._world, body)
        given = await answer(self._world, found if isinstance(found, Tuned) else None, body)
        return respond(given, body, int(self._world.clock.now()), _WIRE, headers)

    async def answered(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to one request of a batch, which has rate limits of its own."""
        check_chat(body)
        found = self._model(body["model"])
        given = await answer(self._world, found if isinstance(found, Tuned) else None, body)
        return completion(given, body, int(self._world.clock.now()), _WIRE)


def _check_upload(name: str, purpose: str, data: bytes) -> None:
    if purpose not in _PURPOSES:
        raise Refused(400, f"'{purpose}' is not one of {list(_PURPOSES)} - 'purpose'", param="purpose")
    if not data:
        raise Refused(400, "File is empty.", param="file")
    if len(data) > _MAX_BYTES:
        raise Refused(413, f"File exceeds the maximum of {_MAX_BYTES} bytes.", param="file")
    if purpose == "fine-tune" and not name.endswith(".jsonl"):
        raise Refused(400, f"Invalid file format for {name}: a fine-tune file must be .jsonl.", param="file")


def _metadata_filter(query: Mapping[str, str]) -> dict[str, str] | None:
    """`metadata[k]=v` pairs; None for `metadata=null`, which asks for jobs without any."""
    if query.get("metadata") == "null":
        return None
    return {key[9:-1]: value for key, value in query.items() if key.startswith("metadata[") and key.endswith("]")}


def _carries(seen: View, wanted: Mapping[str, str] | None) -> bool:
    metadata = seen.job.request.get("metadata") or {}
    return not metadata if wanted is None else all(metadata.get(key) == value for key, value in wanted.items())
