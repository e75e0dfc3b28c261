"""Grader for answers that are JSON: the share of fields that are right, so that nearly right shows.

A field is a leaf, named by its path ("order.items.0.price"). Model output is parsed within bounds on size, depth and
number of attempts.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from .grade import Grade, best, cut
from .text import normalise

__all__ = ["MISSING", "JsonFields", "is_json", "leaves", "parse", "same_value"]

_FENCE = re.compile(r"```(?:json|JSON)?+\s*+")
_ATTEMPTS = 20
_MAX_LEAVES = 10_000
_MAX_DEPTH = 100
_DECODER = json.JSONDecoder()
MISSING: Any = object()
"""Stands for JSON, or a field of it, that is not there."""


def is_json(text: str) -> bool:
    """Whether the text is one JSON object or array and nothing else."""
    try:
        return isinstance(json.loads(cut(text)), dict | list)
    except (ValueError, RecursionError):
        return False


def leaves(value: Any) -> dict[str, Any] | None:
    """Path → scalar for every leaf; empty objects and arrays are leaves too. None: too deep or too many to compare."""
    found: dict[str, Any] = {}
    waiting: list[tuple[tuple[str, ...], Any]] = [((), value)]
    while waiting:
        path, node = waiting.pop()
        if len(path) > _MAX_DEPTH or len(found) + len(waiting) > _MAX_LEAVES:
            return None
        children = _children(node)
        if children:
            waiting.extend(((*path, str(key).replace(".", "\\.")), child) for key, child in children)
        else:
            found[".".join(path)] = node
    return found


def _children(node: Any) -> list[tuple[Any, Any]]:
    if isinstance(node, dict):
        return list(node.items())
    return list(enumerate(node)) if isinstance(node, list) else []


@dataclass(frozen=True, slots=True)
class JsonFields:
    """Score: right fields / fields in either text; passed when all are right. With `fields`, only those count.

    Texts inside are compared as `normalised` does, numbers by value, the rest exactly; "1" is not 1. Code fences and
    words around the JSON are forgiven, and noted. A named field stands for all that is below it.
    """

    reason: str = ""
    fields: tuple[str, ...] = ()
    measure: Literal["binary", "score"] = "score"

    @property
    def name(self) -> str:
        """`json`, or `json:field,other.field`."""
        return f"json:{','.join(self.fields)}" if self.fields else "json"

    def grade(self, answer: str, expected: str, accept: Sequence[str] = ()) -> Grade:
        """See `Grader`. Where the expected text is no JSON, the texts are compared as `normalised` does."""
        given, note = parse(answer)
        return best(lambda right: self._grade(answer, given, note, right), expected, accept)

    def _grade(self, answer: str, given: Any, note: str, expected: str) -> Grade:
        right, _ = parse(expected)
        if right is MISSING:
            same = normalise(cut(answer)) == normalise(cut(expected))
            return Grade(float(same), same, "the expected answer is no JSON")
        if given is MISSING:
            return Grade(0.0, False, note)
        found, wanted = leaves(given), leaves(right)
        if found is None or wanted is None:
            return Grade(0.0, False, "too large or too deep to compare")
        return self._compare(found, wanted, note)

    def _compare(self, found: Mapping[str, Any], wanted: Mapping[str, Any], note: str) -> Grade:
        paths = sorted(path for path in {*found, *wanted} if self._counts(path))
        if not paths:
            return Grade(0.0, False, "none of the named fields is in either text")
        wrong = [path for path in paths if not same_value(found.get(path, MISSING), wanted.get(path, MISSING))]
        notes = [part for part in (note, _named(wrong)) if part]
        return Grade(1 - len(wrong) / len(paths), not wrong, "; ".join(notes))

    def _counts(self, path: str) -> bool:
        return not self.fields or any(path == field or path.startswith(field + ".") for field in self.fields)


def _named(wrong: Sequence[str]) -> str:
    if not wrong:
        return ""
    shown = ", ".join((path or "the value")[:60] for path in wrong[:5])
    return f"wrong: {shown}" + (f" and {len(wrong) - 5} more" if len(wrong) > 5 else "")


def same_value(one: Any, other: Any) -> bool:
    """Texts as `normalised` compares them, numbers by value but for the noise of floats, the rest exactly."""
    if isinstance(one, str) and isinstance(other, str):
        return normalise(one) == normalise(other)
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other or _near(one, other)
    return type(one) is type(other) and bool(one == other)


def _near(one: float, other: float) -> bool:
    """Equal but for the noise of floats; whole numbers have none."""
    if isinstance(one, int) and isinstance(other, int):
        return False
    try:
        return math.isclose(one, other, rel_tol=1e-9)
    except OverflowError:
        return False


def parse(text: str) -> tuple[Any, str]:
    """The JSON in the text, and what had to be forgiven; `MISSING` and why where there is none."""
    bounded = cut(text).strip()
    value = _load(bounded)
    if value is not MISSING:
        return value, ""
    for start in _starts(bounded):
        value = _load(bounded, start)
        if value is not MISSING:
            return value, "text around the JSON"
    return MISSING, "the answer is no JSON"


def _load(text: str, start: int | None = None) -> Any:
    try:
        return json.loads(text) if start is None else _DECODER.raw_decode(text, start)[0]
    except (ValueError, RecursionError):
        return MISSING


def _starts(text: str) -> list[int]:
    """Where JSON may begin: after each code fence, then at the first brackets."""
    fences = [match.end() for match in _FENCE.finditer(text)][:_ATTEMPTS]
    brackets = [match.start() for match in re.finditer(r"[{\[]", text)][:_ATTEMPTS]
    return fences + brackets
