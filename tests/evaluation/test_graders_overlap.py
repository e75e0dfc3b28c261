"""ROUGE-L and chrF: the figures of the libraries that papers cite, for every script, in bounded time."""

from __future__ import annotations

import sys
import time

import pytest

from orchestrator.errors import MissingExtra
from orchestrator.evaluation.graders import named, overlap

GIVEN, RIGHT = "the police killed the gunman", "police kill the gunman"


def test_rouge_l_agrees_with_rouge_score_on_ascii() -> None:
    scorer = pytest.importorskip("rouge_score.rouge_scorer").RougeScorer(["rougeL"])
    for given, right in ((GIVEN, RIGHT), ("A_b c-d, E!", "a b c d f"), ("x", "y")):
        assert named("rouge-l").grade(given, right).score == scorer.score(right, given)["rougeL"].fmeasure


def test_rouge_l_of_a_published_example() -> None:
    """Lin 2004, section 3.2: police kill the gunman / police killed the gunman: 3 of 4 words in order."""
    assert named("rouge-l").grade("police killed the gunman", RIGHT).score == pytest.approx(0.75)


def test_chrf_agrees_with_sacrebleu() -> None:
    sentence_chrf = pytest.importorskip("sacrebleu").sentence_chrf
    assert named("chrf").grade(GIVEN, RIGHT).score == pytest.approx(sentence_chrf(GIVEN, [RIGHT]).score / 100)


@pytest.mark.parametrize("name", ["rouge-l", "chrf"])
@pytest.mark.parametrize("text", ["日本語のテスト", "Füße über Öl", "привет мир", "a", ""])
def test_a_text_of_any_script_scores_1_against_itself(name: str, text: str) -> None:
    assert named(name).grade(text, f"{text} ").score == 1


@pytest.mark.parametrize("name", ["rouge-l", "chrf"])
def test_the_best_of_several_accepted_answers_counts(name: str) -> None:
    grade = named(name).grade(GIVEN, "nothing alike", [GIVEN])
    assert (grade.score, grade.passed) == (1, None)


@pytest.mark.parametrize("name", ["rouge-l", "chrf"])
def test_two_endless_texts_are_cut_and_it_is_said(name: str) -> None:
    start = time.process_time()
    grade = named(name).grade("a b c d e " * 50_000, "e d c b a " * 50_000)
    assert "cut to" in grade.note
    assert time.process_time() - start < 8


def test_without_the_library_the_way_to_get_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sacrebleu", None)
    overlap._sentence_chrf.cache_clear()
    with pytest.raises(MissingExtra) as refused:
        named("chrf")
    assert refused.value.fix == "pip install 'tunewright[graders]'"
