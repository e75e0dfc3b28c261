"""Sketches to clusters of near duplicates: candidate pairs, verified by their words, joined by links."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import ceil, log

import numpy as np
from numpy.typing import NDArray

from .candidates import WINDOW, Buckets, Likely, buckets
from .forest import Forest
from .sketching import BANDS, ROWS
from .words import HASH_BITS, word_sets

__all__ = ["THRESHOLD", "clusters"]

THRESHOLD = 0.8
"""The least Jaccard similarity of two sets of words at which their texts are near duplicates."""

_TEMPLATE_SHARE, _LEAST_TEMPLATE = 20, 10
_VERIFIED_PER_ROW, _LEAST_VERIFIED = 4, 100_000
_PENDING_PAIRS = 100_000
_BATCH_WORDS, _LEAST_WORDS = 1 << 19, 1 << 8
"""A batch of texts holds about so many words; a pair counts for no fewer than so many, which makes 2,048 the most."""

TextsOf = Callable[[Sequence[int]], Sequence[str]]
_Pairs = NDArray[np.int64]


def clusters(bands: NDArray[np.uint32], texts_of: TextsOf, threshold: float = THRESHOLD) -> list[tuple[int, ...]]:
    """Which rows are near duplicates: each cluster's rows ascend, its first represents it, clusters ascend.

    Two rows are linked when the Jaccard similarity of their sets of words is at least `threshold`, and a cluster is
    all that links hold together: it may be a chain, but no row outside is a near duplicate of a row inside. The order
    of the rows decides nothing. Rows without a word are in no cluster.

    Two exceptions. A cluster of more than a twentieth of all rows (and more than 10) is a template with other words
    in its slots, not copies of one row: it is taken apart half-way to 1, and what is left of that size, at 1. And work
    is linear in the rows, whatever the file: in buckets of more than 16 rows each is compared with 15 others, and at
    most four pairs a row (or 100,000) are read to be verified. Beyond that links are missed.

    `bands`: what `sketch` gave, a row each (it may be memory-mapped). `texts_of`: the texts of some rows, as they were
    sketched; it is asked for candidates alone, in ascending order, for at most 4,096 at once.
    """
    most = max(_LEAST_TEMPLATE, len(bands) // _TEMPLATE_SHARE)
    found = _linked(bands, texts_of, threshold)
    for stricter in ((1 + threshold) / 2, 1.0):
        large = [cluster for cluster in found if len(cluster) > most]
        found = [cluster for cluster in found if len(cluster) <= most]
        for cluster in large:
            found += _part(cluster, bands, texts_of, stricter)
    return sorted(found)


def _part(
    cluster: tuple[int, ...], bands: NDArray[np.uint32], texts_of: TextsOf, threshold: float
) -> Iterator[tuple[int, ...]]:
    """The clusters inside a cluster, at a stricter threshold."""
    rows = np.array(cluster)
    inside = _linked(bands[rows], lambda places: texts_of(rows[places].tolist()), threshold)
    return (tuple(rows[list(part)].tolist()) for part in inside)


def _linked(bands: NDArray[np.uint32], texts_of: TextsOf, threshold: float) -> list[tuple[int, ...]]:
    linker = _Linker(bands, texts_of, threshold)
    for band in range(_bands_needed(threshold)):
        linker.link(buckets(bands, band))
    return linker.forest.trees()


def _bands_needed(threshold: float) -> int:
    """As many as miss one pair in a thousand at the threshold, or all. Equal sets share every band; one is to spare."""
    missed = 1 - min(threshold**ROWS, 1 - 1e-6)
    return min(BANDS, 1 + ceil(log(0.001) / log(missed)))


class _Linker:
    """The clusters so far, and what decides whether a pair belongs together."""

    def __init__(self, bands: NDArray[np.uint32], texts_of: TextsOf, threshold: float) -> None:
        self.forest = Forest(len(bands))
        self._texts_of = texts_of
        self._threshold = threshold
        self._likely = Likely(bands, threshold)
        self._may_verify = max(_LEAST_VERIFIED, _VERIFIED_PER_ROW * len(bands))

    def link(self, found: Buckets) -> None:
        """Compare what shares a bucket, neighbours first: after them most of what is alike is one cluster already."""
        found = found.undecided(self.forest.root)
        pending: list[_Pairs] = []
        for distance in range(1, min(WINDOW, 1 + int(found.followers.max(initial=0)))):
            pending.append(self._likely.among(self._apart(found.pairs(distance))))
            if distance == 1 or sum(map(len, pending)) > _PENDING_PAIRS:
                self._settle(pending)
        if pending:
            self._settle(pending)

    def _apart(self, pairs: _Pairs) -> _Pairs:
        """The pairs that are not together yet."""
        root = self.forest.root
        apart: _Pairs = pairs[root[pairs[:, 0]] != root[pairs[:, 1]]]
        return apart

    def _settle(self, pending: list[_Pairs]) -> None:
        """Verify the pending pairs and link those that pass."""
        pairs = np.concatenate(pending)
        pending[:] = [pairs[:0]]
        for batch in self._batches(pairs[np.lexsort(pairs.T[::-1])]):
            rest = self._apart(batch)[: self._may_verify]
            self._may_verify -= len(rest)
            if len(rest):
                self.forest.link(rest[_similarities(rest, self._texts_of) >= self._threshold])

    def _batches(self, pairs: _Pairs) -> Iterator[_Pairs]:
        words = np.maximum(self._likely.sizes[pairs].sum(axis=1), _LEAST_WORDS)
        number = np.cumsum(words) // _BATCH_WORDS
        yield from np.split(pairs, np.flatnonzero(np.diff(number)) + 1)


def _similarities(pairs: _Pairs, texts_of: TextsOf) -> NDArray[np.float64]:
    """The Jaccard similarity of each pair's words: exact, unless two of their words share a hash of 52 bits."""
    rows, places = np.unique(pairs, return_inverse=True)
    sets = word_sets(texts_of(rows.tolist()))
    sizes = sets.sizes[places.reshape(pairs.shape)]
    taken = sets.starts[places.ravel()].repeat(sizes.ravel()) + _ramps(sizes.ravel())
    owner = np.arange(len(pairs), dtype=np.uint64).repeat(sizes.sum(axis=1)) << np.uint64(HASH_BITS)
    words = np.sort(owner | sets.words[taken] & np.uint64((1 << HASH_BITS) - 1))
    twice = words[1:][words[1:] == words[:-1]] >> np.uint64(HASH_BITS)
    shared = np.bincount(twice.astype(np.int64), minlength=len(pairs))
    similarities: NDArray[np.float64] = shared / (sizes.sum(axis=1) - shared)
    return similarities


def _ramps(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """0, 1, … size - 1 for each size, in one array."""
    ends = np.cumsum(sizes)
    ramps: NDArray[np.int64] = np.arange(sizes.sum()) - (ends - sizes).repeat(sizes)
    return ramps
