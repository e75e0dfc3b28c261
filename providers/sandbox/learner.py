"""What the sandbox's tuned models are: small classical learners that really fit the uploaded pairs, epoch by epoch.

Answers that repeat are labels and get a softmax regression over TF-IDF word and character n-grams; free text gets the
answer of the nearest known input, and its loss from a bigram language model. Reading files and keeping time is left
to others. All of it is deterministic by seed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from .features import Features
from .lesson import Learner, Matrix, Pair, Point, Setting, Stopped, are_labels
from .preference import LabelPreference, TextPreference

__all__ = ["Classifier", "Learner", "Pair", "Point", "Retriever", "Setting", "learner"]

_STEP = 0.4  # AdaGrad's: fits clean labels in two epochs, memorises noisy ones in a dozen
_NEARNESS = 10.0  # nats between the answer to the same input and the answer to an unrelated one


def learner(
    train: Sequence[Pair], valid: Sequence[Pair], setting: Setting, reference: Learner | None = None
) -> Learner:
    """The learner that suits these pairs: labels when answers are short and repeat, else free text.

    Pairs with a rejected answer are learned by preference, from `reference` on where there is one.
    """
    by_preference = any(pair.rejected is not None for pair in train)
    answers = [answer for pair in train for answer in (pair.answer, pair.rejected) if answer is not None]
    labels = are_labels(answers)
    if by_preference:
        return (LabelPreference if labels else TextPreference)(train, valid, setting, reference)
    return Classifier(train, valid, setting) if labels else Retriever(train, valid, setting)


# ── labels ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class Classifier:
    """Softmax regression trained by AdaGrad on mini-batches, without regularisation: pushed too far, it memorises."""

    def __init__(self, train: Sequence[Pair], valid: Sequence[Pair], setting: Setting) -> None:
        self._setting = setting
        self._rng = np.random.default_rng(setting.seed)
        self._features = Features(train)
        self.labels = sorted({pair.answer for pair in train})
        self._index = {label: i for i, label in enumerate(self.labels)}
        self._x = self._features(train)
        self._y = np.array([self._index[pair.answer] for pair in train])
        self._valid = list(valid)
        self._valid_x = self._features(valid) if valid else None
        self._pace = _STEP * setting.rate * math.sqrt(max(1.0, setting.batch_size / 8))  # larger batches, larger steps
        self._weights: Matrix = np.zeros((self._x.shape[1] + 1, len(self.labels)), dtype=np.float32)
        self._seen = np.full_like(self._weights, 1e-3)
        self._step = 0
        self._evals = setting.eval_steps(len(train)) if valid else frozenset()

    def epoch(self, stopped: Stopped) -> tuple[Point, ...] | None:
        order = self._rng.permutation(len(self._y))
        points = []
        for start in range(0, len(order), self._setting.batch_size):
            if stopped():
                return None
            points.append(self._learn(order[start : start + self._setting.batch_size]))
        return tuple(points)

    def answer(self, system: str, user: str) -> str:
        scores = self.leanings(system, user)
        return max(scores, key=lambda label: scores[label])

    def leanings(self, system: str, user: str) -> Mapping[str, float]:
        scores = self._scores(self._features([Pair(system, user, "")]), self._weights)
        return dict(zip(self.labels, scores[0].tolist(), strict=True))

    def snapshot(self) -> Classifier:
        copy = object.__new__(Classifier)
        copy.__dict__.update(self.__dict__, _weights=self._weights.copy(), _seen=self._seen.copy())
        return copy

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"labels": np.array(self.labels), "features": self._features.names(), "weights": self._weights}

    def _learn(self, rows: NDArray[np.int64]) -> Point:
        x, y = self._x[rows], self._y[rows]
        columns = np.append(np.unique(x.indices), len(self._weights) - 1)
        weights = self._weights[columns]
        narrow = x[:, columns[:-1]]
        chances = _softmax(self._scores(narrow, weights))
        loss, accuracy = _log_loss(chances, y), float((chances.argmax(axis=1) == y).mean())
        chances[np.arange(len(y)), y] -= 1
        gradient = np.vstack([narrow.T @ chances, chances.sum(axis=0)]) / len(y)
        seen = self._seen[columns] + gradient**2
        self._seen[columns] = seen
        self._weights[columns] = weights - self._pace * gradient / np.sqrt(seen)
        self._step += 1
        return Point(self._step, loss, accuracy, *self._validate())

    def _validate(self) -> tuple[float | None, float | None]:
        if self._valid_x is None or self._step not in self._evals:
            return None, None
        chances = _softmax(self._scores(self._valid_x, self._weights))
        y = np.array([self._index.get(pair.answer, -1) for pair in self._valid])
        picked = np.where(y >= 0, chances[np.arange(len(y)), y], 0.0)
        loss = float(-np.log(np.maximum(picked, 1e-7)).mean())
        return loss, float((chances.argmax(axis=1) == y).mean())

    @staticmethod
    def _scores(x: csr_matrix, weights: Matrix) -> Matrix:
        scores: Matrix = np.asarray(x @ weights[:-1] + weights[-1], dtype=np.float32)
        return scores


def _softmax(scores: Matrix) -> Matrix:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    chances: Matrix = powers / powers.sum(axis=1, keepdims=True)
    return chances


def _log_loss(chances: Matrix, y: NDArray[np.int64]) -> float:
    return float(-np.log(np.maximum(chances[np.arange(len(y)), y], 1e-7)).mean())


# ── free text ───────────────────────────────────────────────────────────────────────────────────────────────────────


class Retriever:
    """Answers with the known answer whose input is nearest; learns, for its loss, a bigram model of the answers."""

    def __init__(self, train: Sequence[Pair], valid: Sequence[Pair], setting: Setting) -> None:
        self._setting, self._train, self._valid = setting, list(train), list(valid)
        self._rng = np.random.default_rng(setting.seed)
        self._features = Features(train)
        self._known = self._features(train)
        self._language = _Bigrams(pair.answer for pair in train)
        self._step = 0
        self._evals = setting.eval_steps(len(train)) if valid else frozenset()

    def epoch(self, stopped: Stopped) -> tuple[Point, ...] | None:
        order = self._rng.permutation(len(self._train))
        points = []
        for start in range(0, len(order), self._setting.batch_size):
            if stopped():
                return None
            points.append(self._learn([self._train[i].answer for i in order[start : start + self._setting.batch_size]]))
        return tuple(points)

    def answer(self, system: str, user: str) -> str:
        scores = self.leanings(system, user)
        return max(scores, key=lambda answer: scores[answer])

    def leanings(self, system: str, user: str) -> Mapping[str, float]:
        nearness = (self._known @ self._features([Pair(system, user, "")]).T).toarray().ravel()
        place = int(nearness.argmax())
        return {self._train[place].answer: _NEARNESS * float(nearness[place])}

    def snapshot(self) -> Retriever:
        return self  # what it answers from does not change with the epochs

    def arrays(self) -> dict[str, NDArray[Any]]:
        pairs = self._train
        return {"inputs": np.array([p.user for p in pairs]), "answers": np.array([p.answer for p in pairs])}

    def _learn(self, answers: list[str]) -> Point:
        loss, accuracy = self._language.score(answers)
        self._language.learn(answers, self._setting.rate)
        self._step += 1
        due = self._step in self._evals
        valid = self._language.score([pair.answer for pair in self._valid]) if due else (None, None)
        return Point(self._step, loss or 0.0, accuracy or 0.0, *valid)


class _Bigrams:
    """Word bigrams backed off to unigrams backed off to a uniform vocabulary: counts that sharpen with every epoch."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._uniform = 1 / (1 + len({word for text in texts for word in _words(text)}))
        self._after: dict[str, _Followers] = {}
        self._single: dict[str, float] = {}
        self._total = 0.0

    def learn(self, texts: Sequence[str], weight: float) -> None:
        for before, word in _bigrams(texts):
            self._after.setdefault(before, _Followers()).add(word, weight)
            self._single[word] = self._single.get(word, 0.0) + weight
            self._total += weight

    def score(self, texts: Sequence[str]) -> tuple[float | None, float | None]:
        """Mean loss (nats a word) and the share of words guessed right; None of no words."""
        loss, right, words = 0.0, 0, 0
        for before, word in _bigrams(texts):
            after = self._after.get(before)
            loss -= math.log(self._chance(after, word))
            right += after is not None and after.best == word
            words += 1
        return (loss / words, right / words) if words else (None, None)

    def _chance(self, after: _Followers | None, word: str) -> float:
        single = (self._single.get(word, 0.0) + 5 * self._uniform) / (self._total + 5)
        return single if after is None else (after.counts.get(word, 0.0) + single) / (after.total + 1)


class _Followers:
    """What followed one word, how often, and the likeliest of them, kept up to date so that a guess costs nothing."""

    __slots__ = ("best", "counts", "total")

    def __init__(self) -> None:
        self.counts: dict[str, float] = {}
        self.total = 0.0
        self.best = ""

    def add(self, word: str, weight: float) -> None:
        self.counts[word] = count = self.counts.get(word, 0.0) + weight
        self.total += weight
        if count > self.counts.get(self.best, 0.0):
            self.best = word


def _words(text: str) -> list[str]:
    return [*text.split(), "\n"]


def _bigrams(texts: Iterable[str]) -> Iterator[tuple[str, str]]:
    for text in texts:
        words = _words(text)
        yield from zip(["", *words[:-1]], words, strict=True)
