"""Grader for answers that call tools: were the expected functions called, with the expected arguments?

Only calls that the platform itself reports count; a call that is merely written out in the answer's words is none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from providers.records import Example, JsonObject

from .grade import Attempt, Grade, cut
from .json_fields import MISSING, leaves, same_value

__all__ = ["ToolCalls", "expected_calls"]

_MOST_CALLS = 50


class _Call(NamedTuple):
    name: str
    arguments: Mapping[str, Any] | None  # path → value; None where they are no JSON, or too much of it


@dataclass(frozen=True, slots=True)
class ToolCalls:
    """Right when exactly the expected functions are called, in any order, each with the expected arguments; where none
    is expected, when none is called. Score: right parts / parts in either; a part is a function's name or an argument.

    Arguments are compared as `json` compares fields. `names_only`: the arguments have no say.
    """

    reason: str = ""
    names_only: bool = False
    measure: Literal["binary", "score"] = "binary"

    @property
    def name(self) -> str:
        """`tools`, or `tools:names`."""
        return "tools:names" if self.names_only else "tools"

    def grade(self, answer: str, expected: str, accept: Sequence[str] = ()) -> Grade:
        """See `Grader`. Words alone hold no call: right only where neither text is given for one."""
        return Grade(0.0, False, "a tool call cannot be read from words")

    def grade_attempt(self, attempt: Attempt) -> Grade:
        """See `AttemptGrader`."""
        wanted = [self._call(call) for call in expected_calls(attempt.row.example)]
        given = [self._call(call) for call in attempt.tool_calls[:_MOST_CALLS]]
        if not wanted:
            called = ", ".join(call.name[:40] for call in given)
            return Grade(0.0, False, f"called {called}, and no call was expected") if given else Grade(1.0, True)
        if not given:
            return Grade(0.0, False, "no tool was called")
        return _compared(given, wanted, extra=max(0, len(attempt.tool_calls) - _MOST_CALLS))

    def _call(self, call: JsonObject) -> _Call:
        function = call.get("function")
        told = function if isinstance(function, Mapping) else {}
        return _Call(str(told.get("name") or ""), {} if self.names_only else _arguments(told.get("arguments")))


def expected_calls(example: Example) -> tuple[JsonObject, ...]:
    """The calls of the turn to learn."""
    last = example.messages[-1] if example.messages else None
    return last.tool_calls if last is not None and last.role == "assistant" else ()


def _arguments(told: Any) -> Mapping[str, Any] | None:
    """No arguments may be written as nothing at all."""
    if isinstance(told, str):
        try:
            told = json.loads(cut(told)) if told.strip() else {}
        except (ValueError, RecursionError):
            return None
    if told is None or told == {}:
        return {}
    return leaves(told) if isinstance(told, dict) else None


def _compared(given: Sequence[_Call], wanted: Sequence[_Call], extra: int) -> Grade:
    """Each expected call beside the call of that name that meets it best."""
    left, right, parts, notes = list(given), 0, extra, []
    for call in wanted:
        found = max((one for one in left if one.name == call.name), key=lambda one: _right(one, call), default=None)
        if found is None:
            parts += 1 + len(call.arguments or {})
            notes.append(f"{call.name[:40]} was not called")
            continue
        left.remove(found)
        right, parts = right + _right(found, call), parts + _parts(found, call)
        notes += _odd(found, call)
    parts += sum(1 + len(one.arguments or {}) for one in left)
    notes += [f"called {one.name[:40]}, which was not expected" for one in left]
    passed = right == parts and not notes
    return Grade(right / parts if parts else 1.0, passed, "; ".join(notes[:5]))


def _right(given: _Call, wanted: _Call) -> int:
    if given.arguments is None or wanted.arguments is None:
        return 1
    both = given.arguments.keys() & wanted.arguments.keys()
    return 1 + sum(same_value(given.arguments[path], wanted.arguments[path]) for path in both)


def _parts(given: _Call, wanted: _Call) -> int:
    if given.arguments is None or wanted.arguments is None:
        return 2 + len(wanted.arguments or {})
    return 1 + len(given.arguments.keys() | wanted.arguments.keys())


def _odd(given: _Call, wanted: _Call) -> list[str]:
    if given.arguments is None:
        return [f"{given.name[:40]}: the arguments are no JSON object"]
    if wanted.arguments is None:
        return [f"{given.name[:40]}: the expected arguments are no JSON object"]
    paths = sorted(given.arguments.keys() | wanted.arguments.keys())
    wrong = [
        path
        for path in paths
        if not same_value(given.arguments.get(path, MISSING), wanted.arguments.get(path, MISSING))
    ]
    return [f"{given.name[:40]}: wrong {', '.join(path[:60] for path in wrong[:5])}"] if wrong else []
