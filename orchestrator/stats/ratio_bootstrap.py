"""Ratios tuned / base by the paired percentile bootstrap: of means, and of quantiles. Needs numpy; loaded on use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from .ratios import RatioEstimate
from .resampling import Floats

__all__ = ["mean_ratio", "quantile_ratios"]

_CELLS = 2_000_000
"""Numbers held at once while resampling: 16 MB."""

_METHOD = "paired percentile bootstrap"


def mean_ratio(
    base: Sequence[float], tuned: Sequence[float], *, confidence: float, seed: int, resamples: int
) -> RatioEstimate:
    """Mean of tuned over mean of base; a resample without cost on the base's side counts as an endless ratio."""
    return _ratios(base, tuned, lambda values: values.mean(axis=-1)[np.newaxis], confidence, seed, resamples)[0]


def quantile_ratios(
    base: Sequence[float],
    tuned: Sequence[float],
    shares: Sequence[float],
    *,
    confidence: float,
    seed: int,
    resamples: int,
) -> list[RatioEstimate]:
    """Quantile of tuned over the same quantile of base, for each of `shares`."""

    def quantiles(values: Floats) -> Floats:
        found: Floats = np.quantile(values, list(shares), axis=-1)
        return found

    return _ratios(base, tuned, quantiles, confidence, seed, resamples)


def _ratios(
    base: Sequence[float],
    tuned: Sequence[float],
    statistic: Callable[[Floats], Floats],
    confidence: float,
    seed: int,
    resamples: int,
) -> list[RatioEstimate]:
    first, second = np.asarray(base, np.float64), np.asarray(tuned, np.float64)
    parts = []
    for drawn in _drawn(len(first), seed, resamples):
        under, over = statistic(first[drawn]), statistic(second[drawn])
        parts.append(np.divide(over, under, out=np.full_like(over, np.inf), where=under > 0))
    seen = np.concatenate(parts, axis=-1)
    values = statistic(second[np.newaxis])[:, 0] / statistic(first[np.newaxis])[:, 0]
    tail = (1 - confidence) / 2
    ends = np.quantile(seen, [tail, 1 - tail, confidence], axis=-1, method="higher").T
    return [
        RatioEstimate(value=float(value), low=low, high=high, upper=upper, n=len(first), method=_METHOD)
        for value, (low, high, upper) in zip(values, ends.tolist(), strict=True)
    ]


def _drawn(n: int, seed: int, resamples: int) -> Iterator[NDArray[np.int64]]:
    """Which prompts each resample consists of, some resamples at a time."""
    rng, rows = np.random.default_rng(seed), max(1, _CELLS // n)
    for start in range(0, resamples, rows):
        yield rng.integers(0, n, size=(min(rows, resamples - start), n))
