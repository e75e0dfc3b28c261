"""Grader by a regular expression, on an engine that searches in linear time: nothing can hold it up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import import_module
from typing import Any, Literal

from ...errors import MissingExtra, UsageError
from .grade import Grade, best, cut
from .text import normalise

__all__ = ["Pattern", "occurs", "pattern"]

_FIX = "lookaround (?=…) and back-references \\1 are not understood: without them no pattern can run for ever"
_MAX_MEMORY = 64 << 20
_LONGEST = 10_000


@dataclass(frozen=True, slots=True)
class Pattern:
    """Right when `expression` is found in the answer; where it has a group, when what the group caught is the expected
    answer, compared as `normalised` does. The last match counts, as answers stand last.

    Without an `expression`, each expected answer is the pattern, and must match somewhere in the answer.
    """

    reason: str = ""
    expression: str = ""
    measure: Literal["binary", "score"] = "binary"
    name: str = field(init=False, default="")

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", f"regex:{self.expression}" if self.expression else "regex")

    def grade(self, answer: str, expected: str, accept: Sequence[str] = ()) -> Grade:
        """See `Grader`. An expected answer that is no pattern is met by no answer, and the note says so."""
        given = cut(answer, keep_end=True)
        if not self.expression:
            return best(lambda right: _found(given, right), expected, accept)
        compiled = _compiled(self.expression)
        matches = list(compiled.finditer(given))
        if not matches:
            return Grade(0.0, False, "the pattern is not found")
        if compiled.groups == 0:
            return Grade(1.0, True)
        caught = normalise(matches[-1].group(1) or "")
        return best(lambda right: _same(caught, normalise(cut(right))), expected, accept)


def _same(caught: str, right: str) -> Grade:
    return Grade(1.0, True) if caught == right else Grade(0.0, False, f"caught {caught[:60]!r}")


def _found(given: str, expected: str) -> Grade:
    try:
        found = _compiled(expected.strip()).search(given) is not None
    except UsageError as error:
        return Grade(0.0, False, f"the expected answer is no usable pattern: {error.what[:120]}")
    return Grade(float(found), found)


def pattern(reason: str, expression: str) -> Pattern:
    """The grader; `expression` blank: the expected answers are the patterns. Raises `UsageError` for what is none."""
    _compiled(expression)
    return Pattern(reason, expression)


def occurs(expression: str, text: str) -> bool:
    """Whether the pattern matches somewhere in the text. Raises `UsageError` for what is no pattern."""
    return _compiled(expression).search(text) is not None


@lru_cache(maxsize=1024)
def _compiled(expression: str) -> Any:
    engine = _engine()
    options = engine.Options()
    options.log_errors, options.max_mem = False, _MAX_MEMORY
    if len(expression) > _LONGEST:
        raise UsageError("the pattern is longer than 10,000 characters", where="grader", fix="shorten it")
    try:
        return engine.compile(expression, options)
    except (engine.error, UnicodeEncodeError) as error:
        told = error.args[0] if error.args else error
        told = told.decode(errors="replace") if isinstance(told, bytes) else str(told)
        raise UsageError(f"{expression[:80]!r} is no pattern: {told}", where="grader", fix=_FIX) from error


def _engine() -> Any:
    try:
        return import_module("re2")
    except ImportError:
        fix = "pip install google-re2"
        raise MissingExtra(
            "the grader regex needs google-re2, which is not installed", where="grader", fix=fix
        ) from None
