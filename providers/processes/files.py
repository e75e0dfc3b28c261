"""Training files in the account's own folder: a copy, named by what it holds. Nothing there is ever changed."""

from __future__ import annotations

import os
import tempfile
from hashlib import sha256
from pathlib import Path

from ..contract import Progress
from ..errors import InvalidData, NotFound
from ..records import ProviderFile, RemoteFile
from .keeping import sync_folder

__all__ = ["FileStore"]

_CHUNK = 4 * 1024 * 1024


class FileStore:
    """Files in one folder. Raises `OSError` where the disk does."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, file: ProviderFile) -> RemoteFile | None:
        """The same bytes, where they are here."""
        path = self._path(_id(file.sha256))
        if not path.exists() or path.stat().st_size != file.size:
            return None
        return RemoteFile(id=_id(file.sha256), size=file.size, reused=True)

    def keep(self, file: ProviderFile, progress: Progress | None) -> RemoteFile:
        """Copy it. Raises `InvalidData` where the file no longer holds the bytes that were prepared."""
        self._folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self._folder, prefix=".")
        draft = Path(name)
        try:
            with os.fdopen(handle, "wb") as copy:
                digest = _copied(file, copy, progress)
                copy.flush()
                os.fsync(copy.fileno())
            if digest != file.sha256:
                raise InvalidData(
                    "the file has changed since it was prepared", operation="upload", nothing_created=True
                )
            draft.replace(self._path(_id(file.sha256)))
            sync_folder(self._folder)
        finally:
            draft.unlink(missing_ok=True)
        return RemoteFile(id=_id(file.sha256), size=file.size)

    def get(self, file_id: str) -> RemoteFile:
        """Raises `NotFound`."""
        path = self.path(file_id)
        return RemoteFile(id=file_id, size=path.stat().st_size)

    def path(self, file_id: str) -> Path:
        """Where its bytes are. Raises `NotFound`."""
        path = self._path(file_id)
        if path.parent != self._folder or not path.exists():
            raise NotFound(f"no file {file_id!r} here", operation="file", nothing_created=True)
        return path

    def _path(self, file_id: str) -> Path:
        return self._folder / f"{file_id}.jsonl"


def _id(digest: str) -> str:
    return f"file-{digest[:24]}"


def _copied(file: ProviderFile, copy: object, progress: Progress | None) -> str:
    digest, done = sha256(), 0
    with file.path.open("rb") as source:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            copy.write(chunk)  # type: ignore[attr-defined]
            done += len(chunk)
            if progress is not None:
                progress(done, file.size)
    return digest.hexdigest()
