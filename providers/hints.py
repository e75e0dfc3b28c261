"""What a platform's headers tell: how long to wait, and how much it lets through. Pure; deciding and waiting is done
elsewhere. Header values are somebody else's text: what is no sensible number is no hint.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from .records import RateHints

__all__ = ["go_duration_s", "rate_hints", "retry_after_s"]

_UNIT_S = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9}
_GO_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|μs|ns|h|m|s)")
_SLACK = 1.05


@dataclass(frozen=True, slots=True)
class _Family:
    """Three headers about one limit. `window_s`: the time that the limit is meant for."""

    limit: str
    remaining: str
    reset: str
    window_s: float


def _family(name: str, ending: str, window_s: float) -> _Family:
    return _Family(f"x-{name}-limit{ending}", f"x-{name}-remaining{ending}", f"x-{name}-reset{ending}", window_s)


# OpenAI's limits are a minute's (its guide to rate limits, and the resets: limit 5000, one used, reset 12 ms).
# Together's are known second-hand, as a second's; were they a minute's, a 429 would still slow us down.
_REQUESTS = (_family("ratelimit", "-requests", 60.0), _family("ratelimit", "", 1.0))
_TOKENS = (_family("ratelimit", "-tokens", 60.0), _family("tokenlimit", "", 1.0))


def retry_after_s(headers: Mapping[str, str], now: datetime, *, resets: bool = True) -> float | None:
    """Seconds to wait: `retry-after-ms`, then `retry-after` (seconds or an HTTP date), then the rate-limit resets.

    `headers` must look names up without regard to case. The resets (`x-ratelimit-reset-requests`, `-tokens`) are Go
    durations or seconds; the longest one of those whose `remaining` is 0 counts, or the longest when none says so.
    `resets` False leaves them out: beside anything but a 429 they tell when a limit is whole again, not when to return.
    """
    millis = _number(headers.get("retry-after-ms"))
    if millis is not None:
        return max(0.0, millis / 1000)
    plain = headers.get("retry-after")
    if plain:
        seconds = _number(plain)
        wait = max(0.0, seconds) if seconds is not None else _until(plain, headers, now)
        if wait is not None:
            return wait
    return _reset_s(headers) if resets else None


def rate_hints(headers: Mapping[str, str]) -> RateHints | None:
    """What the platform lets through a second, by its own headers; None when they tell nothing.

    A limit that takes longer to be whole again than its own window (so many requests a *day*) is none to pace by.
    """
    told = {name.lower(): text for name, text in headers.items()}  # read once: each look-up there reads them all
    if not any("limit" in name for name in told):
        return None
    requests, tokens = _first_rate(told, _REQUESTS), _first_rate(told, _TOKENS)
    return None if requests is None and tokens is None else RateHints(requests, tokens)


def go_duration_s(text: str) -> float | None:
    """Seconds in a Go duration ("6m0s", "12ms", "1.5s"), None when it is none."""
    parts = _GO_PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text.strip():
        return None
    return sum(float(number) * _UNIT_S[unit] for number, unit in parts)


def _first_rate(headers: Mapping[str, str], families: tuple[_Family, ...]) -> float | None:
    rates = (_rate(headers, family) for family in families)
    return next((rate for rate in rates if rate is not None), None)


def _rate(headers: Mapping[str, str], family: _Family) -> float | None:
    limit = _number(headers.get(family.limit))
    if limit is None or limit < 1:
        return None
    whole_in_s = _duration_s(headers.get(family.reset))
    longer = whole_in_s is not None and whole_in_s > family.window_s * _SLACK
    return None if longer else limit / family.window_s


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _duration_s(text: str | None) -> float | None:
    wait = go_duration_s(text) if text else None
    return _number(text) if wait is None else wait


def _until(text: str, headers: Mapping[str, str], now: datetime) -> float | None:
    # The server's own Date header is the better clock: ours may be minutes off.
    moment = _moment(text)
    if moment is None:
        return None
    return max(0.0, (moment - (_moment(headers.get("date", "")) or now)).total_seconds())


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _reset_s(headers: Mapping[str, str]) -> float | None:
    waits: dict[bool, list[float]] = {True: [], False: []}
    for family in (*_REQUESTS, *_TOKENS):
        wait = _duration_s(headers.get(family.reset))
        if wait is not None and wait >= 0:
            waits[headers.get(family.remaining) == "0"].append(wait)
    return max(waits[True] or waits[False], default=None)
