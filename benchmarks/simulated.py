"""The tests and intervals of `orchestrator.stats` for thousands of simulated evaluations at once, as matrix products.

One column is one evaluation. Sign patterns and resamples are shared by the columns of a block, which leaves each
column's own error rates as they are. That these forms are the public functions is checked on some columns of each kind.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri
from scipy.stats import t

from orchestrator.stats import wilson

__all__ = ["Clusters", "Ends", "Floats", "bca", "cluster_flip", "cluster_t", "flip_p", "student"]

Floats = NDArray[np.float64]

_BLOCK = 500
_FEW_MOVED = 10


class Ends(NamedTuple):
    """Both ends of each column's interval."""

    low: Floats
    high: Floats

    def hold(self, truth: float) -> float:
        """The share of columns whose interval holds the truth."""
        return float(np.mean((self.low <= truth) & (truth <= self.high)))


def flip_p(differences: Floats, resamples: int, rng: np.random.Generator) -> Floats:
    """Sign-flip p-value of each column, as `sign_flip_p` where more than 15 prompts moved."""
    n, columns = differences.shape
    signs = rng.integers(0, 2, (resamples, n)) * 2.0 - 1
    found = np.empty(columns)
    for start in range(0, columns, _BLOCK):
        part = differences[:, start : start + _BLOCK]
        threshold = np.abs(part.sum(axis=0)) - 1e-9 * np.abs(part).sum(axis=0)
        hits = (np.abs(signs @ part) >= threshold).sum(axis=0)
        found[start : start + _BLOCK] = (1 + hits) / (1 + resamples)
    return found


def student(values: Floats, confidence: float = 0.95, *, normal: bool = False) -> Ends:
    """Student's interval for each column's mean; with `normal` the one of the central limit theorem."""
    n = len(values)
    quantile = ndtri((1 + confidence) / 2) if normal else t.ppf((1 + confidence) / 2, n - 1)
    half = quantile * values.std(axis=0, ddof=1) / np.sqrt(n)
    return Ends(values.mean(axis=0) - half, values.mean(axis=0) + half)


def bca(differences: Floats, resamples: int, rng: np.random.Generator, confidence: float = 0.95) -> Ends:
    """The interval of `compare_scores`: BCa, the wider of it and Student's where fewer than 10 prompts moved.

    Where nothing varies, what "none of n" leaves open.
    """
    n, columns = differences.shape
    weights = rng.multinomial(n, np.full(n, 1 / n), resamples).astype(np.float64)
    low, high = np.empty(columns), np.empty(columns)
    for start in range(0, columns, _BLOCK):
        block = slice(start, start + _BLOCK)
        low[block], high[block] = _bca(differences[:, block], weights, (1 - confidence) / 2)
    wide, sparse = student(differences, confidence), (differences != 0).sum(axis=0) < _FEW_MOVED
    low, high = np.where(sparse, np.fmin(low, wide.low), low), np.where(sparse, np.fmax(high, wide.high), high)
    still, mean, unseen = np.ptp(differences, axis=0) < 1e-12, differences.mean(axis=0), wilson(0, n).high
    return Ends(np.where(still, mean - unseen * (mean + 1), low), np.where(still, mean + unseen * (1 - mean), high))


def _bca(values: Floats, weights: Floats, tail: float) -> Ends:
    total, centred = values.sum(axis=0), values - values.mean(axis=0)
    sums = np.sort(weights @ values, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        acceleration = (centred**3).sum(axis=0) / (6 * (centred**2).sum(axis=0) ** 1.5)
        below = ((sums < total).mean(axis=0) + (sums <= total).mean(axis=0)) / 2
        bias = ndtri(below)
        ends = []
        for z in (ndtri(tail), -ndtri(tail)):
            share = ndtr(bias + (bias + z) / (1 - acceleration * (bias + z)))
            ends.append(_quantile(sums, share) / len(values))
    return Ends(*ends)


def _quantile(ordered: Floats, share: Floats) -> Floats:
    """Each column's own quantile; none where the column does not vary."""
    place = np.nan_to_num(share) * (len(ordered) - 1)
    under = np.minimum(place.astype(np.intp), len(ordered) - 2)
    columns = np.arange(ordered.shape[1])
    one, other = ordered[under, columns], ordered[under + 1, columns]
    return np.where(np.isnan(share), np.nan, one + (place - under) * (other - one))


class Clusters(NamedTuple):
    """Sums of the differences, their squares and numbers of prompts by group (rows) and evaluation (columns)."""

    sums: Floats
    squares: Floats
    sizes: Floats

    @property
    def mean(self) -> Floats:
        """Of each column's prompts."""
        mean: Floats = self.sums.sum(axis=0) / self.sizes.sum(axis=0)
        return mean

    @property
    def error(self) -> Floats:
        """Cluster-robust, with G/(G − 1)."""
        residuals, groups = self.sums - self.mean * self.sizes, len(self.sums)
        error: Floats = np.sqrt((residuals**2).sum(axis=0) * groups / (groups - 1)) / self.sizes.sum(axis=0)
        return error

    @property
    def naive_error(self) -> Floats:
        """As if prompts were independent."""
        n = self.sizes.sum(axis=0)
        error: Floats = np.sqrt((self.squares.sum(axis=0) / n - self.mean**2) / (n - 1))
        return error


def cluster_t(drawn: Clusters) -> tuple[Floats, Ends]:
    """p-values and intervals of the cluster-robust t with G − 1 degrees of freedom."""
    freedom, error = len(drawn.sums) - 1, drawn.error
    with np.errstate(divide="ignore", invalid="ignore"):
        p_values = np.nan_to_num(2 * t.sf(np.abs(drawn.mean) / error, freedom), nan=1.0)
    half = t.ppf(0.975, freedom) * error
    return p_values, Ends(drawn.mean - half, drawn.mean + half)


def cluster_flip(drawn: Clusters) -> tuple[Floats, Ends]:
    """p-values of flipping whole groups, every pattern; the wider of their interval and of `cluster_t`'s."""
    groups = len(drawn.sums)
    flipped = (np.arange(2**groups)[:, np.newaxis] >> np.arange(groups) & 1).astype(np.float64)
    total, size = drawn.sums.sum(axis=0), np.abs(drawn.sums).sum(axis=0)
    p_values = (np.abs(total - 2 * (flipped @ drawn.sums)) >= np.abs(total) - 1e-9 * size).mean(axis=0)
    means = np.sort((flipped[1:] @ drawn.sums) / (flipped[1:] @ drawn.sizes), axis=0)
    rank, wide = int(0.025 * 2**groups + 1e-9), cluster_t(drawn)[1]
    return p_values, Ends(np.minimum(means[rank - 1], wide.low), np.maximum(means[-rank], wide.high))
