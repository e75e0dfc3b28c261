"""The account's files on either wire: contents, names, and how far the platform has got with each."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from .store import Records, Store

__all__ = ["Files", "StoredFile"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """One file. `arrived` is False between Together's announcement of an upload and its bytes.

    `checksum`: hex SHA-256 as announced or computed. `ready_at`: when the platform has looked at it.
    """

    id: str
    wire: str
    filename: str
    purpose: str
    size: int
    created_at: float
    checksum: str
    type: str = "jsonl"
    arrived: bool = True
    ready_at: float = 0.0
    error: str | None = None
    format: str | None = None
    lines: int | None = None
    tokens: int | None = None
    expires_at: float | None = None


class Files:
    """Files by id, in the order they came. `now` is the sandbox's clock."""

    def __init__(self, store: Store, now: Callable[[], float]) -> None:
        self._store, self._now = store, now
        self._records = Records(store, "file", lambda body: StoredFile(**body), asdict)

    def announce(self, wire: str, filename: str, purpose: str, **changes: Any) -> StoredFile:
        """A file whose bytes are still to come."""
        new: dict[str, Any] = {"id": f"file-{secrets.token_hex(12)}", "size": 0, "checksum": "", "arrived": False}
        fields = new | changes
        file = StoredFile(wire=wire, filename=filename, purpose=purpose, created_at=self._now(), **fields)
        return self._records.put(file.id, file)

    def add(self, wire: str, filename: str, purpose: str, data: bytes, **fields: Any) -> StoredFile:
        """A file with its bytes."""
        return self.fill(self.announce(wire, filename, purpose, **fields).id, data)

    def fill(self, id: str, data: bytes) -> StoredFile:
        """The bytes of an announced file. They are on disk before the record says so."""
        self._store.write(id, data)
        checksum = hashlib.sha256(data).hexdigest()
        return self.change(id, size=len(data), checksum=checksum, arrived=True)

    def change(self, id: str, **changes: Any) -> StoredFile:
        return self._records.update(id, lambda file: replace(file, **changes))

    def get(self, wire: str, id: str) -> StoredFile | None:
        file = self._records.get(id)
        return file if file is not None and file.wire == wire and not self._expired(file) else None

    def list(self, wire: str) -> list[StoredFile]:
        """Oldest first."""
        return [file for file in self._records.all() if file.wire == wire and not self._expired(file)]

    def content(self, id: str) -> bytes:
        return self._store.read(id)

    def delete(self, id: str, *, keep_content: bool) -> None:
        """Forget the file; `keep_content` where a job still learns from it."""
        self._records.drop(id)
        if not keep_content:
            self._store.erase(id)

    def _expired(self, file: StoredFile) -> bool:
        return file.expires_at is not None and self._now() >= file.expires_at
