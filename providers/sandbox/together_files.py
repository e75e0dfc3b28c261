"""Together's files: announce, send the bytes to another address, have them looked at; in parts where they are large."""

from __future__ import annotations

import hashlib
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .files import StoredFile
from .refusals import Refused, body_of
from .rows import BadFile, together_rows
from .together_shapes import file_body
from .world import Sandbox

__all__ = ["routes"]

_WIRE = "together"
_PURPOSES = ("fine-tune", "eval", "eval-sample", "eval-output", "batch-generated", "batch-api")
_TYPES = ("jsonl", "csv", "parquet")
_MOST_PARTS = 250


def routes(world: Sandbox) -> list[Route]:
    """File routes, below `/together`."""
    wire = _Files(world)
    return [
        Route("/v1/files", wire.announce, methods=["POST"]),
        Route("/v1/files", wire.list),
        Route("/v1/files/multipart/initiate", wire.initiate, methods=["POST"]),
        Route("/v1/files/multipart/complete", wire.complete, methods=["POST"]),
        Route("/v1/files/multipart/abort", wire.abort, methods=["POST"]),
        Route("/v1/files/{id}", wire.retrieve),
        Route("/v1/files/{id}", wire.delete, methods=["DELETE"]),
        Route("/v1/files/{id}/content", wire.content),
        Route("/v1/files/{id}/preprocess", wire.preprocess, methods=["POST"]),
        Route("/_upload/{id}", wire.put, methods=["PUT"]),
        Route("/_upload/{id}/{part:int}", wire.put_part, methods=["PUT"]),
    ]


class _Files:
    def __init__(self, world: Sandbox) -> None:
        self._world = world

    async def announce(self, request: Request) -> Response:
        """302 to where the bytes go; 409 with the file's id when the account already holds these bytes."""
        async with request.form() as form:
            sent = {key: str(value) for key, value in form.items()}
        file = self._announced(sent)
        if file.arrived:
            return _conflict(file)
        headers = {"Location": self._address(request, f"/_upload/{file.id}"), "X-Together-File-Id": file.id}
        return Response(status_code=302, headers=headers)

    async def put(self, request: Request) -> Response:
        file = self._file(request)
        data = await request.body()
        self._fill(file, data)
        return Response(headers={"ETag": _etag(data)})

    async def preprocess(self, request: Request) -> Response:
        """Look at the rows; the verdict may be seen a moment later."""
        file = self._file(request)
        if file.arrived and file.lines is None and file.purpose == "fine-tune":
            file = await run_in_threadpool(self._look, file)
        return self._response(file)

    async def list(self, request: Request) -> Response:
        now = self._world.clock.now()
        return JSONResponse({"data": [file_body(file, now) for file in reversed(self._world.files.list(_WIRE))]})

    async def retrieve(self, request: Request) -> Response:
        return self._response(self._file(request))

    async def content(self, request: Request) -> Response:
        return Response(self._world.files.content(self._file(request).id), media_type="application/octet-stream")

    async def delete(self, request: Request) -> Response:
        file = self._file(request)
        self._world.files.delete(file.id, keep_content=self._world.book.uses(file.id))
        return JSONResponse({"id": file.id, "deleted": True})

    # ── in parts ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def initiate(self, request: Request) -> Response:
        body = await body_of(request)
        count, size = body.get("num_parts"), body.get("file_size")
        if not isinstance(count, int) or not 1 <= count <= _MOST_PARTS or not isinstance(size, int) or size < 1:
            raise Refused(400, f"num_parts must be 1 to {_MOST_PARTS}, and file_size the bytes of the whole")
        file = self._announced({key: str(value) for key, value in body.items()})
        if file.arrived:
            return _conflict(file)
        file = self._world.files.change(file.id, size=size)
        parts = [
            {"PartNumber": number, "URL": self._address(request, f"/_upload/{file.id}/{number}"), "Headers": {}}
            for number in range(1, count + 1)
        ]
        return JSONResponse({"upload_id": _upload_id(file), "file_id": file.id, "parts": parts})

    async def put_part(self, request: Request) -> Response:
        file, data = self._open(request.path_params["id"]), await request.body()
        self._world.store.write(_part(file.id, request.path_params["part"]), data)
        return Response(headers={"ETag": _etag(data)})

    async def complete(self, request: Request) -> Response:
        body = await body_of(request)
        file = self._open(str(body.get("file_id")), body.get("upload_id"))
        data = b"".join(self._stored(file, part) for part in body.get("parts", []))
        if len(data) != file.size:
            raise Refused(400, f"the parts hold {len(data)} bytes, and {file.size} were announced", param="parts")
        self._fill(file, data)
        self._world.store.erase_all(f"{file.id}.")
        file = await run_in_threadpool(self._look, self._by_id(file.id))
        return JSONResponse({"file": file_body(file, self._world.clock.now())})

    async def abort(self, request: Request) -> Response:
        body = await body_of(request)
        file = self._open(str(body.get("file_id")), body.get("upload_id"))
        self._world.files.delete(file.id, keep_content=False)
        self._world.store.erase_all(f"{file.id}.")
        return JSONResponse({})

    def _open(self, file_id: str, upload_id: str | None = None) -> StoredFile:
        """A file that still waits for its parts. One that is complete takes no more, and cannot be aborted."""
        file = self._by_id(file_id)
        if file.arrived or upload_id not in (None, _upload_id(file)):
            raise Refused(404, "The specified upload does not exist. It may have been aborted or completed.")
        return file

    def _stored(self, file: StoredFile, part: dict[str, Any]) -> bytes:
        """A part's bytes, if its ETag is the one that was given for them."""
        try:
            data = self._world.store.read(_part(file.id, int(part["part_number"])))
        except (FileNotFoundError, KeyError, ValueError) as error:
            raise Refused(400, "a part was never uploaded", param="parts") from error
        if _etag(data).strip('"') != str(part.get("etag")).strip('"'):
            raise Refused(400, f"part {part['part_number']} is not the one of that ETag", param="parts")
        return data

    # ── one file ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _announced(self, sent: dict[str, str]) -> StoredFile:
        """The file with these bytes if the account holds it, else a new one that waits for them."""
        checksum, name = sent.get("checksum", ""), sent.get("file_name", "file.jsonl")
        kind, purpose = sent.get("file_type", "jsonl"), sent.get("purpose", "")
        if purpose not in _PURPOSES or kind not in _TYPES:
            raise Refused(400, f"unknown purpose {purpose!r} or file_type {kind!r}")
        held = [file for file in self._world.files.list(_WIRE) if file.arrived and file.checksum == checksum]
        return held[0] if held else self._world.files.announce(_WIRE, name, purpose, type=kind, checksum=checksum)

    def _fill(self, file: StoredFile, data: bytes) -> None:
        filled = self._world.files.fill(file.id, data)
        if file.checksum and filled.checksum != file.checksum:
            self._world.files.change(file.id, error="The checksum does not match the uploaded bytes", lines=0)

    def _look(self, file: StoredFile) -> StoredFile:
        ready_at = self._world.clock.now() + 0.2 * self._world.pace_s
        if file.error is not None:
            return self._world.files.change(file.id, ready_at=ready_at)
        data = self._world.files.content(file.id)
        changes: dict[str, Any] = {"ready_at": ready_at, "lines": sum(bool(line.strip()) for line in data.split(b"\n"))}
        try:
            rows = together_rows(data)
        except BadFile as error:
            return self._world.files.change(file.id, error=str(error), **changes)
        return self._world.files.change(file.id, format=rows.format, tokens=rows.tokens, **changes)

    def _file(self, request: Request) -> StoredFile:
        return self._by_id(request.path_params["id"])

    def _by_id(self, id: str) -> StoredFile:
        file = self._world.files.get(_WIRE, id)
        if file is None:
            raise Refused(404, f"File {id} not found", code="file_not_found")
        return file

    def _response(self, file: StoredFile) -> Response:
        return JSONResponse(file_body(file, self._world.clock.now()))

    @staticmethod
    def _address(request: Request, path: str) -> str:
        return f"{request.url.scheme}://{request.url.netloc}{request.scope['root_path']}{path}?signature=sandbox"


def _conflict(file: StoredFile) -> Response:
    error = {"message": "A file with this checksum exists", "type": "conflict", "param": "checksum", "code": None}
    return JSONResponse({"file_id": file.id, "error": error}, 409)


def _part(file_id: str, number: int) -> str:
    return f"{file_id}.{number}"


def _upload_id(file: StoredFile) -> str:
    return f"upload-{file.id}"


def _etag(data: bytes) -> str:
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'
