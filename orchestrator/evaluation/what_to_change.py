"""What to change before training again, read off the failures and the training rows beside them.

The slices with most failures, what is answered instead, training rows near the failures whose answers contradict the
reference, and labels with few examples. Every text here is somebody's data: it is cut short and quoted.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..dataset.records import Row
from .graders.text import normalise, words
from .questions import Question
from .sides import Side

__all__ = ["Contradiction", "Lesson", "contradictions", "lesson", "quoted"]

_MOST_FAILURES = 60
_MOST_ROWS = 50_000
_NEIGHBOURS = 5
_NEAR = 0.5
_FEW_EXAMPLES = 20
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A training row that asks nearly the same as a failed prompt, with another answer."""

    question: Question
    row: Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """Sentences of advice, the most telling first."""

    advice: tuple[str, ...]


def lesson(
    questions: Sequence[Question], tuned: Side, train: Sequence[Row], *, labels: bool, checkpoint: str | None = None
) -> Lesson:
    """`train`: the rows it was trained on, as far as they are known. `checkpoint`: what to say of an earlier one."""
    failed = [place for place, grade in enumerate(tuned.grades) if not (grade.passed or grade.score >= 1)]
    rows = train if len(train) <= _MOST_ROWS else ()
    advice = []
    if labels:
        advice += [*_worst(questions, tuned, failed), *_few(questions, failed, rows)]
        advice += _contradicting(contradictions([questions[place] for place in failed], rows))
    if checkpoint:
        advice.append(checkpoint)
    return Lesson(advice=tuple(advice))


def _worst(questions: Sequence[Question], tuned: Side, failed: Sequence[int]) -> Iterable[str]:
    asked = Counter(question.row.example.answer for question in questions)
    wrong = Counter(questions[place].row.example.answer for place in failed)
    worst = sorted(wrong, key=lambda label: (-wrong[label], -wrong[label] / asked[label], label))[:_SHOWN]
    told = [f"{quoted(label)} ({wrong[label]} of {asked[label]} wrong{_instead(questions, tuned, failed, label)})"
            for label in worst]  # fmt: skip
    if told:
        yield f"Most of its failures are in {', '.join(told)}."


def _instead(questions: Sequence[Question], tuned: Side, failed: Sequence[int], label: str) -> str:
    """What it answered instead, where one answer stands out."""
    given = Counter(
        tuned.first[place].text.strip()
        for place in failed
        if questions[place].row.example.answer == label and not tuned.first[place].missing
    )
    (answer, count), *_ = given.most_common(1) or [("", 0)]
    return f", {count} answered {quoted(answer)}" if count > 1 else ""


def _few(questions: Sequence[Question], failed: Sequence[int], train: Sequence[Row]) -> Iterable[str]:
    if not train:
        return
    examples = Counter(row.example.answer for row in train)
    labels = {questions[place].row.example.answer for place in failed}
    few = sorted((examples[label], label) for label in labels if examples[label] < _FEW_EXAMPLES)[:_SHOWN]
    if few:
        told = ", ".join(f"{quoted(label)} ({count})" for count, label in few)
        yield f"Labels it fails on with few training examples: {told}; add some."


def _contradicting(found: Sequence[Contradiction]) -> Iterable[str]:
    if not found:
        return
    failures = len({one.question.key for one in found})
    told = ", ".join(
        f"{Path(one.row.file).name} row {one.row.number} says {quoted(one.row.example.answer)} where "
        f"{quoted(one.question.row.example.answer)} was right for {quoted(_asked(one.question.row))}"
        for one in found[:_SHOWN]
    )
    many = f"{failures} failure{'s lie' if failures > 1 else ' lies'}"
    yield f"{many} beside training rows that ask nearly the same and answer otherwise: {told}. Look at these first."


def contradictions(failed: Sequence[Question], train: Sequence[Row]) -> list[Contradiction]:
    """Of up to 60 failures, the five nearest training rows that share half their (rarer) words and answer otherwise.

    Near: the cosine of word sets weighted by rarity is at least one half. Nearest first.
    """
    index = _Index(train)
    found: list[tuple[float, Contradiction]] = []
    for question in failed[:_MOST_FAILURES]:
        right = {normalise(text) for text in (question.row.example.answer, *question.row.accept)}
        for near, row in index.nearest(_asked(question.row)):
            if normalise(row.example.answer) not in right:
                found.append((near, Contradiction(question, row)))
    return [one for _, one in sorted(found, key=lambda item: -item[0])]


class _Index:
    """Training rows by their words."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows
        self._with: dict[str, list[int]] = defaultdict(list)
        sets = [frozenset(words(_asked(row))) for row in rows]
        for place, each in enumerate(sets):
            for word in each:
                self._with[word].append(place)
        self._weight = {word: math.log(1 + len(rows) / len(places)) ** 2 for word, places in self._with.items()}
        self._norm = [math.sqrt(sum(self._weight[word] for word in each)) for each in sets]

    def nearest(self, text: str) -> list[tuple[float, Row]]:
        asked = frozenset(words(text))
        norm = math.sqrt(sum(self._weight.get(word, math.log(1 + len(self._rows)) ** 2) for word in asked))
        shared: Counter[int] = Counter()
        for word in asked:
            for place in self._with.get(word, ()):
                shared[place] += self._weight[word]  # type: ignore[assignment]  # a Counter adds any numbers
        near = [(weight / (norm * self._norm[place]), place) for place, weight in shared.items()]
        best = sorted((one for one in near if one[0] >= _NEAR), key=lambda one: (-one[0], one[1]))[:_NEIGHBOURS]
        return [(weight, self._rows[place]) for weight, place in best]


def _asked(row: Row) -> str:
    users = [message.text for message in row.example.prompt if message.role == "user"]
    return users[-1] if users else ""


def quoted(text: str, most: int = 60) -> str:
    """Somebody's text as a short quotation on one line."""
    plain = " ".join(text.split())
    return repr(plain if len(plain) <= most else plain[: most - 1] + "…")
