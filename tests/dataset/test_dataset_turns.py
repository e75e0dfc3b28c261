"""Promises on rows made of turns: ShareGPT and preferences are recognised, announced, and keep all they say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.dataset import Columns, Dataset, check, check_as_is, load, write_file
from orchestrator.errors import DataRefused
from providers.dialects import OPENAI_CHAT, OPENAI_PREFERENCE, TOGETHER_PREFERENCE
from providers.errors import Unsupported
from providers.records import Example, Message

Write = Callable[..., Path]
SHARED = Path(__file__).parents[2] / "../shared/data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data is not here")


def one(jsonl: Write, row: dict[str, Any]) -> Dataset:
    return check(jsonl([row]))


def said(speaker: str, value: Any) -> dict[str, Any]:
    return {"from": speaker, "value": value}


def turn(role: str, content: str) -> dict[str, Any]:
    return {"role": role, "content": content}


def test_sharegpt_turns_are_read_and_announced(jsonl: Write) -> None:
    row = {"system": "s", "conversations": [said("human", "q"), said("gpt", "a")], "id": 1}
    dataset = one(jsonl, row)
    assert dataset.rows[0].example.messages == (Message("system", "s"), Message("user", "q"), Message("assistant", "a"))
    assert dataset.sources[0].shape == "ShareGPT conversations"
    assert "not used: id" in dataset.sources[0].notes


def test_sharegpt_calls_get_ids_and_are_answered_in_turn(jsonl: Write) -> None:
    call = json.dumps({"name": "f", "arguments": {"city": "é"}})
    turns = [said("human", "q"), said("function_call", call), said("observation", "3"), said("gpt", "a")]
    row = {"conversations": turns, "tools": json.dumps([{"name": "f", "parameters": {"type": "object"}}])}
    dataset = one(jsonl, row)
    called, answer = dataset.rows[0].example.messages[1:3]
    assert (called.tool_calls[0]["id"], answer.tool_call_id) == ("call_1", "call_1")
    assert called.tool_calls[0]["function"]["arguments"] == '{"city": "é"}'


@pytest.mark.parametrize(
    ("turns", "rule"),
    [
        ([], "shape"),
        ("words", "shape"),
        ([said("narrator", "q"), said("gpt", "a")], "role"),
        ([said("human", 5), said("gpt", "a")], "content"),
        ([said("human", "q"), said("function_call", "no json")], "tools"),
        ([said("human", "q"), said("observation", "3"), said("gpt", "a")], "tool-call-id"),
        ([5], "shape"),
    ],
)
def test_a_broken_sharegpt_row_is_named(jsonl: Write, turns: Any, rule: str) -> None:
    assert one(jsonl, {"conversations": turns}).findings[0].rule == rule


def spoken(example: Example) -> list[Any]:
    """The turns and tools, calls by name and parsed arguments, without their made-up ids."""
    turns = [
        (m.role, m.content, [(c["function"]["name"], json.loads(c["function"]["arguments"])) for c in m.tool_calls])
        for m in example.messages
    ]
    return [*turns, example.tools]


@needs_shared
def test_a_real_sharegpt_set_reads_like_its_conversion_to_chat() -> None:
    folder = SHARED / "llamafactory_toolcall"
    mine = check(folder / "glaive_toolcall_en_demo.json").rows
    theirs = check(folder / "glaive_toolcall_en_demo.openai_chat.jsonl").rows
    assert len(mine) == 265
    assert [spoken(row.example) for row in mine] == [spoken(row.example) for row in theirs]


QUESTION, GOOD, BAD = Message("user", "q"), Message("assistant", "good"), Message("assistant", "bad")
PREFERENCES: list[dict[str, Any]] = [
    {"prompt": "q", "chosen": "good", "rejected": "bad"},
    {"prompt": [turn("user", "q")], "chosen": [turn("assistant", "good")], "rejected": [turn("assistant", "bad")]},
    {
        "chosen": [turn("user", "q"), turn("assistant", "good")],
        "rejected": [turn("user", "q"), turn("assistant", "bad")],
    },
    {
        "prompt": "q",
        "chosen": [turn("user", "q"), turn("assistant", "good")],
        "rejected": [turn("user", "q"), turn("assistant", "bad")],
    },
    {"conversations": [said("human", "q")], "chosen": said("gpt", "good"), "rejected": said("gpt", "bad")},
    {
        "input": {"messages": [turn("user", "q")]},
        "preferred_output": [turn("assistant", "good")],
        "non_preferred_output": [turn("assistant", "bad")],
    },
]


@pytest.mark.parametrize("row", PREFERENCES, ids=[str(n) for n in range(len(PREFERENCES))])
def test_every_way_to_write_a_preference_is_one_example(jsonl: Write, row: dict[str, Any]) -> None:
    dataset = one(jsonl, row)
    assert dataset.rows[0].example == Example((QUESTION, GOOD), rejected=(BAD,))
    assert "preference-rows" in {finding.rule for finding in dataset.findings}


def test_preferences_in_a_table_are_read(raw: Write) -> None:
    dataset = check(raw("prompt,chosen,rejected\nq,good,bad\n"))
    assert dataset.rows[0].example.rejected == (BAD,)


BROKEN: list[tuple[dict[str, Any], str, str]] = [
    ({"prompt": "q", "chosen": [turn("user", "x")], "rejected": "b"}, "preference", "chosen"),
    ({"prompt": 5, "chosen": "a", "rejected": "b"}, "preference", "prompt"),
    ({"prompt": [turn("assistant", "x")], "chosen": "a", "rejected": "b"}, "preference", "input.messages"),
    ({"prompt": "q", "chosen": "a"}, "missing-field", "rejected"),
    ({"prompt": "q", "chosen": "a", "rejected": "a"}, "identical-outputs", "rejected"),
    ({"prompt": "q", "chosen": "a", "rejected": "<|im_end|>"}, "special-token", "rejected"),
]


@pytest.mark.parametrize(("row", "rule", "field"), BROKEN, ids=[f"{n}-{case[1]}" for n, case in enumerate(BROKEN)])
def test_a_broken_preference_is_named(jsonl: Write, row: dict[str, Any], rule: str, field: str) -> None:
    finding = next(f for f in check(jsonl([PREFERENCES[0], row])).findings if f.row == 2)
    assert (finding.rule, finding.field) == (rule, field)


def test_conversations_that_part_before_their_last_turn_are_no_preference(jsonl: Write) -> None:
    row = {side: [turn("user", side), turn("assistant", "a")] for side in ("chosen", "rejected")}
    finding = one(jsonl, row).findings[0]
    assert (finding.rule, finding.field) == ("preference", "chosen")


def test_a_prompt_may_have_several_preferences_but_not_one_twice(jsonl: Write) -> None:
    rows = [{"prompt": "q", "chosen": a, "rejected": b} for a, b in (("a", "b"), ("a", "c"), ("b", "c"), ("a", "b"))]
    findings = [finding for finding in check(jsonl(rows)).findings if finding.row]
    assert [(finding.rule, finding.row) for finding in findings] == [("exact-duplicate", 4)]


def preferences(count: int) -> list[dict[str, Any]]:
    return [{"prompt": f"question {n}", "chosen": f"good {n}", "rejected": f"bad {n}"} for n in range(count)]


def test_preferences_are_written_for_dpo_and_refused_for_supervised_training(jsonl: Write, tmp_path: Path) -> None:
    dataset = load(jsonl(preferences(20)))
    file = write_file(dataset.split.train, TOGETHER_PREFERENCE, tmp_path, "train")
    assert check(file.path).split.train[0].example.rejected
    assert not [f for f in check_as_is(file.path, OPENAI_PREFERENCE) if f.severity != "warning"]
    with pytest.raises(Unsupported, match="rejected answer"):
        write_file(dataset.split.train, OPENAI_CHAT, tmp_path, "train")


def test_the_better_answers_alone_can_be_chosen_for_supervised_training(jsonl: Write) -> None:
    dataset = load(jsonl(preferences(20)), columns=Columns(input="prompt", output="chosen"))
    assert dataset.rows[0].example == Example((Message("user", "question 0"), Message("assistant", "good 0")))


def test_the_rejected_answer_is_part_of_what_names_a_dataset(jsonl: Write) -> None:
    other = [{**row, "rejected": "worse"} for row in preferences(20)]
    assert load(jsonl(preferences(20))).sha256 != load(jsonl(other, "other.jsonl")).sha256


@needs_shared
def test_a_real_set_of_preferences_reads_like_its_conversion() -> None:
    folder = SHARED / "llamafactory_dpo"
    mine = load(folder / "dpo_en_demo.json")
    assert mine.sha256 == load(folder / "dpo_en_demo.openai_preference.jsonl").sha256


@needs_shared
@pytest.mark.parametrize(
    ("name", "named"),
    [("same_outputs", ("identical-outputs", 6, "warning")), ("input_ends_assistant", ("preference", 6, "error"))],
)
def test_malformed_preferences_are_named_when_judged_as_such(name: str, named: tuple[str, int, str]) -> None:
    findings = check_as_is(SHARED / f"malformed/preference_{name}.jsonl", OPENAI_PREFERENCE)
    assert named in {(finding.rule, finding.row, finding.severity) for finding in findings}


def test_rows_of_another_shape_in_a_preference_file_are_named(jsonl: Write) -> None:
    with pytest.raises(DataRefused, match="has the shape input/output"):
        load(jsonl([*preferences(12), {"input": "a", "output": "b"}]))


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"prompt": "q", "chosen": " ", "rejected": "bad"}, "chosen"),
        ({"input": {"messages": [turn("user", " ")]}, "preferred_output": [turn("assistant", "good")],
          "non_preferred_output": [turn("assistant", "bad")]}, "input"),
        ({"prompt": "q", "chosen": "good", "rejected": "my key is sk-proj-" + "aB3" * 16}, "rejected"),
    ],
)  # fmt: skip
def test_a_finding_in_a_preference_names_the_column_that_its_file_has(
    jsonl: Callable[..., Path], row: dict[str, Any], field: str
) -> None:
    assert field in {finding.field for finding in check(jsonl([row])).findings}
