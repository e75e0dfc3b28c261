"""The sandbox's clock: real time by default, settable and advancable so that days pass in a test's instant.

Everything in the sandbox that depends on time asks this object and nothing else.
"""

from __future__ import annotations

import threading
import time

__all__ = ["Clock"]


class Clock:
    """Seconds since the Unix epoch. `at` starts it elsewhere than now; `running=False` freezes it between advances."""

    def __init__(self, at: float | None = None, *, running: bool = True) -> None:
        self._lock = threading.Lock()
        self._running = running
        start = time.time() if at is None else at
        self._base_s = start - time.time() if running else start

    def now(self) -> float:
        """The present instant, in seconds."""
        with self._lock:
            return self._base_s + time.time() if self._running else self._base_s

    def advance(self, seconds: float) -> float:
        """Move forward by `seconds` (never back) and return the new instant."""
        if seconds < 0:
            raise ValueError(f"a clock goes forward only, not by {seconds} s")
        with self._lock:
            self._base_s += seconds
        return self.now()
