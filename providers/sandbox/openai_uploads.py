"""OpenAI's uploads in parts: announce, add parts, complete into an ordinary file, or cancel."""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .files import StoredFile
from .openai_shapes import file_body
from .refusals import Refused, body_of
from .world import Sandbox

__all__ = ["routes"]

_WIRE = "openai"
_PENDING = "openai-upload"  # kept apart from the files proper until complete
_LASTS_S = 3600
_PART = re.compile(r"part_[0-9a-f]+")
_MAX_BYTES = 8 * 1024**3
_MAX_PART = 64 * 1024**2


def routes(world: Sandbox) -> list[Route]:
    """Upload routes, below `/openai/v1`."""
    wire = _Uploads(world)
    return [
        Route("/uploads", wire.create, methods=["POST"]),
        Route("/uploads/{id}/parts", wire.add, methods=["POST"]),
        Route("/uploads/{id}/complete", wire.complete, methods=["POST"]),
        Route("/uploads/{id}/cancel", wire.cancel, methods=["POST"]),
    ]


class _Uploads:
    def __init__(self, world: Sandbox) -> None:
        self._world = world

    async def create(self, request: Request) -> Response:
        body = await body_of(request)
        size = body.get("bytes")
        if not isinstance(size, int) or not 0 < size <= _MAX_BYTES:
            raise Refused(400, f"Invalid 'bytes': expected 1 to {_MAX_BYTES}.", param="bytes")
        upload = self._world.files.announce(
            _PENDING,
            str(body.get("filename") or "file"),
            str(body.get("purpose") or ""),
            id=f"upload_{secrets.token_hex(12)}",
            size=size,
            expires_at=self._world.clock.now() + _LASTS_S,
        )
        return JSONResponse(_body(upload, "pending"))

    async def add(self, request: Request) -> Response:
        upload = self._upload(request)
        async with request.form() as form:
            sent = form.get("data")
            data = await sent.read() if isinstance(sent, UploadFile) else b""
        if not 0 < len(data) <= _MAX_PART:
            raise Refused(400, f"Invalid part: expected 1 to {_MAX_PART} bytes.", param="data")
        part = f"part_{secrets.token_hex(12)}"
        self._world.store.write(f"{upload.id}.{part}", data)
        created = int(self._world.clock.now())
        return JSONResponse({"id": part, "object": "upload.part", "created_at": created, "upload_id": upload.id})

    async def complete(self, request: Request) -> Response:
        upload, body = self._upload(request), await body_of(request)
        data = self._joined(upload, [str(part) for part in body.get("part_ids") or ()])
        digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
        if len(data) != upload.size or body.get("md5") not in (None, digest):
            raise Refused(400, f"The parts hold {len(data)} bytes (md5 {digest}), not what was announced.")
        file = self._world.files.add(_WIRE, upload.filename, upload.purpose, data)
        self._forget(upload)
        return JSONResponse(_body(upload, "completed") | {"file": file_body(file)})

    async def cancel(self, request: Request) -> Response:
        upload = self._upload(request)
        self._forget(upload)
        return JSONResponse(_body(upload, "cancelled"))

    def _joined(self, upload: StoredFile, parts: list[str]) -> bytes:
        try:
            return b"".join(self._world.store.read(f"{upload.id}.{part}") for part in parts if _PART.fullmatch(part))
        except FileNotFoundError as error:
            raise Refused(400, "part_ids names a part that was never added.", param="part_ids") from error

    def _forget(self, upload: StoredFile) -> None:
        self._world.files.delete(upload.id, keep_content=False)
        self._world.store.erase_all(f"{upload.id}.")

    def _upload(self, request: Request) -> StoredFile:
        upload = self._world.files.get(_PENDING, request.path_params["id"])
        if upload is None:
            raise Refused(404, f"No such upload: {request.path_params['id']}", param="upload_id")
        return upload


def _body(upload: StoredFile, status: str) -> dict[str, Any]:
    return {
        "id": upload.id,
        "object": "upload",
        "bytes": upload.size,
        "created_at": int(upload.created_at),
        "filename": upload.filename,
        "purpose": upload.purpose,
        "status": status,
        "expires_at": int(upload.expires_at or 0),
        "file": None,
    }
