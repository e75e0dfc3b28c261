"""The number grader: which number in a text counts, and how near is near enough."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.evaluation.graders import named
from orchestrator.evaluation.graders.number import final_number, is_number


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1,234.5", "1234.5"),
        ("$1,200", "1200"),
        ("-$5", "-5"),
        ("$-5", "-5"),
        ("−3", "-3"),
        (".5", "0.5"),
        ("6.02e23", "6.02e23"),
        ("It costs $42.", "42"),
        ("First 3, then 4, so 7", "7"),
        ("12/4 = 3\n#### 3\n(checked 2 ways)", "3"),
        (r"so \boxed{3.5}, QED 1", "3.5"),
        ("답은42원", "42"),
        ("٣", "3"),
        ("**1,000,000**", "1000000"),
        ("- 42", "42"),
        ("GPT4 says 8", "8"),
    ],
)
def test_the_final_number_of_a_text(text: str, value: str) -> None:
    found = final_number(text)
    assert found is not None
    assert found.value == Decimal(value)


@pytest.mark.parametrize("text", ["", "no number", "v2", "#### none", "1" * 500])
def test_a_text_without_a_number_has_none(text: str) -> None:
    assert final_number(text) is None


@settings(deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=4))
def test_numbers_with_thousands_separators_are_read_back(value: Decimal) -> None:
    found = final_number(f"The answer is ${value:,}.")
    assert found is not None
    assert found.value == value


@pytest.mark.parametrize(
    ("name", "answer", "passed"),
    [
        ("number", "10", True),
        ("number", "10.0", True),
        ("number", "9.999999999999", True),
        ("number", "10.01", False),
        ("number:0.01", "10.01", True),
        ("number:0.01", "10.0101", False),
        ("number:1%", "10.1", True),
        ("number:1%", "9.9", True),
        ("number:1%", "10.11", False),
    ],
)
def test_tolerance_on_both_sides_of_its_line(name: str, answer: str, passed: bool) -> None:
    assert named(name).grade(answer, "10").passed is passed


@pytest.mark.parametrize(
    ("answer", "expected", "passed"),
    [("12%", "12", True), ("0.12", "12%", True), ("12%", "0.12", True), ("12 %", "12%", True), ("0.12", "12", False)],
)
def test_per_cent_means_either_number(answer: str, expected: str, passed: bool) -> None:
    assert named("number").grade(answer, expected).passed is passed


def test_large_whole_numbers_are_not_rounded_together() -> None:
    assert not named("number").grade("12345678901234567891", "12345678901234567890").passed


def test_a_worked_solution_as_reference_counts_by_its_final_number() -> None:
    assert named("number").grade("I get 1,080.", "9*120 = <<9*120=1080>>1080\n#### 1080").passed


def test_another_accepted_number_is_right() -> None:
    assert named("number").grade("7", "6", accept=("7",)).passed


def test_an_answer_without_a_number_is_wrong_and_noted() -> None:
    grade = named("number").grade("I cannot tell", "3")
    assert (grade.score, grade.passed, grade.note) == (0, False, "no number in the answer")


def test_a_reference_without_a_number_is_compared_as_words() -> None:
    assert named("number").grade("Unknown.", "unknown").passed


@pytest.mark.parametrize(
    ("text", "answer"), [("42", True), ("$1,200.50", True), ("12%", True), ("007", False), ("3/4", False), ("", False)]
)
def test_what_is_wholly_a_number(text: str, answer: bool) -> None:
    assert is_number(text) is answer
