"""Together's files: whole through the SDK's own manager up to 5 GB, in parts of ours above.

The SDK's manager is kept from sending data to a place that nobody named: asked for an upload address, a server that
answers 200 without one (a proxy's page, say) makes together 3.1.1 believe that it talks to a mock, and it then sends
the whole file to `https://mock-upload-url.com`. Here that is a fault instead.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from together.lib.resources.files import AsyncUploadManager, FileUploadProgress
from together.types import FilePurpose, FileType

from ..contract import Progress
from ..errors import PlatformFault, Unsupported
from ..parts import PartsBook, Scratch
from ..records import JsonObject, ProviderFile
from ..sending import Sizes, cut
from ..wire import plain
from .in_parts import InParts, purpose_of

__all__ = ["LARGEST_BYTES", "SIZES", "Uploads"]

SIZES = Sizes(whole_up_to=5 * 1024**3, part_bytes=250 * 1024**2)
"""From which size the platform wants parts, and their usual length (together 3.1.1, `lib/constants.py`)."""

LARGEST_BYTES = int(50.1 * 1024**3)
"""The largest file it takes (the same source)."""

_MADE_UP_ID = "mock-file-id"


class _Address(NamedTuple):
    url: str
    file_id: str


class Uploads(AsyncUploadManager):
    """Announce with checksum, send the bytes where the platform says, have them read."""

    async def send(
        self, file: ProviderFile, progress: Progress | None, book: PartsBook | None = None, sizes: Sizes = SIZES
    ) -> JsonObject:
        """The platform's record of the file. Raises the SDK's `FileAlreadyExistsError` for bytes that it holds,
        `Unsupported` above 50.1 GB, `InvalidData` where the file has changed."""
        if file.size > LARGEST_BYTES:
            raise Unsupported(f"{file.size} bytes, and Together takes at most {LARGEST_BYTES}", fix="use fewer rows")
        report = progress or (lambda done, total: None)
        if file.size > sizes.whole_up_to:
            return await InParts(self._client, file, report, book or Scratch()).send(sizes.part_bytes)
        await cut(file, max(file.size, 1))

        def told(event: FileUploadProgress) -> None:
            report(event.uploaded_bytes, event.total_bytes)

        return plain(await self.upload("/v1/files", file.path, purpose_of(file), progress_callback=told))

    async def get_upload_url(
        self, url: str, file: Path, checksum: str, purpose: FilePurpose, filetype: FileType
    ) -> tuple[str, str]:
        """Where the bytes go, as the platform said it. Raises `PlatformFault` when it named no place."""
        address = _Address(*await super().get_upload_url(url, file, checksum, purpose, filetype))
        if address.file_id == _MADE_UP_ID:
            raise PlatformFault("asked where to upload, the platform named no place; nothing was sent")
        return address
