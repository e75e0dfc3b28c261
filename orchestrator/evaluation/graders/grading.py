"""One answer graded by whatever grader there is, and two candidates' grades compared as the grader's measure asks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from ...stats import Comparison, compare_binary, compare_scores
from ..questions import Answer, Question
from .grade import Attempt, AttemptGrader, Grade, Grader

__all__ = ["Comparing", "compare_grades", "grade_answer", "identity"]

_WRONG = Grade(0.0, False, "no answer")


@runtime_checkable
class Comparing(Protocol):
    """A grader that compares two candidates itself: it saw both answers at once."""

    def compare(self, one: str, other: str, confidence: float) -> Comparison:
        """Candidate `one` as the base, `other` as the tuned."""
        ...


def grade_answer(grader: Grader, question: Question, answer: Answer, candidate: str, sample: int = 0) -> Grade:
    """A missing answer is wrong, whatever the grader."""
    if answer.missing:
        return _WRONG
    row = question.row
    if isinstance(grader, AttemptGrader):
        attempt = Attempt(
            candidate=candidate,
            key=question.key,
            row=row,
            text=answer.text,
            tool_calls=answer.tool_calls,
            sample=sample,
        )
        return grader.grade_attempt(attempt)
    return grader.grade(answer.text, row.example.answer, row.accept)


def compare_grades(
    grader: Grader, base: Sequence[Grade], tuned: Sequence[Grade], confidence: float, names: tuple[str, str]
) -> Comparison:
    """Pass or fail where the grader measures that, else the mean of scores; its own way where it has one.

    `names`: the two candidates, in the order of the grades.
    """
    if isinstance(grader, Comparing):
        return grader.compare(*names, confidence)
    if grader.measure == "binary":
        return compare_binary([bool(g.passed) for g in base], [bool(g.passed) for g in tuned], confidence=confidence)
    return compare_scores([grade.score for grade in base], [grade.score for grade in tuned], confidence=confidence)


def identity(grader: Grader) -> str:
    """What names this very grader: its name, and the hash of what it was made from where that can change."""
    own: Any = getattr(grader, "identity", None)
    return own if isinstance(own, str) else grader.name
