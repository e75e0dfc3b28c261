"""Tool calls for formats that have no ids for them, or hold arguments as an object instead of as text. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NoReturn

from ..records import Example, JsonObject, Message
from .refusals import Refusal, is_plain

__all__ = ["answered_in_order", "arguments_of", "call_of", "plain_calls", "plainly", "spelt"]

_CALL_KEYS = {"id", "type", "function"}
_FUNCTION_KEYS = {"name", "arguments"}


def plainly(example: Example) -> Example:
    """The same example without what only looks different: such formats give this back.

    A weight of 1, which is the default, is not said; a single text part is its text; no words beside a call are none;
    calls are numbered by their place (`call_1` …) where each is answered in its order; arguments are spelt as
    `json.dumps` does.
    """
    if all(map(is_plain, (*example.messages, *example.rejected))):
        return example
    plain = tuple(map(_plain, example.messages))
    if not any(True for _ in answered_in_order(example)):
        plain = _numbered(plain)
    return replace(example, messages=plain, rejected=tuple(map(_plain, example.rejected)))


def plain_calls(example: Example) -> Iterator[Refusal]:
    """Calls that are more than a function's name with an object of arguments."""
    for index, message in enumerate(example.messages):
        for number, call in enumerate(message.tool_calls):
            at = f"messages[{index}].tool_calls[{number}]"
            function = call["function"]
            strange = {*call.keys()} - _CALL_KEYS | {*function.keys()} - _FUNCTION_KEYS
            if strange or call.get("type", "function") != "function":
                what = f"{sorted(strange)[0]!r} on a tool call" if strange else f"a tool call of type {call['type']!r}"
                yield Refusal(what[:120], "leave it out", at, "tools")
            if arguments_of(function["arguments"]) is None:
                what, fix = "a tool call whose arguments are no JSON object", "write them as one JSON object"
                yield Refusal(what, fix, f"{at}.function.arguments", "tools")


def answered_in_order(example: Example) -> Iterator[Refusal]:
    """Answers that a reader without ids would give to another call: each call is answered at once and in order."""
    waiting: list[Any] = []
    for index, message in enumerate(example.messages):
        at = f"messages[{index}]"
        if message.role == "tool":
            if not waiting or waiting.pop(0) != message.tool_call_id:
                yield Refusal("a tool's answer out of order", "answer the calls in their order", at, "tools")
        elif waiting:
            yield Refusal("a tool call that is not answered", "answer it before the next turn", at, "tools")
            waiting = []
        waiting += [call.get("id") for call in message.tool_calls]


def arguments_of(text: str) -> JsonObject | None:
    """The object in a call's arguments; None where there is none, or one that JSON readers differ about."""
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
        json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def call_of(name: str, arguments: str, number: int) -> JsonObject:
    """The call as chat lines have it, numbered by its place in the conversation."""
    return {"id": f"call_{number}", "type": "function", "function": {"name": name, "arguments": arguments}}


def spelt(arguments: JsonObject) -> str:
    """Arguments as text."""
    return json.dumps(arguments, ensure_ascii=False)


def _numbered(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Turns whose calls, and the answers to them, are numbered by their place."""
    waiting: list[str] = []
    made, turns = 0, []
    for message in messages:
        ids = [f"call_{made + number}" for number in range(1, len(message.tool_calls) + 1)]
        made += len(ids)
        waiting += ids
        calls = tuple({**call, "id": own} for call, own in zip(message.tool_calls, ids, strict=True))
        answered = waiting.pop(0) if message.role == "tool" else None
        turns.append(replace(message, tool_calls=calls, tool_call_id=answered))
    return tuple(turns)


def _plain(message: Message) -> Message:
    content = message.content
    if isinstance(content, tuple) and len(content) == 1 and content[0].keys() == {"type", "text"}:
        content = str(content[0]["text"])
    if content == "" and message.tool_calls:
        content = None
    calls = tuple(map(_plain_call, message.tool_calls))
    return replace(message, content=content, weight=0 if message.weight == 0 else None, tool_calls=calls)


def _plain_call(call: JsonObject) -> JsonObject:
    arguments = arguments_of(call["function"]["arguments"])
    if arguments is None:
        return call
    return {"type": "function", **call, "function": {**call["function"], "arguments": spelt(arguments)}}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
