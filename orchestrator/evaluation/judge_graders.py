"""Graders that look up what a judge said: one scores each answer by a rubric, one chooses between two answers.

Asking the judge is done before, elsewhere; here nothing is asked. A judgement that is missing, or in no usable form,
leaves its answer ungraded; it is counted, never dropped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from providers.records import Example

from ..stats import Choice, Comparison, Pairwise, compare_pairwise
from .graders import Attempt, Grade
from .judge_prompt import Rubric, pair_prompt, place_of, prompt_key, reason_of, said, score_of, score_prompt
from .questions import Answer, Question

__all__ = ["Answers", "PairJudge", "ScoreJudge", "pairs_of"]

Answers = Mapping[str, Sequence[tuple[Answer, ...]]]
"""Candidate → its answers to each question, in the order of the questions; one, or as many as samples."""

_Orders = tuple[Choice | None, Choice | None]
_WORDS_ALONE = Grade(0.0, None, "a judge judges answers to questions, not words alone", ungraded=True)


@dataclass(frozen=True, slots=True)
class ScoreJudge:
    """Each answer by the rubric, 1 to 5 as 0 to 1. `judgements`: by what was judged, as `prompt_key` names it."""

    rubric: Rubric
    judge: str
    judgements: Mapping[str, Answer] = field(default_factory=dict, compare=False)
    measure: Literal["binary", "score"] = "score"

    @property
    def name(self) -> str:
        """`judge:RUBRIC.md`."""
        return f"judge:{self.rubric.name}"

    @property
    def reason(self) -> str:
        return f"named by you: scored 1 to 5 by {self.judge} on your rubric, shown as 0 to 1"

    @property
    def identity(self) -> str:
        """Another rubric or another judge is another grader."""
        return f"{self.name} {self.rubric.sha256} by {self.judge}"

    @staticmethod
    def reads(judgement: str) -> bool:
        """Whether this is a judgement at all."""
        return score_of(judgement) is not None

    def grade(self, answer: str, expected: str, accept: Sequence[str] = ()) -> Grade:
        """See `Grader`: it needs the question too."""
        return _WORDS_ALONE

    def grade_attempt(self, attempt: Attempt) -> Grade:
        """See `AttemptGrader`."""
        answer = Answer(text=attempt.text, tool_calls=attempt.tool_calls)
        judgement = self.judgements.get(prompt_key(score_prompt(self.rubric, attempt.row, said(answer))))
        score = None if judgement is None or judgement.missing else score_of(judgement.text)
        if judgement is None or score is None:
            return Grade(0.0, None, _why_not(judgement), ungraded=True)
        return Grade(score, None, reason_of(judgement.text))

    def tasks(self, asked: Sequence[Question], answers: Answers) -> tuple[Question, ...]:
        """What the judge must be asked: every answer that is there."""
        rows = [
            (question, score_prompt(self.rubric, question.row, said(answer)))
            for given in answers.values()
            for question, samples in zip(asked, given, strict=True)
            for answer in samples
            if not answer.missing
        ]
        return _tasks(rows)


@dataclass(frozen=True, slots=True)
class PairJudge:
    """Which of two answers is better, asked in both orders. A win is one in both; the same text twice is a tie unasked.

    A grade is the share of orders won, ties as a half. Of several answers to a prompt the first is judged.
    """

    rubric: Rubric
    judge: str
    judgements: Mapping[str, Answer] = field(default_factory=dict, compare=False)
    asked: Sequence[Question] = field(default=(), compare=False)
    answers: Answers = field(default_factory=dict, compare=False)
    _known: dict[tuple[str, str], Mapping[str, _Orders]] = field(default_factory=dict, compare=False, repr=False)
    measure: Literal["binary", "score"] = "score"

    @property
    def name(self) -> str:
        """`pairwise:RUBRIC.md`."""
        return f"pairwise:{self.rubric.name}"

    @property
    def reason(self) -> str:
        return f"named by you: {self.judge} chose between two answers on your rubric, in both orders"

    @property
    def identity(self) -> str:
        """Another rubric or another judge is another grader."""
        return f"{self.name} {self.rubric.sha256} by {self.judge}"

    @staticmethod
    def reads(judgement: str) -> bool:
        """Whether this is a judgement at all."""
        return place_of(judgement) is not None

    def grade(self, answer: str, expected: str, accept: Sequence[str] = ()) -> Grade:
        """See `Grader`: it needs the other answer too."""
        return _WORDS_ALONE

    def grade_attempt(self, attempt: Attempt) -> Grade:
        """See `AttemptGrader`: the base beside the tuned model, any other candidate beside the base."""
        other = "tuned" if attempt.candidate == "base" else "base"
        orders = self._orders(other, attempt.candidate).get(attempt.key)
        if orders is None:
            return _WORDS_ALONE
        score = 1.0 if orders == ("tuned", "tuned") else 0.0 if orders == ("base", "base") else 0.5
        if None in orders:
            return Grade(score, None, self._told(attempt.key, other, attempt.candidate), ungraded=True)
        flipped = {*orders} == {"base", "tuned"}
        return Grade(score, None, "the choice turned with the order" if flipped else "")

    def compare(self, one: str, other: str, confidence: float) -> Comparison:
        """See `Comparing`: `one` as the base, `other` as the tuned."""
        return self.choices(one, other, confidence).comparison

    def choices(self, one: str, other: str, confidence: float = 0.95) -> Pairwise:
        """Every prompt's two choices, counted; `one` as the base, `other` as the tuned."""
        both = tuple(self._orders(one, other).values())
        return compare_pairwise([a for a, _ in both], [b for _, b in both], confidence=confidence)

    def tasks(self, asked: Sequence[Question], answers: Answers) -> tuple[Question, ...]:
        """What the judge must be asked: every pair in both orders, where both are there and differ."""
        found = []
        for one, other in pairs_of(tuple(answers)):
            for place, question in enumerate(asked):
                first, second = answers[one][place][0], answers[other][place][0]
                if first.missing or second.missing or said(first) == said(second):
                    continue
                for a, b in ((first, second), (second, first)):
                    prompt = pair_prompt(self.rubric, question.row, said(a), said(b))
                    found.append((question, prompt))
        return _tasks(found)

    def _orders(self, one: str, other: str) -> Mapping[str, _Orders]:
        """Question → its two choices, in the order of the questions; empty where a candidate is not known."""
        if not {one, other} <= self.answers.keys():
            return {}
        if (one, other) not in self._known:
            told = {question.key: self._choices(place, one, other) for place, question in enumerate(self.asked)}
            self._known[one, other] = told
        return self._known[one, other]

    def _choices(self, place: int, one: str, other: str) -> _Orders:
        """With `one` first, then with `other` first. A missing answer loses; two of them tie."""
        first, second = self.answers[one][place][0], self.answers[other][place][0]
        if first.missing or second.missing:
            lost: Choice = "tie" if first.missing and second.missing else "tuned" if first.missing else "base"
            return lost, lost
        if said(first) == said(second):
            return "tie", "tie"
        return self._choice(place, first, second, "base"), self._choice(place, second, first, "tuned")

    def _choice(self, place: int, first: Answer, second: Answer, shown_first: Choice) -> Choice | None:
        judgement = self._judgement(place, first, second)
        chosen = None if judgement is None or judgement.missing else place_of(judgement.text)
        if chosen is None or chosen == "tie":
            return chosen
        return shown_first if chosen == "A" else "tuned" if shown_first == "base" else "base"

    def _judgement(self, place: int, first: Answer, second: Answer) -> Answer | None:
        prompt = pair_prompt(self.rubric, self.asked[place].row, said(first), said(second))
        return self.judgements.get(prompt_key(prompt))

    def _told(self, key: str, one: str, other: str) -> str:
        place = next(place for place, question in enumerate(self.asked) if question.key == key)
        first, second = self.answers[one][place][0], self.answers[other][place][0]
        both = (self._judgement(place, first, second), self._judgement(place, second, first))
        return "; ".join(_why_not(each) for each in both if each is None or each.missing or place_of(each.text) is None)


def pairs_of(candidates: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Base and tuned, and every further candidate beside each of them."""
    further = [name for name in candidates if name not in ("base", "tuned")]
    return (("base", "tuned"), *((one, other) for other in further for one in ("base", "tuned")))


def _tasks(prompts: Sequence[tuple[Question, Example]]) -> tuple[Question, ...]:
    """Each prompt once, as a question to the judge."""
    found = {prompt_key(prompt): (question.row, prompt) for question, prompt in prompts}
    return tuple(Question(key, replace(row, example=prompt)) for key, (row, prompt) in found.items())


def _why_not(judgement: Answer | None) -> str:
    if judgement is None:
        return "not judged yet"
    if judgement.missing:
        return f"the judge gave no answer: {judgement.error or judgement.refusal}"[:200]
    return f"the judge answered in no usable form: {judgement.text[:80]!r}"
