"""One archive of weights on its way into a `.part` file, which a later start goes on with.

Beside it stands what was known of the archive (its mark and its size): only the rest of the very same one is added.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from providers.contract import Provider
from providers.errors import PlatformFault
from providers.weights import WeightsKind, WeightsStream

from ..errors import TunewrightError, UsageError
from .failpoints import reach
from .progress import Transfer

__all__ = ["Arriving", "Wish", "alone"]

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True)
class Wish:
    """What to take: of which job, in which form, after which step."""

    job_id: str
    kind: WeightsKind | None = None
    step: int | None = None


@contextmanager
def alone(path: Path) -> Iterator[int]:
    """The `.part` file, open for this process alone. Raises `UsageError` while another one fills it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0), 0o600)
    try:
        with suppress(ImportError):  # Windows has no such locks
            from fcntl import LOCK_EX, LOCK_NB, flock

            flock(handle, LOCK_EX | LOCK_NB)
        yield handle
    except BlockingIOError as error:
        raise UsageError("another process is downloading this very archive", where=str(path)) from error
    finally:
        os.close(handle)


class Arriving:
    """Fills the file `handle` at `path`."""

    def __init__(self, provider: Provider, wish: Wish, path: Path, handle: int, told: Transfer) -> None:
        self._provider, self._wish, self._told = provider, wish, told
        self._path, self._handle = path, handle
        self._facts = path.with_name(f"{path.name}.json")

    async def so_far(self) -> int:
        """Bytes that have arrived."""
        return os.fstat(self._handle).st_size

    async def fetch(self) -> None:
        """Everything that is missing. Raises `ProviderError` when it breaks off, `TunewrightError` on a full disk."""
        known, wish = self._known(), self._wish
        start = await self.so_far()
        if start and start == known.get("size"):
            return
        asked = self._provider.weights(wish.job_id, kind=wish.kind, step=wish.step, start=start, mark=known.get("mark"))
        async with asked as stream:
            if stream.start and not _goes_on(stream, start, known):
                self._forget()
                raise PlatformFault("the platform sends another archive than before; beginning anew")
            self._refuse_without_room(stream)
            with self._told_when_full(stream):
                await self._write(stream)

    async def _write(self, stream: WeightsStream) -> None:
        os.ftruncate(self._handle, stream.start)
        self._note(stream.mark, stream.size)
        done = os.lseek(self._handle, stream.start, os.SEEK_SET)
        async for chunk in stream.chunks:
            left = memoryview(chunk)
            while left:
                left = left[os.write(self._handle, left) :]
            done += len(chunk)
            self._told(done, max(done, stream.size or 0))
            reach("after_weights_chunk")
        if not done or stream.size not in (None, done):
            raise PlatformFault(f"the archive ended after {done} of {stream.size} bytes")
        self._note(stream.mark, done)

    def _note(self, mark: str | None, size: int | None) -> None:
        self._facts.write_text(json.dumps({"mark": mark, "size": size}), encoding="utf-8")

    def _known(self) -> Mapping[str, Any]:
        with suppress(FileNotFoundError, ValueError):
            known = json.loads(self._facts.read_text(encoding="utf-8"))
            if isinstance(known, dict):
                return known
        self._forget()  # bytes of which nothing is known cannot be gone on with
        return {}

    def _forget(self) -> None:
        os.ftruncate(self._handle, 0)
        self._facts.unlink(missing_ok=True)

    def clear(self) -> None:
        """The archive has its place: what was known of it on the way is of no more use."""
        self._facts.unlink(missing_ok=True)

    def _refuse_without_room(self, stream: WeightsStream) -> None:
        needed, free = (stream.size or 0) - stream.start, shutil.disk_usage(self._path.parent).free
        if needed > free:
            raise TunewrightError(
                f"the archive needs {needed:,} more bytes on this disk, and {free:,} are free",
                where=str(self._path.parent),
                fix="free some space, or give a folder elsewhere with -o",
            )

    @contextmanager
    def _told_when_full(self, stream: WeightsStream) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in _FULL:
                raise
            done = f"{os.fstat(self._handle).st_size:,} of {stream.size or 0:,} bytes"
            raise TunewrightError(
                f"no space left on the disk after {done}",
                where=str(self._path),
                fix="free some space, then start the same command again: it goes on with what has arrived",
            ) from error


def _goes_on(stream: WeightsStream, start: int, known: Mapping[str, Any]) -> bool:
    """Whether these are the next bytes of the archive that was begun: by its mark, and by its length."""
    return (stream.start, stream.mark, stream.size) == (start, known.get("mark"), known.get("size"))
