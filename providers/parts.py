"""What is remembered of an upload in parts, so that an interrupted one goes on: the records, and who keeps them.

The keeper is the caller's (a ledger, a test); an adapter only writes into it and asks it. Kept by content: other bytes
are another book.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["BegunUpload", "PartsBook", "Scratch", "SentPart"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BegunUpload:
    """An upload that a platform has opened and that is not complete.

    `part_bytes`: the size of each part but the last. `note`: whatever else the adapter needs to go on. `secret`: the
    same for what gives a right to write (signed addresses); it is kept where only its owner can read it, or not at all.
    """

    id: str
    part_bytes: int
    note: str = ""
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class SentPart:
    """A part that has arrived. `number` counts from 1; `id` is the platform's name of it (a part id, an ETag)."""

    number: int
    id: str
    size: int


class PartsBook(Protocol):
    """The one unfinished upload of some bytes to one account."""

    async def begun(self) -> BegunUpload | None:
        """The upload to go on with."""
        ...

    async def begin(self, upload: BegunUpload) -> None:
        """Write it down before its first part is sent; what stood there before is forgotten."""
        ...

    async def sent(self, upload_id: str) -> tuple[SentPart, ...]:
        """The parts of that upload that have arrived."""
        ...

    async def add(self, upload_id: str, part: SentPart) -> None:
        """One more has arrived."""
        ...

    async def close(self) -> None:
        """The upload is complete, or of no more use."""
        ...


class Scratch:
    """A book that lasts as long as it is held: nothing outlives the process."""

    def __init__(self) -> None:
        self._upload: BegunUpload | None = None
        self._parts: dict[tuple[str, int], SentPart] = {}

    async def begun(self) -> BegunUpload | None:
        """The upload to go on with."""
        return self._upload

    async def begin(self, upload: BegunUpload) -> None:
        """Only this one counts from now on."""
        self._upload = upload

    async def sent(self, upload_id: str) -> tuple[SentPart, ...]:
        """Its parts so far."""
        return tuple(part for (upload, _), part in self._parts.items() if upload == upload_id)

    async def add(self, upload_id: str, part: SentPart) -> None:
        """One more."""
        self._parts[upload_id, part.number] = part

    async def close(self) -> None:
        """Forget it."""
        self._upload = None
