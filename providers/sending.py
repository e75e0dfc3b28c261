"""A file cut into parts, and sent part by part: only what is missing, several at once, never bytes that have changed.

A file is read through before its first part is sent: its hash says whether it is still the file that was prepared, and
each part's checksum whether it still is when its turn comes.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.to_thread

from .contract import Connection, Progress
from .errors import InvalidData
from .parts import PartsBook, SentPart
from .records import ProviderFile

__all__ = ["Cut", "Piece", "Sizes", "cut", "send_missing", "sizes"]

_BLOCK = 1024**2


@dataclass(frozen=True, slots=True)
class Sizes:
    """From which size a file goes in parts, and how long a part is, in bytes."""

    whole_up_to: int
    part_bytes: int


def sizes(connection: Connection, default: Sizes) -> Sizes:
    """The platform's own sizes, or smaller ones from the connection's options."""
    options = connection.options
    return Sizes(
        min(int(options.get("upload_whole_up_to", default.whole_up_to)), default.whole_up_to),
        min(int(options.get("upload_part_bytes", default.part_bytes)), default.part_bytes),
    )


@dataclass(frozen=True, slots=True)
class Piece:
    """One part of a file: bytes `start` up to `start + size`, with their CRC-32."""

    path: Path
    number: int
    start: int
    size: int
    checksum: int

    async def blocks(self) -> AsyncIterator[bytes]:
        """Its bytes, a mebibyte at a time. Raises `InvalidData` before the last where the file has changed."""
        checksum = 0
        for start in range(0, self.size, _BLOCK):
            block = await anyio.to_thread.run_sync(self._read, start)
            checksum = zlib.crc32(block, checksum)
            if start + _BLOCK >= self.size and checksum != self.checksum:
                raise _changed(self.path)
            yield block

    async def read(self) -> bytes:
        """Its bytes. Raises `InvalidData` where the file has changed since it was cut."""
        return b"".join([block async for block in self.blocks()])

    def _read(self, start: int) -> bytes:
        with self.path.open("rb") as stream:
            stream.seek(self.start + start)
            return stream.read(min(_BLOCK, self.size - start))


@dataclass(frozen=True, slots=True)
class Cut:
    """A file's parts in order, and the MD5 of the whole, for platforms that compare it."""

    pieces: tuple[Piece, ...]
    md5: str


async def cut(file: ProviderFile, part_bytes: int) -> Cut:
    """Read it through once. Raises `InvalidData` unless it holds the very bytes that were prepared."""
    return await anyio.to_thread.run_sync(_cut, file, part_bytes)


def _cut(file: ProviderFile, part_bytes: int) -> Cut:
    whole, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    pieces: list[Piece] = []
    with file.path.open("rb") as stream:
        for start in range(0, file.size, part_bytes):
            size, checksum = min(part_bytes, file.size - start), 0
            for offset in range(0, size, _BLOCK):
                block = stream.read(min(_BLOCK, size - offset))
                whole.update(block)
                md5.update(block)
                checksum = zlib.crc32(block, checksum)
            pieces.append(Piece(file.path, len(pieces) + 1, start, size, checksum))
        longer = bool(stream.read(1))
    if longer or whole.hexdigest() != file.sha256:
        raise _changed(file.path)
    return Cut(tuple(pieces), md5.hexdigest())


def _changed(path: Path) -> InvalidData:
    return InvalidData(
        f"{path} has changed since it was prepared; it is not sent, for a mixture would be trained on",
        nothing_created=True,
        fix="prepare the pairs again: start the same command once more",
    )


async def send_missing(
    pieces: Sequence[Piece],
    book: PartsBook,
    upload_id: str,
    send: Callable[[Piece], Awaitable[str]],
    report: Progress,
    *,
    at_once: int,
) -> list[SentPart]:
    """Send the parts that the book does not hold, at most `at_once` at a time; every part, by its number.

    `send` gives the platform's name of the part that it has sent. Each is in the book before the next takes its place.
    """
    arrived = _fitting(await book.sent(upload_id), pieces)
    total = sum(piece.size for piece in pieces)
    report(_bytes(arrived.values()), total)
    places = anyio.Semaphore(at_once)

    async def one(piece: Piece) -> None:
        async with places:
            part = SentPart(piece.number, await send(piece), piece.size)
            await book.add(upload_id, part)
        arrived[piece.number] = part
        report(_bytes(arrived.values()), total)

    try:
        async with anyio.create_task_group() as group:
            for piece in pieces:
                if piece.number not in arrived:
                    group.start_soon(one, piece)
    except BaseExceptionGroup as failures:
        raise _first(failures) from None
    return [arrived[piece.number] for piece in pieces]


def _fitting(parts: Iterable[SentPart], pieces: Sequence[Piece]) -> dict[int, SentPart]:
    """What the book holds, as far as it is a part of this very cut."""
    sizes = {piece.number: piece.size for piece in pieces}
    return {part.number: part for part in parts if sizes.get(part.number) == part.size}


def _bytes(parts: Iterable[SentPart]) -> int:
    return sum(part.size for part in parts)


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
