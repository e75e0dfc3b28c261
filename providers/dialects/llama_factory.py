"""ShareGPT lines as LLaMA-Factory trains on them, supervised and by preference, and the entry that registers them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ..records import Example, JsonObject, Message
from .calls import answered_in_order, arguments_of, plain_calls
from .checked import Checked, Ranked, must_be, only_keys
from .conversation import BadLine
from .refusals import Feature, Refusal, alternating
from .sharegpt import chat_line_of, chat_turn_of
from .strict import decode_strictly

__all__ = ["LLAMA_FACTORY", "LLAMA_FACTORY_PREFERENCE", "dataset_info"]

_SPEAKERS = {"user": "human", "assistant": "gpt", "tool": "observation"}
_COLUMNS = {"messages": "conversations", "system": "system", "tools": "tools"}
_LAST_ALONE = "leave weights out; mask_history=true learns the last answer of every row alone"
_RANKED = {"chosen": "chosen", "rejected": "rejected"}


class _LlamaFactory(Checked):
    """`{"conversations": [{"from", "value"}], "system", "tools"}`: human or observation, then gpt or function_call.

    Every line has every column, since a column that is missing from a whole file is an error there. There is no weight
    a turn. Source: https://github.com/hiyouga/LLaMA-Factory, data/README.md, and llamafactory 0.9.5 (2026-11-22).
    """

    name = "llama_factory"
    column = "conversations"
    takes = frozenset({Feature.TOOLS})

    def _refusals(self, example: Example) -> Iterator[Refusal]:
        for index, message in enumerate(example.messages):
            if message.weight == 0:
                yield Refusal("weight 0", _LAST_ALONE, f"messages[{index}]", "weight")
        yield from super()._refusals(example)

    def _rules(self, example: Example) -> Iterator[Refusal]:
        yield from _sayable(example)
        yield from alternating(example)

    def _write(self, example: Example) -> JsonObject:
        turns = list(example.messages)
        system = turns.pop(0).content if turns[0].role == "system" else ""
        tools = json.dumps([tool["function"] for tool in example.tools], ensure_ascii=False) if example.tools else ""
        return {"conversations": [_said(turn) for turn in turns], "system": system, "tools": tools}

    def _read(self, line: JsonObject) -> Example:
        only_keys(line, (*_COLUMNS.values(),))
        must_be(line.get("conversations"), list, "conversations", "a list of turns", "shape")
        for key in ("system", "tools"):
            must_be(line.get(key, ""), str, key, "text", "shape")
        for index, turn in enumerate(line["conversations"]):
            only_keys(turn, ("from", "value"), f"conversations[{index}]")
        return decode_strictly(chat_line_of(line))


class _Preference(Ranked, _LlamaFactory):
    """The same up to the last answer, with `chosen` and `rejected` beside it, each one turn of `gpt`."""

    name = "llama_factory_preference"

    def _write(self, example: Example) -> JsonObject:
        line = dict(super()._write(example))
        *prompt, chosen = line.pop("conversations")
        return {"conversations": prompt, "chosen": chosen, "rejected": _said(example.rejected[0]), **line}

    def _read(self, line: JsonObject) -> Example:
        only_keys(line, (*_COLUMNS.values(), *_RANKED))
        answers = {key: _answer(line.get(key), key) for key in _RANKED}
        turns = must_be(line.get("conversations"), list, "conversations", "a list of turns", "shape")
        chat = {key: value for key, value in line.items() if key not in _RANKED}
        chosen = {"from": "gpt", "value": answers["chosen"].content}
        example = super()._read({**chat, "conversations": [*turns, chosen]})
        return replace(example, rejected=(answers["rejected"],))


def dataset_info(names: Mapping[str, str], *, ranking: bool) -> dict[str, Any]:
    """What `dataset_info.json` says of files (role → file name): `dataset: tunewright_train` then names them."""
    columns = {**_COLUMNS, **_RANKED} if ranking else _COLUMNS
    entry: dict[str, Any] = {"formatting": "sharegpt", **({"ranking": True} if ranking else {}), "columns": columns}
    return {f"tunewright_{role}": {"file_name": name, **entry} for role, name in names.items()}


def _said(message: Message) -> JsonObject:
    if not message.tool_calls:
        return {"from": _SPEAKERS[message.role], "value": message.content}
    calls = [
        {"name": call["function"]["name"], "arguments": arguments_of(call["function"]["arguments"])}
        for call in message.tool_calls
    ]
    return {"from": "function_call", "value": json.dumps(calls if len(calls) > 1 else calls[0], ensure_ascii=False)}


def _sayable(example: Example) -> Iterator[Refusal]:
    yield from plain_calls(example)
    yield from answered_in_order(example)
    if example.messages[0].role == "system" and not example.messages[0].text.strip():
        yield Refusal("a system turn without words", "leave it out", "system", "content")
    for index, message in enumerate(example.messages):
        if message.tool_calls and message.content is not None:
            yield Refusal("words beside a tool call", "leave them out", f"messages[{index}].content", "tools")
    for index, tool in enumerate(example.tools):
        if tool.keys() != {"type", "function"} or tool["type"] != "function" or "function" in tool["function"]:
            yield Refusal("a tool that is more than a function", "leave the rest out", f"tools[{index}]", "tools")


def _answer(turn: Any, at: str) -> Message:
    only_keys(turn, ("from", "value"), at)
    message = chat_turn_of(turn, at)
    if message["role"] != "assistant" or "tool_calls" in message:
        raise BadLine(f"is a turn of {turn.get('from')!r:.40}, not of gpt", field=at, reason="preference")
    return Message("assistant", message["content"])


LLAMA_FACTORY = _LlamaFactory()
LLAMA_FACTORY_PREFERENCE = _Preference()
