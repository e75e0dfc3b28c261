"""Intervals and tests for scores that let the data speak: BCa bootstrap, t, sign-flip permutation.

Needs numpy and scipy; loaded by `scores` on use.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import bootstrap, t

from .records import Interval

__all__ = ["Floats", "bca_intervals", "sign_flip_interval", "sign_flip_p", "t_interval", "t_test_p"]

Floats = NDArray[np.float64]

_CELLS = 2_000_000
"""Numbers held at once while resampling: 16 MB, whatever the number of prompts."""
_EXACT_UP_TO = 15
"""Non-zero differences up to which all 2^k sign patterns are counted."""


def bca_intervals(
    samples: tuple[Floats, ...],
    statistic: Callable[..., Floats],
    *,
    confidence: float = 0.95,
    seed: int = 7,
    resamples: int = 9999,
) -> list[Interval | None]:
    """Bias-corrected accelerated bootstrap intervals (Efron 1987), one for each value that `statistic` returns.

    `samples` are resampled together (paired); `statistic(*samples, axis=-1)` stacks its k values along axis 0.
    None for a value that does not vary, for which the bootstrap has nothing to say.
    """
    batch = max(1, _CELLS // max(1, len(samples[0])))
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Any = bootstrap(
            samples,
            statistic,
            paired=True,
            vectorized=True,
            n_resamples=resamples,
            batch=batch,
            confidence_level=confidence,
            method="BCa",
            rng=np.random.default_rng(seed),
        ).confidence_interval
    ends = zip(np.atleast_1d(found.low), np.atleast_1d(found.high), strict=True)
    return [Interval(float(low), float(high)) if np.isfinite([low, high]).all() else None for low, high in ends]


def t_interval(values: Floats, *, confidence: float = 0.95) -> Interval | None:
    """Student's interval for the mean; None where the values do not vary or are fewer than 2."""
    if len(values) < 2 or np.ptp(values) == 0:
        return None
    half = t.ppf((1 + confidence) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return Interval(float(values.mean() - half), float(values.mean() + half))


def t_test_p(differences: Floats) -> float:
    """Two-sided p-value of the one-sample t-test against 0; for many prompts, where it equals the permutation test."""
    spread = differences.std(ddof=1)
    if spread == 0:
        return 1.0 if not differences.any() else 0.0
    return float(2 * t.sf(abs(differences.mean()) / spread * np.sqrt(len(differences)), len(differences) - 1))


def sign_flip_p(differences: Floats, *, seed: int = 7, resamples: int = 9999) -> float:
    """Two-sided p-value of "base and tuned could change places on every prompt" (Fisher 1935, §21).

    Exact, over all sign patterns, with up to 15 differences other than 0; else (1 + hits) / (1 + resamples).
    """
    moved = np.abs(differences[differences != 0])
    if len(moved) == 0:
        return 1.0
    threshold = abs(differences.sum()) - 1e-9 * moved.sum()
    if len(moved) <= _EXACT_UP_TO:
        sums = moved.sum() - 2 * (_every_pattern(len(moved)) @ moved)
        return float(np.mean(np.abs(sums) >= threshold))
    hits = sum(_hits(moved, threshold, size, rng) for size, rng in _chunks(len(moved), resamples, seed))
    return (1 + hits) / (1 + resamples)


def _chunks(width: int, resamples: int, seed: int) -> list[tuple[int, np.random.Generator]]:
    rng, rows = np.random.default_rng(seed), max(1, _CELLS // width)
    return [(min(rows, resamples - start), rng) for start in range(0, resamples, rows)]


def _hits(moved: Floats, threshold: float, rows: int, rng: np.random.Generator) -> int:
    flipped = rng.integers(0, 2, size=(rows, len(moved)), dtype=np.int8)
    sums = moved.sum() - 2 * (flipped @ moved)
    return int(np.count_nonzero(np.abs(sums) >= threshold))


def sign_flip_interval(
    sums: Floats, sizes: NDArray[np.intp], *, confidence: float = 0.95, seed: int = 7, resamples: int = 9999
) -> Interval:
    """Every mean difference that flipping the signs of whole groups does not contradict.

    `sums`: of the differences in each group, `sizes`: its prompts. A mean δ is contradicted when too few of all subsets
    of groups have a mean beyond it (Hartigan 1969, J Am Stat Assoc 64:1303), which is the test of `sign_flip_p` on
    sums − δ · sizes, solved for δ. [−1, 1] where there are too few groups to contradict anything.
    """
    groups = len(sums)
    if groups <= _EXACT_UP_TO:
        flipped, of = _every_pattern(groups)[1:], 2**groups
    else:
        rng = np.random.default_rng(seed)
        flipped, of = rng.integers(0, 2, size=(resamples, groups), dtype=np.int8), resamples + 1
        flipped = flipped[flipped.any(axis=1)]
    rank = int((1 - confidence) / 2 * of + 1e-9)
    if rank < 1 or rank > len(flipped):
        return Interval(-1.0, 1.0)
    means = np.sort((flipped @ sums) / (flipped @ sizes))
    return Interval(float(means[rank - 1]), float(means[-rank]))


def _every_pattern(width: int) -> NDArray[np.int8]:
    """All 2^width rows of noughts and ones; the first is all noughts."""
    patterns: NDArray[np.int8] = (np.arange(2**width)[:, np.newaxis] >> np.arange(width) & 1).astype(np.int8)
    return patterns
