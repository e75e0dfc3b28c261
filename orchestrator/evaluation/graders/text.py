"""Graders that compare words: exact, normalised, contains, token F1."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .grade import Grade, best, cut

__all__ = ["Contains", "Exact", "Normalised", "TokenF1", "normalise", "words"]

# Not all punctuation: "-5", "5%", "C#" and "@user" mean something else without it.
_OUTER = "\"'`´.,:;!?…*_~()[]{}<>«»‹›“”„‟‘’‚‛、。「」『』【】《》〈〉·¡¿"
_LETTERS = {"L", "M", "N"}
_WORD = re.compile(r"\w++")


def normalise(text: str) -> str:
    """Unicode NFKC, case folded, invisible characters out, white space to single blanks, outer punctuation off.

    Text that is nothing but punctuation keeps it. Applying it twice changes nothing.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    plain = "".join(" " if char.isspace() else char for char in folded if unicodedata.category(char) not in _UNSEEN)
    joined = " ".join(unicodedata.normalize("NFKC", plain).split())
    return joined.strip(_OUTER + " ") or joined


_UNSEEN = {"Cf", "Cs", "Co", "Cn"}


def words(text: str) -> list[str]:
    """The normalised text's words, as runs of letters, digits and underscores."""
    return _WORD.findall(normalise(text))


def _verdict(right: bool, note: str = "") -> Grade:
    return Grade(1.0 if right else 0.0, right, note)


@dataclass(frozen=True, slots=True)
class Exact:
    """Right when the characters are the same, white space around them aside."""

    reason: str = ""
    name: str = "exact"
    measure: Literal["binary", "score"] = "binary"

    def grade(self, answer: str, expected: str, accept: Sequence[str] = ()) -> Grade:
        """See `Grader`."""
        given = answer.strip()
        return best(lambda right: _verdict(given == right.strip()), expected, accept)


@dataclass(frozen=True, slots=True)
class Normalised:
    """Right when the texts are equal after `normalise`."""

    reason: str = ""
    name: str = "normalised"
    measure: Literal["binary", "score"] = "binary"

    def grade(self, answer: str, expected: str, accept: Sequence[str] = ()) -> Grade:
        """See `Grader`. An answer far longer than the expected one is wrong, whatever it says."""
        if len(answer) > _limit(expected, accept):
            return _verdict(False, "the answer is far too long")
        given = normalise(answer)
        return best(lambda right: _verdict(given == normalise(right)), expected, accept)


@dataclass(frozen=True, slots=True)
class Contains:
    """Right when the expected words stand in the answer, in order and as whole words, after `normalise`."""

    reason: str = ""
    name: str = "contains"
    measure: Literal["binary", "score"] = "binary"

    def grade(self, answer: str, expected: str, accept: Sequence[str] = ()) -> Grade:
        """See `Grader`. A blank expected answer is contained only in a blank one."""
        given = normalise(cut(answer))
        return best(lambda right: _verdict(_holds(given, normalise(right))), expected, accept)


@dataclass(frozen=True, slots=True)
class TokenF1:
    """Score: overlap of the words of answer and expected, 2·shared / (words in both). For free text; passes nothing.

    Word order is ignored. Source: the F1 of SQuAD (Rajpurkar et al. 2016), here keeping articles.
    """

    reason: str = ""
    name: str = "f1"
    measure: Literal["binary", "score"] = "score"

    def grade(self, answer: str, expected: str, accept: Sequence[str] = ()) -> Grade:
        """See `Grader`. Where neither text has a word, equal texts score 1."""
        given = Counter(words(cut(answer)))
        return best(lambda right: _overlap(given, Counter(words(cut(right))), answer, right), expected, accept)


def _overlap(given: Counter[str], right: Counter[str], answer: str, expected: str) -> Grade:
    total = given.total() + right.total()
    if total == 0:
        return Grade(float(normalise(cut(answer)) == normalise(cut(expected))), None, "no words to compare")
    return Grade(2 * (given & right).total() / total, None)


def _limit(expected: str, accept: Sequence[str]) -> int:
    return max(len(right) for right in (expected, *accept)) * 2 + 10_000


def _holds(given: str, right: str) -> bool:
    if not right:
        return not given
    start = given.find(right)
    while start >= 0:
        end = start + len(right)
        if not (_joins(given, start) or _joins(given, end)):
            return True
        start = given.find(right, start + 1)
    return False


def _joins(text: str, at: int) -> bool:
    """Whether a word runs on across position `at`."""
    return 0 < at < len(text) and _wordlike(text[at - 1]) and _wordlike(text[at])


def _wordlike(char: str) -> bool:
    return char == "_" or unicodedata.category(char)[0] in _LETTERS
