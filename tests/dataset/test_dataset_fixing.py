"""Safe fixes: each mends what it says and nothing else, a good row is the same object, and twice is once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.dataset.fix_records import Fixed, FixedRow
from orchestrator.dataset.fixing import FIXES, fix, fix_row
from providers.dialects import parse_conversation
from providers.records import Example, Message


def _example(prompt: str, answer: str = "a longer answer, of\nmore than one line") -> Example:
    return Example((Message("user", prompt), Message("assistant", answer)))


def _mended(prompt: str) -> str:
    return fix(_example(prompt))[0].messages[0].text


def _calling(arguments: str) -> Example:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": arguments}}
    return Example((Message("user", "go"), Message("assistant", None, (call,))))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("two\r\nlines", "two\nlines"),
        ("two\r\r\nlines", "two\nlines"),
        ("\ufeffmarked", "marked"),
        ("padded\0\0", "padded"),
        ("\u200bspaceless\u2060", "spaceless"),
        ("cafe\u0301", "café"),
        ("itâ€™s Ã©tÃ©", "it’s été"),
        ("Ð¿Ñ€Ð¸Ð²ÐµÑ‚", "привет"),
        ("â€œquotedâ€\x9d", "“quoted”"),
        ("ÃƒÂ©", "é"),
        ("ï»¿first", "first"),
    ],
)
def test_a_text_is_mended(before: str, after: str) -> None:
    assert _mended(before) == after


@pytest.mark.parametrize(
    "text",
    [
        "PÃO DE AÇÚCAR",
        "The string 'Ã©' is mojibake of é",
        "a\rb",
        "one  \ntwo",
        "می\u200cخواهم\u200c",
        "👩\u200d🚀",
        "in\0side",
        "in\ufeffside",
        "“good”",
        "\ud800",
        "lost \ufffd sign",
        "  indented",
        "THE CAFÉ’S MENU",
    ],
)
def test_a_text_that_may_mean_something_stays(text: str) -> None:
    example = _example(text)
    assert fix(example)[0] is example


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (" refund", "refund"),
        ("refund \t", "refund"),
        ("    return x ", "    return x"),
        ("\n", "\n"),
        ("a\nb ", "a\nb "),
    ],
)
def test_a_short_answer_loses_its_outer_blanks_but_no_indent(before: str, after: str) -> None:
    assert fix(_example("q", before))[0].answer == after


def test_arguments_encoded_twice_are_written_once() -> None:
    example, (fixed,) = fix(_calling(json.dumps(json.dumps('{"a": "b"}'))))
    assert example.messages[1].tool_calls[0]["function"]["arguments"] == '{"a": "b"}'
    assert (fixed.rule, fixed.field) == ("double-encoded", "messages[1].tool_calls[0].function.arguments")


@pytest.mark.parametrize("arguments", ['{"a": 1}', '"text"', "[1]", "not json", "", '"[1]"', '{"a": "{}"}'])
def test_other_arguments_stay(arguments: str) -> None:
    example = _calling(arguments)
    assert fix(example)[0] is example


def test_parts_reasoning_and_rejected_answers_are_mended_too() -> None:
    parts = ({"type": "text", "text": "a\r\nb"}, {"type": "image_url", "image_url": {"url": "https://x"}})
    said = Message("assistant", "fine\nhere", reasoning="so\r\nso")
    example = Example((Message("user", parts), said), rejected=(Message("assistant", "bad\r\none"),))
    mended, fixed = fix(example)
    assert [one.field for one in fixed] == ["messages[0].content[0].text", "messages[1].reasoning", "rejected.content"]
    assert mended.messages[0].content == ({"type": "text", "text": "a\nb"}, parts[1])


def test_a_fix_shows_little_around_the_change_and_writes_out_what_is_unseen() -> None:
    _, (fixed,) = fix(_example("a secret word\r\nand another secret word"))
    assert fixed == Fixed(
        "line-ends", "messages[0].content", "…ret word\\r\\nand another se…", "…ret word\\nand another sec…"
    )


_TEXT = st.text(st.sampled_from("ab é\u0301\r\n\0\ufeff\u200bÃ©â€™Â ï»¿\ud800İ中👩\u0958")) | st.text()
_ROUGH = st.builds(lambda text: text.encode("utf-8", "replace").decode("latin-1"), _TEXT)
_ANY = _TEXT | _ROUGH | _ROUGH.map(lambda text: text.encode("utf-8", "replace").decode("latin-1"))


@given(_ANY, _ANY, st.lists(_ANY, max_size=2))
def test_mending_an_example_twice_is_mending_it_once(prompt: str, answer: str, calls: list[str]) -> None:
    made = tuple({"function": {"name": "f", "arguments": text}} for text in calls)
    once, _ = fix(Example((Message("user", prompt), Message("assistant", answer, made))))
    again, nothing = fix(once)
    assert again is once
    assert nothing == ()


@given(_ANY)
def test_something_is_listed_exactly_when_something_is_changed(text: str) -> None:
    example = _example(text)
    mended, fixed = fix(example)
    assert (mended is example) == (mended == example) == (not fixed)


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_a_misread_text_comes_back_or_stays(text: str) -> None:
    misread = text.encode().decode("latin-1")
    assert _mended(misread) in (_mended(text), _mended(misread))


# ── fields, before they are an example ──


def _row(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"messages": list(messages), **more}


_ASKED = {"role": "user", "content": "go"}
_FUNCTION = {"name": "f", "parameters": {"type": "object"}}
_OLD_CALL = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}
_OLD_ANSWER = {"role": "function", "name": "f", "content": "done"}
_SAID = {"role": "assistant", "content": "ok"}


@pytest.mark.parametrize(("given_", "meant"), [(True, 1), (False, 0), (1.0, 1), (0.0, 0)])
def test_a_weight_in_other_words_becomes_a_number(given_: object, meant: int) -> None:
    fields, (fixed,) = fix_row(_row(_ASKED, {**_SAID, "weight": given_}))
    assert fields["messages"][1]["weight"] == meant
    assert type(fields["messages"][1]["weight"]) is int
    assert fixed.rule == "weight"


@pytest.mark.parametrize("weight", [0, 1, 2, 0.5, "1", None, 2.0])
def test_any_other_weight_stays(weight: object) -> None:
    row = _row(_ASKED, {**_SAID, "weight": weight})
    assert fix_row(row) == (row, ())


def test_a_role_in_capitals_is_the_role() -> None:
    fields, _ = fix_row(_row({**_ASKED, "role": "User "}, {**_SAID, "role": "ASSISTANT"}))
    assert [message["role"] for message in fields["messages"]] == ["user", "assistant"]


def test_arguments_given_as_objects_become_their_text() -> None:
    calls = [{"id": str(n), "function": {"name": "f", "arguments": {"n": n}}} for n in range(2)]
    fields, fixed = fix_row(_row(_ASKED, {"role": "assistant", "tool_calls": calls}))
    made = fields["messages"][1]["tool_calls"]
    assert [call["function"]["arguments"] for call in made] == ['{"n": 0}', '{"n": 1}']
    assert len(fixed) == 2


def test_an_answered_function_call_becomes_a_tool_call() -> None:
    fields, fixed = fix_row(_row(_ASKED, _OLD_CALL, _OLD_ANSWER, _SAID, functions=[_FUNCTION]))
    example = parse_conversation(fields)
    assert example.messages[1].tool_calls[0]["id"] == example.messages[2].tool_call_id == "call_1"
    assert example.tools == ({"type": "function", "function": _FUNCTION},)
    assert {one.rule for one in fixed} == {"deprecated-call"}


def test_a_function_call_at_the_end_is_the_answer_to_learn() -> None:
    fields, _ = fix_row(_row(_ASKED, _OLD_CALL, functions=[_FUNCTION]))
    assert parse_conversation(fields).messages[1].tool_calls[0]["function"] == _OLD_CALL["function_call"]


@pytest.mark.parametrize(
    "row",
    [
        _row(_ASKED, _OLD_CALL, _SAID),
        _row(_ASKED, _OLD_ANSWER, _SAID),
        _row(_ASKED, _OLD_CALL, {**_OLD_ANSWER, "name": "g"}, _SAID),
        _row(_ASKED, _OLD_CALL, _OLD_ANSWER, {"role": "assistant", "tool_calls": [{"id": "1"}]}),
        _row({**_OLD_CALL, "role": "user"}),
        _row(_ASKED, {**_OLD_CALL, "function_call": "auto"}),
        _row(_ASKED, _SAID, functions=[_FUNCTION], tools=[_FUNCTION]),
        _row(_ASKED, _SAID, functions="f"),
    ],
)
def test_an_older_form_that_is_not_certain_stays(row: dict[str, Any]) -> None:
    mended, fixed = fix_row(row)
    assert mended is row
    assert fixed == ()


_MESSAGES = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "Assistant", "function", "tool", " FUNCTION", "assistant"])},
    optional={
        "content": st.none() | st.just("x"),
        "name": st.sampled_from(["f", "g"]),
        "weight": st.sampled_from([True, 1.0, 0.5, None]),
        "function_call": st.sampled_from([None, {"name": "f", "arguments": "{}"}, {"name": "f", "arguments": {}}]),
        "tool_calls": st.just([{"id": "1", "function": {"name": "f", "arguments": {}}}]),
    },
)


@given(st.lists(_MESSAGES, max_size=5), st.sampled_from([None, [_FUNCTION]]))
def test_mending_fields_twice_is_mending_them_once(messages: list[dict[str, Any]], functions: Any) -> None:
    once, _ = fix_row({"messages": messages, "functions": functions})
    again, nothing = fix_row(once)
    assert again is once
    assert nothing == ()


@pytest.mark.parametrize(
    "fields", [{}, {"input": "a"}, {"messages": "text"}, {"messages": [1, None]}, {"messages": []}]
)
def test_fields_that_are_no_chat_stay(fields: dict[str, Any]) -> None:
    assert fix_row(fields)[0] is fields


def test_every_fix_says_what_it_does() -> None:
    assert all(text.endswith(".") for text in FIXES.values())


def test_a_fixed_row_is_plain_json() -> None:
    row = FixedRow(3, "pairs.jsonl", Fixed("nul", "messages[0].content", "a\\u0000", "a"))
    assert row.to_json()["rule"] == "nul"
    assert set(row.to_json()) == {"row", "file", "rule", "field", "before", "after"}
