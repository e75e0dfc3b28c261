"""Graders of form: patterns, JSON validity and schemas, and that no answer can hold them up or call out."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import UsageError
from orchestrator.evaluation.graders import Grader, named

CLOSED = {"type": "object", "patternProperties": {"^x_": {"type": "integer"}}, "additionalProperties": False}


def schema(tmp_path: Path, **told: Any) -> Grader:
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(told))
    return named(f"json-schema:{path}")


@pytest.mark.parametrize(
    ("name", "answer", "expected", "right"),
    [
        (r"regex:\b[A-Z]{2}\d{4}\b", "see AB1234.", "anything", True),
        (r"regex:\b[A-Z]{2}\d{4}\b", "see AB123.", "anything", False),
        (r"regex:(?i)answer:\s*(\w+)", "Answer: no. ANSWER: Yes", "yes", True),
        (r"regex:(?i)answer:\s*(\w+)", "Answer: yes. Answer: no", "yes", False),
        ("regex", "it is 42 °C", r"\d+ ?°C", True),
        ("regex", "it is warm", r"\d+ ?°C", False),
        ("regex", "anything", "(", False),
    ],
)
def test_a_pattern_is_found_or_what_it_caught_is_compared(name: str, answer: str, expected: str, right: bool) -> None:
    assert named(name).grade(answer, expected).passed is right


def test_further_accepted_answers_count_for_what_a_pattern_caught() -> None:
    assert named(r"regex:(\w+)$").grade("so: tak", "yes", ["tak"]).passed


@pytest.mark.parametrize("expression", ["(a+)+$", "(a|aa)+$", "(a|a?)+$", "^(.*?,){25}P"])
def test_a_catastrophic_pattern_is_bounded(expression: str) -> None:
    start = time.process_time()
    named(f"regex:{expression}").grade("a" * 100_000 + "!", "x")
    named("regex").grade("a" * 100_000 + "!", expression)
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("answer", "right", "note"),
    [
        ('{"a": [1, null]}', True, ""),
        ("3", True, ""),
        ('```json\n{"a": 1}\n```', True, "a code fence around the JSON"),
        ('Sure! {"a": 1}', False, "words around the JSON"),
        ('{"a": 1,}', False, "the answer is no JSON"),
        ("", False, "the answer is no JSON"),
    ],
)
def test_valid_json_is_the_whole_answer(answer: str, right: bool, note: str) -> None:
    grade = named("valid-json").grade(answer, "whatever")
    assert (grade.passed, grade.note) == (right, note)


def test_a_schema_says_what_does_not_fit_and_where(tmp_path: Path) -> None:
    grader = schema(tmp_path, type="object", properties={"sum": {"type": "number"}}, required=["sum"])
    assert grader.grade('{"sum": 3}', "").passed
    assert grader.grade('{"sum": "3"}', "").note == "sum: '3' is not of type 'number'"
    assert grader.grade("{}", "").note == "the answer: 'sum' is a required property"


@pytest.mark.parametrize(
    ("answer", "right"), [('{"x_a": 1}', True), ('{"x_a": "1"}', False), ('{"y": 1}', False), ("{}", True)]
)
def test_properties_by_pattern_are_closed(tmp_path: Path, answer: str, right: bool) -> None:
    assert schema(tmp_path, **CLOSED).grade(answer, "").passed is right


def test_an_item_that_stands_there_twice_is_seen_among_thousands_of_mixed_ones_in_bounded_time(tmp_path: Path) -> None:
    grader, start = schema(tmp_path, uniqueItems=True), time.process_time()
    mixed = [item for n in range(2_000) for item in (n, str(n), {"n": n})]
    assert grader.grade(json.dumps(mixed), "").passed
    assert not grader.grade(json.dumps([*mixed, 0.0]), "").passed
    assert time.process_time() - start < 5


def test_a_schema_that_refers_to_itself_is_bounded(tmp_path: Path) -> None:
    grader = schema(tmp_path, properties={"a": {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}}, not_there=1, maxProperties=1)
    deep, start = '{"a": ' * 60 + '{"a": 1, "b": 2}' + "}" * 60, time.process_time()
    assert not grader.grade(deep, "").passed
    assert time.process_time() - start < 5


def test_a_schema_fetches_nothing(tmp_path: Path) -> None:
    grade = schema(tmp_path, **{"$ref": "http://192.0.2.1/schema.json"}).grade("{}", "")
    assert not grade.passed
    assert "refers to what it does not hold" in grade.note


@pytest.mark.parametrize(
    "told", [{"type": "objekt"}, {"pattern": "(?=a)"}, {"patternProperties": {"a": {}}, "unevaluatedProperties": False}]
)
def test_an_unusable_schema_is_refused_before_anybody_is_asked(tmp_path: Path, told: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        schema(tmp_path, **told)


def test_another_schema_under_the_same_name_is_another_grader(tmp_path: Path) -> None:
    first = schema(tmp_path, type="object")
    assert first.name == "json-schema:schema.json"
    assert first != schema(tmp_path, type="array")
