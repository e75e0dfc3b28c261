"""Bringing one file to a platform, once per content hash, and waiting until the platform has read it."""

from __future__ import annotations

from providers.contract import Provider
from providers.errors import NotFound
from providers.records import ProviderFile, RemoteFile

from ..errors import DataRefused, TunewrightError
from .desk import Desk
from .failpoints import reach
from .parts import Book, Holder
from .patience import patiently
from .persisting import while_it_gets_on
from .progress import Told

__all__ = ["upload"]


_FILE_POLL_S = 1.0
_READ_WITHIN_S = 3600.0


async def upload(desk: Desk, provider: Provider, intent: Holder, file: ProviderFile) -> str:
    """Once per content hash: the ledger's id if it still stands, else the platform's own listing, else send."""
    known = await _known_file(desk, provider, intent, file)
    if known is None:
        desk.say("uploading", f"uploading {file.role} file, {file.rows} rows, {file.size:,} bytes", role=file.role)
        reach("before_upload")
        known = await _sent(desk, provider, intent, file)
        reach("after_upload_answer")
    await desk.db(
        desk.ledger.uploads.put,
        intent.provider,
        intent.account,
        file.sha256,
        known.id,
        file.size,
        desk.clock.now(),
    )
    reach("after_file_record")
    return await _ready(desk, provider, known, file)


async def _sent(desk: Desk, provider: Provider, intent: Holder, file: ProviderFile) -> RemoteFile:
    """At-least-once by design: a second copy of the same bytes costs no training money."""
    book, told = Book.of(desk, intent, file.sha256), Told(desk, file)
    return await while_it_gets_on(desk, provider, lambda: provider.upload(file, told, book), book.parts)


async def _ready(desk: Desk, provider: Provider, remote: RemoteFile, file: ProviderFile) -> str:
    """Wait until the platform has read the file; its refusal is ours, before anything is paid."""
    file_id, waited_s = remote.id, 0.0
    while remote.state == "processing":
        if waited_s >= _READ_WITHIN_S:
            raise TunewrightError(
                f"the platform has been reading the {file.role} file for {waited_s / 60:.0f} min",
                where=f"{provider.platform.name} file {file_id}",
                fix="start it again later: nothing was bought, and the file is not sent again",
            )
        await desk.clock.sleep(_FILE_POLL_S)
        waited_s += _FILE_POLL_S
        remote = await patiently(desk, provider, lambda: provider.file(file_id))
    if remote.state == "refused":
        raise DataRefused(
            f"the platform refuses the {file.role} file: {remote.detail or 'no reason given'}",
            where=str(file.path),
            fix="run `tunewright check` on the pairs, mend the rows it names, and submit again",
        )
    return file_id


async def _known_file(desk: Desk, provider: Provider, intent: Holder, file: ProviderFile) -> RemoteFile | None:
    remembered = await desk.db(desk.ledger.uploads.get, intent.provider, intent.account, file.sha256)
    if remembered is not None:
        try:
            return await patiently(desk, provider, lambda: provider.file(remembered))
        except NotFound:
            desk.say("file_gone", f"the {file.role} file uploaded before is gone; sending it again")
    return await patiently(desk, provider, lambda: provider.find_file(file))
