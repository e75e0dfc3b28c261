"""Lengths of rows as figures to draw: quantiles, a histogram on a fitting scale, what a limit would cut. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .data_view import Histogram, LengthsView, LimitView, Measure, Scale

__all__ = ["Limit", "TokenCounts", "lengths_view", "measure"]

_MOST_BARS = 64
_LONG_TAIL = 12
"""Times the median by which the longest row must stand out before the scale becomes logarithmic."""
_TENTHS = (1, 1.25, 1.6, 2, 2.5, 3.2, 4, 5, 6.3, 8)
"""Preferred numbers, ten to a decade (ISO 3: the R 10 series): even steps on a logarithmic scale, and easy to read."""


@dataclass(frozen=True, slots=True, eq=False)
class TokenCounts:
    """Tokens a row, as one tokenizer counts them: `prompt` is everything before the answer. Both are equally long.

    `margin`: share by which an estimate may be off; 0 where the tokenizer is the model's own.
    """

    prompt: Sequence[int] | NDArray[Any]
    answer: Sequence[int] | NDArray[Any]
    tokenizer: str
    margin: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Limit:
    """The longest row that a target trains on. `whole`: tokens of each row by the target's own tokenizer and rules."""

    target: str
    tokens: int
    whole: NDArray[Any] | None = None


def lengths_view(counts: TokenCounts, limits: Sequence[Limit]) -> LengthsView | None:
    """The picture of the lengths. None where there are no rows."""
    prompt, answer = (np.asarray(part, np.int64) for part in (counts.prompt, counts.answer))
    if not len(prompt):
        return None
    whole = prompt + answer
    return LengthsView(
        tokenizer=counts.tokenizer,
        margin=counts.margin,
        prompt=measure(prompt),
        answer=measure(answer),
        whole=measure(whole, answer),
        limits=tuple(_limit(limit, whole) for limit in limits),
    )


def measure(tokens: NDArray[np.int64], answer: NDArray[np.int64] | None = None) -> Measure:
    """Figures of one or more lengths. `answer`: how much of each is the answer, where whole rows are measured."""
    least, low, median, high, p90, p99, longest = (
        int(value) for value in np.quantile(tokens, (0, 0.25, 0.5, 0.75, 0.9, 0.99, 1), method="lower")
    )
    return Measure(
        total=int(tokens.sum()),
        mean=float(tokens.mean()),
        least=least,
        low=low,
        median=median,
        high=high,
        p90=p90,
        p99=p99,
        longest=longest,
        histogram=_histogram(tokens, median, longest, answer),
    )


def _limit(limit: Limit, whole: NDArray[np.int64]) -> LimitView:
    own = whole if limit.whole is None else limit.whole
    over = own[own > limit.tokens] - limit.tokens
    return LimitView(target=limit.target, limit_tokens=limit.tokens, rows_over=len(over), tokens_lost=int(over.sum()))


def _histogram(tokens: NDArray[np.int64], median: int, longest: int, answer: NDArray[np.int64] | None) -> Histogram:
    scale: Scale = "log" if longest > _LONG_TAIL * max(median, 10) else "linear"
    edges = _log_edges(int(tokens.min()), longest) if scale == "log" else _even_edges(longest)
    counts, _ = np.histogram(tokens, bins=np.array(edges))
    shares = () if answer is None else _shares(tokens, answer, edges)
    return Histogram(edges=tuple(edges), counts=tuple(map(int, counts)), scale=scale, answer_shares=shares)


def _shares(tokens: NDArray[np.int64], answer: NDArray[np.int64], edges: Sequence[int]) -> tuple[float, ...]:
    bins = np.array(edges)
    said, _ = np.histogram(tokens, bins=bins, weights=answer)
    all_of_it, _ = np.histogram(tokens, bins=bins, weights=tokens)
    return tuple(round(float(share), 4) for share in said / np.maximum(all_of_it, 1))


def _even_edges(longest: int) -> list[int]:
    """From 0 to an eighth past the longest, in steps of 1, 2 or 5 times a power of ten."""
    step = next(s for s in _steps() if longest // s < _MOST_BARS)
    return list(range(0, longest + longest // 8 + step + 1, step))


def _steps() -> Iterable[int]:
    power = 1
    while True:
        yield from (power, 2 * power, 5 * power)
        power *= 10


def _log_edges(least: int, longest: int) -> list[int]:
    """Preferred numbers from at most the least to past the longest; an empty row counts with the rows of one token."""
    edges = sorted({round(10**power * mantissa) for power in range(10) for mantissa in _TENTHS})
    first = max(index for index, edge in enumerate(edges) if edge <= max(least, 1))
    last = next(index for index, edge in enumerate(edges) if edge > longest)
    inside = edges[first : last + 1]
    return [0, *inside[1:]] if least == 0 else inside
