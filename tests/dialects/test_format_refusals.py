"""Promises about what a format cannot hold: it is refused by name, with a way out, when written and when read."""

from __future__ import annotations

from typing import Any

import pytest

from providers.contract import Dialect
from providers.dialects import (
    BEDROCK_CLAUDE,
    BEDROCK_NOVA,
    FIREWORKS_CHAT,
    GEMINI,
    GEMINI_PREFERENCE,
    LLAMA_FACTORY,
    LLAMA_FACTORY_PREFERENCE,
    OPENAI_CHAT,
    OPENAI_REINFORCEMENT,
    TRL_CHAT,
    TRL_PREFERENCE,
    TRL_PROMPT_COMPLETION,
    BadLine,
)
from providers.errors import Unsupported
from providers.records import Example, JsonObject, Message

SYSTEM, USER, ANSWER = Message("system", "s"), Message("user", "a?"), Message("assistant", "b")
TEXT = {"type": "text", "text": "a"}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def call(arguments: str = "{}", call_id: str = "c1", **more: Any) -> JsonObject:
    return {"id": call_id, "type": "function", "function": {"name": "f", "arguments": arguments}, **more}


def image(url: str, **more: str) -> Message:
    return Message("user", (TEXT, {"type": "image_url", "image_url": {"url": url, **more}}))


def tooled(calls: tuple[JsonObject, ...], *answers: str, content: str | None = None) -> Example:
    asked = Message("assistant", content, calls)
    return Example((USER, asked, *(Message("tool", "r", tool_call_id=answer) for answer in answers), ANSWER))


def schema(**parameters: Any) -> Example:
    return Example((USER, ANSWER), ({"type": "function", "function": {"name": "f", "parameters": parameters}},))


def answered(**fields: Any) -> Example:
    return Example((USER, Message("assistant", "b", **fields)))


HELD_BY_NO_OTHER = [
    (Example((USER, ANSWER), (TOOL,)), "tools", (BEDROCK_CLAUDE, BEDROCK_NOVA)),
    (tooled((call(),), "c1"), "tool calls", (BEDROCK_CLAUDE, BEDROCK_NOVA)),
    (Example((USER, ANSWER), (), True), "parallel_tool_calls", (BEDROCK_CLAUDE, BEDROCK_NOVA, GEMINI, LLAMA_FACTORY,
      TRL_CHAT, FIREWORKS_CHAT, OPENAI_REINFORCEMENT)),
    (answered(weight=0), "weight", (BEDROCK_CLAUDE, BEDROCK_NOVA, GEMINI, LLAMA_FACTORY, TRL_CHAT,
      OPENAI_REINFORCEMENT)),
    (answered(reasoning="r"), "reasoning", (BEDROCK_CLAUDE, GEMINI, LLAMA_FACTORY, TRL_CHAT, OPENAI_REINFORCEMENT)),
    (answered(name="n"), "name", (BEDROCK_CLAUDE, BEDROCK_NOVA, GEMINI, LLAMA_FACTORY, FIREWORKS_CHAT)),
    (Example((image("https://x/a.png"), ANSWER)), "image", (BEDROCK_CLAUDE, BEDROCK_NOVA, LLAMA_FACTORY, TRL_CHAT,
      FIREWORKS_CHAT)),
    (Example((image("data:image/png;base64,AA"), ANSWER)), "image", (BEDROCK_CLAUDE, BEDROCK_NOVA, GEMINI)),
    (Example((image("s3://b/a.png", detail="low"), ANSWER)), "detail", (BEDROCK_NOVA,)),
    (Example((image("s3://b/a.png"), ANSWER)), "image", (OPENAI_CHAT, GEMINI, FIREWORKS_CHAT)),
    (Example((Message("user", (TEXT, TEXT)), ANSWER)), "content parts", (BEDROCK_CLAUDE, LLAMA_FACTORY, TRL_CHAT)),
    (Example((USER, SYSTEM, ANSWER)), "a system turn in the middle", (BEDROCK_CLAUDE, BEDROCK_NOVA, GEMINI,
      LLAMA_FACTORY, TRL_CHAT, FIREWORKS_CHAT)),
    (Example((USER, USER, ANSWER)), "a user turn out of turn", (BEDROCK_CLAUDE, BEDROCK_NOVA, GEMINI, LLAMA_FACTORY)),
    (Example((ANSWER,)), "starts with the assistant", (BEDROCK_CLAUDE, BEDROCK_NOVA, GEMINI, LLAMA_FACTORY)),
    (Example((USER,)), "does not end with the assistant", (BEDROCK_CLAUDE, BEDROCK_NOVA, GEMINI, LLAMA_FACTORY)),
    (Example((SYSTEM,)), "does not end with the assistant", (BEDROCK_CLAUDE, GEMINI)),
    (Example((USER, ANSWER), rejected=(ANSWER,)), "a rejected answer", (BEDROCK_CLAUDE, GEMINI, LLAMA_FACTORY, TRL_CHAT,
      TRL_PROMPT_COMPLETION, OPENAI_REINFORCEMENT, FIREWORKS_CHAT)),
    (Example((Message("user", "User: hi"), ANSWER)), "reserved word 'User:'", (BEDROCK_NOVA,)),
    (Example((Message("system", "no [EOS]"), USER, ANSWER)), "reserved word", (BEDROCK_NOVA,)),
    (tooled((call("[]"),), "c1"), "no JSON object", (GEMINI, LLAMA_FACTORY, TRL_CHAT)),
    (tooled((call('{"a": 1, "a": 2}'),), "c1"), "no JSON object", (GEMINI, LLAMA_FACTORY, TRL_CHAT)),
    (tooled((call(index=0),), "c1"), "'index' on a tool call", (GEMINI, LLAMA_FACTORY, TRL_CHAT)),
    (tooled((call(),)), "not answered", (GEMINI, LLAMA_FACTORY)),
    (tooled((call(), call(call_id="c2")), "c2", "c1"), "out of order", (GEMINI, LLAMA_FACTORY)),
    (tooled((call(), call(call_id="c2")), "c1", "c2"), "a tool turn out of turn", (LLAMA_FACTORY,)),
    (tooled((call(),), "c1", content="I look"), "words beside a tool call", (LLAMA_FACTORY,)),
    (Example((Message("system", " "), USER, ANSWER)), "without words", (LLAMA_FACTORY,)),
    (schema(type="object", oneOf=[]), "keyword 'oneOf'", (GEMINI,)),
    (schema(type=["string", "null"]), "schema type", (GEMINI,)),
    (schema(type="object", properties={"a": {"enum": [1, 2]}}), "enum", (GEMINI,)),
    (Example((USER, ANSWER, ANSWER)), "one answer", (TRL_PROMPT_COMPLETION,)),
    (Example((USER, ANSWER)), "without a rejected", (TRL_PREFERENCE, LLAMA_FACTORY_PREFERENCE, GEMINI_PREFERENCE)),
    (Example((USER, ANSWER), (TOOL,), rejected=(ANSWER,)), "tools", (GEMINI_PREFERENCE,)),
    (Example((USER, ANSWER), rejected=(Message("assistant", "c", reasoning="r"),)), "reasoning", (GEMINI_PREFERENCE,
      LLAMA_FACTORY_PREFERENCE, TRL_PREFERENCE)),
    (Example((ANSWER,), rejected=(ANSWER,)), "starts with|one answer", (TRL_PREFERENCE, LLAMA_FACTORY_PREFERENCE)),
    (Example((USER, ANSWER), rejected=(Message("assistant", None, (call(),)),)), "between tool calls",
      (LLAMA_FACTORY_PREFERENCE,)),
    (Example((USER, Message("assistant", None, (call(),)))), "tool call as the reference", (OPENAI_REINFORCEMENT,)),
    (Example((SYSTEM, ANSWER)), "does not end with the user", (OPENAI_REINFORCEMENT,)),
]  # fmt: skip
CASES = [(dialect, example, named) for example, named, dialects in HELD_BY_NO_OTHER for dialect in dialects]


@pytest.mark.parametrize(("dialect", "example", "named"), CASES, ids=[f"{d.name}-{n}" for d, _, n in CASES])
def test_what_a_format_cannot_hold_is_refused_by_name(dialect: Dialect, example: Example, named: str) -> None:
    with pytest.raises(Unsupported, match=named) as refused:
        dialect.encode(example)
    assert refused.value.message.startswith(f"{dialect.name.replace('_', '-')} cannot express ")
    assert refused.value.fix


def turns(*roles: str, **more: Any) -> list[dict[str, Any]]:
    return [{"role": role, "content": [{"text": role}], **more} for role in roles]


def nova(**changes: Any) -> dict[str, Any]:
    return {"schemaVersion": "v", "messages": turns("user", "assistant"), **changes}


def shared(*pairs: tuple[str, str], **more: Any) -> dict[str, Any]:
    said = [{"from": speaker, "value": value} for speaker, value in pairs]
    return {"conversations": said, "system": "", "tools": "", **more}


def gemini(*contents: dict[str, Any]) -> dict[str, Any]:
    return {"contents": list(contents)}


ASKED = {"role": "user", "parts": [{"text": "a"}]}
ANSWERED = {"role": "model", "parts": [{"text": "b"}]}
BAD_LINES: list[tuple[Dialect, dict[str, Any], str, str]] = [
    (BEDROCK_NOVA, nova(id=1), "id", "unknown"),
    (BEDROCK_NOVA, nova(messages=turns("user", "assistant", mood=1)), "messages[0].mood", "unknown"),
    (BEDROCK_NOVA, nova(messages=turns("system", "user", "assistant")), "messages[0].role", "role"),
    (BEDROCK_NOVA, nova(messages=turns("user", "user", "assistant")), "messages[1].role", "role"),
    (BEDROCK_NOVA, nova(system=[{"text": "User: x"}]), "system", "content"),
    (BEDROCK_NOVA, {"messages": turns("user", "assistant")}, "schemaVersion", "shape"),
    (BEDROCK_NOVA, nova(messages=[{"role": "user", "content": "a"}]), "messages[0].content", "content"),
    (BEDROCK_NOVA, nova(messages=[{"role": "user", "content": [{"toolUse": {}}]}]), "messages[0].content[0].toolUse",
     "tools"),
    (BEDROCK_CLAUDE, {"messages": [{"role": "user", "content": ["a"]}]}, "messages[0].content", "content"),
    (BEDROCK_CLAUDE, {"messages": [], "system": "s"}, "messages", "shape"),
    (GEMINI, gemini({"role": "assistant", "parts": [{"text": "a"}]}), "contents[0].role", "role"),
    (GEMINI, gemini(ASKED), "contents[0]", "shape"),
    (GEMINI, gemini(ASKED, {"role": "model", "parts": [{"thought": True}]}), "contents[1].parts[0].thought", "unknown"),
    (GEMINI, gemini({"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {}}}]}),
     "contents[0].parts[0].functionResponse.name", "tools"),
    (GEMINI_PREFERENCE, {**gemini(ASKED), "completions": [{"score": 2, "completion": ANSWERED}]}, "completions[0]",
     "preference"),
    (GEMINI_PREFERENCE, {**gemini(ASKED), "completions": [{"score": 1, "completion": ANSWERED}]}, "completions",
     "preference"),
    (LLAMA_FACTORY, shared(("human", "a")), "conversations[0]", "shape"),
    (LLAMA_FACTORY, shared(("human", "a"), ("gpt", "b"), id=1), "id", "unknown"),
    (LLAMA_FACTORY, shared(("human", "a"), ("function_call", "{")), "conversations[1].value", "tools"),
    (LLAMA_FACTORY, shared(("human", "a"), ("gpt", "b"), tools=[]), "tools", "shape"),
    (TRL_CHAT, {"messages": [{"role": "user", "content": "a", "weight": 0}]}, "messages[0]", "weight"),
    (TRL_PROMPT_COMPLETION, {"prompt": [{"role": "user", "content": "a", "x": 1}],
     "completion": [{"role": "assistant", "content": "b"}]}, "prompt[0].x", "unknown"),
    (TRL_PROMPT_COMPLETION, {"prompt": [{"role": "user", "content": "a"}],
     "completion": [{"role": "user", "content": "b"}]}, "completion", "preference"),
    (OPENAI_REINFORCEMENT, {"messages": [{"role": "user", "content": "a"}], "topic": 1}, "topic", "unknown"),
    (OPENAI_REINFORCEMENT, {"messages": [{"role": "assistant", "content": "a"}]}, "messages[0].role", "role"),
    (FIREWORKS_CHAT, {"messages": [{"role": "user", "content": "a", "name": "n"}]}, "messages[0].name", "unknown"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("dialect", "line", "field", "reason"), BAD_LINES, ids=[f"{c[0].name}-{c[2]}" for c in BAD_LINES]
)
def test_a_line_of_another_kind_is_refused_naming_the_place(
    dialect: Dialect, line: dict[str, Any], field: str, reason: str
) -> None:
    with pytest.raises(BadLine) as refused:
        dialect.decode(line)
    assert (refused.value.field, refused.value.reason) == (field, reason)
