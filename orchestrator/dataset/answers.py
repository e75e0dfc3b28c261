"""What kind of answers these are: labels, numbers, JSON or free text. Decides by the data, guesses nothing per row."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["Answers", "Task", "label_counts", "task_of"]

Task = Literal["labels", "number", "json", "text"]

_NUMBER = re.compile(r"\s*[-+]?[$€£]?\s?(\d+(,\d{3})*|\d*)(\.\d+)?(?<=\d)([eE][-+]?\d+)?\s?%?\s*")
_NEARLY_ALL = 0.95
_LABEL_CHARACTERS = 80
_NUMBER_CHARACTERS = 100
_MEAN_ROWS_PER_LABEL = 3
_REPEATED_SHARE = 0.8
_MOST_NUMERIC_LABELS = 20
_MOST_LABELS = 20_000


@dataclass(slots=True)
class Answers:
    """What is known of all answers together, however many there are. Memory is bounded: `labels` are counted as long
    as the answers can be labels, and there are not too many different ones to be."""

    total: int = 0
    numbers: int = 0
    jsons: int = 0
    labels: Counter[str] | None = field(default_factory=Counter)

    def add(self, answers: Iterable[str]) -> None:
        """More answers, without the blanks around them."""
        self.merge(Answers(*_judged(Counter(map(str.strip, answers)))))

    def merge(self, other: Answers) -> None:
        """The answers of another part of the data."""
        self.total += other.total
        self.numbers += other.numbers
        self.jsons += other.jsons
        if self.labels is None or other.labels is None:
            self.labels = None
        else:
            self.labels.update(other.labels)
            if len(self.labels) > _MOST_LABELS:
                self.labels = None

    @property
    def task(self) -> Task:
        """The kind of the answers.

        number: 95 % parse as one, and there are too many different ones for a scale. json: 95 % are objects or lists.
        labels: short, few (3 rows or more each on average) and nearly all repeated. Else text.
        """
        if not self.total:
            return "text"
        labelled = self._are_labels()
        few = labelled and len(self.labels or ()) <= _MOST_NUMERIC_LABELS
        if self.numbers >= _NEARLY_ALL * self.total and not few:
            return "number"
        if self.jsons >= _NEARLY_ALL * self.total:
            return "json"
        return "labels" if labelled else "text"

    def _are_labels(self) -> bool:
        counts = self.labels
        if counts is None or len(counts) * _MEAN_ROWS_PER_LABEL > self.total:
            return False
        return sum(count for count in counts.values() if count > 1) >= _REPEATED_SHARE * self.total


def task_of(answers: Iterable[str]) -> Task:
    """The kind of these answers, as `Answers.task` tells it."""
    seen = Answers()
    seen.add(answers)
    return seen.task


def label_counts(answers: Iterable[str]) -> Mapping[str, int]:
    """Answer → count, most common first; equal counts by name."""
    counts = Counter(answer.strip() for answer in answers)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _judged(counts: Counter[str]) -> tuple[int, int, int, Counter[str] | None]:
    """Totals, numbers, JSON values, and the counts themselves where every answer is short enough for a label."""
    short = all(len(answer) <= _LABEL_CHARACTERS and "\n" not in answer for answer in counts)
    numbers, jsons = _share(counts, _is_number), _share(counts, _is_json)
    return counts.total(), numbers, jsons, counts if short else None


def _share(counts: Counter[str], accepts: Callable[[str], bool]) -> int:
    return sum(count for answer, count in counts.items() if accepts(answer))


def _is_number(answer: str) -> bool:
    return 0 < len(answer) <= _NUMBER_CHARACTERS and _NUMBER.fullmatch(answer) is not None


def _is_json(answer: str) -> bool:
    if not answer.startswith(("{", "[")):
        return False
    try:
        json.loads(answer)
    except (ValueError, RecursionError):
        return False
    return True
