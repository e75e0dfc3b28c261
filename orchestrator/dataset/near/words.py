"""Texts to sets of hashed words, a block at a time in numpy. Says what a word is; compares nothing.

A word is a run of characters between white space, without case and without the punctuation at its edges. Scripts that
put no space between words (Han, Kana, Thai, Lao, Khmer, Burmese) give a word for every two neighbouring characters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["HASH_BITS", "MOST_TEXTS", "WordSets", "word_sets"]

HASH_BITS = 52
MOST_TEXTS = 1 << 64 - HASH_BITS
"""The most texts of one block: a word is one number of 64 bits, 12 for its text and 52 for its hash."""

_PUNCTUATION = b".,;:!?\"'()[]{}"
_SPACE = b"\t\n\v\f\r\x1c\x1d\x1e\x1f "
# A zero would add nothing to a polynomial, and words that differ by it would be one: it takes the place of a capital.
_LOWER = b"A" + bytes(range(1, 256)).lower()
_WORD, _MARK, _GAP = range(3)
_KINDS = bytes(_GAP if byte in _SPACE else _MARK if byte in _PUNCTUATION else _WORD for byte in range(256))

_ALIKE = {'"': "“”„«»「」『』", "'": "‘’‚‹›", ",": "、，", ".": "…。．", "!": "！¡", "?": "？¿", ":": "：", ";": "；"}
_ASCII_OF = {mark: to for to, marks in {**_ALIKE, "(": "（", ")": "）", "[": "［", "]": "］"}.items() for mark in marks}
_OTHER_MARKS = re.compile(f"[{''.join(_ASCII_OF)}]")
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff]+"
)

# A slice that fits the processor's cache. A longer text is cut at a space where it has one.
_SLICE_CHARACTERS = 1 << 17

# Any odd number of 64 bits: a polynomial in it, modulo 2^64, names a word; its inverse moves the word to the origin.
_BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(_BASE, -1, 1 << 64)


class WordSets(NamedTuple):
    """The distinct words of `len(sizes)` texts. `words`: number of the text << 52 | hash, ascending. `sizes`: each
    text's count of them."""

    words: NDArray[np.uint64]
    sizes: NDArray[np.int64]

    @property
    def starts(self) -> NDArray[np.int64]:
        """Where each text's words begin."""
        begins: NDArray[np.int64] = np.cumsum(self.sizes) - self.sizes
        return begins


def word_sets(texts: Sequence[str]) -> WordSets:
    """Each text's set of words, at most `MOST_TEXTS` texts. The same on every machine and in every process."""
    assert len(texts) <= MOST_TEXTS
    found = [_words(first, slices) for first, slices in _blocks(texts)]
    words = np.sort(np.concatenate([np.empty(0, np.uint64), *found]))
    if len(words):
        words = words[np.concatenate(([True], words[1:] != words[:-1]))]
    bounds = np.searchsorted(words, np.arange(len(texts), dtype=np.uint64) << np.uint64(HASH_BITS))
    return WordSets(words, np.diff(bounds, append=len(words)))


def _blocks(texts: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """(number of the first text, texts that follow it), in blocks of limited length; a slice of a long text alone."""
    first, characters = 0, 0
    block: list[str] = []
    for number, raw in enumerate(texts):
        text = raw if raw.isascii() else _spaced(raw)
        if characters + len(text) > _SLICE_CHARACTERS:
            yield first, block
            first, block, characters = number, [], 0
        if len(text) > _SLICE_CHARACTERS:
            yield from ((number, [part]) for part in _slices(text))
            text = ""
        block.append(text)
        characters += len(text)
    yield first, block


def _slices(text: str) -> Iterator[str]:
    start = 0
    while start < len(text):
        end = start + _SLICE_CHARACTERS
        space = text.rfind(" ", start + 1, end) if end < len(text) else -1
        end = space if space > 0 else end
        yield text[start:end]
        start = end


def _spaced(text: str) -> str:
    """The text composed and without case, its punctuation in ASCII, its words parted by single spaces."""
    marked = _OTHER_MARKS.sub(lambda mark: _ASCII_OF[mark[0]], unicodedata.normalize("NFC", text).casefold())
    return " ".join(_UNSPACED.sub(_pairs, marked).split())


def _pairs(run: re.Match[str]) -> str:
    letters = run[0]
    return f" {' '.join(map(''.join, pairwise(letters))) or letters} "


def _words(first: int, texts: list[str]) -> NDArray[np.uint64]:
    """Every word of the texts, repeated ones too."""
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    data = b" ".join([b"", *encoded, b""])
    edges = _edges(data)
    starts, ends = edges[0::2], edges[1::2]
    power, inverse = _powers(1 << max(16, len(data).bit_length()))
    sums = np.zeros(len(data) + 1, np.uint64)
    np.cumsum(np.frombuffer(data.translate(_LOWER), np.uint8) * power[: len(data)], out=sums[1:])
    hashes = _mixed((sums[ends] - sums[starts]) * inverse[starts])
    bounds = np.searchsorted(starts, np.cumsum([1, *(len(text) + 1 for text in encoded)]))
    rows = np.repeat(np.arange(first, first + len(texts), dtype=np.uint64), np.diff(bounds))
    words: NDArray[np.uint64] = rows << np.uint64(HASH_BITS) | hashes >> np.uint64(64 - HASH_BITS)
    return words


def _edges(data: bytes) -> NDArray[np.intp]:
    """Where words start and end, by turns. A mark of punctuation belongs to a word when both its neighbours do."""
    kinds = np.frombuffer(data.translate(_KINDS), np.uint8)
    letters = kinds == _WORD
    inside = letters.copy()
    inside[1:-1] |= (kinds[1:-1] == _MARK) & letters[:-2] & letters[2:]
    return np.flatnonzero(inside[1:] != inside[:-1]) + 1


@lru_cache(maxsize=4)
def _powers(count: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """The powers of the base and of its inverse from 0 to `count`, modulo 2^64."""
    factors = np.full((2, count), [[_BASE], [_INVERSE]], np.uint64)
    factors[:, 0] = 1
    powers = np.cumprod(factors, axis=1)
    return powers[0], powers[1]


def _mixed(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Every bit of the result depends on every bit given: the finaliser of MurmurHash3, a public-domain hash."""
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        hashes = (hashes ^ hashes >> np.uint64(33)) * np.uint64(factor)
    return hashes ^ hashes >> np.uint64(33)
