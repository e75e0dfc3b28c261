"""Word graders: what counts as the same answer, and what does not."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orchestrator.evaluation.graders import Contains, Exact, Normalised, TokenF1
from orchestrator.evaluation.graders.text import normalise


@settings(deadline=None)
@given(st.text())
@example("\u1e9e\u0345.")
@example("\u200b(\u00ad)")
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Card Arrival", "card arrival"),
        ("  card\n arrival ", "card arrival"),
        ("**card_arrival**.", "card_arrival"),
        ('"Yes!"', "yes"),
        ("ｃａｒｄ", "card"),
        ("Straße", "STRASSE"),
        ("e\u0301tat", "état"),
        ("car\u200bd", "card"),
        ("「はい」", "はい"),
    ],
)
def test_normalised_forgives_form(answer: str, expected: str) -> None:
    assert Normalised().grade(answer, expected).passed


@pytest.mark.parametrize(
    ("answer", "expected"),
    [("-5", "5"), ("C#", "C"), ("5%", "5"), ("a b", "ab"), ("The answer is yes", "yes"), ("?", "!"), ("", "yes")],
)
def test_normalised_keeps_what_means_something(answer: str, expected: str) -> None:
    assert not Normalised().grade(answer, expected).passed


@pytest.mark.parametrize(("answer", "passed"), [("US", True), (" US\n", True), ("us", False), ("US.", False)])
def test_exact_minds_every_character_but_outer_white_space(answer: str, passed: bool) -> None:
    assert Exact().grade(answer, "US").passed is passed


@pytest.mark.parametrize(
    ("answer", "passed"),
    [("The label is: Lost Card.", True), ("lost card", True), ("lost cards", False), ("card lost", False), ("", False)],
)
def test_contains_wants_whole_words_in_order(answer: str, passed: bool) -> None:
    assert Contains().grade(answer, "lost card").passed is passed


def test_a_later_whole_word_counts_after_a_partial_one() -> None:
    assert Contains().grade("cardinal card", "card").passed


def test_a_blank_reference_is_not_contained_in_everything() -> None:
    assert not Contains().grade("anything", "").passed


@pytest.mark.parametrize("grader", [Exact(), Normalised(), Contains()])
def test_any_accepted_answer_is_right(grader: Exact | Normalised | Contains) -> None:
    assert grader.grade("NYC", "New York", accept=("Big Apple", "NYC")).passed


def test_f1_counts_shared_words_and_passes_nothing() -> None:
    grade = TokenF1().grade("the cat sat", "The cat slept well.")
    assert grade.score == pytest.approx(2 * 2 / 7)
    assert grade.passed is None


def test_f1_takes_the_best_accepted_answer() -> None:
    assert TokenF1().grade("good morning", "hello there", accept=("Good morning!",)).score == 1


def test_an_endless_answer_is_wrong_and_noted() -> None:
    grade = Normalised().grade("yes " * 1_000_000, "yes")
    assert (grade.passed, grade.note) == (False, "the answer is far too long")
