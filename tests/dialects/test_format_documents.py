"""Promises about the lines themselves: they are those of the platforms' own pages, and of real sets of data."""

from __future__ import annotations

import json
from pathlib import Path
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
    Limits,
    breaches,
    format_of,
    plainly,
)
from providers.records import Example, Message

DATA = Path(__file__).parents[2] / "../shared/data"
SYSTEM, USER, ANSWER, WORSE = (
    Message("system", "s"),
    Message("user", "a?"),
    Message("assistant", "b"),
    Message("assistant", "c"),
)
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
TOLD = Example((SYSTEM, USER, ANSWER))
CALLED = Example(
    (USER, Message("assistant", None, (CALL,)), Message("tool", "r", tool_call_id="call_1"), ANSWER), (TOOL,)
)
RANKED = Example((USER, ANSWER), rejected=(WORSE,))

LINES: list[tuple[Dialect, Example, dict[str, Any]]] = [
    (BEDROCK_CLAUDE, TOLD, {"system": "s", "messages": [
        {"role": "user", "content": "a?"}, {"role": "assistant", "content": "b"}]}),
    (BEDROCK_NOVA, TOLD, {"schemaVersion": "bedrock-conversation-2024", "system": [{"text": "s"}], "messages": [
        {"role": "user", "content": [{"text": "a?"}]}, {"role": "assistant", "content": [{"text": "b"}]}]}),
    (BEDROCK_NOVA, Example((Message("user", ({"type": "image_url", "image_url": {"url": "s3://b/i.JPG"}},)),
                            Message("assistant", "b", reasoning="r"))),
     {"schemaVersion": "bedrock-conversation-2024", "messages": [
        {"role": "user", "content": [{"image": {"format": "jpeg", "source": {"s3Location": {"uri": "s3://b/i.JPG"}}}}]},
        {"role": "assistant", "content": [{"reasoningContent": {"reasoningText": {"text": "r"}}}, {"text": "b"}]}]}),
    (GEMINI, TOLD, {"systemInstruction": {"role": "system", "parts": [{"text": "s"}]}, "contents": [
        {"role": "user", "parts": [{"text": "a?"}]}, {"role": "model", "parts": [{"text": "b"}]}]}),
    (GEMINI, CALLED, {"contents": [
        {"role": "user", "parts": [{"text": "a?"}]},
        {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"x": 1}}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"output": "r"}}}]},
        {"role": "model", "parts": [{"text": "b"}]}],
        "tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT"}}]}]}),
    (OPENAI_REINFORCEMENT, TOLD, {"messages": [
        {"role": "system", "content": "s"}, {"role": "user", "content": "a?"}], "reference_answer": "b"}),
    (FIREWORKS_CHAT, Example((USER, Message("assistant", "b", weight=0, reasoning="r"))), {"messages": [
        {"role": "user", "content": "a?"},
        {"role": "assistant", "content": "b", "weight": 0, "reasoning_content": "r"}]}),
    (LLAMA_FACTORY, TOLD, {"conversations": [
        {"from": "human", "value": "a?"}, {"from": "gpt", "value": "b"}], "system": "s", "tools": ""}),
    (LLAMA_FACTORY, CALLED, {"conversations": [
        {"from": "human", "value": "a?"}, {"from": "function_call", "value": '{"name": "f", "arguments": {"x": 1}}'},
        {"from": "observation", "value": "r"}, {"from": "gpt", "value": "b"}],
        "system": "", "tools": '[{"name": "f", "parameters": {"type": "object"}}]'}),
    (LLAMA_FACTORY_PREFERENCE, RANKED, {"conversations": [{"from": "human", "value": "a?"}],
        "chosen": {"from": "gpt", "value": "b"}, "rejected": {"from": "gpt", "value": "c"}, "system": "", "tools": ""}),
    (GEMINI_PREFERENCE, RANKED, {"contents": [{"role": "user", "parts": [{"text": "a?"}]}], "completions": [
        {"score": 1, "completion": {"role": "model", "parts": [{"text": "b"}]}},
        {"score": 0, "completion": {"role": "model", "parts": [{"text": "c"}]}}]}),
    (TRL_CHAT, CALLED, {"messages": [
        {"role": "user", "content": "a?"},
        {"role": "assistant", "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": {"x": 1}}}]},
        {"role": "tool", "content": "r", "tool_call_id": "call_1"}, {"role": "assistant", "content": "b"}],
        "tools": json.dumps([TOOL])}),
    (TRL_PROMPT_COMPLETION, TOLD, {"prompt": [{"role": "system", "content": "s"}, {"role": "user", "content": "a?"}],
        "completion": [{"role": "assistant", "content": "b"}]}),
    (TRL_PREFERENCE, RANKED, {"prompt": [{"role": "user", "content": "a?"}],
        "chosen": [{"role": "assistant", "content": "b"}], "rejected": [{"role": "assistant", "content": "c"}]}),
]  # fmt: skip


@pytest.mark.parametrize(("dialect", "example", "line"), LINES, ids=[f"{n}-{c[0].name}" for n, c in enumerate(LINES)])
def test_the_line_is_the_documented_one(dialect: Dialect, example: Example, line: dict[str, Any]) -> None:
    assert dict(dialect.encode(example)) == line
    assert dialect.decode(line) == example


def test_a_reference_that_is_an_object_is_read_as_json_text() -> None:
    line = {"messages": [{"role": "user", "content": "a"}], "reference_answer": {"x": 4}}
    assert OPENAI_REINFORCEMENT.decode(line).answer == '{"x": 4}'


def test_calls_are_numbered_by_their_place_and_arguments_spelt_plainly() -> None:
    call = {"id": "call_xyz", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}
    turns = (USER, Message("assistant", "", (call,)), Message("tool", "r", tool_call_id="call_xyz"), ANSWER)
    assert plainly(Example(turns, (TOOL,))) == CALLED
    assert GEMINI.decode(GEMINI.encode(Example(turns, (TOOL,)))) == CALLED


def test_answers_of_several_tools_stand_in_one_turn_of_gemini() -> None:
    calls = ({**CALL, "id": "call_1"}, {**CALL, "id": "call_2"})
    answers = (Message("tool", "r", tool_call_id="call_1"), Message("tool", "q", tool_call_id="call_2"))
    example = Example((USER, Message("assistant", None, calls), *answers, ANSWER))
    line = GEMINI.encode(example)
    assert [len(content["parts"]) for content in line["contents"]] == [1, 2, 2, 1]
    assert GEMINI.decode(line) == example


def test_llama_factory_is_told_which_files_there_are_and_how_to_read_them() -> None:
    side = format_of("llama-factory-preference").side_files({"train": "train.jsonl", "validation": "validation.jsonl"})
    told = json.loads(side["dataset_info.json"])
    assert {name: entry["file_name"] for name, entry in told.items()} == {
        "tunewright_train": "train.jsonl",
        "tunewright_validation": "validation.jsonl",
    }
    entry = told["tunewright_train"]
    assert (entry["formatting"], entry["ranking"]) == ("sharegpt", True)
    assert set(LLAMA_FACTORY_PREFERENCE.encode(RANKED)) == set(entry["columns"].values())


@pytest.mark.parametrize("name", ["openai-chat", "gemini", "trl-chat"])
def test_other_formats_need_no_file_beside_them(name: str) -> None:
    assert not format_of(name).side_files({"train": "train.jsonl"})


@pytest.mark.parametrize(("rows", "size", "broken"), [(2, 0, 1), (3, 0, 0), (5, 100, 0), (6, 100, 1), (6, 101, 2)])
def test_a_limit_holds_up_to_its_very_edge(rows: int, size: int, broken: int) -> None:
    limits = Limits(least_rows=3, most_rows=5, most_bytes=100)
    assert len(list(breaches(limits, "train", rows, size))) == broken


def test_a_validation_file_has_limits_of_its_own() -> None:
    limits = Limits(least_rows=3, most_rows=5, most_validation_rows=1)
    assert not list(breaches(limits, "validation", 1, 10))
    assert "no more than 1" in next(breaches(limits, "validation", 2)).what


TOOLCALLS = DATA / "llamafactory_toolcall/glaive_toolcall_en_demo.json"
PREFERENCES = DATA / "llamafactory_dpo/dpo_en_demo.json"


@pytest.mark.skipif(not TOOLCALLS.is_file(), reason="the shared data is not here")
def test_llama_factorys_own_tool_calls_read_back() -> None:
    for line in json.loads(TOOLCALLS.read_text(encoding="utf-8")):
        example = LLAMA_FACTORY.decode({"system": "", **line})
        assert LLAMA_FACTORY.decode(LLAMA_FACTORY.encode(example)) == example
        for dialect in (GEMINI, TRL_CHAT, OPENAI_CHAT):
            assert dialect.decode(dialect.encode(example)) == example


@pytest.mark.skipif(not PREFERENCES.is_file(), reason="the shared data is not here")
def test_llama_factorys_own_preferences_read_back() -> None:
    for line in json.loads(PREFERENCES.read_text(encoding="utf-8")):
        example = LLAMA_FACTORY_PREFERENCE.decode(line)
        assert LLAMA_FACTORY_PREFERENCE.decode(LLAMA_FACTORY_PREFERENCE.encode(example)) == example
