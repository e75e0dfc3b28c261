"""What the sandbox's learners see of a text: the numbers of scikit-learn's own TF-IDF."""

from __future__ import annotations

import random

import numpy as np
import pytest

import providers.sandbox.features
from providers.sandbox.features import TfIdf, _ngrams


@pytest.mark.parametrize("columns", [40_000, 60])
def test_it_is_the_tf_idf_of_scikit_learn(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    vectorizer = pytest.importorskip("sklearn.feature_extraction.text").TfidfVectorizer
    monkeypatch.setattr(providers.sandbox.features, "_MAX_FEATURES", columns)
    draw = random.Random(7)
    words = ["card", "lost", "my", "Überweisung", "refund", "the", "日本語", "a", "where?", "is"]
    texts = ["", "   ", *(" ".join(draw.choices(words, k=draw.randint(1, 12))) for _ in range(80))]
    reference = vectorizer(analyzer=_ngrams, max_features=columns, sublinear_tf=True, dtype=np.float32)
    reference.fit(text or "_" for text in texts)
    ours = TfIdf(texts)
    assert ours.names == list(reference.get_feature_names_out())
    asked = [*texts, "never seen", "card card card the unknown"]
    found, expected = ours(asked), reference.transform(asked)
    assert found.dtype == expected.dtype == np.float32
    np.testing.assert_allclose(found.toarray(), expected.toarray(), rtol=1e-6)


def test_a_text_of_which_nothing_is_known_is_a_row_of_zeros() -> None:
    assert TfIdf(["my card is lost"])(["", "zzz"]).nnz == 0
