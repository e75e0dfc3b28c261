"""In which order questions are asked: every (candidate, question, sample) once, shuffled, the candidates side by side.

Made as it goes and remembered as one byte a question, so that a hundred thousand of them weigh nothing.
"""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from .questions import Candidate, Question, Spec

__all__ = ["Order", "Turn"]


class Turn(NamedTuple):
    """One question to one candidate."""

    candidate: Candidate
    question: Question
    sample: int


class Order:
    """The turns of an evaluation; iterating gives those that were not answered when it began."""

    def __init__(self, spec: Spec, asked: Sequence[Question]) -> None:
        self._spec, self._asked = spec, asked
        self._candidates = {candidate.name: place for place, candidate in enumerate(spec.candidates)}
        self._places: dict[str, int] | None = None
        self._done = bytearray(len(spec.candidates) * len(asked) * spec.samples)

    def __len__(self) -> int:
        """All turns, answered or not."""
        return len(self._done)

    @property
    def answered(self) -> int:
        """How many need not be asked any more."""
        return self._done.count(1)

    def skip(self, answered: Iterable[tuple[str, str, int]]) -> None:
        """Leave out (candidate, question key, sample); what is no question of this evaluation is passed by."""
        for name, key, sample in answered:
            if self._places is None:
                self._places = {question.key: place for place, question in enumerate(self._asked)}
            candidate, question = self._candidates.get(name), self._places.get(key)
            if candidate is not None and question is not None and sample < self._spec.samples:
                self._done[self._turn(candidate, question, sample)] = 1

    def __iter__(self) -> Iterator[Turn]:
        """Rows shuffled, and within a row the candidates too: latency drifts, and must drift alike for all."""
        self._places = None  # needed for what was answered before, and large
        chance = random.Random(self._spec.order_seed)
        rows = array("L", range(len(self._asked)))
        chance.shuffle(rows)
        candidates = list(enumerate(self._spec.candidates))
        for sample in range(self._spec.samples):
            for row in rows:
                chance.shuffle(candidates)
                waiting = [(place, one) for place, one in candidates if not self._done[self._turn(place, row, sample)]]
                if waiting:
                    question = self._asked[row]
                    yield from (Turn(candidate, question, sample) for _, candidate in waiting)

    def _turn(self, candidate: int, question: int, sample: int) -> int:
        return (sample * len(self._asked) + question) * len(self._candidates) + candidate
