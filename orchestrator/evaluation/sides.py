"""Two candidates' grades of the same questions, compared by the statistics that suit them.

One answer a prompt, right or wrong: McNemar and Tango. Scores, or several answers a prompt, averaged within it first:
paired differences. Prompts that come in groups: by the groups. Pure; grading asks nobody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Literal

from ..stats import Comparison, compare_binary, compare_clustered, compare_scores
from .graders import Grade, Grader, grade_answer
from .graders.grading import Comparing
from .questions import Answer, Candidate, Question

__all__ = ["Side", "by_text", "compare", "graded", "graded_each", "groups_of"]

_WRONG = Grade(0.0, False, "no answer")
_HALF = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One candidate's answers with their grades, in the order of the questions.

    `answers`: all samples of each question. `missing`: questions of which an answer is missing. `measure`: what the
    grades are to be compared by. `comparing`: the grader, where it saw both answers at once and compares itself.
    """

    candidate: Candidate
    answers: tuple[tuple[Answer, ...], ...]
    grades: tuple[Grade, ...]
    missing: int
    measure: Literal["binary", "score"]
    comparing: Comparing | None = None

    @property
    def scores(self) -> list[float]:
        """Of each question; the share of right samples where each is right or wrong."""
        return [grade.score for grade in self.grades]

    @property
    def first(self) -> list[Answer]:
        """The first answer to each question."""
        return [samples[0] for samples in self.answers]


def graded(
    candidate: Candidate, questions: Sequence[Question], answers: Sequence[tuple[Answer, ...]], grader: Grader
) -> Side:
    """The candidate's side. A missing answer, or a refusal, counts as wrong and is counted."""

    def of(question: Question) -> Callable[[Answer, int], Grade]:
        return lambda answer, sample: grade_answer(grader, question, answer, candidate.name, sample)

    side = graded_each(candidate, [of(question) for question in questions], answers, grader.measure)
    return replace(side, comparing=grader) if isinstance(grader, Comparing) else side


def by_text(grade: Callable[[str], Grade]) -> Callable[[Answer, int], Grade]:
    """A way to grade that looks at the words alone; a missing answer is wrong."""
    return lambda answer, _sample: _WRONG if answer.missing else grade(answer.text)


def graded_each(
    candidate: Candidate,
    grade: Sequence[Callable[[Answer, int], Grade]],
    answers: Sequence[tuple[Answer, ...]],
    measure: Literal["binary", "score"],
) -> Side:
    """The same where each question has its own way to be graded."""
    several = any(len(samples) > 1 for samples in answers)
    return Side(
        candidate=candidate,
        answers=tuple(answers),
        grades=tuple(_grade(one, samples, measure) for one, samples in zip(grade, answers, strict=True)),
        missing=sum(any(answer.missing for answer in samples) for samples in answers),
        measure="score" if several else measure,
    )


def _grade(
    grade: Callable[[Answer, int], Grade], samples: Sequence[Answer], measure: Literal["binary", "score"]
) -> Grade:
    each = [grade(answer, sample) for sample, answer in enumerate(samples)]
    return each[0] if len(each) == 1 else _averaged(each, measure)


def _averaged(each: Sequence[Grade], measure: Literal["binary", "score"]) -> Grade:
    """Of several answers to one prompt: the mean, and right where more than half of them are."""
    if measure == "score":
        return Grade(fmean(grade.score for grade in each), None, f"mean of {len(each)} answers")
    right = sum(bool(grade.passed) for grade in each)
    return Grade(right / len(each), right / len(each) > _HALF, f"{right} of {len(each)} answers right")


def groups_of(questions: Sequence[Question]) -> list[str] | None:
    """The group of each question, one of its own where it has none; None where no two share one."""
    named = Counter(question.row.group for question in questions if question.row.group is not None)
    if max(named.values(), default=0) < 2:
        return None
    # A row without a group must not share a name with one that the user gave.
    return [
        f"row {place}" if question.row.group is None else f"group {question.row.group}"
        for place, question in enumerate(questions)
    ]


def compare(
    one: Side,
    other: Side,
    confidence: float,
    groups: Sequence[str] | None = None,
    places: Sequence[int] | None = None,
    resamples: int = 9999,
) -> Comparison:
    """`other` − `one`, over all questions or those at `places`."""
    if one.comparing is not None and places is None:
        return one.comparing.compare(one.candidate.name, other.candidate.name, confidence)
    chosen = range(len(one.grades)) if places is None else places
    first, second = ([side.grades[place] for place in chosen] for side in (one, other))
    base, tuned = ([grade.score for grade in grades] for grades in (first, second))
    if groups is not None:
        inside = [groups[place] for place in chosen]
        found = compare_clustered(base, tuned, inside, confidence=confidence, resamples=resamples)
    elif one.measure == "binary":
        found = compare_binary([bool(g.passed) for g in first], [bool(g.passed) for g in second], confidence=confidence)
    else:
        found = compare_scores(base, tuned, confidence=confidence, resamples=resamples)
    samples = max((len(answers) for answers in one.answers), default=1)
    if samples > 1:
        note = f"Each prompt was asked {samples} times; its answers were averaged before prompts were compared."
        found = replace(found, notes=(*found.notes, note), samples=samples)
    return found
