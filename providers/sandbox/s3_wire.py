"""S3's wire, as far as a training job needs it: objects whole and in parts, their checksums held, listings by prefix.

What a finished job has written into its output folder is shown beside what was put there.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .bedrock_outputs import outputs
from .refusals import Refused
from .s3_objects import S3Object, S3Upload
from .world import Sandbox

__all__ = ["routes"]

_META = "x-amz-meta-"
_HEAD = "<?xml version='1.0' encoding='UTF-8'?>"


def routes(world: Sandbox) -> list[Route]:
    """Buckets and objects, below the wire's prefix; to be placed after every other route."""
    wire = _S3(world)
    return [
        Route("/{bucket}", wire.bucket, methods=["GET", "HEAD"]),
        Route("/{bucket}/", wire.bucket, methods=["GET", "HEAD"]),
        Route("/{bucket}/{key:path}", wire.read, methods=["GET", "HEAD"]),
        Route("/{bucket}/{key:path}", wire.write, methods=["PUT"]),
        Route("/{bucket}/{key:path}", wire.post, methods=["POST"]),
    ]


class _S3:
    def __init__(self, world: Sandbox) -> None:
        self._world = world

    async def bucket(self, request: Request) -> Response:
        """A bucket's head, or the objects below a prefix."""
        if request.method == "HEAD":
            return Response()
        prefix, bucket = request.query_params.get("prefix", ""), request.path_params["bucket"]
        made = {key: len(data) for key, data in outputs(self._world, bucket).items() if key.startswith(prefix)}
        put = {item.key: item.size for item in self._world.objects.listed(bucket, prefix)}
        rows = [
            f"<Contents><Key>{escape(key)}</Key><Size>{size}</Size></Contents>" for key, size in (made | put).items()
        ]
        counted = f"<KeyCount>{len(rows)}</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>"
        name = f"<Name>{escape(bucket)}</Name><Prefix>{escape(prefix)}</Prefix>"
        return _xml(f"<ListBucketResult>{name}{counted}{''.join(rows)}</ListBucketResult>")

    async def read(self, request: Request) -> Response:
        bucket, key = request.path_params["bucket"], request.path_params["key"]
        found = self._world.objects.get(bucket, key)
        if found is not None:
            return Response(self._world.objects.read(found), headers=_headers(found))
        made = outputs(self._world, bucket).get(key)
        if made is None:
            raise Refused(404, "The specified key does not exist.", code="NoSuchKey")
        return Response(made, media_type="text/csv")

    async def write(self, request: Request) -> Response:
        """A whole object, or one part of an upload."""
        data = await request.body()
        _hold(data, request.headers)
        upload = self._upload(request)
        if upload is not None:
            etag = self._world.objects.add(upload, int(request.query_params["partNumber"]), data)
        else:
            bucket, key = request.path_params["bucket"], request.path_params["key"]
            etag = self._world.objects.put(bucket, key, data, _metadata(request.headers)).etag
        return Response(headers={"etag": f'"{etag}"'})

    async def post(self, request: Request) -> Response:
        """An upload in parts, begun or completed."""
        bucket, key = request.path_params["bucket"], request.path_params["key"]
        upload = self._upload(request)
        if upload is None:
            begun = self._world.objects.begin(bucket, key, _metadata(request.headers))
            names = f"<Bucket>{escape(bucket)}</Bucket><Key>{escape(key)}</Key><UploadId>{begun.id}</UploadId>"
            return _xml(f"<InitiateMultipartUploadResult>{names}</InitiateMultipartUploadResult>")
        made = self._world.objects.complete(upload, _wanted(await request.body()))
        if made is None:
            raise Refused(400, "One or more of the specified parts could not be found.", code="InvalidPart")
        names = f"<Bucket>{escape(bucket)}</Bucket><Key>{escape(key)}</Key><ETag>&quot;{made.etag}&quot;</ETag>"
        return _xml(f"<CompleteMultipartUploadResult>{names}</CompleteMultipartUploadResult>")

    def _upload(self, request: Request) -> S3Upload | None:
        id = request.query_params.get("uploadId")
        if id is None:
            return None
        found = self._world.objects.upload(id)
        if found is None:
            raise Refused(404, "The specified upload does not exist.", code="NoSuchUpload")
        return found


def _xml(body: str) -> Response:
    return Response(_HEAD + body, media_type="application/xml")


def _headers(item: S3Object) -> dict[str, str]:
    modified = format_datetime(datetime.fromtimestamp(item.modified_at, UTC), usegmt=True)
    told = {f"{_META}{name}": value for name, value in item.metadata.items()}
    return {"etag": f'"{item.etag}"', "last-modified": modified, **told}


def _metadata(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.removeprefix(_META): value for name, value in headers.items() if name.startswith(_META)}


def _hold(data: bytes, headers: Mapping[str, str]) -> None:
    """The checksums that were sent with the bytes. Raises `Refused` where they are of other bytes."""
    made = {
        "x-amz-checksum-sha256": hashlib.sha256(data).digest(),
        "x-amz-checksum-crc32": zlib.crc32(data).to_bytes(4, "big"),
    }
    for name, digest in made.items():
        told = headers.get(name)
        if told is not None and told != base64.b64encode(digest).decode():
            raise Refused(400, f"The {name} you specified did not match what we received.", code="BadDigest")


def _wanted(body: bytes) -> dict[int, str]:
    """Part number → etag, as the request to complete names them."""
    found = {}
    for part in ElementTree.fromstring(body).iter():
        if part.tag.endswith("}Part") or part.tag == "Part":
            told = {child.tag.rpartition("}")[2]: child.text or "" for child in part}
            found[int(told["PartNumber"])] = told["ETag"].strip('"')
    return found
