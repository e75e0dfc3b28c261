"""When "not found" proves "not there": the settling window has passed, with three empty looks spaced over it.

The same arithmetic for jobs and leases. A burst of looks counts as one: a listing that lags proves nothing twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from providers.records import Settling

__all__ = ["EMPTY_LOOKS_NEEDED", "LEAST_PAUSE_S", "Doubt"]

EMPTY_LOOKS_NEEDED = 3
LEAST_PAUSE_S = 0.2


@dataclass(frozen=True, slots=True)
class Doubt:
    """A paid request without a clear answer: when it was sent, and how often it was looked for in vain."""

    sent_at: datetime
    empty_looks: int
    looked_at: datetime | None
    settling: Settling

    @property
    def _spacing(self) -> timedelta:
        return timedelta(seconds=self.settling.window_s / (EMPTY_LOOKS_NEEDED + 1))

    def counts(self, now: datetime) -> bool:
        """Whether an empty look now proves something more than the last one did."""
        return self.looked_at is None or now - self.looked_at >= self._spacing

    def remaining_s(self, now: datetime) -> float:
        """Until the window ends; negative afterwards."""
        return (self.sent_at + timedelta(seconds=self.settling.window_s) - now).total_seconds()

    def absent(self, now: datetime) -> bool:
        """Nothing was bought, as far as any client can know."""
        return self.remaining_s(now) <= 0 and self.empty_looks >= EMPTY_LOOKS_NEEDED

    def pause_s(self, now: datetime) -> float:
        """Until the next look can count; until the window ends once enough looks were empty."""
        since = now - (self.looked_at or now)
        due_s = (self._spacing - since).total_seconds()
        if self.empty_looks >= EMPTY_LOOKS_NEEDED:
            due_s = min(self.remaining_s(now), self._spacing.total_seconds())
        return max(due_s, LEAST_PAUSE_S)
