"""How much slower and how much dearer the tuned model is, on the same prompts, with an interval.

Ratios of medians (time) and of means (money), by a bootstrap that draws prompts, so that each pair stays together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .judged import Ratio
from .questions import Answer
from .timing import timed_pairs

__all__ = ["Measured", "cost_ratio", "latency_ratio"]

_RESAMPLES = 1999
_FEWEST_RESAMPLES = 199
_CELLS = 2_000_000
_MOST_CELLS = 40_000_000
_ONE_SIDED = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A ratio, and `most`: the upper end of its one-sided 95 % interval, for a guardrail."""

    ratio: Ratio
    most: float


def latency_ratio(
    base: Sequence[Answer], tuned: Sequence[Answer], confidence: float, *, comparable: bool
) -> Measured | None:
    """Of the median seconds of prompts that both answered, without the warm-up; None where none was timed."""
    timed = [(b.latency_s, t.latency_s) for b, t in timed_pairs(base, tuned)]
    pairs = [(b, t) for b, t in timed if b is not None and t is not None]
    return _measured(pairs, np.median, confidence, comparable=comparable)


def cost_ratio(base: Sequence[Answer], tuned: Sequence[Answer], confidence: float) -> Measured | None:
    """Of the mean dollars of prompts that both answered; None where the prices are not known."""
    priced = [(b.usd, t.usd) for b, t in zip(base, tuned, strict=True) if not (b.missing or t.missing)]
    if any(b is None or t is None for b, t in priced):
        return None
    pairs = [(float(b), float(t)) for b, t in priced if b is not None and t is not None]
    return _measured(pairs, np.mean, confidence, comparable=True)


def _measured(
    pairs: Sequence[tuple[float, float]], middle: Callable[..., Any], confidence: float, *, comparable: bool
) -> Measured | None:
    values = np.asarray(pairs, np.float64).reshape(len(pairs), 2)
    if not len(values) or middle(values[:, 0]) <= 0:
        return None
    value = float(middle(values[:, 1]) / middle(values[:, 0]))
    drawn = _resampled(values, middle)
    low, high, most = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2, _ONE_SIDED])
    ratio = Ratio(
        value=value, low=min(float(low), value), high=max(float(high), value), n=len(values), comparable=comparable
    )
    return Measured(ratio=ratio, most=max(float(most), value))


def _resampled(values: NDArray[np.float64], middle: Callable[..., Any], seed: int = 7) -> NDArray[np.float64]:
    """Ratios of resampled prompts, few at a time whatever their number."""
    rng, n = np.random.default_rng(seed), len(values)
    resamples = max(_FEWEST_RESAMPLES, min(_RESAMPLES, _MOST_CELLS // n))
    batch, found = max(1, _CELLS // n), []
    for start in range(0, resamples, batch):
        rows = rng.integers(0, n, size=(min(batch, resamples - start), n))
        under, over = (middle(values[rows, side], axis=1) for side in (0, 1))
        found.append(over[under > 0] / under[under > 0])
    return np.concatenate(found)
