"""A folder as one tar archive, made while it is read, from any byte on: the same folder is always the same bytes."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

__all__ = ["FolderArchive"]

_BLOCK = 512
_CHUNK = 1024 * 1024
_END = b"\0" * (2 * _BLOCK)


@dataclass(frozen=True, slots=True)
class FolderArchive:
    """Files by their names in order; owners and times are left out, so that nothing but names and content counts."""

    folder: Path

    @property
    def size(self) -> int:
        """Bytes of the whole archive."""
        return sum(len(head) + _padded(size) for _, head, size in self._members()) + len(_END)

    @property
    def mark(self) -> str:
        """Another one as soon as a file was written anew."""
        digest = sha256()
        for path, head, _ in self._members():
            digest.update(head + str(path.stat().st_mtime_ns).encode())
        return digest.hexdigest()

    def chunks(self, start: int) -> Iterator[bytes]:
        """The archive from byte `start` on. Files before it are not read."""
        place = 0
        for path, head, size in self._members():
            yield from _from(head, start - place)
            place += len(head)
            if start < place + size:
                yield from _read(path, max(0, start - place))
            yield from _from(b"\0" * (_padded(size) - size), start - place - size)
            place += _padded(size)
        yield from _from(_END, start - place)

    def _members(self) -> Iterator[tuple[Path, bytes, int]]:
        for path in sorted(path for path in self.folder.rglob("*") if path.is_file()):
            told = tarfile.TarInfo(f"{self.folder.name}/{path.relative_to(self.folder).as_posix()}")
            told.size = path.stat().st_size
            yield path, told.tobuf(tarfile.PAX_FORMAT), told.size


def _padded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _from(data: bytes, start: int) -> Iterator[bytes]:
    rest = data[max(0, start) :]
    if rest:
        yield rest


def _read(path: Path, start: int) -> Iterator[bytes]:
    with path.open("rb") as stream:
        stream.seek(start)
        while chunk := stream.read(_CHUNK):
            yield chunk
