"""What a judge did, beside what it said of the candidates: how often it gave no judgement, was swayed by the order, or
disagreed with people. And when too much of it is missing to conclude anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..canonical import plain
from ..stats import Pairwise
from .agreement import Agreement, agreement
from .decide import Verdict
from .graders import Attempt, Grade
from .judge_graders import Answers, PairJudge, ScoreJudge
from .judge_prompt import HIGHEST, LOWEST
from .questions import Question
from .rule import NOISE, Rule
from .wording import percent, prompts

__all__ = ["HumanLabels", "Judging", "judging_of", "void_ungraded"]

HumanLabels = Mapping[tuple[str, str], str]
"""(question key, candidate) → a score from 1 to 5; for pairs (question key, "") → base, tuned or tie."""

_SWAYED = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """`judgements` were needed; `unusable` of them are missing or in no usable form. `pairwise`: of base and tuned."""

    grader: str
    judge: str
    rubric_sha256: str
    judgements: int
    unusable: int
    pairwise: Pairwise | None = None
    agreement: Agreement | None = None

    @property
    def sentences(self) -> tuple[str, ...]:
        """What a careful reader should know, in plain words."""
        told = [f"{self.judge} gave {self.judgements - self.unusable:,} of {self.judgements:,} judgements"]
        if self.unusable:
            told[0] += f"; {self.unusable:,} were missing or in no usable form, and are counted"
        return tuple(f"{each}." for each in (*told, *_of_pairs(self.pairwise), *_of_people(self.agreement)))

    def to_json(self) -> dict[str, Any]:
        """The document's part."""
        told: dict[str, Any] = {**plain(self), "sentences": list(self.sentences)}
        if told["pairwise"] is not None:
            del told["pairwise"]["comparison"]  # it stands in the document as the difference
        return told


def judging_of(
    grader: ScoreJudge | PairJudge, asked: Sequence[Question], answers: Answers, labels: HumanLabels | None = None
) -> Judging:
    """What this judge did. `labels`: of people, where there are any."""
    needed = [task.key for task in grader.tasks(asked, answers)]
    usable = sum(_usable(grader, key) for key in needed)
    pairs = isinstance(grader, PairJudge)
    return Judging(
        grader=grader.name,
        judge=grader.judge,
        rubric_sha256=grader.rubric.sha256,
        judgements=len(needed),
        unusable=len(needed) - usable,
        pairwise=grader.choices("base", "tuned") if isinstance(grader, PairJudge) else None,
        agreement=None if labels is None else _agreement(_given(grader, asked, answers), labels, pairs),
    )


def void_ungraded(verdict: Verdict, rule: Rule, base: Sequence[Grade], tuned: Sequence[Grade]) -> Verdict:
    """Inconclusive where more answers of a side went ungraded than the rule lets be missing; else told as advice."""
    n = len(base)
    sides = [("base", _ungraded(base)), ("tuned model", _ungraded(tuned))]
    counted = [(side, count) for side, count in sides if count]
    if not counted:
        return verdict
    told = " ".join(f"{count:,} of {prompts(n)} of the {side} could not be graded." for side, count in counted)
    why = next(grade.note for grade in (*base, *tuned) if grade.ungraded)
    told = f"{told} The first: {why}"
    if any(count / n > rule.max_missing + NOISE for _, count in counted):
        allowed = f"The rule allows {percent(rule.max_missing)}: nothing can be concluded."
        advice = ("Mend the grader, or take another judge, and grade again: the answers need not be asked again.",)
        return replace(verdict, answer="inconclusive", reason=f"{told}. {allowed}", advice=advice, prompts_needed=None)
    return replace(verdict, advice=(*verdict.advice, f"{told}. They count as if they were wrong, or as ties."))


def _ungraded(grades: Sequence[Grade]) -> int:
    return sum(grade.ungraded for grade in grades)


def _usable(grader: ScoreJudge | PairJudge, key: str) -> bool:
    judgement = grader.judgements.get(key)
    return judgement is not None and not judgement.missing and grader.reads(judgement.text)


def _given(grader: ScoreJudge | PairJudge, asked: Sequence[Question], answers: Answers) -> dict[tuple[str, str], str]:
    """What the judge said, in the terms in which people label."""
    found: dict[tuple[str, str], str] = {}
    for place, question in enumerate(asked):
        for name in ("tuned",) if isinstance(grader, PairJudge) else tuple(answers):
            answer = answers[name][place][0]
            if answer.missing:
                continue
            attempt = Attempt(
                candidate=name, key=question.key, row=question.row, text=answer.text, tool_calls=answer.tool_calls
            )
            grade = grader.grade_attempt(attempt)
            if not grade.ungraded:
                key = (question.key, "" if isinstance(grader, PairJudge) else name)
                found[key] = _label(grade.score, pairs=isinstance(grader, PairJudge))
    return found


def _label(score: float, *, pairs: bool) -> str:
    if pairs:
        return "tuned" if score > 0.5 else "base" if score < 0.5 else "tie"
    return str(round(LOWEST + score * (HIGHEST - LOWEST)))


def _agreement(given: Mapping[tuple[str, str], str], labels: HumanLabels, pairs: bool) -> Agreement:
    mine = {key: label for key, label in labels.items() if (key[1] == "") == pairs}
    both = [key for key in given if key in mine]
    return agreement(
        [given[key] for key in both],
        [mine[key] for key in both],
        unlabelled=len(given) - len(both),
        unjudged=len(mine) - len(both),
    )


def _of_pairs(found: Pairwise | None) -> list[str]:
    if found is None:
        return []
    flips = f"{found.flips:,} of {found.n:,}"
    told = [
        f"In both orders the tuned model won {found.wins:,}, lost {found.losses:,} and tied {found.ties:,}; on {flips} "
        f"({percent(found.flip_rate)}, interval {percent(found.flip_interval.low)} to "
        f"{percent(found.flip_interval.high)}) the choice turned with the order, which counts as a tie"
    ]
    if found.flips:
        place = f"the answer shown first was taken in {found.first_chosen:,} of these {found.flips:,}"
        swayed = "a bias for a place" if found.position_p < _SWAYED else "no sign of a bias for a place"
        told.append(f"{place}: {swayed} (binomial p = {found.position_p:.2g})")
    return told


def _of_people(found: Agreement | None) -> list[str]:
    if found is None:
        return []
    if not found.n:
        return ["No label of a person stands beside a judgement, so nobody knows whether people would agree"]
    kappa = "has no value" if found.kappa is None else f"is {found.kappa:.2f}"
    return [
        f"The judge agrees with people on {percent(found.raw)} of {found.n:,} labels (interval "
        f"{percent(found.interval.low)} to {percent(found.interval.high)}); Cohen's kappa {kappa}"
    ]
