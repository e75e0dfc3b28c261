"""Dates and times in the ways files write them, as one number to sort by. Pure; what is ambiguous is no time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

__all__ = ["iso_of", "seconds_of"]

_NUMBER = re.compile(r"-?\d{9,19}(\.\d+)?")
_YEAR = re.compile(r"(19|20)\d\d(-\d\d)?")
_YEAR_FIRST = re.compile(r"(\d{4})[/.](\d{1,2})[/.](\d{1,2})")
_LATEST_S = 1e11
"""In the year 5138; the same number of milliseconds is in 1973, and so on by thousands."""
_FIRST_S, _LAST_S = -62_135_596_800, 253_402_300_800
"""The years 1 to 9999, in which a time can be written."""
_UNITS = (1, 1_000, 1_000_000, 1_000_000_000)


def seconds_of(value: Any) -> float | None:
    """Seconds since 1970-01-01 UTC; None where the value is no time, or could be two.

    Read are ISO 8601 (without a zone it is taken as UTC), a year, year/month/day, the dates of e-mail, and numbers
    since 1970 in seconds, milli-, micro- or nanoseconds, told apart by their size. `03/04/2026` could be two days.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    seconds = _of_text(value.strip()) if isinstance(value, str) else _of_number(value)
    return seconds if seconds is not None and _FIRST_S <= seconds < _LAST_S else None


def iso_of(seconds: float) -> str:
    """`2026-04-03T10:00:00Z`, to the second."""
    return (datetime(1970, 1, 1) + timedelta(seconds=int(seconds // 1))).isoformat() + "Z"


def _of_number(value: float) -> float | None:
    """A number below 100,000,000 would be a day before March 1973: it is a year, a date in digits, or no time."""
    if abs(value) < 1e8:
        return _of_text(str(value)) if isinstance(value, int) and value >= 1900 else None
    return next((value / unit for unit in _UNITS if abs(value) < _LATEST_S * unit), None)


def _of_text(text: str) -> float | None:
    if _NUMBER.fullmatch(text):
        return _of_number(float(text))
    if _YEAR.fullmatch(text):
        text = f"{text}-01-01"[:10]
    if found := _YEAR_FIRST.match(text):
        text = f"{found[1]}-{found[2]:0>2}-{found[3]:0>2}{text[found.end() :]}"
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            return _seconds(read(text.removesuffix(" UTC")))
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None


def _seconds(at: datetime) -> float:
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
