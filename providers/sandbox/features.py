"""Texts as numbers: TF-IDF over word and character n-grams, which is all that the sandbox's learners see of a text."""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack

from .lesson import Pair

__all__ = ["Features", "TfIdf"]

_WORD = re.compile(r"\w+", re.UNICODE)
_MAX_FEATURES = 40_000


def _ngrams(text: str) -> Iterator[str]:
    words = _WORD.findall(text.lower())
    yield from words
    yield from (f"{a} {b}" for a, b in pairwise(words))
    for word in words:
        padded = f"<{word}>"
        yield from (padded[i : i + 4] for i in range(len(padded) - 3))


class TfIdf:
    """Columns fitted to texts; an empty one counts as "_".

    The numbers are those of scikit-learn's TfidfVectorizer (sublinear term frequency, smoothed inverse document
    frequency, rows of length 1), without the second and a half that importing it takes in every process.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        documents = [Counter(_ngrams(text or "_")) for text in texts]
        often = Counter[str]()
        among = Counter[str]()
        for document in documents:
            often.update(document)
            among.update(document.keys())
        every = sorted(often)
        most = np.sort(np.argsort(-np.array([often[gram] for gram in every]))[:_MAX_FEATURES])
        self.names = [every[place] for place in most]
        self._columns = {gram: column for column, gram in enumerate(self.names)}
        documents_with = np.array([among[gram] for gram in self.names], dtype=np.float32)
        self._weights = np.log(np.float32(len(documents) + 1) / (documents_with + 1)) + 1

    def __call__(self, texts: Iterable[str]) -> csr_matrix:
        """texts × columns, float32; a row of zeros for a text of which nothing is known."""
        columns, counts, ends = array("q"), array("f"), array("q", [0])
        for text in texts:
            known = Counter(column for gram in _ngrams(text) if (column := self._columns.get(gram)) is not None)
            row = sorted(known)
            columns.extend(row)
            counts.extend(known[column] for column in row)
            ends.append(len(columns))
        at, rows_end = np.array(columns, dtype=np.int32), np.array(ends, dtype=np.int32)
        values = (np.log(np.array(counts)) + 1) * self._weights[at]
        rows = csr_matrix((values, at, rows_end), shape=(len(ends) - 1, len(self.names)))
        lengths = np.sqrt(rows.multiply(rows).sum(axis=1)).A1
        rows.data /= np.repeat(np.where(lengths > 0, lengths, 1), np.diff(rows_end))
        return rows


class Features:
    """TF-IDF of the user turn; of the system text too where the training pairs know more than one."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self._user = TfIdf(pair.user for pair in pairs)
        systems = sorted({pair.system for pair in pairs})
        self._system = TfIdf(systems) if len(systems) > 1 else None

    def __call__(self, pairs: Sequence[Pair]) -> csr_matrix:
        user = self._user(pair.user for pair in pairs)
        if self._system is None:
            return user
        return csr_matrix(hstack([user, self._system(pair.system for pair in pairs)], format="csr"))

    def names(self) -> NDArray[Any]:
        """What each column stands for."""
        parts = [self._user] if self._system is None else [self._user, self._system]
        return np.array([name for part in parts for name in part.names])
