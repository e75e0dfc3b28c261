"""Opens a file's bytes, unpacked where they are packed, and stops a small file from growing without end."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

from ..errors import MissingExtra, UsageError

__all__ = ["PACKED_SUFFIXES", "Allowance", "Packing", "open_bytes", "packing_of"]

Packing = Literal["gzip", "zstd"]
PACKED_SUFFIXES = (".gz", ".gzip", ".zst", ".zstd")
_MAGIC: tuple[tuple[bytes, Packing], ...] = ((b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"))

# Text of pairs packs 3 to 30 times; the worst honest repetition stays under 200, a bomb of gzip reaches 1,032.
_FREE_BYTES = 64 << 20
_MOST_TIMES = 200
_MOST_BYTES = 64 << 30


@dataclass(slots=True)
class Allowance:
    """How much a packed file may still grow. `packed`: its size on disk, bytes."""

    file: str
    packed: int
    spent: int = 0

    def spend(self, size: int) -> None:
        """Counts `size` unpacked bytes. Raises `UsageError` past 64 MB and 200 times the packed size, or past 64 GB."""
        self.spent += size
        if self.spent > min(max(_FREE_BYTES, self.packed * _MOST_TIMES), _MOST_BYTES):
            raise UsageError(
                f"unpacks from {self.packed:,} bytes to over {self.spent >> 20:,} MB, as a decompression bomb does",
                where=self.file,
                fix="unpack it yourself if you trust it",
            )


def packing_of(head: bytes) -> Packing | None:
    """How a file that begins so is packed."""
    return next((packing for magic, packing in _MAGIC if head.startswith(magic)), None)


def open_bytes(path: Path, packing: Packing | None) -> BinaryIO:
    """The file's bytes, unpacked as they are read. Reading raises `UsageError` for a damaged or bottomless file."""
    if packing is None:
        return path.open("rb")
    stream = _OPENERS[packing](path)
    return cast(BinaryIO, io.BufferedReader(_Unpacked(stream, Allowance(str(path), path.stat().st_size)), 1 << 20))


class _Unpacked(io.RawIOBase):
    """A packed stream whose failures are the user's to read, and whose growth is counted."""

    def __init__(self, stream: Any, allowance: Allowance) -> None:
        self._stream, self._allowance = stream, allowance

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._stream.read(len(buffer))
        except _damage() as error:
            raise UsageError(
                f"is a damaged packed file: {error}", where=self._allowance.file, fix="download or pack it again"
            ) from error
        self._allowance.spend(len(data))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._stream.close()
        super().close()


def _zstd() -> Any:
    """The standard library's module (Python 3.14), or its backport. Raises `MissingExtra`."""
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return import_module(name)
        except ImportError:
            continue
    raise MissingExtra(
        "reading zstd needs Python 3.14 or the package backports.zstd", fix="pip install 'tunewright[formats]'"
    )


def _damage() -> tuple[type[Exception], ...]:
    """What the unpackers raise for bytes that are not whole."""
    usual = (EOFError, gzip.BadGzipFile, zlib.error)
    try:
        return (*usual, _zstd().ZstdError)
    except MissingExtra:
        return usual


_OPENERS: dict[Packing, Callable[[Path], Any]] = {
    "gzip": gzip.GzipFile,
    "zstd": lambda path: _zstd().ZstdFile(path, "rb"),
}
