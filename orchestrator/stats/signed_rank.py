"""Wilcoxon's signed-rank test with the estimate and interval that belong to it (Hodges & Lehmann 1963).

Needs numpy and scipy; loaded on use.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.stats import rankdata, wilcoxon

from .rates import two_sided_z
from .resampling import Floats

__all__ = ["SignedRank", "interval_rank", "signed_rank"]

_EXACT_TO = 50
_STEPS = 200


class SignedRank(NamedTuple):
    """`statistic`: sum of the ranks of positive differences; `p_value`: two-sided; the rest: middle difference."""

    statistic: float
    p_value: float
    estimate: float
    low: float
    high: float


def signed_rank(differences: Floats, *, confidence: float = 0.95) -> SignedRank:
    """Test and estimate the middle of at least one difference; zeros are left out of the test (Wilcoxon's way).

    The estimate is the median of the means of all pairs of differences (each with itself too), the interval two of
    these means, by the exact distribution up to 50 differences and the normal one above (Hollander & Wolfe, ch. 3).
    The test is exact up to 50 differences without ties, as R's `wilcox.test`.
    """
    ordered = np.sort(np.asarray(differences, np.float64))
    n = len(ordered)
    means, cut = n * (n + 1) // 2, interval_rank(n, confidence)
    middle = (_mean_of_rank(ordered, (means + 1) // 2) + _mean_of_rank(ordered, means // 2 + 1)) / 2
    low, high = _mean_of_rank(ordered, cut), _mean_of_rank(ordered, means + 1 - cut)
    moved = ordered[ordered != 0]
    if not len(moved):
        return SignedRank(0.0, 1.0, middle, low, high)
    ranks = rankdata(np.abs(moved))
    tied = len(moved) > _EXACT_TO or len(np.unique(np.abs(moved))) < len(moved)
    p_value = wilcoxon(moved, method="approx" if tied else "exact", correction=True).pvalue
    return SignedRank(float(ranks[moved > 0].sum()), float(p_value), middle, low, high)


def interval_rank(n: int, confidence: float) -> int:
    """Which of the ordered pair means ends the interval, from 1; the first where n is too small for any."""
    if n > _EXACT_TO:
        deviation = math.sqrt(n * (n + 1) * (2 * n + 1) / 24)
        return max(1, round(n * (n + 1) / 4 - two_sided_z(confidence) * deviation))
    ways = np.ones(1)
    for rank in range(1, n + 1):
        longer = np.zeros(len(ways) + rank)
        longer[: len(ways)] += ways
        longer[rank:] += ways
        ways = longer
    return max(1, int(np.searchsorted(np.cumsum(ways) / 2**n, (1 - confidence) / 2)))


def _mean_of_rank(ordered: Floats, rank: int) -> float:
    """The rank-th smallest of all pair means, by halving the range: there are too many to list for many prompts."""
    low, high, before = float(ordered[0]), float(ordered[-1]), np.arange(len(ordered))
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        partners = np.searchsorted(ordered, 2 * middle - ordered, side="right") - before
        low, high = (low, middle) if np.maximum(partners, 0).sum() >= rank else (middle, high)
    return high
