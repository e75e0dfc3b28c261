"""Cloud Storage's JSON API, as far as a tuning job needs it: objects uploaded whole, under preconditions, and read."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .refusals import Refused
from .s3_objects import S3Object
from .together_shapes import iso
from .world import Sandbox

__all__ = ["routes", "stored"]

_KINDS = ("multipart", "media")


def stored(world: Sandbox, bucket: str, name: str) -> S3Object | None:
    """The object of that name; None for nothing."""
    return world.objects.get(_shelf(bucket), name)


def routes(world: Sandbox) -> list[Route]:
    """Below the wire's prefix."""
    wire = _Storage(world)
    return [
        Route("/upload/storage/v1/b/{bucket}/o", wire.upload, methods=["POST"]),
        Route("/storage/v1/b/{bucket}/o", wire.list),
        Route("/storage/v1/b/{bucket}/o/{name:path}", wire.read),
    ]


class _Storage:
    def __init__(self, world: Sandbox) -> None:
        self._world = world

    async def upload(self, request: Request) -> Response:
        """A whole object, its metadata before it or in the query."""
        query, bucket = request.query_params, request.path_params["bucket"]
        if query.get("uploadType") not in _KINDS:
            raise Refused(400, f"the sandbox takes uploadType {' or '.join(_KINDS)}", code="INVALID_ARGUMENT")
        metadata, data = await _halves(request)
        name = str(metadata.get("name") or query.get("name") or "")
        if not name:
            raise Refused(400, "Required parameter: name", code="INVALID_ARGUMENT")
        digest = base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
        if metadata.get("md5Hash", digest) != digest:
            raise Refused(400, "Provided MD5 hash doesn't match calculated MD5 hash.", code="INVALID_ARGUMENT")
        if query.get("ifGenerationMatch") == "0" and stored(self._world, bucket, name) is not None:
            raise Refused(412, "At least one of the pre-conditions you specified did not hold.", code="conditionNotMet")
        told = {str(key): str(value) for key, value in (metadata.get("metadata") or {}).items()}
        return JSONResponse(_body(self._world.objects.put(_shelf(bucket), name, data, told), bucket))

    async def list(self, request: Request) -> Response:
        bucket, prefix = request.path_params["bucket"], request.query_params.get("prefix", "")
        found = self._world.objects.listed(_shelf(bucket), prefix)
        return JSONResponse({"kind": "storage#objects", "items": [_body(item, bucket) for item in found]})

    async def read(self, request: Request) -> Response:
        bucket, name = request.path_params["bucket"], request.path_params["name"]
        found = stored(self._world, bucket, name)
        if found is None:
            raise Refused(404, f"No such object: {bucket}/{name}", code="NOT_FOUND")
        if request.query_params.get("alt") == "media":
            return Response(self._world.objects.read(found), media_type="application/octet-stream")
        return JSONResponse(_body(found, bucket))


def _shelf(bucket: str) -> str:
    """Beside S3's buckets, which may have the same names."""
    return f"gs:{bucket}"


def _body(item: S3Object, bucket: str) -> dict[str, Any]:
    return {
        "kind": "storage#object",
        "bucket": bucket,
        "name": item.key,
        "size": str(item.size),
        "generation": "1",
        "md5Hash": base64.b64encode(bytes.fromhex(item.etag)).decode(),
        "metadata": dict(item.metadata),
        "timeCreated": iso(item.modified_at),
    }


async def _halves(request: Request) -> tuple[Mapping[str, Any], bytes]:
    """What is said of the object, and its bytes."""
    data = await request.body()
    if request.query_params["uploadType"] == "media":
        return {}, data
    kind = request.headers.get("content-type", "")
    message = BytesParser(policy=HTTP).parsebytes(b"content-type: " + kind.encode() + b"\r\n\r\n" + data)
    parts = list(message.iter_parts()) if message.get_content_type() == "multipart/related" else []
    if len(parts) != 2:
        raise Refused(400, "a multipart upload has two parts: metadata and bytes", code="INVALID_ARGUMENT")
    told = parts[0].get_payload(decode=True)
    try:
        metadata = json.loads(told if isinstance(told, bytes) else b"")
    except ValueError:
        raise Refused(400, "Metadata part is not JSON.", code="INVALID_ARGUMENT") from None
    return metadata, _bytes_after(data, kind)


def _bytes_after(data: bytes, kind: str) -> bytes:
    """The second part exactly as it was sent: a parser of mail may change the ends of its lines."""
    mark = b"--" + kind.partition("boundary=")[2].strip('"').encode()
    second = data.split(mark, 2)[2]
    body = second.partition(b"\r\n\r\n")[2]
    return body[: body.rindex(b"\r\n" + mark)]
