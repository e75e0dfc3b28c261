"""Graders for free text by the libraries that papers cite: ROUGE-L (rouge-score) and chrF (sacrebleu), both an extra.

They pass nothing: only the mean score means anything. Texts are cut, for both are untrusted in length.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, Literal

from ...errors import MissingExtra
from .grade import Grade, best

__all__ = ["ChrF", "RougeL", "chrf", "rouge_l"]

_MOST_WORDS = 2_000
"""ROUGE-L compares every word with every word: 2,000 by 2,000 take about a second."""

_MOST_CHARS = 20_000
_WORD = re.compile(r"[^\W_]++")


@dataclass(frozen=True, slots=True)
class RougeL:
    """Score: F-measure of the longest common subsequence of words. Source: Lin 2004, as rouge-score computes it.

    Without stemming, and with letters of every script: rouge-score's own words are a to z alone, by which a text in
    Japanese scores 0 against itself. On ASCII the two agree.
    """

    reason: str = ""
    name: str = "rouge-l"
    measure: Literal["binary", "score"] = "score"

    def grade(self, answer: str, expected: str, accept: Sequence[str] = ()) -> Grade:
        """See `Grader`. Only the first 2,000 words of each text are compared."""
        given, note = _first_words(answer)
        return best(lambda right: Grade(_rouge(given, _first_words(right)[0]), None, note), expected, accept)


@dataclass(frozen=True, slots=True)
class ChrF:
    """Score: chrF2, overlap of character n-grams up to 6, recall weighted twice. Source: Popović 2015, as sacrebleu
    computes it for one sentence, over 100."""

    reason: str = ""
    name: str = "chrf"
    measure: Literal["binary", "score"] = "score"

    def grade(self, answer: str, expected: str, accept: Sequence[str] = ()) -> Grade:
        """See `Grader`. Only the first 20,000 characters of each text are compared."""
        given, note = answer[:_MOST_CHARS], "cut to 20,000 characters" if len(answer) > _MOST_CHARS else ""
        return best(lambda right: Grade(_chrf(given, right[:_MOST_CHARS]), None, note), expected, accept)


def rouge_l(reason: str) -> RougeL:
    """Raises `MissingExtra` without rouge-score."""
    _scorer()
    return RougeL(reason)


def chrf(reason: str) -> ChrF:
    """Raises `MissingExtra` without sacrebleu."""
    _sentence_chrf()
    return ChrF(reason)


class _Words:
    """What rouge-score asks of a tokenizer."""

    def tokenize(self, text: str) -> list[str]:
        return _WORD.findall(text.lower())


def _first_words(text: str) -> tuple[str, str]:
    words = text[: _MOST_WORDS * 50].split()
    if len(words) <= _MOST_WORDS and len(text) <= _MOST_WORDS * 50:
        return text, ""
    return " ".join(words[:_MOST_WORDS]), "cut to 2,000 words"


def _rouge(given: str, right: str) -> float:
    if given.strip() == right.strip():
        return 1.0
    return _bounded(_scorer().score(right, given)["rougeL"].fmeasure)


def _chrf(given: str, right: str) -> float:
    if given.strip() == right.strip():
        return 1.0
    return _bounded(_sentence_chrf()(given, [right]).score / 100)


def _bounded(score: float) -> float:
    return min(1.0, max(0.0, float(score)))


@cache
def _scorer() -> Any:
    module = _needed("rouge_score.rouge_scorer", "rouge-l", "rouge-score")
    return module.RougeScorer(["rougeL"], tokenizer=_Words())


@cache
def _sentence_chrf() -> Callable[..., Any]:
    found: Callable[..., Any] = _needed("sacrebleu", "chrf", "sacrebleu").sentence_chrf
    return found


def _needed(module: str, grader: str, package: str) -> Any:
    try:
        return import_module(module)
    except ImportError:
        raise MissingExtra(
            f"the grader {grader} needs {package}, which is not installed",
            where="grader",
            fix="pip install 'tunewright[graders]'",
        ) from None
