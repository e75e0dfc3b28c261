"""The evaluation as a report shows it: every candidate, every slice, every prompt with all the answers to it."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

from ..canonical import plain
from ..evaluation.graders import Grade
from ..evaluation.judged import Contender, Economics, Guarded, Judged, Metric, Ratio, Slice
from ..evaluation.questions import Answer, Question
from ..evaluation.timing import timed
from ..report.view import (
    AnswerView,
    EconomicsView,
    Estimate,
    EvaluationView,
    GuardedView,
    MetricView,
    RatioView,
    RowView,
    SideView,
    SliceView,
)
from ..stats import Comparison
from .evaluating import Evaluated

__all__ = ["evaluation_view"]


class _Side(NamedTuple):
    """A candidate with what it answered and how that was graded, in the order of the questions.

    `bare`: everything about it that does not come from its answers.
    """

    bare: SideView
    samples: Sequence[tuple[Answer, ...]]
    grades: Sequence[Grade]


def evaluation_view(evaluated: Evaluated, judged: Judged) -> EvaluationView:
    """All candidates over all prompts, then every prompt with all answers."""
    sides = _sides(evaluated, judged)
    serving = {side.bare.role: side.bare.serving for side in sides}
    same_serving = serving["base"] == serving["tuned"]
    systems = {next((m.text for m in q.row.example.prompt if m.role == "system"), None) for q in evaluated.questions}
    labels = any(slice_.kind == "label" for slice_ in judged.slices)
    return EvaluationView(
        sides=tuple(_measured(side, judged.comparison.kind) for side in sides),
        rows=_rows(evaluated.questions, sides, labels=labels),
        slices=tuple(map(_slice, judged.slices)),
        grader=judged.grader.name,
        grader_reason=judged.grader.reason,
        sampling=plain(evaluated.spec.sampling),
        system=next(iter(systems)) if len(systems) == 1 else None,
        latency_comparable=same_serving,
        latency_note="" if same_serving else "one is served on its own machine, the other shared: not comparable",
        notes=judged.comparison.notes,
        metrics=tuple(map(_metric, judged.metrics)),
        latency=_ratio(judged.latency),
        cost=_ratio(judged.cost),
        economics=_economics(judged.economics),
        same_answers=judged.same_answers,
        samples=evaluated.spec.samples,
        guarded=tuple(map(_guarded, judged.guarded)),
        judging=tuple(f"{one.grader}: {told}" for one in judged.judgings for told in one.sentences),
    )


def _sides(evaluated: Evaluated, judged: Judged) -> tuple[_Side, ...]:
    """Base and tuned, then the contenders in the order in which they were judged."""
    c = judged.comparison
    base = Estimate(c.base, c.base_interval.low, c.base_interval.high)
    tuned = Estimate(c.tuned, c.tuned_interval.low, c.tuned_interval.high)
    found: list[tuple[SideView, Sequence[Grade]]] = [
        (SideView(role="base", model="", score=base, missing=judged.missing_base), judged.base_grades),
        (
            SideView(role="tuned", model="", score=tuned, missing=judged.missing_tuned, against_base=_difference(c)),
            judged.tuned_grades,
        ),
        *((_contender(one), one.grades) for one in judged.contenders),
    ]
    return tuple(_Side(_named(bare, evaluated, judged), evaluated.samples_of(bare.role), g) for bare, g in found)


def _contender(one: Contender) -> SideView:
    against = one.against_base
    return SideView(
        role=one.name,
        model=one.label,
        score=Estimate(against.tuned, against.tuned_interval.low, against.tuned_interval.high),
        missing=one.missing,
        against_base=_difference(against),
        against_tuned=_difference(one.against_tuned),
        p_adjusted=one.p_adjusted,
    )


def _named(bare: SideView, evaluated: Evaluated, judged: Judged) -> SideView:
    candidate = next(one for one in evaluated.spec.candidates if one.name == bare.role)
    correct: Mapping[str, Decimal | None] = judged.economics.usd_per_1000_correct if judged.economics else {}
    return replace(
        bare,
        model=bare.model or candidate.label or candidate.model,
        serving=candidate.serving,
        usd_per_1000_correct=correct.get(bare.role),
    )


def _difference(comparison: Comparison) -> Estimate:
    return Estimate(comparison.difference, comparison.low, comparison.high)


def _measured(side: _Side, kind: str) -> SideView:
    """The candidate with what its answers took: time, tokens, dollars."""
    prompts = len(side.samples)
    answers = [answer for samples in side.samples for answer in samples]
    measures = timed(answers)
    latency = [a.latency_s for a in measures if a.latency_s is not None]
    first = [a.first_token_s for a in measures if a.first_token_s is not None]
    usd = [a.usd for a in answers if a.usd is not None]
    complete = bool(usd) and len(usd) >= sum(not answer.missing for answer in answers)
    total = sum(usd, Decimal(0)) if complete else None
    return replace(
        side.bare,
        passed=sum(bool(g.passed) for g in side.grades) if kind == "binary" else None,
        answered=prompts - side.bare.missing,
        latency_p50_s=_quantile(latency, 0.50),
        latency_p95_s=_quantile(latency, 0.95),
        first_token_p50_s=_quantile(first, 0.50),
        first_token_p95_s=_quantile(first, 0.95),
        prompt_tokens=sum(a.input_tokens or 0 for a in answers),
        answer_tokens=sum(a.output_tokens or 0 for a in answers),
        usd=total,
        usd_per_1000=None if total is None else total * 1000 / len(usd),
    )


def _quantile(values: Sequence[float], share: float) -> float | None:
    """The empirical quantile; with one value, that value."""
    if not values:
        return None
    if len(values) == 1:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[round(share * 100) - 1]


def _rows(questions: Sequence[Question], sides: Sequence[_Side], *, labels: bool) -> tuple[RowView, ...]:
    return tuple(
        _row(question, {side.bare.role: _answer(side.samples[i], side.grades[i]) for side in sides}, labels=labels)
        for i, question in enumerate(questions)
    )


def _row(question: Question, answers: dict[str, AnswerView], *, labels: bool) -> RowView:
    row = question.row
    return RowView(
        number=row.number,
        file=row.file,
        prompt=next((m.text for m in reversed(row.example.prompt) if m.role == "user"), ""),
        reference=row.example.answer,
        label=row.example.answer if labels else None,
        group=row.group,
        accept=row.accept,
        base=answers.pop("base"),
        tuned=answers.pop("tuned"),
        also=answers,
    )


def _answer(samples: tuple[Answer, ...], grade: Grade) -> AnswerView:
    """The first sample with its figures; of the others what they said."""
    answer = samples[0]
    return AnswerView(
        text=None if answer.error else answer.text or answer.refusal or "",
        score=grade.score,
        passed=grade.passed,
        note=grade.note,
        error=answer.error,
        refused=answer.refusal is not None,
        finish_reason=answer.finish_reason,
        latency_s=answer.latency_s,
        first_token_s=answer.first_token_s,
        prompt_tokens=answer.input_tokens,
        answer_tokens=answer.output_tokens,
        usd=answer.usd,
        samples=tuple(other.error or other.text or other.refusal or "" for other in samples[1:]),
    )


def _slice(one: Slice) -> SliceView:
    found = one.difference
    measured = found.value is not None
    return SliceView(
        label=one.label,
        n=one.n,
        kind=one.kind,
        base=one.base,
        tuned=one.tuned,
        difference=Estimate(found.value, found.low, found.high) if measured else Estimate(one.tuned - one.base),
        p_value=one.p_value,
        p_adjusted=one.p_adjusted,
    )


def _metric(one: Metric) -> MetricView:
    c = one.comparison
    return MetricView(
        name=one.name,
        base=c.base,
        tuned=c.tuned,
        difference=_difference(c),
        kind=c.kind,
        p_value=c.p_value,
        p_adjusted=one.p_adjusted,
        test=c.test,
    )


def _ratio(one: Ratio | None) -> RatioView | None:
    return (
        None
        if one is None
        else RatioView(value=one.value, low=one.low, high=one.high, n=one.n, comparable=one.comparable)
    )


def _economics(one: Economics | None) -> EconomicsView | None:
    if one is None:
        return None
    return EconomicsView(
        months_to_break_even=one.months_to_break_even, prompts_to_break_even=one.prompts_to_break_even, why=one.why
    )


def _guarded(one: Guarded) -> GuardedView:
    return GuardedView(
        name=one.name,
        n=one.n,
        base=one.base,
        tuned=one.tuned,
        low=one.low,
        margin=one.margin,
        prompts_needed=one.prompts_needed,
        missing_base=one.missing_base,
        missing_tuned=one.missing_tuned,
        parts=tuple(map(_slice, one.parts)),
    )
