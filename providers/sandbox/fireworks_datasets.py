"""Fireworks' data sets: made under an id of the client's own, filled in one request or through a signed address."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .files import StoredFile
from .fireworks_refusals import exists, gateway, invalid, listed, missing, own_id, precondition
from .fireworks_shapes import dataset_body
from .refusals import body_of
from .rows import BadFile, openai_rows
from .world import Sandbox

__all__ = ["routes"]

_WIRE = "fireworks"
_P = "/v1/accounts/{account}/datasets"
_LEAST_ROWS = 3  # docs.fireworks.ai/fine-tuning/fine-tuning-models, 2026-11-22
_WHOLE_UP_TO = 150 * 1000**2  # fireworks-ai 1.2.30, `datasets.upload`


def routes(world: Sandbox) -> list[Route]:
    """Data set routes, below `/fireworks`."""
    wire = _Datasets(world)
    return [
        Route(_P, gateway(wire.create), methods=["POST"]),
        Route(_P, gateway(wire.list)),
        Route(f"{_P}/{{id}}:upload", gateway(wire.upload), methods=["POST"]),
        Route(f"{_P}/{{id}}:getUploadEndpoint", gateway(wire.endpoint), methods=["POST"]),
        Route(f"{_P}/{{id}}:validateUpload", gateway(wire.validate), methods=["POST"]),
        Route(f"{_P}/{{id}}", gateway(wire.get)),
        Route(f"{_P}/{{id}}", gateway(wire.delete), methods=["DELETE"]),
        Route("/_upload/{id}/{name}", gateway(wire.put), methods=["PUT"]),
    ]


class _Datasets:
    def __init__(self, world: Sandbox) -> None:
        self._world = world

    async def create(self, request: Request) -> Response:
        body = await body_of(request)
        id, told = own_id(body.get("datasetId"), "datasetId"), body.get("dataset")
        if not isinstance(told, dict):
            raise invalid("dataset is required")
        if self._world.files.get(_WIRE, id) is not None:
            raise exists(f"dataset {id}")
        count = int(told.get("exampleCount") or 0)
        name = str(told.get("displayName") or "")
        return self._response(self._world.files.announce(_WIRE, name, "fine-tune", id=id, lines=count))

    async def list(self, request: Request) -> Response:
        now = self._world.clock.now()
        return listed(request, "datasets", [dataset_body(file, now) for file in self._world.files.list(_WIRE)])

    async def get(self, request: Request) -> Response:
        return self._response(self._file(request))

    async def delete(self, request: Request) -> Response:
        file = self._file(request)
        self._world.files.delete(file.id, keep_content=self._world.book.uses(file.id))
        return JSONResponse({})

    async def upload(self, request: Request) -> Response:
        """The whole file as a form. Its rows are looked at before it is accepted."""
        file = self._waiting(request)
        async with request.form() as form:
            sent = form.get("file")
            if sent is None or isinstance(sent, str):
                raise invalid("file is required")
            data, name = await sent.read(), sent.filename or "file.jsonl"
        if len(data) > _WHOLE_UP_TO:
            raise invalid("files above 150 MB go through getUploadEndpoint")
        await run_in_threadpool(self._look, file, data)
        self._world.files.fill(file.id, data)
        now = int(self._world.clock.now())
        told = {"id": file.id, "object": "file", "bytes": len(data), "created_at": now, "filename": name}
        return JSONResponse(told | {"purpose": "fine-tune"})

    async def endpoint(self, request: Request) -> Response:
        file, body = self._waiting(request), await body_of(request)
        sizes = body.get("filenameToSize")
        if not isinstance(sizes, dict) or len(sizes) != 1:
            raise invalid("filenameToSize names exactly one file in the sandbox")
        ((name, size),) = sizes.items()
        self._world.files.change(file.id, size=int(size))
        root = f"{request.url.scheme}://{request.url.netloc}{request.scope['root_path']}"
        return JSONResponse({"filenameToSignedUrls": {name: f"{root}/_upload/{file.id}/{name}?signature=sandbox"}})

    async def put(self, request: Request) -> Response:
        """What the platform's storage does: the signature covers the length that was announced."""
        file, data = self._waiting(request), await request.body()
        if request.headers.get("x-goog-content-length-range") != f"{file.size},{file.size}" or len(data) != file.size:
            raise invalid("the signature does not cover this length")
        self._world.store.write(f"{file.id}.sent", data)
        return Response()

    async def validate(self, request: Request) -> Response:
        file = self._waiting(request)
        await body_of(request)
        if not self._world.store.path(f"{file.id}.sent").exists():
            raise precondition(f"dataset {file.id} has no uploaded file")
        data = self._world.store.read(f"{file.id}.sent")
        await run_in_threadpool(self._look, file, data)
        self._world.files.fill(file.id, data)
        self._world.store.erase(f"{file.id}.sent")
        return JSONResponse({})

    def _look(self, file: StoredFile, data: bytes) -> None:
        """Raises `Refused` (400) where the rows can be trained on by no method."""
        try:
            rows = openai_rows(data, "dpo" if b'"preferred_output"' in data else "supervised", _LEAST_ROWS)
        except BadFile as error:
            raise invalid(f"dataset {file.id}: {error}") from error
        ready_at = self._world.clock.now() + 0.2 * self._world.pace_s
        changes: dict[str, Any] = {"lines": len(rows.pairs), "tokens": rows.tokens, "ready_at": ready_at}
        self._world.files.change(file.id, **changes)

    def _file(self, request: Request) -> StoredFile:
        file = self._world.files.get(_WIRE, request.path_params["id"])
        if file is None:
            raise missing(f"dataset {request.path_params['id']}")
        return file

    def _waiting(self, request: Request) -> StoredFile:
        """A data set whose bytes are still to come."""
        file = self._file(request)
        if file.arrived:
            raise precondition(f"dataset {file.id} has its file already")
        return file

    def _response(self, file: StoredFile) -> Response:
        return JSONResponse(dataset_body(file, self._world.clock.now()))
