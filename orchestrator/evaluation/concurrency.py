"""How many questions may be in flight at one account: more while all goes well, fewer when the platform says 429.

Additive-multiplicative, with the constants of inspect_ai's adaptive connections (0.3.285). Pure: time is handed in.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Concurrency"]

_START = 20
_CUT, _GROWTH = 0.8, 1.05
_SATURATED = 0.8
_COOLDOWN_S = 15.0


@dataclass(slots=True)
class Concurrency:
    """`cap`: never more than that. A *round* is as many answers as may be in flight.

    It doubles after a clean round until the first 429, and grows by 5 % after; never while less than four fifths were
    used. A 429 cuts it by a fifth, once an episode; a 5xx only stops growth for a while.
    """

    cap: int
    cuts: int = 0
    in_flight: int = 0
    peak: int = 0
    _limit: float = 0.0
    _slow_start: bool = True
    _clean: int = 0
    _most: int = 0
    _cut_until: float = field(default=float("-inf"))
    _still_until: float = field(default=float("-inf"))

    def __post_init__(self) -> None:
        self._limit = float(min(_START, self.cap))

    @property
    def limit(self) -> int:
        """How many may be in flight now; at least one."""
        return max(1, int(self._limit))

    def began(self) -> bool:
        """A question was sent; True when more are in flight than ever before, so that it needs a new connection."""
        self.in_flight += 1
        self._most = max(self._most, self.in_flight)
        new = self.in_flight > self.peak
        self.peak = max(self.peak, self.in_flight)
        return new

    def ended(self) -> None:
        """Whatever became of it; one of the three below follows."""
        self.in_flight -= 1

    def answered(self, now: float) -> None:
        """It was answered, or refused for reasons of its own."""
        if now < self._still_until:
            return
        self._clean += 1
        if self._clean >= self.limit:
            if self._most >= _SATURATED * self.limit:
                self._limit = min(float(self.cap), self._limit * (2.0 if self._slow_start else _GROWTH))
            self._begin_round()

    def throttled(self, now: float, after_s: float | None) -> bool:
        """It was refused with 429; True when that begins an episode and cuts. `after_s`: the server's own pause."""
        first = now >= self._cut_until
        if first:
            self._limit = max(1.0, self._limit * _CUT)
            self._slow_start = False
            self.cuts += 1
            self._cut_until = now + _COOLDOWN_S
        self._cut_until = max(self._cut_until, now + (after_s or 0.0))
        self._still_until = max(self._still_until, self._cut_until)
        self._begin_round()
        return first

    def faulted(self, now: float) -> None:
        """It failed on the platform's side: no reason to ask less, and none to ask more."""
        self._still_until = max(self._still_until, now + _COOLDOWN_S)
        self._begin_round()

    def _begin_round(self) -> None:
        self._clean, self._most = 0, self.in_flight
