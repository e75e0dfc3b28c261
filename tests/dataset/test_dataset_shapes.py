"""Promises about columns: usual names are recognised and announced, the rest is asked about."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.dataset import Columns, check, load
from orchestrator.errors import UsageError
from providers.records import Message

Write = Callable[..., Path]


def rows(count: int = 12, **columns: str) -> list[dict[str, Any]]:
    return [{name: value.format(n=n) for name, value in columns.items()} for n in range(count)]


@pytest.mark.parametrize(
    ("input", "output"),
    [("input", "output"), ("prompt", "completion"), ("question", "answer"), ("text", "label"), ("Question", "Answer")],
)
def test_usual_names_are_recognised_and_announced(jsonl: Write, input: str, output: str) -> None:
    source = load(jsonl(rows(12, **{input: "q{n}", output: "a{n}"}))).sources[0]
    assert source.shape == f"{input}/{output}"
    assert source.columns == {"input": input, "output": output}


def test_instruction_and_input_become_one_prompt(jsonl: Write) -> None:
    dataset = load(jsonl(rows(instruction="do {n}", input="with this", output="a{n}")))
    assert dataset.rows[0].example.messages == (Message("user", "do 0\n\nwith this"), Message("assistant", "a0"))


def test_a_chat_row_keeps_everything_it_says(jsonl: Write) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "q"}]},
        {"role": "assistant", "tool_calls": [call], "weight": 0},
        {"role": "tool", "content": "42", "tool_call_id": "c"},
        {"role": "assistant", "content": "a", "weight": 1, "reasoning_content": "because"},
    ]
    tool = {"type": "function", "function": {"name": "f"}}
    example = check(jsonl([{"messages": messages, "tools": [tool], "parallel_tool_calls": False}])).rows[0].example
    assert example.tools == (tool,)
    assert example.parallel_tool_calls is False
    assert example.messages[1] == Message("assistant", None, (call,), weight=0)
    assert example.messages[3].reasoning == "because"


def test_a_developer_turn_is_read_as_a_system_turn_and_announced(jsonl: Write) -> None:
    turns = [
        {"role": "developer", "content": "d"},
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "a"},
    ]
    dataset = check(jsonl([{"messages": turns}]))
    assert dataset.rows[0].example.messages[0].role == "system"
    assert "developer" in dataset.sources[0].notes[0]


def test_conversational_prompt_and_completion_are_read_as_turns(jsonl: Write) -> None:
    row = {"prompt": [{"role": "user", "content": "q"}], "completion": [{"role": "assistant", "content": "a"}]}
    assert check(jsonl([row])).rows[0].example.messages == (Message("user", "q"), Message("assistant", "a"))


def test_messages_in_a_table_cell_are_read(raw: Write) -> None:
    turns = json.dumps([{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]).replace('"', '""')
    assert check(raw(f'id,messages\n1,"{turns}"\n')).rows[0].example.answer == "a"


def test_an_unknown_column_is_refused_naming_the_nearest_and_all_there_are(jsonl: Write) -> None:
    path = jsonl(rows(ticket="q{n}", team="a{n}"))
    with pytest.raises(UsageError, match="'tiket'") as refused:
        load(path, columns=Columns(input="tiket", output="team"))
    assert "did you mean 'ticket'" in refused.value.fix
    assert "ticket, team" in refused.value.fix


def test_names_that_say_nothing_are_asked_about(jsonl: Write) -> None:
    with pytest.raises(UsageError, match="ticket, team, note") as refused:
        load(jsonl(rows(ticket="q{n}", team="a{n}", note="")))
    assert "--input NAME --output NAME" in refused.value.fix


def test_names_that_say_two_things_are_asked_about(jsonl: Write) -> None:
    with pytest.raises(UsageError, match="input/output or prompt/completion"):
        load(jsonl(rows(input="q{n}", output="a", prompt="p{n}", completion="c")))


def test_the_other_of_two_columns_need_not_be_named(jsonl: Write) -> None:
    dataset = load(jsonl(rows(ticket="q{n}", team="a{n}")), columns=Columns(input="ticket"))
    assert dataset.sources[0].columns["output"] == "team"


def test_a_missing_half_is_asked_about_with_its_candidates(jsonl: Write) -> None:
    path = jsonl(rows(ticket="q{n}", team="a", mood="b"))
    with pytest.raises(UsageError, match="candidates: team, mood") as refused:
        load(path, columns=Columns(input="ticket"))
    assert "--output" in refused.value.fix


def test_columns_that_are_not_used_are_announced(jsonl: Write) -> None:
    assert "not used: id, note" in load(jsonl(rows(id="{n}", input="q{n}", output="a{n}", note="x"))).sources[0].notes


def test_a_template_makes_the_prompt_from_columns(jsonl: Write) -> None:
    columns = Columns(prompt_template="{kind}: {ticket} {{}}", output="team")
    dataset = load(jsonl(rows(ticket="q{n}", kind="mail", team="a{n}")), columns=columns)
    assert dataset.rows[0].example.messages[0].text == "mail: q0 {{}}"


def test_a_template_with_an_unknown_column_is_refused(jsonl: Write) -> None:
    with pytest.raises(UsageError, match="'tikket'"):
        load(jsonl(rows(ticket="q{n}", team="a{n}")), columns=Columns(prompt_template="{tikket}", output="team"))


def test_one_system_text_stands_before_every_row_without_its_own(jsonl: Write) -> None:
    data = rows(input="q{n}", output="a{n}")
    data[0]["system"] = "own"
    dataset = load(jsonl(data), columns=Columns(system_text="common"))
    assert [row.example.messages[0].text for row in dataset.rows[:2]] == ["own", "common"]
    assert any("keep their own" in note for note in dataset.sources[0].notes)


def test_other_accepted_answers_are_kept_apart_from_the_answer(jsonl: Write) -> None:
    data = rows(input="q{n}", output="a{n}")
    data[0]["accept"] = ["a0", "also right"]
    assert load(jsonl(data)).rows[0].accept == ("also right",)


def test_a_list_of_answers_is_one_answer_and_others_that_count(jsonl: Write) -> None:
    data = [{"question": f"q{n}", "answer": [f"a{n}", "b", "c"]} for n in range(12)]
    row = load(jsonl(data)).rows[0]
    assert (row.example.answer, row.accept) == ("a0", ("b", "c"))


def test_values_that_are_no_text_are_written_as_json_and_announced(jsonl: Write) -> None:
    data = [{"input": f"q{n}", "output": {"n": n, "ok": True}} for n in range(12)]
    dataset = load(jsonl(data))
    assert dataset.rows[3].example.answer == '{"n": 3, "ok": true}'
    assert dataset.task == "json"
    assert any("12 value(s) of 'output'" in note for note in dataset.sources[0].notes)


def test_the_group_column_is_kept(jsonl: Write) -> None:
    dataset = load(jsonl(rows(input="q{n}", output="a{n}", customer="c1")), columns=Columns(group="customer"))
    assert {row.group for row in dataset.rows} == {"c1"}
