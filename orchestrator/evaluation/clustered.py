"""Prompts that come in groups (of one document, one conversation) tell less than as many prompts of their own.

A comparison made as if each prompt stood for itself is widened here: standard errors by group, with Student's t for as
many groups as there are, and a test that lets whole groups change places.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ..stats import Comparison, Estimate, Interval
from ..stats.clusters import t_quantile

__all__ = ["by_group", "clustered_error", "flip_groups_p"]

Floats = NDArray[np.float64]

_EXACT_UP_TO = 12
_RESAMPLES = 9999
_FEW_GROUPS = 10


def by_group(
    comparison: Comparison, base: Sequence[float], tuned: Sequence[float], groups: Sequence[str]
) -> Comparison:
    """The comparison with the intervals and the p-value that its groups allow; never narrower than without them."""
    first, second = np.asarray(base, np.float64), np.asarray(tuned, np.float64)
    names, place = np.unique(np.asarray(groups), return_inverse=True)
    count, n = len(names), len(first)
    if count == n or n == 0:
        return comparison
    differences, half = second - first, _half(count, comparison.confidence)
    error = clustered_error(differences, place)
    low, high = _wider(comparison.low, comparison.high, comparison.difference, half * error, -1.0, 1.0)
    spread = max(comparison.spread, min(1.0, error * math.sqrt(n))) if math.isfinite(error) else 1.0
    return replace(
        comparison,
        low=low,
        high=high,
        p_value=max(comparison.p_value, flip_groups_p(differences, place)),
        test="sign-flip of whole groups",
        interval=f"Student's t over {count:,} groups",
        spread=spread,
        detectable=min(1.0, comparison.detectable * spread / comparison.spread) if comparison.spread else 1.0,
        base_interval=_side(comparison.base_interval, comparison.base, half * clustered_error(first, place)),
        tuned_interval=_side(comparison.tuned_interval, comparison.tuned, half * clustered_error(second, place)),
        error_share=_share(comparison.error_share, differences, 1 - first, place, half),
        relative=_share(comparison.relative, differences, first, place, half),
        notes=(*comparison.notes, _note(n, count)),
    )


def clustered_error(values: Floats, place: NDArray[np.intp]) -> float:
    """The standard error of the mean where values of one group move as one; infinite for a single group.

    √(G/(G−1) · Σ_g (Σ_{i in g} (x_i − x̄))²) / n, as of OLS on a constant with errors clustered (Liang & Zeger 1986; R's
    sandwich::vcovCL with HC1).
    """
    count = int(place.max()) + 1
    if count < 2:
        return math.inf
    sums = np.bincount(place, weights=values - values.mean(), minlength=count)
    return float(np.sqrt(count / (count - 1) * (sums**2).sum()) / len(values))


def flip_groups_p(differences: Floats, place: NDArray[np.intp], *, seed: int = 7) -> float:
    """Two-sided p-value of "base and tuned could change places in every group": exact for up to 12 that differ."""
    sums = np.bincount(place, weights=differences)
    sums = sums[sums != 0]
    if not len(sums):
        return 1.0
    threshold = abs(sums.sum()) - 1e-9 * np.abs(sums).sum()
    if len(sums) <= _EXACT_UP_TO:
        signs = np.array(list(product((-1, 1), repeat=len(sums))))
        return float(np.mean(np.abs(signs @ sums) >= threshold))
    rng, hits = np.random.default_rng(seed), 0
    for _ in range(9):
        signs = rng.integers(0, 2, size=(_RESAMPLES // 9, len(sums)), dtype=np.int8) * 2 - 1
        hits += int(np.count_nonzero(np.abs(signs @ sums) >= threshold))
    return (1 + hits) / (1 + _RESAMPLES)


def _half(groups: int, confidence: float) -> float:
    """Student's t with one degree of freedom fewer than groups. The series is poor below three, the exact forms not."""
    share, freedom = (1 + confidence) / 2, groups - 1
    if freedom == 1:
        return math.tan(math.pi * (share - 0.5))
    if freedom == 2:
        return (2 * share - 1) * math.sqrt(2 / (4 * share * (1 - share)))
    return t_quantile(share, freedom) if freedom > 2 else math.inf


def _wider(low: float, high: float, value: float, half: float, least: float, most: float) -> tuple[float, float]:
    if not math.isfinite(half):
        return least, most
    return max(least, min(low, value - half)), min(most, max(high, value + half))


def _side(interval: Interval, value: float, half: float) -> Interval:
    return Interval(*_wider(interval.low, interval.high, value, half, 0.0, 1.0))


def _share(known: Estimate, differences: Floats, whole: Floats, place: NDArray[np.intp], half: float) -> Estimate:
    """A ratio of means, linearised."""
    if known.value is None or known.low is None or known.high is None:
        return known
    influence = (differences - known.value * whole) / whole.mean()
    reach = half * clustered_error(influence, place)
    return Estimate(known.value, *_wider(known.low, known.high, known.value, reach, -math.inf, math.inf))


def _note(n: int, groups: int) -> str:
    few = "; with so few, only a large difference can be shown" if groups < _FEW_GROUPS else ""
    return f"The {n:,} prompts come in {groups:,} group{'' if groups == 1 else 's'}, which are what counts{few}."
