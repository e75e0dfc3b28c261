"""Safe fixes of a chat row's own fields, before it is parsed: weights, roles, calls in an older form. Pure.

Each takes the fields and gives the mended ones, or None where it has nothing to mend or cannot be sure.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

__all__ = ["Change", "Mended", "mended_calls", "mended_functions", "mended_roles", "mended_weights"]

_ROLES = frozenset({"system", "user", "assistant", "tool", "developer", "function"})
Fields = dict[str, Any]


class Change(NamedTuple):
    """What stood in a field, and what stands there now."""

    field: str
    before: str
    after: str


class Mended(NamedTuple):
    """The mended fields, by which fix, and each change."""

    fields: Fields
    rule: str
    changes: tuple[Change, ...]


class _UncertainError(Exception):
    """The older form can be read in more than one way."""


def mended_weights(fields: Fields) -> Mended | None:
    """`weight`: true and 1.0 as 1, false and 0.0 as 0."""

    def mend(message: Fields, at: str) -> Iterator[tuple[Fields, Change]]:
        weight = message.get("weight")
        if isinstance(weight, bool | float) and weight in (0, 1):
            change = Change(f"{at}.weight", json.dumps(weight), str(int(weight)))
            yield {**message, "weight": int(weight)}, change

    return _each(fields, "weight", mend)


def mended_roles(fields: Fields) -> Mended | None:
    """`role`: `User` or `ASSISTANT ` as user and assistant."""

    def mend(message: Fields, at: str) -> Iterator[tuple[Fields, Change]]:
        role = message.get("role")
        if isinstance(role, str) and role not in _ROLES and role.strip().lower() in _ROLES:
            known = role.strip().lower()
            yield {**message, "role": known}, Change(f"{at}.role", role, known)

    return _each(fields, "role", mend)


def mended_calls(fields: Fields) -> Mended | None:
    """`tool_calls`: arguments that are an object, as its JSON text."""

    def mend(message: Fields, at: str) -> Iterator[tuple[Fields, Change]]:
        calls = message.get("tool_calls")
        calls = calls if isinstance(calls, list) else []
        for index, call in enumerate(calls):
            function = call.get("function") if isinstance(call, dict) else None
            if isinstance(function, dict) and isinstance(function.get("arguments"), dict):
                text = json.dumps(function["arguments"], ensure_ascii=False)
                made = {**call, "function": {**function, "arguments": text}}
                calls = [*calls[:index], made, *calls[index + 1 :]]
                yield (
                    {**message, "tool_calls": calls},
                    Change(f"{at}.tool_calls[{index}].function.arguments", "an object", text),
                )

    return _each(fields, "tool-arguments", mend)


def _each(fields: Fields, rule: str, mend: Callable[[Fields, str], Iterator[tuple[Fields, Change]]]) -> Mended | None:
    """One fix on each message. The last of what `mend` gives for a message is the whole of it."""
    messages = fields.get("messages")
    if not isinstance(messages, list):
        return None
    changes: list[Change] = []
    made = list(messages)
    for index, message in enumerate(messages):
        for mended, change in mend(message, f"messages[{index}]") if isinstance(message, dict) else ():
            made[index] = mended
            changes.append(change)
    return Mended({**fields, "messages": made}, rule, tuple(changes)) if changes else None


def mended_functions(fields: Fields) -> Mended | None:
    """`function_call`, `functions` and the role function, as tool calls: only where each call is answered at once."""
    messages = fields.get("messages")
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        return None
    if "functions" not in fields and not any(map(_is_old, messages)):
        return None
    try:
        changes: list[Change] = []
        made = _with_tools(fields, changes)
        made["messages"] = list(_turns(messages, changes))
    except _UncertainError:
        return None
    return Mended(made, "deprecated-call", tuple(changes)) if changes else None


def _is_old(message: Fields) -> bool:
    return message.get("role") == "function" or message.get("function_call") is not None


def _with_tools(fields: Fields, changes: list[Change]) -> Fields:
    functions = fields.get("functions")
    if functions is None:
        return {name: value for name, value in fields.items() if name != "functions"}
    if not isinstance(functions, list) or fields.get("tools") is not None:
        raise _UncertainError
    changes.append(Change("functions", "functions", "tools"))
    tools = [{"type": "function", "function": function} for function in functions]
    return {**{name: value for name, value in fields.items() if name != "functions"}, "tools": tools}


def _turns(messages: Sequence[Fields], changes: list[Change]) -> Iterator[Fields]:
    waiting: str | None = None
    calls = 0
    for index, message in enumerate(messages):
        if message.get("tool_calls") or message.get("role") == "tool":
            raise _UncertainError  # both forms in one row: the ids of one are not those of the other
        answers = message.get("role") == "function"
        if answers != (waiting is not None) or (answers and message.get("name", waiting) != waiting):
            raise _UncertainError
        if answers:
            changes.append(Change(f"messages[{index}]", "role function", "role tool"))
            yield {**_without(message, "name"), "role": "tool", "tool_call_id": f"call_{calls}"}
            waiting = None
        elif message.get("function_call") is None:
            yield _without(message, "function_call") if "function_call" in message else message
        else:
            calls += 1
            waiting = _name(message)
            changes.append(Change(f"messages[{index}]", "function_call", "tool_calls"))
            call = {"id": f"call_{calls}", "type": "function", "function": message["function_call"]}
            yield {**_without(message, "function_call"), "tool_calls": [call]}


def _name(message: Fields) -> str:
    call = message["function_call"]
    if message.get("role") != "assistant" or not isinstance(call, dict) or not isinstance(call.get("name"), str):
        raise _UncertainError
    name: str = call["name"]
    return name


def _without(message: Fields, key: str) -> Fields:
    return {name: value for name, value in message.items() if name != key}
