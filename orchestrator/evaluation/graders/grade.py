"""What a grader is and what it answers; what one may look at beside the words of an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from providers.records import JsonObject

from ...dataset.records import Row

__all__ = ["MAX_CHARS", "Attempt", "AttemptGrader", "Grade", "Grader", "best", "cut"]

MAX_CHARS = 100_000
"""Longest text looked at; a model stuck in a loop must not hold up an evaluation."""


@dataclass(frozen=True, slots=True)
class Grade:
    """`score` in [0, 1]; `passed`: right or wrong, None where only the score means anything; `note`: what was odd.

    `ungraded`: no grade could be had (your function raised, the judge gave no usable judgement). It counts as the score
    that stands here, is told, and too many of them void the verdict.
    """

    score: float
    passed: bool | None
    note: str = ""
    ungraded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One answer with all that a grader may look at. `key` names the question, `sample` which of several answers."""

    candidate: str
    key: str
    row: Row
    text: str
    tool_calls: tuple[JsonObject, ...] = ()
    sample: int = 0


class Grader(Protocol):
    """Grades one answer. `name` makes the same grader again through `named` (one from a file is named by the file's own
    name, without its folder); `reason` says why it was taken.

    `measure`: which comparison its grades call for, "binary" for `passed`, "score" for `score`.
    """

    @property
    def name(self) -> str: ...

    @property
    def reason(self) -> str: ...

    @property
    def measure(self) -> Literal["binary", "score"]: ...

    def grade(self, answer: str, expected: str, accept: Sequence[str] = ()) -> Grade:
        """Grade `answer` against `expected` or any of `accept`, whichever it meets best. Never raises on any text."""
        ...


@runtime_checkable
class AttemptGrader(Protocol):
    """A grader that needs more than the words: tool calls, the row, or which candidate it was."""

    def grade_attempt(self, attempt: Attempt) -> Grade:
        """Grade one answer. Never raises on any answer."""
        ...


def best(one: Callable[[str], Grade], expected: str, accept: Iterable[str]) -> Grade:
    """The highest grade over all answers that count as right; the first of equals."""
    grades = [one(right) for right in (expected, *accept)]
    return max(grades, key=lambda grade: grade.score)


def cut(text: str, *, keep_end: bool = False) -> str:
    """At most `MAX_CHARS` characters: the beginning, or the end where the answer stands last."""
    if len(text) <= MAX_CHARS:
        return text
    return text[-MAX_CHARS:] if keep_end else text[:MAX_CHARS]
