"""What a grader is and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

__all__ = ["MAX_CHARS", "Grade", "Grader", "best", "cut"]

MAX_CHARS = 100_000
"""Longest text looked at; a model stuck in a loop must not hold up an evaluation."""


@dataclass(frozen=True, slots=True)
class Grade:
    """`score` in [0, 1]; `passed`: right or wrong, None where only the score means anything; `note`: what was odd."""

    score: float
    passed: bool | None
    note: str = ""


class Grader(Protocol):
    """Grades one answer. `name` makes the same grader again through `named`; `reason` says why it was taken.

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


def best(one: Callable[[str], Grade], expected: str, accept: Iterable[str]) -> Grade:
    """The highest grade over all answers that count as right; the first of equals."""
    grades = [one(right) for right in (expected, *accept)]
    return max(grades, key=lambda grade: grade.score)


def cut(text: str, *, keep_end: bool = False) -> str:
    """At most `MAX_CHARS` characters: the beginning, or the end where the answer stands last."""
    if len(text) <= MAX_CHARS:
        return text
    return text[-MAX_CHARS:] if keep_end else text[:MAX_CHARS]
