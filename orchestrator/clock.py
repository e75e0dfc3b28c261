"""Time as a thing that is handed in: what the date is, and how to wait. Tests hand in their own."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Protocol

__all__ = ["Clock", "ShiftedClock", "SystemClock", "today"]


class Clock(Protocol):
    """Now, and waiting. `now()` is an aware UTC datetime."""

    def now(self) -> datetime: ...

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        import anyio  # not before somebody waits: checks and quotes never do

        await anyio.sleep(seconds)


class ShiftedClock:
    """Another clock, `ahead_s` seconds ahead of it: that of a database server, by which several hosts agree."""

    def __init__(self, clock: Clock, ahead_s: float = 0.0) -> None:
        self._clock = clock
        self.ahead_s = ahead_s

    def now(self) -> datetime:
        return self._clock.now() + timedelta(seconds=self.ahead_s)

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)


def today(clock: Clock) -> date:
    """The UTC date on this clock."""
    return clock.now().date()
