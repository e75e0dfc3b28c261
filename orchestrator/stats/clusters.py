"""Totals of a population from some of its clusters, with their standard errors. Needs numpy; drawing is for others.

Cochran, Sampling Techniques (3rd ed., Wiley 1977): chapter 9 for clusters drawn as units, chapter 6 for the ratio.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Floats", "Total", "mean_total", "ratio_total", "t_quantile"]

Floats = NDArray[np.float64]


class Total(NamedTuple):
    """An estimated total and its standard error."""

    value: float
    error: float


def mean_total(values: Sequence[float], clusters: int) -> Total:
    """The total over all `clusters`, of which `values` are a simple random sample: number × mean, without bias."""
    seen = np.asarray(values, np.float64)
    drawn = len(seen)
    return Total(clusters * seen.mean(), clusters * _error(seen, drawn / clusters))


def ratio_total(values: Sequence[float], sizes: Sequence[float], clusters: int, whole_size: float) -> Total:
    """The total where each cluster's size is known, and the whole's: Σ values / Σ sizes × `whole_size`.

    Better than the mean where values follow sizes. The error is the jackknife's, which holds up where few clusters
    carry much of the total; the textbook's linear one is too small there.
    """
    seen, size = np.asarray(values, np.float64), np.asarray(sizes, np.float64)
    drawn, total, span = len(seen), seen.sum(), size.sum()
    if not total:
        return Total(0.0, 0.0)
    rest = np.maximum(span - size, np.finfo(np.float64).tiny)
    pseudo = drawn * total / span - (drawn - 1) * (total - seen) / rest
    return Total(total / span * whole_size, whole_size * _error(pseudo, drawn / clusters))


def _error(values: Floats, share: float) -> float:
    """The standard error of a mean of some of finitely many."""
    return float(np.sqrt((1 - share) * values.var(ddof=1) / len(values)))


def t_quantile(share: float, freedom: int) -> float:
    """Student's t by the expansion in the normal quantile; off by less than 0.0001 from 20 degrees of freedom on.

    Abramowitz and Stegun, Handbook of Mathematical Functions (1964), 26.7.5.
    """
    z, v = NormalDist().inv_cdf(share), freedom
    return (
        z
        + (z**3 + z) / (4 * v)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * v**3)
        + (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / (92160 * v**4)
    )
