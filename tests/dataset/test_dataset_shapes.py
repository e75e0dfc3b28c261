"""Promises about columns: usual names are recognised and announced, the rest is asked about."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import Config
from orchestrator.dataset import Columns, check, load
from orchestrator.dataset.times import iso_of, seconds_of
from orchestrator.errors import UsageError
from orchestrator.options import merge
from providers.dialects import encode_line, named, names
from providers.records import Example, Message

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


TURN_PAIR = [{"role": "user", "content": "q"}], [{"role": "assistant", "content": "a"}]
HALVES: list[dict[str, Any]] = [
    {"prompt": TURN_PAIR[0], "completion": TURN_PAIR[1]},
    {"prompt": TURN_PAIR[0], "completion": "a"},
    {"prompt": "q", "completion": TURN_PAIR[1]},
    {"prompt": [{"from": "human", "value": "q"}], "completion": "a"},
    {"instruction": "q", "input": "", "output": "a", "history": []},
    {"messages": TURN_PAIR[0], "reference_answer": "a"},
    {"Messages": [*TURN_PAIR[0], *TURN_PAIR[1]]},
    {"messages": [{"role": "Human", "content": "q"}, {"role": "AI", "content": "a"}]},
]


@pytest.mark.parametrize("row", HALVES, ids=[str(n) for n in range(len(HALVES))])
def test_every_way_to_write_a_question_and_its_answer_is_one_example(jsonl: Write, row: dict[str, Any]) -> None:
    assert check(jsonl([row])).rows[0].example == Example((Message("user", "q"), Message("assistant", "a")))


PLATFORMS = [name for name in names() if not name.endswith(("preference", "text", "instruction"))]


@pytest.mark.parametrize("name", PLATFORMS)
def test_a_file_made_for_any_platform_is_read_back(raw: Write, name: str) -> None:
    turns = (Message("system", "s"), Message("user", "q"), Message("assistant", "a"))
    dataset = check(raw(encode_line(named(name), Example(turns)), "a.jsonl"))
    assert [(turn.role, turn.text) for turn in dataset.rows[0].example.messages] == [(t.role, t.text) for t in turns]


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"contents": [{"role": "assistant", "parts": [{"text": "a"}]}]}, "contents[0].role"),
        ({"schemaVersion": "1", "messages": [{"role": "tool", "content": [{"text": "a"}]}]}, "messages[0].role"),
    ],
)
def test_a_broken_row_of_another_platform_is_named_in_its_own_format(jsonl: Write, row: Any, field: str) -> None:
    finding = check(jsonl([row])).findings[0]
    assert (finding.rule, finding.field) == ("role", field)


HISTORIES: list[Any] = [
    [["before", "then"]],
    [{"role": "user", "content": "before"}, {"role": "assistant", "content": "then"}],
    [{"from": "human", "value": "before"}, {"from": "gpt", "value": "then"}],
    json.dumps([["before", "then"]]),
]


@pytest.mark.parametrize("history", HISTORIES, ids=["pairs", "turns", "ShareGPT", "JSON in a cell"])
def test_earlier_turns_stand_between_system_prompt_and_question(jsonl: Write, history: Any) -> None:
    dataset = check(jsonl([{"instruction": "q", "output": "a", "system": "s", "history": history}]))
    assert [turn.text for turn in dataset.rows[0].example.messages] == ["s", "before", "then", "q", "a"]
    assert dataset.sources[0].columns["history"] == "history"


def test_a_history_column_is_named_or_left_out_by_naming_the_pair(jsonl: Write) -> None:
    path = jsonl([{"question": "q", "answer": "a", "history": "medieval", "past": [["before", "then"]]}])
    finding = check(path).findings[0]
    assert (finding.rule, finding.field) == ("history", "history")
    columns = Columns(input="question", output="answer")
    assert len(check(path, columns=columns).rows[0].example.messages) == 2
    assert len(check(path, columns=replace(columns, history="past")).rows[0].example.messages) == 4


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content", "thinking"])
def test_reasoning_is_kept_before_the_answer_and_announced(jsonl: Write, name: str) -> None:
    dataset = check(jsonl([{"question": "q", "answer": "a", name: "because"}]))
    assert dataset.rows[0].example.messages[1] == Message("assistant", "a", reasoning="because")
    assert "leave it out" in dataset.sources[0].notes[0]
    turn = {"role": "assistant", "content": "a", name: "because"}
    chat = check(jsonl([{"messages": [{"role": "user", "content": "q"}, turn]}]))
    assert chat.rows[0].example.messages[1].reasoning == "because"
    assert not [finding for finding in chat.findings if finding.rule == "unknown-key"]


def test_naming_the_pair_leaves_reasoning_out_unless_it_is_named(jsonl: Write) -> None:
    path = jsonl([{"question": "q", "answer": "a", "thinking": "because"}])
    columns = Columns(input="question", output="answer")
    assert check(path, columns=columns).rows[0].example.messages[1].reasoning is None
    assert check(path, columns=replace(columns, reasoning="thinking")).rows[0].example.messages[1].reasoning


TIMES: list[tuple[Any, float | None]] = [
    ("1970-01-02", 86400.0),
    ("1970-01-01T01:00:00+01:00", 0.0),
    ("1970-01-01 00:00:01 UTC", 1.0),
    ("1970/1/2", 86400.0),
    ("Thu, 01 Jan 1970 00:00:02 GMT", 2.0),
    ("1971", 31536000.0),
    ("1970-02", 2678400.0),
    (20000101, 946684800.0),
    (1763805600, 1763805600.0),
    (1763805600_000, 1763805600.0),
    ("1763805600000000", 1763805600.0),
    (1763805600_000_000_000, 1763805600.0),
    ("03/04/2026", None),
    ("yesterday", None),
    ("", None),
    (None, None),
    (True, None),
    (float("nan"), None),
    (10**400, None),
    (-99_000_000_000, None),
    ("9999-12-31T23:59:59-14:00", None),
]


@pytest.mark.parametrize(("value", "seconds"), TIMES, ids=repr)
def test_times_are_one_number_to_sort_by_and_ambiguous_ones_none(value: Any, seconds: float | None) -> None:
    assert seconds_of(value) == seconds


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59Z"])
def test_every_time_that_is_read_can_be_written(text: str) -> None:
    seconds = seconds_of(text)
    assert seconds is not None
    assert iso_of(seconds) == text


def test_a_row_without_a_time_that_can_be_read_is_named(jsonl: Write) -> None:
    data = [{"input": f"q{n}", "output": f"a{n}", "day": f"2026-01-{n + 10}"} for n in range(12)]
    data[4]["day"] = "03/04/2026"
    finding = check(jsonl(data), columns=Columns(time="day")).findings[0]
    assert (finding.rule, finding.row, finding.field) == ("bad-time", 5, "day")


@pytest.mark.parametrize("row", [{"prompt": "q", "completion": "a"}, {"messages": [*TURN_PAIR[0], *TURN_PAIR[1]]}])
def test_an_answer_marked_as_one_to_avoid_is_not_learnt(jsonl: Write, row: dict[str, Any]) -> None:
    found = check(jsonl([{**row, "label": True}, {**row, "label": False}])).findings
    assert [(finding.rule, finding.row) for finding in found if finding.row] == [("rejected-row", 2)]


def test_plain_texts_may_have_their_usual_company(jsonl: Write) -> None:
    source = check(jsonl(rows(text="words {n}", id="{n}", url="u{n}"))).sources[0]
    assert (source.shape, source.notes) == ("plain text", ("not used: id, url",))


def test_an_index_column_is_no_candidate_for_the_other_half(raw: Write) -> None:
    path = raw("Unnamed: 0,ticket,team\n" + "".join(f"{n},t{n},l{n}\n" for n in range(12)))
    assert load(path, columns=Columns(input="ticket")).sources[0].columns["output"] == "team"


@pytest.mark.parametrize("asked", ["instruction", "question"])
def test_preferences_may_name_their_prompt_in_other_ways(jsonl: Write, asked: str) -> None:
    example = check(jsonl([{asked: "q", "chosen": "good", "rejected": "bad"}])).rows[0].example
    assert example == Example(
        (Message("user", "q"), Message("assistant", "good")), rejected=(Message("assistant", "bad"),)
    )


def test_a_list_as_python_prints_it_is_said_to_be_one(raw: Write) -> None:
    finding = check(raw("id,messages\n1,\"[{'role': 'user'}]\"\n")).findings[0]
    assert "as Python prints it" in finding.message


def test_every_column_that_is_named_reaches_the_reader() -> None:
    named: dict[str, Any] = {
        "input": "a",
        "output": "b",
        "system": "c",
        "group": "d",
        "accept": "e",
        "history": "f",
        "time": "g",
    }
    columns = merge(Config(), Path("pairs.csv"), **named, reasoning="h").columns
    assert columns == Columns(**named, reasoning="h")
