"""Where numbers lie on the page's axes. Pure; horizontal places are percent of the width, so that a picture fits a
telephone and a printed page without a script, and its words keep their size.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["Scale", "Whisker", "known", "round_numbers", "whiskers"]

_STEPS = (1, 2, 2.5, 5, 10)


def known(*numbers: float | None) -> bool:
    """Whether all are there and finite."""
    return all(number is not None and math.isfinite(number) for number in numbers)


class Scale(NamedTuple):
    """A straight axis from `first` to `last`."""

    first: float
    last: float

    def at(self, number: float) -> float:
        """The number's place in percent; what lies outside stands at the edge."""
        share = (number - self.first) / (self.last - self.first) if self.last > self.first else 0.5
        return round(100 * min(1.0, max(0.0, share)), 2)

    def holds(self, number: float) -> bool:
        """Whether the number lies on it."""
        return self.first <= number <= self.last


def round_numbers(first: float, last: float, most: int = 6) -> list[float]:
    """At most `most` round numbers from `first` to `last`, evenly apart."""
    if not last > first:
        return [first]
    rough = (last - first) / max(1, most - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * step for step in _STEPS if power * step >= rough * (1 - 1e-9))
    start = math.ceil(first / step - 1e-9)
    digits = max(0, 2 - math.floor(math.log10(step)))
    return [round(n * step, digits) + 0.0 for n in range(start, math.floor(last / step + 1e-9) + 1)]


class Whisker(NamedTuple):
    """A value with its interval as a small picture in a table's cell, in percent. `zero`: where 0 lies, if it shows."""

    low: float
    value: float
    high: float
    zero: float | None


def whiskers(ends: Iterable[tuple[float | None, float | None, float | None]]) -> list[Whisker | None]:
    """(value, low, high) of differences on one common scale that holds 0; None where an interval is not known."""
    rows = list(ends)
    drawn = [row for row in rows if known(*row)]
    reach = max((abs(end) for row in drawn for end in row if end is not None), default=0.0) * 1.04
    scale = Scale(-reach, reach)
    return [
        Whisker(scale.at(row[1] or 0), scale.at(row[0] or 0), scale.at(row[2] or 0), scale.at(0.0))
        if known(*row)
        else None
        for row in rows
    ]
