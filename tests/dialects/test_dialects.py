"""Promises of the dialects: what they write reads back equal, and what they cannot write is refused by name."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import Dialect
from providers.dialects import (
    OPENAI_CHAT,
    TEXT,
    TOGETHER_CONVERSATION,
    TOGETHER_INSTRUCTION,
    BadLine,
    encode_line,
    parse_conversation,
)
from providers.errors import InvalidData, Unsupported
from providers.records import Example, JsonObject, Message

ALL: list[Dialect] = [OPENAI_CHAT, TOGETHER_CONVERSATION, TOGETHER_INSTRUCTION, TEXT]
USER, ANSWER = Message("user", "a?"), Message("assistant", "b")
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
weights = st.sampled_from([None, 0, 1])
text_part: st.SearchStrategy[Any] = text.map(lambda words: {"type": "text", "text": words})
image_part: st.SearchStrategy[Any] = st.just(
    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA", "detail": "low"}}
)
calls = st.lists(text, min_size=1, max_size=3).map(
    lambda names: tuple(
        {**CALL, "id": str(n), "function": {"name": name, "arguments": "{}"}} for n, name in enumerate(names)
    )
)
tools = st.lists(text, max_size=2).map(
    lambda names: tuple({"type": "function", "function": {"name": n}} for n in names)
)


def parts(part: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[JsonObject, ...]]:
    return st.lists(part, min_size=1, max_size=3).map(tuple)


def turns(reasoning: bool, names: bool) -> st.SearchStrategy[Message]:
    name = st.none() | text if names else st.none()
    thought = st.none() | text if reasoning else st.none()
    content = text | parts(text_part)
    return st.one_of(
        st.builds(Message, st.just("system"), content, name=name),
        st.builds(Message, st.just("user"), text | parts(text_part | image_part), name=name),
        st.builds(Message, st.just("assistant"), content, name=name, weight=weights, reasoning=thought),
        st.builds(Message, st.just("assistant"), st.none() | text, calls, name=name, weight=weights),
        st.builds(Message, st.just("tool"), content, tool_call_id=text.filter(bool)),
    )


def examples(**options: bool) -> st.SearchStrategy[Example]:
    messages = st.lists(turns(**options), min_size=1, max_size=5).map(tuple)
    return st.builds(Example, messages, tools)


def read_back(dialect: Dialect, example: Example) -> Example:
    return dialect.decode(json.loads(encode_line(dialect, example)))


@given(examples(reasoning=False, names=True), st.none() | st.booleans())
def test_openai_chat_reads_back_what_it_wrote(example: Example, parallel: bool | None) -> None:
    whole = Example(example.messages, example.tools, parallel)
    assert read_back(OPENAI_CHAT, whole) == whole


@given(examples(reasoning=True, names=False))
def test_together_conversation_reads_back_what_it_wrote(example: Example) -> None:
    assert read_back(TOGETHER_CONVERSATION, example) == example


@given(text, text)
def test_together_instruction_reads_back_what_it_wrote(prompt: str, completion: str) -> None:
    example = Example((Message("user", prompt), Message("assistant", completion)))
    assert read_back(TOGETHER_INSTRUCTION, example) == example


@given(text)
def test_plain_text_reads_back_what_it_wrote(words: str) -> None:
    example = Example((Message("assistant", words),))
    assert read_back(TEXT, example) == example


UNSUPPORTED = [
    (OPENAI_CHAT, Example((USER, Message("assistant", "b", reasoning="r"))), "reasoning"),
    (OPENAI_CHAT, Example((USER, Message("assistant", ({"type": "image_url", "image_url": {"url": "x"}},)))), "image"),
    (OPENAI_CHAT, Example((Message("developer", "d"), USER, ANSWER)), "developer"),
    (OPENAI_CHAT, Example((Message("user", "a", weight=1), ANSWER)), "weight"),
    (OPENAI_CHAT, Example((USER, Message("assistant", "b", weight=2))), "weight"),
    (OPENAI_CHAT, Example((Message("user", None), ANSWER)), "content"),
    (OPENAI_CHAT, Example((USER, Message("tool", "x"))), "tool_call_id"),
    (OPENAI_CHAT, Example(()), "messages"),
    (TOGETHER_CONVERSATION, Example((USER, ANSWER), (), True), "parallel_tool_calls"),
    (TOGETHER_CONVERSATION, Example((Message("user", "a", name="n"), ANSWER)), "name"),
    (
        TOGETHER_CONVERSATION,
        Example((Message("user", ({"type": "image_url", "image_url": {"url": "https://x/y.png"}},)), ANSWER)),
        "image by address",
    ),
    (TOGETHER_INSTRUCTION, Example((USER, ANSWER, USER, ANSWER)), "2 user turns"),
    (TOGETHER_INSTRUCTION, Example((Message("system", "s"), USER, ANSWER)), "system"),
    (TOGETHER_INSTRUCTION, Example((USER, ANSWER), (TOOL,)), "tools"),
    (TOGETHER_INSTRUCTION, Example((USER, Message("assistant", "b", weight=0))), "weight"),
    (TOGETHER_INSTRUCTION, Example((USER, Message("assistant", "b", reasoning="r"))), "reasoning"),
    (TOGETHER_INSTRUCTION, Example((Message("user", ({"type": "text", "text": "a"},)), ANSWER)), "content parts"),
    (TEXT, Example((USER, ANSWER)), "turns user, assistant"),
    (TEXT, Example((ANSWER,), (TOOL,)), "tools"),
]


@pytest.mark.parametrize(("dialect", "example", "named"), UNSUPPORTED)
def test_what_a_dialect_cannot_express_is_refused_by_name(dialect: Dialect, example: Example, named: str) -> None:
    with pytest.raises(Unsupported, match=named) as refused:
        dialect.encode(example)
    assert refused.value.fix
    assert refused.value.nothing_created


BAD_LINES = [
    (OPENAI_CHAT, {"messages": []}, "messages"),
    (OPENAI_CHAT, {"messages": [{"role": "user", "content": "a"}], "id": 1}, "id"),
    (OPENAI_CHAT, {"messages": [{"role": "user", "content": "a", "mood": 1}]}, "messages[0].mood"),
    (OPENAI_CHAT, {"messages": [{"role": "developer", "content": "a"}]}, "messages[0].role"),
    (OPENAI_CHAT, {"messages": [{"role": "assistant", "content": "a", "reasoning": "r"}]}, "messages[0].reasoning"),
    (TOGETHER_CONVERSATION, {"messages": [{"role": "user", "content": "a", "name": "n"}]}, "messages[0].name"),
    (TOGETHER_INSTRUCTION, {"prompt": "a", "completion": 5}, "completion"),
    (TOGETHER_INSTRUCTION, {"prompt": "a", "completion": "b", "x": 1}, "x"),
    (TEXT, {"text": None}, "text"),
]


@pytest.mark.parametrize(("dialect", "line", "field"), BAD_LINES)
def test_a_line_of_another_format_is_refused_naming_the_field(
    dialect: Dialect, line: dict[str, object], field: str
) -> None:
    with pytest.raises(BadLine) as refused:
        dialect.decode(line)
    assert refused.value.field == field


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | text,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "content", "tool_calls", "function", "name", "type", "text", "weight", "messages"])
            | text,
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["messages", "tools", "prompt", "completion", "text"]), json_values, max_size=3))
def test_any_json_object_is_decoded_or_refused_and_never_crashes(line: dict[str, object]) -> None:
    for dialect in ALL:
        try:
            example = dialect.decode(line)
        except InvalidData:
            continue
        assert dialect.decode(dict(dialect.encode(example))) == example


def test_a_line_is_one_line_even_for_readers_that_split_at_unicode_line_ends() -> None:
    example = Example((Message("user", "a\u2028b\u2029c\u0085d\ne"), ANSWER))
    line = encode_line(OPENAI_CHAT, example)
    assert len(line.decode().splitlines()) == 1
    assert read_back(OPENAI_CHAT, example) == example


def test_a_lone_surrogate_is_refused_instead_of_written() -> None:
    with pytest.raises(InvalidData, match="surrogate"):
        encode_line(OPENAI_CHAT, Example((Message("user", "\ud800"), ANSWER)))


def test_a_bad_line_says_what_kind_of_defect_it_is() -> None:
    with pytest.raises(BadLine) as refused:
        parse_conversation({"messages": [{"role": "user", "content": "a", "weight": 1}]})
    assert refused.value.reason == "weight"


@pytest.mark.parametrize("dialect", ALL, ids=lambda dialect: dialect.name)
def test_each_dialect_fits_the_seam(dialect: Dialect) -> None:
    assert isinstance(dialect, Dialect)
