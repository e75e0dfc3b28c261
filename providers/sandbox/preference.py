"""Learning by preference: direct preference optimisation (arxiv.org/abs/2305.18290) of a model that is linear.

Where a model scores an answer by a sum over features, the log-ratio of two answers to the reference model is that sum
over the difference of their features, so the method's own loss, -log σ(β · margin), is fitted exactly. The reference is
the model that the job started from; without one, every answer is as likely as any other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.special import expit

from .features import Features, TfIdf
from .lesson import Learner, Pair, Point, Setting, Stopped

__all__ = ["LabelPreference", "TextPreference"]

_STEP = 0.4  # AdaGrad's, as in supervised training
_NEAREST = 5  # known inputs whose answers are considered for an unseen one
_NEARNESS = 10.0  # how much likelier, in nats, an answer is to the input it was written for than to an unrelated one


class _Preference:
    """The training: mini-batches of differences, AdaGrad, no regularisation but beta."""

    def __init__(
        self, train: Sequence[Pair], valid: Sequence[Pair], setting: Setting, reference: Learner | None = None
    ) -> None:
        self._setting, self._reference = setting, reference
        self._rng = np.random.default_rng(setting.seed)
        self._fit(train)
        self._differences = self._difference(train)
        self._held_out = self._difference(valid) if valid else None
        self._weights = np.zeros(self._differences.shape[1], dtype=np.float32)
        self._seen = np.full_like(self._weights, 1e-3)
        self._pace = _STEP * setting.rate * math.sqrt(max(1.0, setting.batch_size / 8))
        self._step = 0
        self._evals = setting.eval_steps(len(train)) if valid else frozenset[int]()

    def _fit(self, train: Sequence[Pair]) -> None:
        """Learn which features there are."""
        raise NotImplementedError

    def _difference(self, pairs: Sequence[Pair]) -> csr_matrix:
        """A row a pair: the features of its preferred answer less those of its rejected one."""
        raise NotImplementedError

    def leanings(self, system: str, user: str) -> Mapping[str, float]:
        raise NotImplementedError

    def epoch(self, stopped: Stopped) -> tuple[Point, ...] | None:
        order = self._rng.permutation(self._differences.shape[0])
        points = []
        for start in range(0, len(order), self._setting.batch_size):
            if stopped():
                return None
            points.append(self._learn(self._differences[order[start : start + self._setting.batch_size]]))
        return tuple(points)

    def answer(self, system: str, user: str) -> str:
        scores = self.leanings(system, user)
        return max(scores, key=lambda answer: scores[answer])

    def snapshot(self) -> Self:
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__, _weights=self._weights.copy(), _seen=self._seen.copy())
        return copy

    def _learn(self, batch: csr_matrix) -> Point:
        columns = np.unique(batch.indices)
        narrow = batch[:, columns]
        margins = self._setting.beta * (narrow @ self._weights[columns])
        # AdaGrad divides a gradient by its own size, so beta as a mere factor of it is left out.
        gradient = -(narrow.T @ expit(-margins)) / len(margins)
        seen = self._seen[columns] + gradient**2
        self._seen[columns] = seen
        self._weights[columns] -= self._pace * gradient / np.sqrt(seen)
        self._step += 1
        return _point(self._step, margins, self._measured())

    def _measured(self) -> NDArray[Any] | None:
        if self._held_out is None or self._step not in self._evals:
            return None
        margins: NDArray[Any] = self._setting.beta * (self._held_out @ self._weights)
        return margins

    def _prior(self, system: str, user: str) -> Mapping[str, float]:
        return self._reference.leanings(system, user) if self._reference is not None else {}


def _point(step: int, margins: NDArray[Any], held_out: NDArray[Any] | None) -> Point:
    valid = (None, None, None) if held_out is None else _told(held_out)
    loss, accuracy, margin = _told(margins)
    return Point(step, loss, accuracy, valid[0], valid[1], margin, valid[2])


def _told(margins: NDArray[Any]) -> tuple[float, float, float]:
    """Mean loss, share of pairs told apart the right way, mean margin."""
    loss = np.logaddexp(0, -margins)
    return float(loss.mean()), float((margins > 0).mean()), float(margins.mean())


class LabelPreference(_Preference):
    """Answers that repeat: each has weights of its own over the input's features."""

    def _fit(self, train: Sequence[Pair]) -> None:
        self._features = Features(train)
        self.labels = sorted({answer for pair in train for answer in (pair.answer, pair.rejected or "")})
        self._index = {label: place for place, label in enumerate(self.labels)}

    def _difference(self, pairs: Sequence[Pair]) -> csr_matrix:
        x = self._features(pairs)
        better = self._blocks(x, [self._index.get(pair.answer) for pair in pairs])
        return csr_matrix(better - self._blocks(x, [self._index.get(pair.rejected or "") for pair in pairs]))

    def _blocks(self, x: csr_matrix, places: Sequence[int | None]) -> csr_matrix:
        """Each row of `x` moved to the columns of its answer; an answer that training never showed has none.

        There is no bias: where an input shares no feature with a preference, the reference is left as it was.
        """
        width = x.shape[1]
        rows, columns, values = [], [], []
        for row, place in enumerate(places):
            if place is not None:
                one = x[row]
                rows += [row] * one.nnz
                columns += [*(place * width + one.indices)]
                values += [*one.data]
        shape = (len(places), width * len(self.labels))
        return csr_matrix((np.array(values, dtype=np.float32), (rows, columns)), shape=shape)

    def leanings(self, system: str, user: str) -> Mapping[str, float]:
        x = self._features([Pair(system, user, "")])
        weights = self._weights.reshape(len(self.labels), -1)
        moved = np.asarray(x @ weights.T)[0]
        prior = self._prior(system, user)
        least = min(prior.values(), default=0.0)
        scores = {label: prior.get(label, least) + float(more) for label, more in zip(self.labels, moved, strict=True)}
        return {**prior, **scores}

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"labels": np.array(self.labels), "features": self._features.names(), "weights": self._weights}


class TextPreference(_Preference):
    """Free text: a reward over the answer's own words, and the answers of the nearest known inputs to choose from."""

    def _fit(self, train: Sequence[Pair]) -> None:
        self._train = list(train)
        self._features = Features(train)
        self._words = TfIdf(text for pair in train for text in (pair.answer, pair.rejected or ""))
        self._known = self._features(train)

    def _difference(self, pairs: Sequence[Pair]) -> csr_matrix:
        better = self._words(pair.answer for pair in pairs)
        return csr_matrix(better - self._words(pair.rejected or "" for pair in pairs))

    def leanings(self, system: str, user: str) -> Mapping[str, float]:
        nearness = (self._known @ self._features([Pair(system, user, "")]).T).toarray().ravel()
        scores = dict(self._prior(system, user))
        for place in np.argsort(-nearness, kind="stable")[:_NEAREST]:
            pair = self._train[place]
            for text in (pair.rejected or "", pair.answer):
                scores[text] = max(scores.get(text, -math.inf), _NEARNESS * float(nearness[place]))
        rewards = np.asarray(self._words(scores) @ self._weights).ravel()
        return {text: scores[text] + float(reward) for text, reward in zip(scores, rewards, strict=True)}

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"words": np.array(self._words.names), "weights": self._weights}
