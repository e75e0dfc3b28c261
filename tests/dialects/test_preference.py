"""Promises of the preference dialects: they read back what they wrote, and refuse what is no preference by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import Dialect
from providers.dialects import (
    OPENAI_CHAT,
    OPENAI_PREFERENCE,
    TEXT,
    TOGETHER_CONVERSATION,
    TOGETHER_INSTRUCTION,
    TOGETHER_PREFERENCE,
    BadLine,
    encode_line,
)
from providers.errors import InvalidData, Unsupported
from providers.records import Example, Message

BOTH: list[Dialect] = [OPENAI_PREFERENCE, TOGETHER_PREFERENCE]
DEMO = Path(__file__).parents[2] / "../shared/data/llamafactory_dpo/dpo_en_demo.openai_preference.jsonl"
USER, GOOD, BAD = Message("user", "a?"), Message("assistant", "b"), Message("assistant", "c")
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
answers = st.builds(Message, st.just("assistant"), text)
users = st.builds(Message, st.just("user"), text)
systems = st.builds(Message, st.just("system"), text)


@st.composite
def preferences(draw: st.DrawFn) -> Example:
    start = draw(st.lists(systems, max_size=1))
    rounds = draw(st.lists(st.tuples(users, answers), max_size=2))
    turns = [turn for pair in rounds for turn in pair]
    messages = (*start, *turns, draw(users), draw(answers))
    return Example(messages, draw(st.sampled_from([(), (TOOL,)])), rejected=(draw(answers),))


@given(preferences(), st.sampled_from(BOTH))
def test_a_preference_reads_back_what_it_wrote(example: Example, dialect: Dialect) -> None:
    assert dialect.decode(json.loads(encode_line(dialect, example))) == example


@pytest.mark.parametrize(
    ("example", "named"),
    [
        (Example((USER, GOOD)), "without a rejected answer"),
        (Example((USER, GOOD), rejected=(BAD, BAD)), "2 rejected"),
        (Example((USER, GOOD), rejected=(USER,)), "rejected"),
        (Example((USER,), rejected=(BAD,)), "prompt"),
        (Example((GOOD,), rejected=(BAD,)), "prompt"),
        (Example((USER, GOOD, GOOD), rejected=(BAD,)), "prompt"),
        (Example((USER, GOOD), rejected=(Message("assistant", None),)), "content"),
    ],
)
def test_what_is_no_preference_is_refused_by_name(example: Example, named: str) -> None:
    for dialect in BOTH:
        with pytest.raises(Unsupported, match=named):
            dialect.encode(example)


@pytest.mark.parametrize("dialect", [OPENAI_CHAT, TOGETHER_CONVERSATION, TOGETHER_INSTRUCTION, TEXT])
def test_supervised_formats_refuse_a_rejected_answer(dialect: Dialect) -> None:
    example = Example((GOOD,) if dialect is TEXT else (USER, GOOD), rejected=(BAD,))
    with pytest.raises(Unsupported, match="rejected answer"):
        dialect.encode(example)


def line(**changes: Any) -> dict[str, Any]:
    turn = {"role": "assistant", "content": "b"}
    given = {"messages": [{"role": "user", "content": "a"}]}
    return {"input": given, "preferred_output": [turn], "non_preferred_output": [turn], **changes}


BAD_LINES: list[tuple[dict[str, Any], str, str]] = [
    (line(input=None), "input", "shape"),
    (line(input={"messages": []}), "input", "shape"),
    (line(id=1), "id", "unknown"),
    (line(preferred_output=[]), "preferred_output", "preference"),
    (line(non_preferred_output=[{"role": "user", "content": "x"}]), "non_preferred_output", "preference"),
    (line(non_preferred_output=[{"role": "assistant", "content": 5}]), "non_preferred_output[0].content", "content"),
    (line(preferred_output=[{"role": "assistant", "content": 5}]), "preferred_output[0].content", "content"),
    (line(input={"messages": [{"role": "user", "content": 5}]}), "input.messages[0].content", "content"),
    (line(input={"messages": [{"role": "user", "content": "a"}], "tools": 1}), "input.tools", "tools"),
    (line(input={"messages": [{"role": "assistant", "content": "a"}]}), "input.messages", "preference"),
    ({"messages": []}, "input", "shape"),
]


@pytest.mark.parametrize(("bad", "field", "reason"), BAD_LINES, ids=[f"{n}-{c[1]}" for n, c in enumerate(BAD_LINES)])
def test_a_defect_is_named_by_its_place_in_the_preference_line(bad: dict[str, Any], field: str, reason: str) -> None:
    for dialect in BOTH:
        with pytest.raises(BadLine) as refused:
            dialect.decode(bad)
        assert (refused.value.field, refused.value.reason) == (field, reason)


json_values = st.recursive(
    st.none() | st.integers() | text | st.just("assistant"),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["messages", "role", "content"]), inner)
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(["input", "preferred_output", "non_preferred_output"]), json_values))
def test_any_object_is_decoded_or_refused_and_never_crashes(value: dict[str, Any]) -> None:
    for dialect in BOTH:
        try:
            example = dialect.decode(value)
        except InvalidData:
            continue
        assert dialect.decode(dict(dialect.encode(example))) == example


@pytest.mark.skipif(not DEMO.is_file(), reason="the shared data is not here")
def test_a_real_set_of_preferences_reads_back() -> None:
    for raw in DEMO.read_text(encoding="utf-8").splitlines():
        written = json.loads(raw)
        assert OPENAI_PREFERENCE.encode(OPENAI_PREFERENCE.decode(written)) == written
