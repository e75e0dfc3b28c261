"""What is judged about tools in one row: calls are declared, answered by id, and their arguments fit. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from providers.records import Example, JsonObject

from .json_lines import parse
from .rules import Problem
from .tool_schemas import misfit, schema_problem

__all__ = ["tool_problems"]

# OpenAI's openapi schema, FunctionObject.name (2026-11-22); Gemini's FunctionDeclaration allows little more.
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def tool_problems(example: Example) -> Iterator[Problem]:
    """Every problem with the tools of one example."""
    schemas = {tool["function"]["name"]: tool["function"].get("parameters") or {} for tool in example.tools}
    if len(schemas) < len(example.tools):
        yield Problem("tools", "two tools have the same name", "tools")
    called = {call["function"]["name"] for message in example.messages for call in message.tool_calls}
    for number, tool in enumerate(example.tools):
        yield from _tool(tool, f"tools[{number}]", called)
    for index, message in enumerate(example.messages):
        for number, call in enumerate(message.tool_calls):
            at = f"messages[{index}].tool_calls[{number}]"
            if call.get("type") != "function":
                yield Problem("tools", f"is of type {call.get('type')!r:.40}, not 'function'", f"{at}.type")
            yield from _declared(call["function"]["name"], schemas, at)
            yield from _arguments(call["function"], schemas, at)
    yield from _ids(example)


def _tool(tool: JsonObject, at: str, called: set[str]) -> Iterator[Problem]:
    """A tool by itself. The schema of one that is called is applied, and judged there."""
    function = tool["function"]
    if tool.get("type") != "function":
        yield Problem("tools", f"is of type {tool.get('type')!r:.40}, not 'function'", f"{at}.type")
    if not _NAME.fullmatch(function["name"]):
        yield Problem("tool-name", f"is named {function['name']!r:.80}", f"{at}.function.name")
    if function["name"] not in called:
        wrong = schema_problem(function.get("parameters") or {})
        if wrong:
            yield wrong._replace(field=f"{at}.function.parameters")


def _declared(name: str, schemas: Mapping[str, Any], at: str) -> Iterator[Problem]:
    if name not in schemas:
        declared = ", ".join(schemas) or "none"
        yield Problem("tool-undeclared", f"calls {name!r}, which `tools` does not declare ({declared})"[:200], at)


def _arguments(function: JsonObject, schemas: Mapping[str, Any], at: str) -> Iterator[Problem]:
    field = f"{at}.function.arguments"
    value: Any = parse(function["arguments"])
    if isinstance(value, str) and isinstance(parse(value), dict):
        yield Problem("double-encoded", "the arguments are a JSON string that holds JSON", field)
        value = parse(value)
    if not isinstance(value, dict):
        why = f": {value.message}" if isinstance(value, Problem) and function["arguments"].strip() else ""
        yield Problem("tool-arguments", f"the arguments are no JSON object{why}", field)
        return
    wrong = misfit(value, schemas.get(function["name"], {}))
    if wrong:
        yield wrong._replace(field=field)


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
