"""The sandbox's buckets: whole objects by bucket and key, and uploads in parts. Every bucket name exists."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field

from .book import new_id
from .store import Records, Store

__all__ = ["S3Object", "S3Objects", "S3Upload"]


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Object:
    """One object. `blob`: under which id its bytes are kept, so that a job goes on learning from replaced ones."""

    bucket: str
    key: str
    blob: str
    size: int
    etag: str
    modified_at: float
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Upload:
    """An upload in parts that is not complete. `parts`: number → (blob, etag)."""

    id: str
    bucket: str
    key: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, tuple[str, str]] = field(default_factory=dict)


class S3Objects:
    """What lies in the buckets. `now` is the sandbox's clock."""

    def __init__(self, store: Store, now: Callable[[], float]) -> None:
        self._store, self._now = store, now
        self._objects = Records(store, "s3", lambda body: S3Object(**body), asdict)
        self._uploads = Records(store, "s3-upload", lambda body: S3Upload(**body), asdict)

    def get(self, bucket: str, key: str) -> S3Object | None:
        return self._objects.get(f"{bucket}/{key}")

    def listed(self, bucket: str, prefix: str) -> list[S3Object]:
        """By key."""
        mine = [item for item in self._objects.all() if item.bucket == bucket and item.key.startswith(prefix)]
        return sorted(mine, key=lambda item: item.key)

    def read(self, item: S3Object) -> bytes:
        return self._store.read(item.blob)

    def put(self, bucket: str, key: str, data: bytes, metadata: Mapping[str, str]) -> S3Object:
        """The bytes are on disk before the record says so."""
        etag = hashlib.md5(data, usedforsecurity=False).hexdigest()
        return self._keep(bucket, key, data, etag, metadata)

    # ── in parts ────────────────────────────────────────────────────────────────────────────────────────────────────

    def begin(self, bucket: str, key: str, metadata: Mapping[str, str]) -> S3Upload:
        upload = S3Upload(id=new_id("upload-"), bucket=bucket, key=key, metadata=metadata)
        return self._uploads.put(upload.id, upload)

    def upload(self, id: str) -> S3Upload | None:
        return self._uploads.get(id)

    def add(self, upload: S3Upload, number: int, data: bytes) -> str:
        """One part; its etag."""
        blob, etag = new_id("part-"), hashlib.md5(data, usedforsecurity=False).hexdigest()
        self._store.write(blob, data)

        def change(known: S3Upload) -> S3Upload:
            parts = {**known.parts, str(number): (blob, etag)}
            return S3Upload(id=known.id, bucket=known.bucket, key=known.key, metadata=known.metadata, parts=parts)

        self._uploads.update(upload.id, change)
        return etag

    def complete(self, upload: S3Upload, wanted: Mapping[int, str]) -> S3Object | None:
        """The object of these parts (number → etag); None where one has not arrived."""
        parts = [upload.parts.get(str(number)) for number in sorted(wanted)]
        if not parts or any(
            part is None or part[1] != wanted[n] for n, part in zip(sorted(wanted), parts, strict=True)
        ):
            return None
        data = b"".join(self._store.read(part[0]) for part in parts if part)
        whole = hashlib.md5(b"".join(bytes.fromhex(part[1]) for part in parts if part), usedforsecurity=False)
        made = self._keep(upload.bucket, upload.key, data, f"{whole.hexdigest()}-{len(parts)}", upload.metadata)
        self._uploads.drop(upload.id)
        return made

    def _keep(self, bucket: str, key: str, data: bytes, etag: str, metadata: Mapping[str, str]) -> S3Object:
        blob = new_id("s3-")
        self._store.write(blob, data)
        made = S3Object(
            bucket=bucket,
            key=key,
            blob=blob,
            size=len(data),
            etag=etag,
            modified_at=self._now(),
            metadata=dict(metadata),
        )
        return self._objects.put(f"{bucket}/{key}", made)
