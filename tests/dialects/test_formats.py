"""Promises of the formats that differ from chat lines: what they write reads back equal, and is what is documented."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import Dialect
from providers.dialects import (
    BEDROCK_CLAUDE,
    BEDROCK_NOVA,
    FIREWORKS_CHAT,
    FIREWORKS_PREFERENCE,
    GEMINI,
    GEMINI_PREFERENCE,
    LLAMA_FACTORY,
    LLAMA_FACTORY_PREFERENCE,
    OPENAI_REINFORCEMENT,
    TRL_CHAT,
    TRL_PREFERENCE,
    TRL_PROMPT_COMPLETION,
    BadLine,
    encode_line,
    format_of,
    named,
    names,
    plainly,
)
from providers.errors import InvalidData, NotFound, Unsupported
from providers.records import Example, JsonObject, Message

WITH_TOOLS: list[Dialect] = [GEMINI, LLAMA_FACTORY, TRL_CHAT, TRL_PROMPT_COMPLETION, FIREWORKS_CHAT]
OTHERS: list[Dialect] = [BEDROCK_CLAUDE, BEDROCK_NOVA, OPENAI_REINFORCEMENT, *WITH_TOOLS]
PREFERENCES: list[Dialect] = [GEMINI_PREFERENCE, LLAMA_FACTORY_PREFERENCE, TRL_PREFERENCE, FIREWORKS_PREFERENCE]

words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=":<["), min_size=1, max_size=20)
names_ = st.from_regex(r"[a-z_]{1,8}", fullmatch=True)
values = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | words
schemas: st.SearchStrategy[Any] = st.recursive(
    st.fixed_dictionaries({"type": st.sampled_from(["string", "integer", "boolean"])}, optional={"description": words}),
    lambda inner: (
        st.fixed_dictionaries({"type": st.just("object"), "properties": st.dictionaries(names_, inner, max_size=3)})
        | st.fixed_dictionaries({"type": st.just("array"), "items": inner})
        | st.fixed_dictionaries({"anyOf": st.lists(inner, max_size=2)})
    ),
    max_leaves=5,
)
tool: st.SearchStrategy[JsonObject] = st.fixed_dictionaries(
    {"name": names_}, optional={"description": words, "parameters": schemas}
).map(lambda function: {"type": "function", "function": function})


@st.composite
def conversations(draw: st.DrawFn, tools: bool = True) -> Example:
    """Turns in order: a system turn or none, then rounds of a user turn, calls with their answers, and an answer."""
    turns = [Message("system", f"s {text}") for text in draw(st.lists(words, max_size=1))]
    made = 0
    for _ in range(draw(st.integers(1, 3))):
        turns.append(Message("user", draw(words)))
        for _ in range(draw(st.integers(0, 2)) if tools else 0):
            made += 1
            arguments = json.dumps(draw(st.dictionaries(names_, values, max_size=2)), ensure_ascii=False)
            call = {"id": f"call_{made}", "type": "function"}
            called = {**call, "function": {"name": draw(names_), "arguments": arguments}}
            turns += [Message("assistant", None, (called,)), Message("tool", draw(words), tool_call_id=f"call_{made}")]
        turns.append(Message("assistant", draw(words)))
    return Example(tuple(turns), tuple(draw(st.lists(tool, max_size=2))) if tools else ())


def read_back(dialect: Dialect, example: Example) -> Example:
    return dialect.decode(json.loads(encode_line(dialect, example)))


@given(conversations(), st.sampled_from(WITH_TOOLS))
def test_a_conversation_with_tools_reads_back_what_was_written(example: Example, dialect: Dialect) -> None:
    assert read_back(dialect, example) == example


@given(conversations(tools=False), st.sampled_from(OTHERS))
def test_a_conversation_reads_back_what_was_written(example: Example, dialect: Dialect) -> None:
    assert read_back(dialect, example) == example


@given(conversations(tools=False), words, st.sampled_from(PREFERENCES))
def test_a_preference_reads_back_what_was_written(example: Example, worse: str, dialect: Dialect) -> None:
    whole = Example(example.messages, rejected=(Message("assistant", worse),))
    assert read_back(dialect, whole) == whole


any_part = words.map(lambda text: {"type": "text", "text": text}) | st.sampled_from(
    ["s3://bucket/a.png", "gs://bucket/a.jpg", "https://x/a.webp?b=1", "data:image/png;base64,AA", "s3://b/a.bmp"]
).map(lambda url: {"type": "image_url", "image_url": {"url": url}})
any_call = st.builds(
    lambda name, arguments, ids: {**ids, "type": "function", "function": {"name": name, "arguments": arguments}},
    names_,
    st.sampled_from(["{}", '{"a":1}', '{"a": 1, "a": 2}', "[]", "{", '{"a":NaN}']),
    st.fixed_dictionaries({}, optional={"id": names_}),
)
any_message = st.builds(
    Message,
    st.sampled_from(["system", "user", "assistant", "tool", "developer"]),
    st.none() | words | st.just("") | st.lists(any_part, min_size=1, max_size=2).map(tuple),
    st.just(()) | st.lists(any_call, max_size=2).map(tuple),
    st.none() | names_,
    st.none() | names_,
    st.sampled_from([None, 0, 1]),
    st.none() | words,
)


@given(
    st.builds(
        Example,
        st.lists(any_message, max_size=4).map(tuple),
        st.lists(tool, max_size=1).map(tuple),
        st.sampled_from([None, True]),
        st.just(()) | st.lists(any_message, max_size=2).map(tuple),
    )
)
def test_whatever_is_written_reads_back_and_whatever_is_not_is_refused_by_name(example: Example) -> None:
    for dialect in (*OTHERS, *PREFERENCES):
        written = encoded(dialect, example)
        if written is not None:
            back = dialect.decode(json.loads(json.dumps(written)))
            assert plainly(back) == plainly(example)
            assert dict(dialect.encode(back)) == written


def encoded(dialect: Dialect, example: Example) -> dict[str, Any] | None:
    """The line; None where the example is refused with a way out. Anything else that is raised fails the test."""
    with suppress(Unsupported):
        return dict(dialect.encode(example))
    return None


@given(conversations(), st.data())
def test_a_line_with_something_else_in_it_is_decoded_or_refused_and_never_crashes(
    example: Example, data: st.DataObject
) -> None:
    dialect = data.draw(st.sampled_from([*WITH_TOOLS, TRL_CHAT]))
    line = json.loads(json.dumps(dict(dialect.encode(example))))
    broken = data.draw(st.sampled_from(list(places(line))))
    broken[0][broken[1]] = data.draw(values | st.just([]) | st.just({}) | st.just([{}]))
    try:
        back = dialect.decode(line)
    except InvalidData:
        return
    assert dialect.decode(json.loads(json.dumps(dict(dialect.encode(back))))) == back


def places(value: Any) -> Any:
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield value, key
        yield from places(inner)


json_values = st.recursive(
    values,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["role", "text", "from"]), inner),
    max_leaves=8,
)
KEYS = [
    "messages",
    "system",
    "contents",
    "tools",
    "conversations",
    "chosen",
    "rejected",
    "prompt",
    "completion",
    "completions",
]


@given(st.dictionaries(st.sampled_from(KEYS), json_values, max_size=3))
def test_any_json_object_is_decoded_or_refused_and_never_crashes(line: dict[str, Any]) -> None:
    for dialect in (*OTHERS, *PREFERENCES):
        try:
            example = dialect.decode(line)
        except InvalidData:
            continue
        assert dialect.decode(dict(dialect.encode(example))) == example


@pytest.mark.parametrize("name", names())
def test_every_format_is_found_by_its_name_and_says_who_says_so(name: str) -> None:
    told = format_of(name)
    assert isinstance(told.dialect, Dialect)
    assert (told.name, named(name.replace("-", "_"))) == (name, told.dialect)
    assert told.source
    assert told.as_of.year >= 2026


def test_an_unknown_format_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(NotFound, match="bedrok-nova") as refused:
        named("bedrok-nova")
    assert refused.value.fix == "did you mean 'bedrock-nova'?"


def test_a_defect_is_named_by_its_place_in_the_line_and_not_in_the_conversation() -> None:
    line = {"schemaVersion": "v", "system": [{"text": "s"}], "messages": [{"role": "user", "content": [{"text": "a"}]}]}
    with pytest.raises(BadLine, match="does not end with the assistant") as refused:
        BEDROCK_NOVA.decode(line)
    assert refused.value.field == "messages[0]"
