"""The JSON grader: fields right, fields wrong, fields too many, and JSON wrapped in chatter."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.evaluation.graders import named

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@settings(deadline=None)
@given(values)
def test_every_json_value_equals_itself_however_it_is_printed(value: object) -> None:
    grade = named("json").grade(json.dumps(value, indent=3), json.dumps(value))
    assert (grade.score, grade.passed) == (1, True)


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        ('{"a": 1, "b": "x"}', 1),
        ('{"b": "X ", "a": 1.0}', 1),
        ('{"a": 1, "b": "y"}', 1 / 2),
        ('{"a": 1}', 1 / 2),
        ('{"a": 1, "b": "x", "c": null}', 2 / 3),
        ('{"a": "1", "b": "x"}', 1 / 2),
        ('{"a": true, "b": "x"}', 1 / 2),
        ("[]", 0),
    ],
)
def test_score_is_the_share_of_fields_that_are_right(answer: str, score: float) -> None:
    assert named("json").grade(answer, '{"a": 1, "b": "x"}').score == pytest.approx(score)


def test_nested_fields_are_named_where_they_are_wrong() -> None:
    grade = named("json").grade('{"o": {"n": [1, 3]}}', '{"o": {"n": [1, 2]}}')
    assert (grade.score, grade.passed, grade.note) == (0.5, False, "wrong: o.n.1")


@pytest.mark.parametrize("answer", ['```json\n{"a": 1}\n```', 'Sure! {"a": 1} Hope that helps.', '[x] {"a": 1}'])
def test_text_around_the_json_is_forgiven_and_noted(answer: str) -> None:
    grade = named("json").grade(answer, '{"a": 1}')
    assert (grade.passed, grade.note) == (True, "text around the JSON")


def test_named_fields_alone_decide() -> None:
    assert named("json:a").grade('{"a": {"x": 1}, "b": 2}', '{"a": {"x": 1}, "b": 3}').passed


def test_a_field_that_is_in_neither_text_is_not_right() -> None:
    assert not named("json:zzz").grade('{"a": 1}', '{"a": 1}').passed


def test_another_accepted_object_is_right() -> None:
    assert named("json").grade('{"a": 2}', '{"a": 1}', accept=('{"a": 2}',)).passed


@pytest.mark.parametrize("answer", ["", "no", "{", '{"a": 1', "[" * 100_000, '{"a":' * 50_000, "9" * 5000])
def test_an_answer_that_is_no_json_is_wrong(answer: str) -> None:
    assert named("json").grade(answer, '{"a": 1}').passed is False


def test_a_whole_number_beyond_floats_is_compared_without_a_crash() -> None:
    assert not named("json").grade('{"a": 1' + "0" * 400 + "}", '{"a": 1.5}').passed


def test_a_reference_that_is_no_json_is_compared_as_words() -> None:
    assert named("json").grade("None.", "none").passed
