"""Texts as numbers: TF-IDF over word and character n-grams, which is all that the sandbox's learners see of a text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer

from .lesson import Pair

__all__ = ["Features", "vectorizer"]

_WORD = re.compile(r"\w+", re.UNICODE)
_MAX_FEATURES = 40_000


def _ngrams(text: str) -> Iterator[str]:
    words = _WORD.findall(text.lower())
    yield from words
    yield from (f"{a} {b}" for a, b in pairwise(words))
    for word in words:
        padded = f"<{word}>"
        yield from (padded[i : i + 4] for i in range(len(padded) - 3))


def vectorizer(texts: Sequence[str]) -> TfidfVectorizer:
    """Fitted to these texts; an empty one counts as "_"."""
    options: dict[str, Any] = {"max_features": _MAX_FEATURES, "sublinear_tf": True, "dtype": np.float32}
    return TfidfVectorizer(analyzer=_ngrams, **options).fit(text or "_" for text in texts)


class Features:
    """TF-IDF of the user turn; of the system text too where the training pairs know more than one."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self._user = vectorizer([pair.user for pair in pairs])
        systems = sorted({pair.system for pair in pairs})
        self._system = vectorizer(systems) if len(systems) > 1 else None

    def __call__(self, pairs: Sequence[Pair]) -> csr_matrix:
        user = self._user.transform(pair.user for pair in pairs)
        if self._system is None:
            return csr_matrix(user)
        return csr_matrix(hstack([user, self._system.transform(pair.system for pair in pairs)], format="csr"))

    def names(self) -> NDArray[Any]:
        """What each column stands for."""
        parts = [self._user] if self._system is None else [self._user, self._system]
        return np.concatenate([part.get_feature_names_out().astype(str) for part in parts])
