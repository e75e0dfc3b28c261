"""What is judged about tools in one row: calls are declared, answered by id, and their arguments fit. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from providers.records import Example, JsonObject

from .rules import Problem
from .tool_schemas import misfit

__all__ = ["tool_problems"]


def tool_problems(example: Example) -> Iterator[Problem]:
    """Every problem with the tools of one example."""
    schemas = {tool["function"]["name"]: tool["function"].get("parameters") or {} for tool in example.tools}
    if len(schemas) < len(example.tools):
        yield Problem("tools", "two tools have the same name", "tools")
    for index, message in enumerate(example.messages):
        for number, call in enumerate(message.tool_calls):
            at = f"messages[{index}].tool_calls[{number}]"
            yield from _declared(call["function"]["name"], schemas, at)
            yield from _arguments(call["function"], schemas, at)
    yield from _ids(example)


def _declared(name: str, schemas: Mapping[str, Any], at: str) -> Iterator[Problem]:
    if name not in schemas:
        declared = ", ".join(schemas) or "none"
        yield Problem("tool-undeclared", f"calls {name!r}, which `tools` does not declare ({declared})"[:200], at)


def _arguments(function: JsonObject, schemas: Mapping[str, Any], at: str) -> Iterator[Problem]:
    field = f"{at}.function.arguments"
    value: Any = _parsed(function["arguments"])
    if isinstance(value, str) and isinstance(_parsed(value), dict):
        yield Problem("double-encoded", "the arguments are a JSON string that holds JSON", field)
        value = _parsed(value)
    if not isinstance(value, dict):
        yield Problem("tool-arguments", "the arguments are no JSON object", field)
        return
    wrong = misfit(value, schemas.get(function["name"], {}))
    if wrong:
        yield wrong._replace(field=field)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _ids(example: Example) -> Iterator[Problem]:
    """Each call has an id of its own, and is answered by a tool turn before anybody else speaks."""
    known: set[str] = set()
    waiting: set[str] = set()
    for index, message in enumerate(example.messages):
        at = f"messages[{index}]"
        if message.role == "tool":
            if message.tool_call_id not in waiting:
                yield Problem("tool-call-id", f"answers {message.tool_call_id!r}, which no call before it has", at)
            waiting.discard(message.tool_call_id or "")
            continue
        for unanswered in sorted(waiting):
            yield Problem("tool-call-id", f"speaks before the call {unanswered!r} was answered", at)
        waiting = set()
        for number, call in enumerate(message.tool_calls):
            call_id = call.get("id")
            if not isinstance(call_id, str) or not call_id or call_id in known:
                yield Problem(
                    "tool-call-id", f"has the id {call_id!r}; each call needs its own", f"{at}.tool_calls[{number}]"
                )
            else:
                known.add(call_id)
                waiting.add(call_id)
