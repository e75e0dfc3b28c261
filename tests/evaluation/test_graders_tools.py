"""Tool calls: the expected functions with the expected arguments, in any order, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.dataset.records import Row
from orchestrator.evaluation.graders import Grade, choose_for, grade_answer, named
from orchestrator.evaluation.questions import Answer, questions
from orchestrator.ledger.codec import dump, load
from providers.records import Example, Message


def call(name: str, arguments: Any) -> dict[str, Any]:
    spelt = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"id": "c", "type": "function", "function": {"name": name, "arguments": spelt}}


def example(*calls: dict[str, Any], text: str = "") -> Example:
    return Example((Message("user", "weather?"), Message("assistant", text or None, tool_calls=calls)))


def grade(wanted: Example, *calls: dict[str, Any], grader: str = "tools", text: str = "") -> Grade:
    (question,) = questions([Row(number=1, file="f", example=wanted)])
    return grade_answer(named(grader), question, Answer(text=text, tool_calls=calls), "tuned")


BERLIN, BOTH = call("weather", {"city": "Berlin", "days": 3}), ("weather", "time")


@pytest.mark.parametrize(
    ("given", "passed", "score", "note"),
    [
        ([call("weather", '{"days": 3.0, "city": "berlin "}')], True, 1.0, ""),
        ([call("weather", {"city": "Berlin"})], False, 2 / 3, "weather: wrong days"),
        ([call("weather", {"city": "Berlin", "days": 3, "unit": "C"})], False, 3 / 4, "weather: wrong unit"),
        ([call("wether", {"city": "Berlin", "days": 3})], False, 0.0, "weather was not called"),
        ([call("weather", "{not json")], False, 1 / 4, "weather: the arguments are no JSON object"),
        ([BERLIN, BERLIN], False, 0.5, "called weather, which was not expected"),
        ([], False, 0.0, "no tool was called"),
    ],
)
def test_calls_are_compared_by_name_and_argument(given: list[Any], passed: bool, score: float, note: str) -> None:
    found = grade(example(BERLIN), *given)
    assert (found.passed, found.score) == (passed, pytest.approx(score))
    assert note in found.note


def test_the_order_of_calls_does_not_matter() -> None:
    one, other = call("weather", {"city": "Rome"}), call("weather", {"city": "Oslo"})
    assert grade(example(one, other), other, one).passed


def test_names_alone_can_be_compared() -> None:
    assert grade(example(BERLIN), call("weather", {"city": "Rome"}), grader="tools:names").passed


def test_a_call_written_out_in_words_is_none() -> None:
    assert not grade(example(BERLIN), text=json.dumps({"tool_calls": [BERLIN]})).passed


def test_where_no_call_is_expected_none_may_be_made() -> None:
    assert grade(example(text="It is sunny."), text="Sunny!").passed
    assert "no call was expected" in grade(example(text="It is sunny."), BERLIN).note


@pytest.mark.parametrize(
    "odd", [{}, {"function": None}, {"function": {"name": 3, "arguments": [1]}}, {"function": {"arguments": None}}]
)
def test_a_malformed_call_is_graded_and_never_raises(odd: dict[str, Any]) -> None:
    assert not grade(example(BERLIN), odd).passed


def test_a_thousand_calls_are_graded_in_bounded_time() -> None:
    assert grade(example(BERLIN), *[BERLIN] * 1_000).score < 0.01


def test_examples_that_call_tools_choose_the_grader_and_say_so() -> None:
    grader = choose_for([example(BERLIN), example(text="It is sunny.")])
    assert grader.name == "tools"
    assert "1 of 2 expected answers call tools" in grader.reason


def test_calls_survive_the_ledger() -> None:
    answer = Answer(text="", tool_calls=(BERLIN,))
    assert load(Answer, dump(answer)) == answer
