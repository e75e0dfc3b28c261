"""What training is about, whatever learns: pairs, settings, what one step shows, and what a learner can be asked."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["LABEL_CHARS", "MAX_LABELS", "Learner", "Matrix", "Pair", "Point", "Setting", "Stopped", "are_labels"]

Matrix = NDArray[np.float32]
Stopped = Callable[[], bool]

MAX_LABELS = 300
LABEL_CHARS = 80


@dataclass(frozen=True, slots=True)
class Pair:
    """One training example as the learner sees it: the system text, the last user turn, the answer.

    `rejected`: the worse answer of a preference row; None in supervised training.
    """

    system: str
    user: str
    answer: str
    rejected: str | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """How to train. `rate` multiplies the learner's own step size; 1 is its best guess.

    `evals`: how often the validation pairs are measured, evenly over the whole training, the last time at its end.
    `beta`: in preference training, how dear it is to leave the reference model.
    """

    epochs: int
    batch_size: int
    rate: float = 1.0
    seed: int = 0
    evals: int = 0
    beta: float = 0.1

    def eval_steps(self, rows: int) -> frozenset[int]:
        """The steps after which the validation pairs are measured."""
        steps = self.epochs * math.ceil(rows / self.batch_size)
        return frozenset(steps * i // self.evals for i in range(1, self.evals + 1))


@dataclass(frozen=True, slots=True)
class Point:
    """Loss and accuracy of one step's batch before the step is taken, and of the validation pairs after it.

    In preference training accuracy is the share of pairs whose preferred answer has the higher reward, and the margin
    is by how much, in the mean; supervised training has no margin.
    """

    step: int
    loss: float
    accuracy: float
    valid_loss: float | None = None
    valid_accuracy: float | None = None
    margin: float | None = None
    valid_margin: float | None = None


class Learner(Protocol):
    """A model in training. `answer` may be asked at any time; what it knows is what the epochs so far have taught."""

    def epoch(self, stopped: Stopped) -> tuple[Point, ...] | None:
        """Train one more epoch and return its steps; None when `stopped` said so on the way."""
        ...

    def answer(self, system: str, user: str) -> str: ...

    def leanings(self, system: str, user: str) -> Mapping[str, float]:
        """The answers it would think of, each with a score: higher is likelier, e times likelier a unit."""
        ...

    def snapshot(self) -> Learner:
        """A copy that further epochs do not change: a checkpoint."""
        ...

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What was learned, to be downloaded."""
        ...


def are_labels(answers: list[str]) -> bool:
    """Whether these answers are labels: short, and few enough that each stands for several rows."""
    different = set(answers)
    few = 1 < len(different) <= min(MAX_LABELS, len(answers) // 2)
    return few and max(map(len, different)) <= LABEL_CHARS
