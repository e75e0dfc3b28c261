"""Choosing a grader by the data or by name, and that no model output can crash or stall one."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.errors import UsageError
from orchestrator.evaluation.graders import choose, choosing, named

NAMES = [
    *("exact", "normalised", "contains", "number", "number:0.01", "number:1%", "json", "json:a,b.c", "f1"),
    *("regex", r"regex:(\d+)\s*$", "valid-json", "tools", "tools:names", "rouge-l", "chrf"),
]
FLOODS = ["1", "1,", "9.", "1e1", "{", '{"a":', "[1,", "`", "```json ", "#### ", " ", "(", "\ufdfa", "-$"]
texts = st.text() | st.text(alphabet='0159.,-−+$%eE{}[]":#`abn \\\n\u0660\ufeff')


@pytest.mark.parametrize(
    ("expected", "name"),
    [
        (["card_arrival", "lost card", "card_arrival"], "normalised"),
        (["3", "1,234.5", "$7"], "number"),
        (["2+1=3\n#### 3", "x\n#### 1,000"], "number"),
        (['{"a": 1}', "[1, 2]"], "json"),
        ([f"This is a long free answer about topic number {i} here" for i in range(9)], "f1"),
        (["us", "US", "us", "US"], "exact"),
        (["00501", "02139"], "normalised"),
        (["3", "three"], "normalised"),
        (["2024-01-05", "2023-11-30"], "normalised"),
        ([], "normalised"),
        (["", " "], "normalised"),
    ],
)
def test_the_data_choose_the_grader(expected: list[str], name: str) -> None:
    assert choose(expected).name == name


def test_a_few_slips_in_case_do_not_make_every_character_count() -> None:
    assert choose(["Billing"] * 60 + ["billing"] * 2 + ["Refund"] * 40).name == "normalised"


def test_the_reason_is_said() -> None:
    assert "2 expected answers are numbers" in choose(["1", "2"]).reason


@pytest.mark.parametrize("name", NAMES)
def test_a_graders_name_makes_the_same_grader_again(name: str) -> None:
    assert named(named(name).name) == named(name)
    assert named(name).name == name


def test_american_spelling_is_understood() -> None:
    assert named("Normalized").name == "normalised"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("exct", "did you mean 'exact'?"),
        ("qqq", "use one of: exact, normalised, contains, number, json, f1, regex"),
        ("exact:1", "use 'exact'"),
        ("number:x", "use number:0.01"),
        ("number:-1", "use number:0.01"),
        ("number:nan", "use number:0.01"),
        ("number:", "use number:0.01"),
        ("json:", "use json:field"),
        ("json:a,,b", "use json:field"),
        ("regex:", "use regex:PATTERN"),
        ("regex:(?=a)", "lookaround"),
        ("json-schema", "use json-schema:FILE.json"),
        ("tools:x", "use 'tools' or 'tools:names'"),
        ("rouge", "did you mean 'rouge-l'?"),
        ("judge-me", "did you mean 'judge'?"),
        ("nowhere.py:score", "--grader file.py:function"),
    ],
)
def test_a_wrong_name_is_refused_with_the_way_out(name: str, hint: str) -> None:
    with pytest.raises(UsageError) as refused:
        named(name)
    assert hint in refused.value.fix


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None)
@given(answer=texts, expected=texts, accept=st.lists(texts, max_size=2))
def test_any_text_gets_a_grade_between_0_and_1(name: str, answer: str, expected: str, accept: list[str]) -> None:
    grade = named(name).grade(answer, expected, accept)
    assert 0 <= grade.score <= 1
    assert grade.passed in (None, grade.score == 1)


@settings(deadline=None)
@given(st.lists(texts, max_size=8))
def test_any_expected_answers_get_a_grader(expected: list[str]) -> None:
    grader = choose(expected)
    assert grader.reason
    assert all(grader.grade(text, text).score == 1 for text in expected if text.strip())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "unit", ["1", "1,", "9.", "1e1", "{", '{"a":', "[1,", "`", "```json ", "#### ", " ", "(", "\ufdfa", "-$"]
)
def test_a_megabyte_of_anything_is_graded_in_bounded_time(name: str, unit: str) -> None:
    flood = unit * (1_000_000 // len(unit))
    start = time.process_time()
    named(name).grade(flood, "42")
    assert time.process_time() - start < 5


def test_the_page_names_every_grader() -> None:
    page = (Path(__file__).parents[2] / "docs" / "graders.md").read_text(encoding="utf-8")
    assert not [name for name in (*choosing._MAKERS, "json-schema", "judge", "pairwise") if f"`{name}" not in page]
