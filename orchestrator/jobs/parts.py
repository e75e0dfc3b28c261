"""The book of one unfinished upload: its parts in the ledger, its signed addresses in a file that its owner can read.

Where the ledger is shared and the file is on another machine, the addresses are missing: the adapter then begins anew.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from providers.parts import BegunUpload, SentPart

from ..folders import replacing
from .desk import Desk
from .failpoints import reach

__all__ = ["Book", "Holder"]

_FOLDER = "uploads"


class Holder(Protocol):
    """What a file is uploaded for: it says where to."""

    @property
    def provider(self) -> str:
        """The platform's name."""
        ...

    @property
    def account(self) -> str:
        """The account, as the ledger knows it."""
        ...


@dataclass(frozen=True, slots=True)
class Book:
    """A `PartsBook` in the desk's ledger. `key` is the file's (provider, account, sha256)."""

    desk: Desk
    key: tuple[str, str, str]

    @classmethod
    def of(cls, desk: Desk, holder: Holder, content: str) -> Book:
        """The book of a file of this holder's account."""
        return cls(desk, (holder.provider, holder.account, content))

    async def begun(self) -> BegunUpload | None:
        """The upload to go on with; without its secret where that is not on this machine."""
        found = await self.desk.db(self.desk.ledger.parts.begun, self.key)
        return None if found is None else replace(found, secret=self._secret(found.id))

    async def begin(self, upload: BegunUpload) -> None:
        """Write it down, the secret first: an upload that is known can then be gone on with."""
        if upload.secret:
            self._keep(upload)
        await self.desk.db(self.desk.ledger.parts.begin, self.key, upload, self.desk.clock.now())
        reach("after_upload_begun")

    async def sent(self, upload_id: str) -> tuple[SentPart, ...]:
        """The parts of that upload that have arrived."""
        return await self.desk.db(self.desk.ledger.parts.sent, self.key, upload_id)

    async def add(self, upload_id: str, part: SentPart) -> None:
        """One more has arrived."""
        await self.desk.db(self.desk.ledger.parts.add, self.key, upload_id, part, self.desk.clock.now())
        reach("after_upload_part")

    async def close(self) -> None:
        """Forget it, and its secret."""
        await self.desk.db(self.desk.ledger.parts.close, self.key)
        if self._file is not None:
            self._file.unlink(missing_ok=True)

    async def parts(self) -> int:
        """How many have arrived: whether a try got on."""
        found = await self.desk.db(self.desk.ledger.parts.begun, self.key)
        return len(await self.sent(found.id)) if found is not None else 0

    @property
    def _file(self) -> Path | None:
        folder = self.desk.ledger.folder
        name = sha256("\n".join(self.key).encode()).hexdigest()[:32]
        return None if folder is None else folder / _FOLDER / name

    def _secret(self, upload_id: str) -> str:
        kept = ""
        if self._file is not None:
            with suppress(FileNotFoundError):
                kept = self._file.read_text(encoding="utf-8")
        named, _, secret = kept.partition("\n")
        return secret if named == upload_id else ""

    def _keep(self, upload: BegunUpload) -> None:
        if self._file is None:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(self._file) as stream:
            stream.write(f"{upload.id}\n{upload.secret}")
