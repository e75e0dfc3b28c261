"""How far earlier bills lay from their quotes, and how far the next quote opens for that. Pure.

The rule. A bill's *ratio* is the bill over the middle of what was quoted for its job from token counts and prices alone
(training, and validation where its price is known). With three bills or more of this model at this platform, else of
this platform, the smallest and the largest ratio of the newest ten, times the middle of the new range, must lie within
the new range; an end that lies inside moves out to them. No end ever moves in, for two reasons. Counts and dated prices
say what can happen, a few bills only what did: of n bills like the next one, the next lies between their extremes with
probability (n − 1)/(n + 1), 1 in 2 for three bills and 9 in 11 for ten. And a range that moved in with every good bill
would hold too little for the first bad one. Ratios are taken against the range before it was opened, so that a record
does not feed on itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import NamedTuple

from .records import PastBill, QuoteLine, TrackNote

__all__ = ["Opened", "job_ends", "opened"]

LEAST_BILLS, MOST_BILLS = 3, 10
_JOB_ITEMS = ("training", "validation")
_MICRO = Decimal("0.000001")
_ZERO = Decimal(0)


class Opened(NamedTuple):
    """The lines after the record was looked at, and what it said; None where it says nothing yet."""

    lines: tuple[QuoteLine, ...]
    note: TrackNote | None


class JobEnds(NamedTuple):
    """Low and high, in dollars."""

    low: Decimal
    high: Decimal


def job_ends(lines: Sequence[QuoteLine]) -> JobEnds | None:
    """What the job itself is quoted at: its known parts; None where training has no price."""
    job = [line for line in lines if line.item in _JOB_ITEMS and line.known]
    if not any(line.item == "training" for line in job):
        return None
    return JobEnds(
        sum((line.low_usd or _ZERO for line in job), _ZERO), sum((line.high_usd or _ZERO for line in job), _ZERO)
    )


def opened(lines: Sequence[QuoteLine], past: Sequence[PastBill], model: str) -> Opened:
    """`lines` with training opened as far as the record asks. `past`: bills of this platform, the newest first."""
    ends, bills = job_ends(lines), _telling(past, model)
    if ends is None or not bills:
        return Opened(tuple(lines), None)
    ratios = [bill.ratio for bill in bills]
    middle = (ends.low + ends.high) / 2
    low = min(ends.low, (middle * min(ratios)).quantize(_MICRO, rounding=ROUND_FLOOR))
    high = max(ends.high, (middle * max(ratios)).quantize(_MICRO, rounding=ROUND_CEILING))
    note = TrackNote(
        bills=len(bills),
        of="model" if all(bill.model == model for bill in bills) else "platform",
        low_ratio=min(ratios),
        high_ratio=max(ratios),
        low_usd=ends.low,
        high_usd=ends.high,
        widened=(low, high) != ends,
    )
    share, more = (low / ends.low if ends.low else Decimal(1)), high - ends.high
    return Opened(tuple(_moved(line, share, more) for line in lines) if note.widened else tuple(lines), note)


def _telling(past: Sequence[PastBill], model: str) -> Sequence[PastBill]:
    """The newest bills of this model, else of the platform; none while there are fewer than three."""
    of_model = [bill for bill in past if bill.model == model]
    for bills in (of_model, past):
        if len(bills) >= LEAST_BILLS:
            return bills[:MOST_BILLS]
    return ()


def _moved(line: QuoteLine, share: Decimal, more: Decimal) -> QuoteLine:
    """Every part of the job's low end shrinks alike; training bears what its high end grows by."""
    if line.item not in _JOB_ITEMS or line.low_usd is None or line.high_usd is None:
        return line
    low = line.low_usd if share == 1 else (line.low_usd * share).quantize(_MICRO, rounding=ROUND_FLOOR)
    note = "; ".join(part for part in (line.note, "opened to what earlier jobs here were billed") if part)
    return replace(line, low_usd=low, high_usd=line.high_usd + (more if line.item == "training" else 0), note=note)
