"""Sets of words to sketches of a fixed width: MinHash in bands, and a bitmap that proves most unlike pairs unlike.

MinHash and banding after Broder (1997) and Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", chapter 3: two
sets share their least value under a random function with probability J, their Jaccard similarity, and so the `ROWS`
least values of a band with J^ROWS. Each of the 60 values serves two bands, whose others differ: 20 bands then find a
pair of J = 0.8 with 0.99 (simulated; 0.998 at 0.85), for half the work of 120 values.

In NumPy, because libraries take words as Python strings and give their values back as Python lists: for 5,000 texts
rensa 0.5 takes 1.4 times and datasketch 2.0 14 times as long, without the time to cut the words, which here is most of
it (`benchmarks/near_duplicates.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from .words import HASH_BITS, MOST_TEXTS, WordSets, word_sets

__all__ = ["BANDS", "BITMAP", "ROWS", "SIZE", "WIDTH", "sketch"]

BANDS, ROWS = 20, 6
BITMAP = slice(BANDS, BANDS + 4)
SIZE = BANDS + 4
WIDTH = BANDS + 5
"""The columns of a sketch: one hash a band, 128 bits of bitmap, the number of words (0: nothing to compare)."""

_VALUES = BANDS * ROWS // 2


def _constants(name: str) -> list[np.uint32]:
    # Not from a random generator: its stream may change with the version of numpy.
    digests = (sha256(f"{name} {number}".encode()).digest() for number in range(_VALUES))
    return [np.uint32(int.from_bytes(digest[:4])) for digest in digests]


_FLIPS, _FACTORS = _constants("flip"), [factor | np.uint32(1) for factor in _constants("factor")]


def sketch(texts: Sequence[str]) -> NDArray[np.uint32]:
    """One row of `WIDTH` numbers a text. The same on every machine and in every process; about 2,000 texts a call are
    fastest."""
    parts = [_sketch(word_sets(texts[first : first + MOST_TEXTS])) for first in range(0, len(texts), MOST_TEXTS)]
    return np.concatenate([np.zeros((0, WIDTH), np.uint32), *parts])


def _sketch(sets: WordSets) -> NDArray[np.uint32]:
    rows = np.zeros((len(sets.sizes), WIDTH), np.uint32)
    rows[:, SIZE] = sets.sizes
    filled = np.flatnonzero(sets.sizes)
    if len(filled):
        starts = sets.starts[filled]
        rows[filled, :BANDS] = _bands((sets.words >> np.uint64(HASH_BITS - 32)).astype(np.uint32), starts).T
        rows[filled, BITMAP] = _bitmap(sets.words, starts).T
    return rows


def _bands(words: NDArray[np.uint32], starts: NDArray[np.int64]) -> NDArray[np.uint32]:
    """(BANDS, texts): the hash of each band's least values."""
    least = np.empty((_VALUES, len(starts)), np.uint64)
    values = np.empty_like(words)
    for number in range(_VALUES):
        np.multiply(np.bitwise_xor(words, _FLIPS[number], out=values), _FACTORS[number], out=values)
        least[number] = np.minimum.reduceat(values, starts)
    # As a table of 10 by 6, each row is a band; as one of 6 by 10, each column: two bands have one value in common.
    across = least.reshape(BANDS // 2, ROWS, -1).swapaxes(0, 1)
    down = least.reshape(ROWS, BANDS // 2, -1)
    return np.concatenate([_joined(across), _joined(down)])


def _joined(least: NDArray[np.uint64]) -> NDArray[np.uint32]:
    """(rows, bands, texts) to one hash a band."""
    joined = np.zeros(least.shape[1:], np.uint64)
    for values in least:
        joined = (joined ^ values) * np.uint64(0x9FB21C651E98DF25)
        joined ^= joined >> np.uint64(32)
    return joined.astype(np.uint32)


def _bitmap(words: NDArray[np.uint64], starts: NDArray[np.int64]) -> NDArray[np.uint32]:
    """(4, texts): each word flips one of 128 bits, so that two bitmaps differ in at most as many bits as the sets do
    in words (Sandes, Teodoro, Melo, "Bitmap Filter: Speeding up Exact Set Similarity Joins with Bitwise Operations",
    2017)."""
    bits = np.uint64(1) << (words & np.uint64(63))
    upper = words & np.uint64(64) != 0
    halves = [np.bitwise_xor.reduceat(np.where(upper == half, bits, np.uint64(0)), starts) for half in (False, True)]
    return np.stack([half >> np.uint64(shift) for half in halves for shift in (0, 32)]).astype(np.uint32)
