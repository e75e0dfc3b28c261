"""Training files in S3: an object named by its bytes, whole or in parts, with checksums that S3 holds against them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import partial
from typing import Any

from ..contract import Progress
from ..errors import NotFound, Unsupported
from ..parts import BegunUpload, PartsBook, Scratch
from ..records import JsonObject, ProviderFile, RemoteFile
from ..sending import Cut, Piece, Sizes, cut, send_missing
from ..wire import integer
from .bodies import S3Object
from .clients import Clients, Refused

__all__ = ["SIZES", "Files"]

SIZES = Sizes(whole_up_to=64 * 1024**2, part_bytes=64 * 1024**2)
"""From which size a file goes in parts; S3 takes 10,000 parts of 5 MiB to 5 GiB each."""

_LEAST_PART, _MOST_PARTS = 5 * 1024**2, 10_000
_AT_ONCE = 4
_ABSENT = frozenset({"404", "NoSuchKey", "NotFound", "NoSuchUpload"})


class Files:
    """Objects of one bucket, sent and found."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    async def stored(self, place: S3Object) -> RemoteFile | None:
        """What lies there; None for nothing."""
        try:
            head = await self._clients.call("s3", "head_object", Bucket=place.bucket, Key=place.key)
        except Refused as refused:
            if refused.code in _ABSENT:
                return None
            raise
        return RemoteFile(id=place.uri, size=integer(head.get("ContentLength")), raw=_told(head))

    async def find(self, place: S3Object, file: ProviderFile) -> RemoteFile | None:
        """The same bytes: their hash stands in the name, whole in the metadata, and the size is theirs."""
        found = await self.stored(place)
        if found is None or found.size != file.size or found.raw.get("sha256") != file.sha256:
            return None
        return RemoteFile(id=found.id, size=found.size, reused=True, raw=found.raw)

    async def send(
        self, place: S3Object, file: ProviderFile, progress: Progress | None, book: PartsBook | None, sizes: Sizes
    ) -> RemoteFile:
        """Put it there. Raises `InvalidData` where the file has changed since it was prepared."""
        report = progress or (lambda done, total: None)
        if file.size > sizes.whole_up_to:
            await self._in_parts(place, file, report, book or Scratch(), sizes.part_bytes)
        else:
            await cut(file, max(file.size, 1))
            report(0, file.size)
            await self._clients.run("s3", partial(_put, place=place, file=file))
            report(file.size, file.size)
        return RemoteFile(id=place.uri, size=file.size, raw={"sha256": file.sha256})

    async def _in_parts(
        self, place: S3Object, file: ProviderFile, report: Progress, book: PartsBook, part_bytes: int
    ) -> None:
        begun = await book.begun()
        part_bytes = begun.part_bytes if begun else max(part_bytes, -(-file.size // _MOST_PARTS))
        if part_bytes < _LEAST_PART:
            raise Unsupported(f"parts of {part_bytes} bytes; S3 takes none under {_LEAST_PART}", nothing_created=True)
        whole = await cut(file, part_bytes)
        if begun is not None:
            try:
                await self._finish(place, begun.id, whole, report, book)
            except Refused as refused:
                if refused.code not in _ABSENT:
                    raise  # else its owner, or a rule of the bucket, has thrown it away: begin again
            else:
                return
        fresh = await self._begin(place, file, part_bytes, book)
        await self._finish(place, fresh.id, whole, report, book)

    async def _begin(self, place: S3Object, file: ProviderFile, part_bytes: int, book: PartsBook) -> BegunUpload:
        answer = await self._clients.call(
            "s3",
            "create_multipart_upload",
            Bucket=place.bucket,
            Key=place.key,
            Metadata=_metadata(file),
            ChecksumAlgorithm="CRC32",
        )
        begun = BegunUpload(id=str(answer["UploadId"]), part_bytes=part_bytes)
        await book.begin(begun)
        return begun

    async def _finish(self, place: S3Object, upload_id: str, whole: Cut, report: Progress, book: PartsBook) -> None:
        names: dict[str, Any] = {"Bucket": place.bucket, "Key": place.key, "UploadId": upload_id}

        async def send(piece: Piece) -> str:
            answer = await self._clients.call(
                "s3",
                "upload_part",
                **names,
                PartNumber=piece.number,
                Body=await piece.read(),
                ChecksumCRC32=_checksum(piece),
            )
            return str(answer["ETag"])

        sent = await send_missing(whole.pieces, book, upload_id, send, report, at_once=_AT_ONCE)
        parts = [
            {"PartNumber": part.number, "ETag": part.id, "ChecksumCRC32": _checksum(piece)}
            for part, piece in zip(sent, whole.pieces, strict=True)
        ]
        await self._clients.call("s3", "complete_multipart_upload", **names, MultipartUpload={"Parts": parts})
        await book.close()

    async def texts(self, bucket: str, prefix: str, ending: str) -> list[str]:
        """The text of every object below the prefix whose key ends so; none where there is none."""
        answer = await self._clients.call("s3", "list_objects_v2", Bucket=bucket, Prefix=prefix)
        keys = [str(item["Key"]) for item in answer.get("Contents") or () if str(item.get("Key", "")).endswith(ending)]
        return [await self._clients.run("s3", partial(_text, bucket=bucket, key=key)) for key in sorted(keys)]

    async def reachable(self, bucket: str) -> None:
        """Raises `NotFound`, or what S3 says, where the bucket cannot be used."""
        try:
            await self._clients.call("s3", "head_bucket", Bucket=bucket)
        except Refused as refused:
            if refused.code in {*_ABSENT, "NoSuchBucket"}:
                raise NotFound(f"there is no bucket {bucket!r}") from None
            raise


def _put(client: Any, place: S3Object, file: ProviderFile) -> None:
    digest = base64.b64encode(bytes.fromhex(file.sha256)).decode()
    with file.path.open("rb") as stream:
        client.put_object(
            Bucket=place.bucket, Key=place.key, Body=stream, Metadata=_metadata(file), ChecksumSHA256=digest
        )


def _text(client: Any, bucket: str, key: str) -> str:
    data: bytes = client.get_object(Bucket=bucket, Key=key)["Body"].read()
    return data.decode("utf-8-sig", errors="replace")


def _metadata(file: ProviderFile) -> Mapping[str, str]:
    return {"sha256": file.sha256, "tunewright": file.role}


def _checksum(piece: Piece) -> str:
    return base64.b64encode(piece.checksum.to_bytes(4, "big")).decode()


def _told(head: JsonObject) -> dict[str, str]:
    metadata: Mapping[str, str] = head.get("Metadata") or {}
    return dict(metadata)
