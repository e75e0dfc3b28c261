"""What became of each prompt between two candidates: who got it right, and how many of each there are. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal

from .view import AnswerView, RowView

__all__ = ["Outcome", "answers_of", "counts", "is_missing", "outcome", "points_of"]

Outcome = Literal["won", "lost", "right", "wrong", "incomplete"]


def answers_of(row: RowView) -> Mapping[str, AnswerView | None]:
    """Role → answer; None where that candidate was not asked."""
    return {"base": row.base, "tuned": row.tuned, **row.also}


def points_of(answer: AnswerView) -> float:
    """Its grade; an unanswered prompt counts as wrong, as it does in the statistics."""
    return float(answer.passed) if answer.passed is not None else answer.score or 0.0


def is_missing(answer: AnswerView | None) -> bool:
    """Nothing was received, or it was refused."""
    return answer is None or answer.text is None or answer.refused


def outcome(before: AnswerView | None, after: AnswerView | None) -> Outcome:
    """Seen from `after`: it won where it has the better grade. Equal grades are right from one half upwards."""
    if before is None or after is None:
        return "incomplete"
    first, second = points_of(before), points_of(after)
    if first != second:
        return "won" if second > first else "lost"
    return "right" if second >= 0.5 else "wrong"


def counts(rows: Iterable[RowView]) -> Counter[Outcome]:
    """How many prompts of each kind there are between base and tuned."""
    return Counter(outcome(row.base, row.tuned) for row in rows)
