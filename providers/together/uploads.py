"""Together's two-step upload through the SDK's own manager, kept from sending data to a place that nobody named.

Asked for an upload address, a server that answers 200 without one (a proxy's page, say) makes together 3.1.1 believe
that it talks to a mock: it then sends the whole file to `https://mock-upload-url.com`. Here that is a fault instead.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from together.lib.resources.files import AsyncUploadManager, FileUploadProgress
from together.types import FilePurpose, FileType

from ..contract import Progress
from ..errors import PlatformFault
from ..records import JsonObject, ProviderFile
from ..wire import plain

__all__ = ["Uploads"]

_MADE_UP_ID = "mock-file-id"


class _Address(NamedTuple):
    url: str
    file_id: str


class Uploads(AsyncUploadManager):
    """Announce with checksum, send the bytes where the platform says, have them read."""

    async def send(self, file: ProviderFile, progress: Progress | None) -> JsonObject:
        """The platform's record of the file. Raises the SDK's `FileAlreadyExistsError` for bytes that it holds."""

        def report(event: FileUploadProgress) -> None:
            if progress:
                progress(event.uploaded_bytes, event.total_bytes)

        return plain(await self.upload("/v1/files", file.path, "fine-tune", progress_callback=report))

    async def get_upload_url(
        self, url: str, file: Path, checksum: str, purpose: FilePurpose, filetype: FileType
    ) -> tuple[str, str]:
        """Where the bytes go, as the platform said it. Raises `PlatformFault` when it named no place."""
        address = _Address(*await super().get_upload_url(url, file, checksum, purpose, filetype))
        if address.file_id == _MADE_UP_ID:
            raise PlatformFault("asked where to upload, the platform named no place; nothing was sent")
        return address
