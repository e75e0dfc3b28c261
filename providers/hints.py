"""How long a platform asks us to wait, read from its answer's headers. Pure; deciding and waiting is done elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

__all__ = ["go_duration_s", "retry_after_s"]

_UNIT_S = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_GO_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|h|m|s)")


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds to wait: `retry-after-ms`, then `retry-after` (seconds or an HTTP date), then the rate-limit resets.

    `headers` must look names up without regard to case. The resets (`x-ratelimit-reset-requests`, `-tokens`) are Go
    durations; the longer one of those whose `remaining` is 0 counts, or the longest when none says so.
    """
    millis = _number(headers.get("retry-after-ms"))
    if millis is not None:
        return max(0.0, millis / 1000)
    plain = headers.get("retry-after")
    if plain:
        seconds = _number(plain)
        return max(0.0, seconds) if seconds is not None else _until(plain, headers, now)
    return _reset_s(headers)


def go_duration_s(text: str) -> float | None:
    """Seconds in a Go duration ("6m0s", "12ms", "1.5s"), None when it is none."""
    parts = _GO_PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text.strip():
        return None
    return sum(float(number) * _UNIT_S[unit] for number, unit in parts)


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


def _until(text: str, headers: Mapping[str, str], now: datetime) -> float | None:
    # The server's own Date header is the better clock: ours may be minutes off.
    moment = _moment(text)
    if moment is None:
        return None
    return max(0.0, (moment - (_moment(headers.get("date", "")) or now)).total_seconds())


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _reset_s(headers: Mapping[str, str]) -> float | None:
    waits: dict[bool, list[float]] = {True: [], False: []}
    for kind in ("requests", "tokens"):
        text = headers.get(f"x-ratelimit-reset-{kind}", "")
        wait = go_duration_s(text)
        wait = _number(text) if wait is None else wait
        if wait is not None:
            waits[headers.get(f"x-ratelimit-remaining-{kind}") == "0"].append(wait)
    return max(waits[True] or waits[False], default=None)
