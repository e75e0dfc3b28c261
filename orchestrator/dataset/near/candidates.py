"""Which pairs of sketches are worth reading their texts: those that meet in a band and whose bitmaps allow it.

Work is linear in the rows, whatever the file: in each band a row is compared with the rows that follow it in its
bucket, at most `WINDOW` - 1 of them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .sketching import BANDS, BITMAP, SIZE

__all__ = ["WINDOW", "Buckets", "Likely", "buckets"]

WINDOW = 16
"""Buckets of up to this many rows are compared whole. In a larger one the rows stand in the order of the next band, so
that likely pairs stand close together."""

_Rows = NDArray[np.int64]


class Buckets(NamedTuple):
    """Rows that share one band's hash with another row, bucket by bucket; how many follow each in its bucket."""

    rows: _Rows
    followers: _Rows

    def pairs(self, distance: int) -> NDArray[np.int64]:
        """(pairs, 2): the rows that stand so far apart in one bucket."""
        at = np.flatnonzero(self.followers >= distance)
        return np.stack([self.rows[at], self.rows[at + distance]], axis=1)

    def undecided(self, root: _Rows) -> Buckets:
        """Without the buckets whose rows have one root."""
        if not len(self.rows):
            return self
        last = np.flatnonzero(self.followers == 0)
        first = np.concatenate(([0], last[:-1] + 1))
        roots = root[self.rows]
        mixed = np.minimum.reduceat(roots, first) != np.maximum.reduceat(roots, first)
        kept = np.repeat(mixed, last - first + 1)
        return Buckets(self.rows[kept], self.followers[kept])


def buckets(bands: NDArray[np.uint32], band: int) -> Buckets:
    """The buckets of one band. A row without a word is in none."""
    filled = np.flatnonzero(bands[:, SIZE])
    # Hash and row in one number: sorting these is many times faster than sorting rows by their hash.
    keyed = bands[filled, band].astype(np.uint64) << np.uint64(32) | filled.astype(np.uint64)
    keyed.sort()
    rows, hashes = (keyed & np.uint64(0xFFFFFFFF)).astype(np.int64), keyed >> np.uint64(32)
    last = np.flatnonzero(np.diff(hashes, append=~hashes[-1:]))
    counts = np.diff(last, prepend=-1)
    followers = np.repeat(last, counts) - np.arange(len(rows))
    large = np.repeat(counts > WINDOW, counts)
    if large.any():
        inside = rows[large]
        rows[large] = inside[np.lexsort((inside, bands[inside, (band + 1) % BANDS], hashes[large]))]
    shared = np.repeat(counts > 1, counts)
    return Buckets(rows[shared], followers[shared])


class Likely:
    """Tells, from sizes and bitmaps alone, which pairs may reach the threshold; it never refuses one that does."""

    def __init__(self, bands: NDArray[np.uint32], threshold: float) -> None:
        self.sizes = bands[:, SIZE].astype(np.int64)
        self._bitmaps = np.ascontiguousarray(bands[:, BITMAP]).view(np.uint64)
        # |A| + |B| = union + shared, so that this share of it is the most that may stand in one set alone.
        self._share = (1 - threshold) / (1 + threshold)

    def among(self, pairs: _Rows) -> _Rows:
        """The pairs that are worth verifying."""
        sizes = self.sizes[pairs]
        most = np.floor(sizes.sum(axis=1) * self._share + 1e-9)
        # Sizes first: they refuse most pairs, and are quicker looked up than bitmaps.
        near = abs(sizes[:, 0] - sizes[:, 1]) <= most
        pairs, most = pairs[near], most[near]
        flips = np.bitwise_count(self._bitmaps[pairs[:, 0]] ^ self._bitmaps[pairs[:, 1]]).sum(axis=1)
        likely: _Rows = pairs[flips <= most]
        return likely
