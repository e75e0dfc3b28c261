"""Where things lie in the data page's pictures. Pure; the template turns it into SVG.

Horizontal places are shares of the width in percent and vertical ones pixels: so a picture fits a telephone and a
printed page without a script, and its words keep their size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .data_view import Histogram, LabelsView, LimitView, Measure

__all__ = ["PLOT_PX", "Bar", "Box", "Drawing", "Mark", "Part", "draw", "label_parts"]

PLOT_PX = 150.0
_MOST_TICKS = 6
_STEPS = (1, 2, 2.5, 5, 10)
_EDGE, _LIMIT_EDGE = 4.0, 14.0
"""Percent from either side within which a tick's or a limit's words are aligned to that side, to stay inside."""


class Bar(NamedTuple):
    """`x` and `width` in percent, `y` and `height` in pixels; what it says when it is pointed at.

    `answer_height`: its upper part that stands for the answer's share of the tokens, in pixels.
    """

    x: float
    width: float
    y: float
    height: float
    words: str
    answer_height: float = 0.0


class Mark(NamedTuple):
    """A place on an axis with its words; `anchor` is SVG's `text-anchor`."""

    at: float
    words: str
    anchor: str = "middle"


class Box(NamedTuple):
    """Where the shortest, the quartiles and the longest lie, in percent."""

    least: float
    low: float
    median: float
    high: float
    longest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A histogram. `limits`: those that lie inside the picture. `cut_from`: where the first of them begins to cut."""

    bars: tuple[Bar, ...]
    across: tuple[Mark, ...]
    up: tuple[Mark, ...]
    limits: tuple[Mark, ...]
    cut_from: float | None
    box: Box


class Part(NamedTuple):
    """A piece of a label's bar, in percent of the longest bar."""

    side: str
    x: float
    width: float


def draw(measure: Measure, limits: Sequence[LimitView] = ()) -> Drawing:
    """The picture of one measure."""
    place = _placer(measure.histogram)
    top = max(measure.histogram.counts)
    inside = {limit.limit_tokens for limit in limits if limit.rows_over}
    marks = [_mark(place(limit), f"limit {limit:,}", _LIMIT_EDGE) for limit in sorted(inside)]
    return Drawing(
        bars=tuple(_bars(measure.histogram, place, top)),
        across=tuple(_ticks(measure.histogram, place)),
        up=tuple(Mark(_round(PLOT_PX * (1 - value / top)), f"{value:,}") for value in _round_values(top)),
        limits=tuple(marks),
        cut_from=min((mark.at for mark in marks), default=None),
        box=Box(*map(place, (measure.least, measure.low, measure.median, measure.high, measure.longest))),
    )


def label_parts(labels: LabelsView) -> list[tuple[Part, ...]]:
    """The pieces of each of the top labels' bars."""
    longest = max((sum(bar.counts) for bar in labels.top), default=0)
    return [tuple(_parts(bar.counts, longest)) for bar in labels.top]


def _parts(counts: Sequence[int], longest: int) -> Iterator[Part]:
    x = 0.0
    for side, count in zip(("train", "validation", "test"), counts, strict=True):
        width = 100 * count / longest
        yield Part(side, _round(x), _round(width))
        x += width


def _placer(histogram: Histogram) -> Callable[[float], float]:
    """Tokens → percent of the width."""
    first, last = histogram.edges[0], histogram.edges[-1]
    if histogram.scale == "linear":
        return lambda tokens: _round(100 * min(1.0, (tokens - first) / (last - first)))
    start = math.log(max(first, 1))
    span = math.log(last) - start
    return lambda tokens: _round(100 * min(1.0, (math.log(max(tokens, first, 1)) - start) / span))


def _bars(histogram: Histogram, place: Callable[[float], float], top: int) -> Iterator[Bar]:
    shares = histogram.answer_shares or (0.0,) * len(histogram.counts)
    for (first, last, count), share in zip(histogram.ranges, shares, strict=True):
        if count:
            height = max(1.0, PLOT_PX * count / top)
            x = place(first)
            width = _round(place(last + 1) - x)
            yield Bar(
                x, width, _round(PLOT_PX - height), _round(height), _said(first, last, count), _round(height * share)
            )


def _said(first: int, last: int, count: int) -> str:
    tokens = f"{first:,}" if first == last else f"{first:,} to {last:,}"
    return f"{tokens} tokens: {count:,} row{'s' if count > 1 else ''}"


def _ticks(histogram: Histogram, place: Callable[[float], float]) -> Iterator[Mark]:
    for value in _log_values(histogram) if histogram.scale == "log" else _round_values(histogram.edges[-1]):
        yield _mark(place(value), f"{value:,}")
    if histogram.scale == "linear":
        yield Mark(0.0, "0", "start")


def _log_values(histogram: Histogram) -> list[int]:
    """Powers of ten inside the picture, with 2 and 5 times each where there is room."""
    first, last = max(histogram.edges[0], 1), histogram.edges[-1]
    powers = [10**power for power in range(12)]
    for mantissas in ((1, 2, 5), (1, 3), (1,)):
        values = [m * power for power in powers for m in mantissas if first <= m * power <= last]
        if len(values) <= _MOST_TICKS + 1:
            break
    return values


def _round_values(top: int) -> list[int]:
    """Some round numbers from above 0 to `top`."""
    rough = max(1.0, top / (_MOST_TICKS - 1))
    power = 10 ** math.floor(math.log10(rough))
    step = max(1, round(next(power * step for step in _STEPS if power * step >= rough)))
    return list(range(step, top + 1, step))


def _mark(at: float, words: str, edge: float = _EDGE) -> Mark:
    return Mark(at, words, "start" if at < edge else "end" if at > 100 - edge else "middle")


def _round(number: float) -> float:
    return round(number, 2)
