"""Progress of a transfer as notices, so that whoever listens sees bytes go by, and not too many words about them."""

from __future__ import annotations

from datetime import datetime, timedelta

from providers.records import ProviderFile

from .desk import Desk

__all__ = ["TRANSFER", "Told", "Transfer"]

TRANSFER = "transfer"
"""The kind of these notices. Their text is empty: `data` holds `what`, `done` and `total`, in bytes."""

_EVERY = timedelta(seconds=0.5)


class Transfer:
    """A `Progress` that tells the desk: the first and the last time, and between them twice a second at most."""

    def __init__(self, desk: Desk, what: str) -> None:
        self._desk, self._what = desk, what
        self._told_at: datetime | None = None
        self._done = -1

    def __call__(self, done: int, total: int) -> None:
        now, ends = self._desk.clock.now(), done >= total
        if done == self._done or not (ends or self._told_at is None or now - self._told_at >= _EVERY):
            return
        self._told_at, self._done = now, done
        self._desk.say(TRANSFER, "", what=self._what, done=done, total=total)


class Told(Transfer):
    """The upload of one file."""

    def __init__(self, desk: Desk, file: ProviderFile) -> None:
        super().__init__(desk, f"{file.role} file")
