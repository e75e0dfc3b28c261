"""TRL's conversational lines: messages, prompt and completion, and preference.

Arguments of calls are objects and `tools` is JSON text, since a table of rows cannot hold schemas that differ.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ..records import Example, JsonObject
from .calls import arguments_of, plain_calls, spelt
from .checked import must_be, only_keys
from .conversation import BadLine
from .refusals import Feature, Refusal, system_first, untaken
from .strict import decode_strictly, encode_strictly, refuse_rejected, unsupported

__all__ = ["TRL_CHAT", "TRL_PREFERENCE", "TRL_PROMPT_COMPLETION"]

_AT_MESSAGE = re.compile(r"messages\[(\d+)\]")
_TAKES = frozenset({Feature.TOOLS, Feature.NAMES})


class _TRL:
    """One frame, three ways to cut a conversation into columns.

    Source: https://huggingface.co/docs/trl/dataset_formats (trl 1.16.0, 2026-11-22). TRL has no weight a turn, and
    where reasoning and images go depends on the model's template.
    """

    def __init__(self, name: str, columns: tuple[str, ...]) -> None:
        self.name = name
        self._columns = columns

    def encode(self, example: Example) -> JsonObject:
        """The line. Raises `Unsupported` for weight 0, reasoning, images, content parts, parallel_tool_calls."""
        rejected = self._rejected(example)
        chat = _chat(replace(example, rejected=()), self.name)
        messages = chat.pop("messages")
        if self._columns == ("messages",):
            return {"messages": messages, **chat}
        if len(example.prompt) == len(example.messages) or not example.prompt or example.prompt[-1].role == "assistant":
            fix = "end the prompt with a user turn, and give its answer"
            raise unsupported(self.name, "an example that is no prompt with one answer", fix)
        parts = ([*messages[:-1]], [messages[-1]], rejected)
        return {**dict(zip(self._columns, parts, strict=False)), **chat}

    def _rejected(self, example: Example) -> list[JsonObject]:
        if "rejected" not in self._columns:
            refuse_rejected(example, self.name)
            return []
        if [turn.role for turn in example.rejected] != ["assistant"]:
            fix = "give one rejected answer, or choose a supervised format"
            count = len(example.rejected)
            what = f"a row with {count} rejected turns" if count else "a row without a rejected answer"
            raise unsupported(self.name, what, fix)
        return list(_chat(Example(example.rejected), self.name)["messages"])

    def decode(self, line: JsonObject) -> Example:
        """The example back. Raises `InvalidData` naming the field."""
        only_keys(line, (*self._columns, "tools"))
        turns = {key: must_be(line.get(key), list, key, "a list of turns", "shape") for key in self._columns}
        for key in ("completion", "chosen", "rejected"):
            if key in turns:
                _must_be_an_answer(turns[key], key)
        rejected = turns.pop("rejected", None)
        messages = [turn for column in turns.values() for turn in column]
        try:
            example = _example({"messages": messages, **({"tools": line["tools"]} if "tools" in line else {})})
        except BadLine as error:
            error.field = _field(error.field, turns)
            raise
        if len(turns) > 1 and example.messages[-2].role == "assistant":
            raise BadLine("ends with an assistant turn", field="prompt", reason="preference")
        return example if rejected is None else replace(example, rejected=_example({"messages": rejected}).messages)


def _chat(example: Example, name: str) -> dict[str, Any]:
    """The chat line with arguments as objects."""
    line = encode_strictly(example, name)
    for refusal in _refusals(example):
        raise unsupported(name, refusal.what, refusal.fix)
    line["messages"] = [_said(message) for message in line["messages"]]
    if example.tools:
        line["tools"] = json.dumps(example.tools, ensure_ascii=False)
    return line


def _refusals(example: Example) -> Iterator[Refusal]:
    yield from untaken(example, _TAKES)
    yield from system_first(example)
    yield from plain_calls(example)


def _said(message: JsonObject) -> JsonObject:
    said = {key: value for key, value in message.items() if key != "weight"}
    if "tool_calls" in said:
        said["tool_calls"] = [_call(call, arguments_of(call["function"]["arguments"])) for call in said["tool_calls"]]
    return said


def _call(call: JsonObject, arguments: Any) -> JsonObject:
    return {**call, "function": {**call["function"], "arguments": arguments}}


def _example(line: dict[str, Any]) -> Example:
    messages = [_heard(message, f"messages[{index}]") for index, message in enumerate(line["messages"])]
    chat = {**line, "messages": messages}
    if "tools" in line:
        chat["tools"] = _tools(line["tools"])
    example = decode_strictly(chat)
    for refusal in _refusals(example):
        raise BadLine(f"holds {refusal.what}", field=refusal.field, reason=refusal.reason, fix=refusal.fix)
    return replace(example, messages=tuple(replace(turn, weight=None) for turn in example.messages))


def _heard(message: Any, at: str) -> Any:
    if not isinstance(message, dict) or not isinstance(message.get("tool_calls"), list):
        return message
    heard = []
    for number, call in enumerate(message["tool_calls"]):
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("arguments"), dict):
            raise BadLine("arguments must be an object", field=f"{at}.tool_calls[{number}]", reason="tools")
        heard.append(_call(call, spelt(function["arguments"])))
    return {**message, "tool_calls": heard}


def _tools(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise BadLine("holds no JSON", field="tools", reason="tools") from error


def _field(field: str, columns: Mapping[str, list[Any]]) -> str:
    """The place in its own column of a place among all turns."""
    found = _AT_MESSAGE.match(field)
    if found is None:
        return field
    index = int(found[1])
    for column, turns in columns.items():
        if index < len(turns):
            return f"{column}[{index}]{field[found.end() :]}"
        index -= len(turns)
    return field


def _must_be_an_answer(turns: list[Any], at: str) -> None:
    if len(turns) != 1 or not isinstance(turns[0], dict) or turns[0].get("role") != "assistant":
        raise BadLine("must be one assistant turn", field=at, reason="preference")


TRL_CHAT = _TRL("trl_chat", ("messages",))
TRL_PROMPT_COMPLETION = _TRL("trl_prompt_completion", ("prompt", "completion"))
TRL_PREFERENCE = _TRL("trl_preference", ("prompt", "chosen", "rejected"))
