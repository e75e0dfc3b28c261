"""What kind of answers these are: labels, numbers, JSON or free text. Decides by the data, guesses nothing per row."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

__all__ = ["Task", "label_counts", "task_of"]

Task = Literal["labels", "number", "json", "text"]

_NUMBER = re.compile(r"\s*[-+]?[$€£]?\s?(\d+(,\d{3})*|\d*)(\.\d+)?(?<=\d)([eE][-+]?\d+)?\s?%?\s*")
_NEARLY_ALL = 0.95
_LABEL_CHARACTERS = 80
_MEAN_ROWS_PER_LABEL = 3
_REPEATED_SHARE = 0.8
_MOST_NUMERIC_LABELS = 20


def task_of(answers: Sequence[str]) -> Task:
    """The kind of the answers.

    number: 95 % parse as one, and there are too many different ones for a scale. json: 95 % are objects or lists.
    labels: short, few (3 rows or more each on average) and nearly all repeated. Else text.
    """
    counts = Counter(answer.strip() for answer in answers)
    total = counts.total()
    if not total:
        return "text"
    labels = _are_labels(counts, total)
    if _share(counts, _is_number) >= _NEARLY_ALL * total and not (labels and len(counts) <= _MOST_NUMERIC_LABELS):
        return "number"
    if _share(counts, _is_json) >= _NEARLY_ALL * total:
        return "json"
    return "labels" if labels else "text"


def label_counts(answers: Iterable[str]) -> Mapping[str, int]:
    """Answer → count, most common first; equal counts by name."""
    counts = Counter(answer.strip() for answer in answers)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _share(counts: Counter[str], accepts: Callable[[str], bool]) -> int:
    return sum(count for answer, count in counts.items() if accepts(answer))


def _are_labels(counts: Counter[str], total: int) -> bool:
    if len(counts) * _MEAN_ROWS_PER_LABEL > total:
        return False
    if any(len(answer) > _LABEL_CHARACTERS or "\n" in answer for answer in counts):
        return False
    return sum(count for count in counts.values() if count > 1) >= _REPEATED_SHARE * total


def _is_number(answer: str) -> bool:
    return bool(answer) and _NUMBER.fullmatch(answer) is not None


def _is_json(answer: str) -> bool:
    if not answer.startswith(("{", "[")):
        return False
    try:
        json.loads(answer)
    except (ValueError, RecursionError):
        return False
    return True
