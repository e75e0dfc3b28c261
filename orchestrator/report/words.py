"""Figures and strangers' text as people read them. Every filter takes None and then says "unknown" or a dash."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Any, TypeGuard

from .view import Estimate

__all__ = [
    "DASH",
    "beside_quote",
    "count",
    "day",
    "figure",
    "hours",
    "interval",
    "loss",
    "moment",
    "months",
    "p_value",
    "points",
    "seconds",
    "sentence",
    "share",
    "short_hash",
    "usd",
    "usd_range",
    "value",
    "visible",
]

DASH = "–"
_MINUS = "−"
_JOIN = "\u00a0"  # a figure is never parted from its unit at a line's end

_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ud800-\udfff\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


def visible(text: str) -> str:
    """Control, direction-changing and invisible characters by their number, so that an override reads ⟨U+202E⟩."""
    return _UNSEEN.sub(_sign, text.replace("\r\n", "\n"))


def _known(number: float | None) -> TypeGuard[float]:
    """A loss that diverged is reported as NaN: as unknown as a figure that is missing."""
    return number is not None and not math.isnan(number)


def _sign(match: re.Match[str]) -> str:
    return f"⟨U+{ord(match[0]):04X}⟩"


def usd(amount: Decimal | None, rounding: str = ROUND_HALF_EVEN) -> str:
    """Dollars with cents; whole thousands without, and below ten cents with two digits that count."""
    if amount is None:
        return "unknown"
    if abs(amount) >= 1000 and amount == amount.to_integral_value():
        return f"${amount:,.0f}"
    places = 2 if amount == 0 or abs(amount) >= Decimal("0.1") else min(8, 1 - amount.adjusted())
    rounded = amount.quantize(Decimal(1).scaleb(-places), rounding)
    return f"${rounded:,.{places}f}".replace("$-", f"{_MINUS}$")


def usd_range(low: Decimal | None, high: Decimal | None) -> str:
    """A low and a high figure, or the one where they agree. Rounded outwards, so that the range holds what it is of."""
    if low is None or high is None or usd(low) == usd(high):
        return usd(high if low is None else low)
    return f"{usd(low, ROUND_FLOOR)} to {usd(high, ROUND_CEILING)}"


def beside_quote(bill: Decimal, low: Decimal, high: Decimal) -> str:
    """How a bill lies beside a quote, to the cents that are shown."""
    if bill > high and usd(bill) != usd(high):
        return f"The bill passed the quote's high end by {usd(bill - high)}."
    if bill < low and usd(bill) != usd(low):
        return f"The bill stayed {usd(low - bill)} under the quote's low end."
    return "The bill lies inside the quote."


def share(number: float | None, digits: int = 1) -> str:
    """0.912 as 91.2%."""
    return f"{number * 100:.{digits}f}%".replace("-", _MINUS) if _known(number) else DASH


def figure(number: float | None, kind: str = "binary") -> str:
    """A result in its metric's units: a share for pass or fail, a mean score otherwise."""
    if not _known(number):
        return DASH
    return share(number) if kind == "binary" else f"{number:.3f}".replace("-", _MINUS)


def points(number: float | None, kind: str = "binary") -> str:
    """A difference with its sign: +28.8 points, or +0.288 for scores."""
    if not _known(number):
        return DASH
    text = f"{number * 100:+.1f}{_JOIN}points" if kind == "binary" else f"{number:+.3f}"
    return text.replace("-", _MINUS)


def interval(estimate: Estimate | None, kind: str = "binary", *, signed: bool = False) -> str:
    """The ends of an interval: 58.1% to 66.5%, or +24.1 to +33.3."""
    if estimate is None or estimate.low is None or estimate.high is None:
        return DASH
    if not signed:
        return f"{figure(estimate.low, kind)} to {figure(estimate.high, kind)}"
    low, high = (points(end, kind).removesuffix(f"{_JOIN}points") for end in (estimate.low, estimate.high))
    return f"{low} to {high}"


def p_value(p: float | None) -> str:
    """p < 0.001, or p = 0.034."""
    if not _known(p):
        return "p unknown"
    return f"p{_JOIN}<{_JOIN}0.001" if p < 0.001 else f"p{_JOIN}={_JOIN}{p:.3f}"


def loss(number: float | None) -> str:
    """A loss to four digits."""
    return f"{number:.4g}" if _known(number) else DASH


def seconds(duration_s: float | None) -> str:
    """Milliseconds below one second, seconds above."""
    if not _known(duration_s):
        return DASH
    return f"{duration_s * 1000:,.0f}{_JOIN}ms" if duration_s < 1 else f"{duration_s:,.2f}{_JOIN}s"


def hours(low: Decimal | None, high: Decimal | None = None) -> str:
    """1.5 h, or 1 to 2 h."""
    if low is None:
        return DASH if high is None else f"up to {high:f} h"
    return f"{low:f} h" if high is None or high == low else f"{low:f} to {high:f} h"


def count(number: int | None) -> str:
    """12,345."""
    return DASH if number is None else f"{number:,}"


def day(on: date | None) -> str:
    """2026-11-22."""
    return DASH if on is None else on.isoformat()[:10]


def moment(at: datetime | None) -> str:
    """2026-11-22 14:03 UTC; a time without a zone is shown as it is."""
    if at is None:
        return DASH
    return f"{at:%Y-%m-%d %H:%M}" if at.tzinfo is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def months(number: Decimal | None) -> str:
    """2.3 months; past two years in years."""
    if number is None:
        return DASH
    if number < 1:
        return "less than a month"
    amount, unit = (number, "months") if number <= 24 else (number / 12, "years")
    return f"{amount:,.1f}".removesuffix(".0") + f"{_JOIN}{unit}"


def sentence(text: str) -> str:
    """A clause as a sentence: a capital, unless it opens with a name such as gpt-4.1, and a full stop."""
    opening = text.split(" ", 1)[0]
    start = text[:1].upper() + text[1:] if opening.isascii() and opening.isalpha() else text
    return start if not text or text[-1] in ".!?:…" else f"{start}."


def short_hash(text: str) -> str:
    """The first twelve characters of a hash, behind its algorithm if it names one."""
    name, colon, digits = text.rpartition(":")
    return f"{name}{colon}{digits[:12]}"


def value(anything: Any) -> str:
    """Any setting as text: null as a dash, lists joined, the rest as Python prints it."""
    if anything is None or anything == "":
        return DASH
    if isinstance(anything, (list, tuple)):
        return ", ".join(value(item) for item in anything)
    if isinstance(anything, dict):
        return ", ".join(f"{key} {value(item)}" for key, item in anything.items())
    return str(anything).lower() if isinstance(anything, bool) else str(anything)
