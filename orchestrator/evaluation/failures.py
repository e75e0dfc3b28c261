"""What the tuned model still gets wrong, as rows for the next round: to be looked at, corrected, and tested again.

They were held out, and are marked so that no split trains on them: a verdict on rows learned by heart is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from providers.dialects import write_conversation

from ..dataset.usual_names import HELD_OUT
from .questions import Question
from .sides import Side

__all__ = ["failures"]


def failures(questions: Sequence[Question], base: Side, tuned: Side, *, run: str, labels: bool) -> list[dict[str, Any]]:
    """One JSON object a failed prompt, the worst first: a chat line with the reference as its answer, its other right
    answers and its group, and under "tunewright" both answers, their scores, the slice and where the row came from."""
    rows = [
        (tuned.grades[place].score, place)
        for place, grade in enumerate(tuned.grades)
        if not (grade.score >= 1 if grade.passed is None else grade.passed)
    ]
    return [_row(questions[place], base, tuned, place, run, labels) for _, place in sorted(rows)]


def _row(question: Question, base: Side, tuned: Side, place: int, run: str, labels: bool) -> dict[str, Any]:
    row = question.row
    line = write_conversation(row.example)
    if row.accept:
        line["accept"] = list(row.accept)
    if row.group is not None:
        line["group"] = row.group
    line[HELD_OUT] = True
    line["tunewright"] = {
        "run": run,
        "file": row.file,
        "row": row.number,
        "slice": row.example.answer if labels else None,
        "base": _said(base, place),
        "tuned": _said(tuned, place),
    }
    return line


def _said(side: Side, place: int) -> dict[str, Any]:
    answer, grade = side.first[place], side.grades[place]
    text = None if answer.error else answer.text or answer.refusal or ""
    return {"answer": text, "score": grade.score, "passed": grade.passed, "note": grade.note, "error": answer.error}
