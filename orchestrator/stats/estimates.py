"""What every comparison of scores is made of: estimates that vary, their linear parts, intervals kept in range.

Needs numpy; loaded on use.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from .rates import wilson
from .records import Estimate, Interval
from .resampling import Floats

__all__ = ["FEW_MOVED", "TINY", "bounded", "influence", "mean", "share", "spread", "varies", "wider"]

FEW_MOVED = 10
TINY = 1e-12

_RANGES = {"difference": (-1.0, 1.0), "base": (0.0, 1.0), "tuned": (0.0, 1.0)}


def mean(values: Floats) -> float:
    """0 of nothing."""
    return float(values.mean()) if len(values) else 0.0


def varies(values: Floats) -> bool:
    """More than the noise of floats."""
    return len(values) > 0 and float(np.ptp(values)) > TINY


def spread(differences: Floats) -> float:
    """Standard deviation of the differences; where few prompts moved, with one imaginary prompt that moved by 1.

    Without it 12 equal pairs would promise that any gap can be seen (compare `smoothed_discordance`).
    """
    if np.count_nonzero(differences) >= FEW_MOVED and varies(differences):
        return float(differences.std(ddof=1))
    squares = float(((differences - mean(differences)) ** 2).sum())
    return math.sqrt((squares + 1) / (len(differences) + 2))


def influence(first: Floats, second: Floats) -> dict[str, Floats]:
    """Per prompt, what each estimate is the mean of, for every estimate that varies; ratios are linearised.

    Where the differences do not vary, ratios of them are left to the fallback: their other half alone would give an
    interval of false precision.
    """
    differences = second - first
    values = {"difference": differences, "base": first, "tuned": second}
    if varies(differences):
        for name, whole in (("error_share", 1 - first), ("relative", first)):
            if whole.any():
                ratio = differences.mean() / whole.mean()
                values[name] = ratio + (differences - ratio * whole) / whole.mean()
    return {name: each for name, each in values.items() if varies(each)}


def wider(one: Mapping[str, Interval], other: Mapping[str, Interval]) -> dict[str, Interval]:
    """Of each name the lower low and the higher high."""
    both = {**other, **one}
    for name in one.keys() & other.keys():
        both[name] = Interval(min(one[name].low, other[name].low), max(one[name].high, other[name].high))
    return both


def bounded(
    found: Mapping[str, Interval], first: Floats, second: Floats, confidence: float, *, units: int | None = None
) -> dict[str, Interval]:
    """Intervals inside the possible range that hold their estimate; where nothing varies, what the prompts leave open.

    `units`: how many independent ones there are, if not each prompt is one.
    """
    n, bounds = len(first), {}
    unseen = wilson(0, n if units is None else units, confidence=confidence).high
    for name, values in (("difference", second - first), ("base", first), ("tuned", second)):
        (least, most), middle = _RANGES[name], mean(values)
        still = Interval(middle - unseen * (middle - least), middle + unseen * (most - middle))
        ends = found.get(name, still if n else Interval(least, most))
        bounds[name] = Interval(max(least, min(ends.low, middle)), min(most, max(ends.high, middle)))
    return bounds


def share(differences: Floats, whole: Floats, ends: Interval | None, difference: Interval, *, cap: float) -> Estimate:
    """Mean difference over the mean of `whole`; no value without a whole. Falls back on the difference's interval."""
    if not len(whole) or not whole.any():
        return Estimate(None)
    middle = float(whole.mean())
    value = float(differences.mean()) / middle
    ends = ends or Interval(difference.low / middle, difference.high / middle)
    return Estimate(value, min(ends.low, value), min(cap, max(ends.high, value)))
