"""OpenAI's files: found again by a content-derived name, sent whole up to 512 MB and in parts above."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from openai import AsyncOpenAI, omit

from ..contract import Progress
from ..errors import Unsupported
from ..parts import PartsBook, Scratch
from ..records import JsonObject, ProviderFile
from ..sending import Sizes, cut
from ..wire import every, integer, plain
from .in_parts import MIME, InParts, purpose_of

__all__ = ["LARGEST_BYTES", "SIZES", "find", "send"]

SIZES = Sizes(whole_up_to=512 * 1024**2, part_bytes=64 * 1024**2)
"""The largest file that `POST /files` takes, above it the uploads API does, and that one's largest part (OpenAI's files
and uploads reference, 2026-11-22)."""

LARGEST_BYTES = 8 * 1024**3
"""The largest file that the uploads API takes (the same source)."""


async def find(client: AsyncOpenAI, file: ProviderFile) -> JsonObject | None:
    """The same bytes if the account holds them: by name, which holds their hash, and by size."""

    async def page(after: str | None) -> Any:
        return await client.files.list(purpose=purpose_of(file), limit=1000, after=after or omit)

    async for raw in every(page):
        same = raw.get("filename") == file.remote_name and integer(raw.get("bytes")) == file.size
        if same and raw.get("status") not in {"error", "deleted"}:
            return raw
    return None


async def send(
    client: AsyncOpenAI,
    file: ProviderFile,
    progress: Progress | None,
    book: PartsBook | None = None,
    sizes: Sizes = SIZES,
) -> JsonObject:
    """Upload it and give the platform's record of it. Raises `Unsupported` above 8 GB, `InvalidData` if it changed."""
    if file.size > LARGEST_BYTES:
        raise Unsupported(f"{file.size} bytes, and OpenAI takes at most {LARGEST_BYTES}", fix="use fewer rows")
    report = progress or (lambda done, total: None)
    if file.size <= sizes.whole_up_to:
        return await _whole(client, file, report)
    return await InParts(client, file, report, book or Scratch(), find).send(sizes.part_bytes)


async def _whole(client: AsyncOpenAI, file: ProviderFile, report: Progress) -> JsonObject:
    await cut(file, max(file.size, 1))
    with _Counted(file, report) as content:
        return plain(await client.files.create(file=(file.remote_name, content, MIME), purpose=purpose_of(file)))


class _Counted(io.BufferedReader):
    """A file that tells how far it has been read; the SDK takes only real binary streams."""

    def __init__(self, file: ProviderFile, report: Callable[[int, int], None]) -> None:
        super().__init__(io.FileIO(file.path))
        self._size, self._report = file.size, report

    def read(self, size: int | None = -1, /) -> bytes:
        chunk = super().read(size)
        self._report(min(self.tell(), self._size), self._size)
        return chunk
