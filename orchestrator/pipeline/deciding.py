"""Grades, comparison and verdict from what was asked and answered. No network; can be done again at any time."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from ..evaluation.decide import Guardrail, Rule, decide, ratio_guardrail
from ..evaluation.graders import Grade, Grader, compare_grades, grade_answer
from ..evaluation.judge_graders import PairJudge, ScoreJudge
from ..evaluation.judged import Judged, Metric, Slice
from ..evaluation.judging import HumanLabels, Judging, judging_of, void_ungraded
from ..evaluation.questions import Answer
from ..stats import holm
from .evaluating import Evaluated
from .grading import answers_of

__all__ = ["judge", "verdict_json"]

_MIN_SLICE = 5


def judge(evaluated: Evaluated, graders: Sequence[Grader], labels: bool, people: HumanLabels | None = None) -> Judged:
    """Grade both sides, compare them pairwise, decide by the recorded rule. A missing answer counts as wrong.

    The first grader decides, the others stand beside it. `people`: labels to hold a judge against.
    """
    expected = [question.row.example.answer for question in evaluated.questions]
    grader, rule = graders[0], evaluated.rule
    base, tuned = evaluated.of("base"), evaluated.of("tuned")
    base_grades, tuned_grades = _grades(evaluated, grader, "base"), _grades(evaluated, grader, "tuned")
    comparison = compare_grades(grader, base_grades, tuned_grades, rule.confidence, ("base", "tuned"))
    same = sum(b.text == t.text and not b.missing for b, t in zip(base, tuned, strict=True))
    missing_base, missing_tuned = (sum(answer.missing for answer in side) for side in (base, tuned))
    verdict = decide(
        comparison,
        rule,
        missing_base,
        missing_tuned,
        _guardrails(evaluated, rule, base, tuned),
        identical_answers=same,
    )
    return Judged(
        grader=grader,
        base_grades=base_grades,
        tuned_grades=tuned_grades,
        comparison=comparison,
        verdict=void_ungraded(verdict, rule, base_grades, tuned_grades),
        rule=rule,
        missing_base=missing_base,
        missing_tuned=missing_tuned,
        slices=_slices(expected, base_grades, tuned_grades) if labels else (),
        same_answers=same,
        metrics=_metrics(evaluated, graders[1:]),
        judgings=_judgings(evaluated, graders, people),
    )


def _grades(evaluated: Evaluated, grader: Grader, candidate: str) -> tuple[Grade, ...]:
    answers = evaluated.of(candidate)
    return tuple(
        grade_answer(grader, question, answer, candidate)
        for question, answer in zip(evaluated.questions, answers, strict=True)
    )


def _metrics(evaluated: Evaluated, further: Sequence[Grader]) -> tuple[Metric, ...]:
    """The same answers by every further grader, corrected by Holm for their number."""
    found = []
    for grader in further:
        base, tuned = _grades(evaluated, grader, "base"), _grades(evaluated, grader, "tuned")
        names = ("base", "tuned")
        found.append(compare_grades(grader, base, tuned, evaluated.rule.confidence, names))
    adjusted = holm([comparison.p_value for comparison in found])
    return tuple(
        Metric(name=grader.name, comparison=comparison, p_adjusted=p)
        for grader, comparison, p in zip(further, found, adjusted, strict=True)
    )


def _judgings(evaluated: Evaluated, graders: Sequence[Grader], people: HumanLabels | None) -> tuple[Judging, ...]:
    judges = [grader for grader in graders if isinstance(grader, ScoreJudge | PairJudge)]
    return tuple(judging_of(judge, evaluated.questions, answers_of(evaluated), people) for judge in judges)


def _guardrails(
    evaluated: Evaluated, rule: Rule, base: Sequence[Answer], tuned: Sequence[Answer]
) -> tuple[Guardrail, ...]:
    """The limits that the rule sets on latency (like with like only) and on cost."""
    kinds = {candidate.name: candidate.serving for candidate in evaluated.spec.candidates}
    measured: dict[str, tuple[float | None, bool]] = {
        "latency": (_ratio(_median_latency(tuned), _median_latency(base)), kinds["base"] == kinds["tuned"]),
        "cost": (_ratio(_mean_usd(tuned), _mean_usd(base)), True),
    }
    return tuple(
        ratio_guardrail(name, measured[name][0], limit, comparable=measured[name][1])
        for name, limit in rule.limits.items()
    )


def _ratio(over: float | None, under: float | None) -> float | None:
    return None if over is None or not under else over / under


def _median_latency(answers: Sequence[Answer]) -> float | None:
    known = [answer.latency_s for answer in answers if answer.latency_s is not None]
    return statistics.median(known) if known else None


def _mean_usd(answers: Sequence[Answer]) -> float | None:
    known = [float(answer.usd) for answer in answers if answer.usd is not None]
    return statistics.fmean(known) if known else None


def _slices(expected: Sequence[str], base: Sequence[Grade], tuned: Sequence[Grade]) -> tuple[Slice, ...]:
    rows: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for label, b, t in zip(expected, base, tuned, strict=True):
        rows[label].append((b.score, t.score))
    common = Counter({label: len(pairs) for label, pairs in rows.items() if len(pairs) >= _MIN_SLICE})
    return tuple(
        Slice(
            label=label,
            n=n,
            base=statistics.fmean(b for b, _ in rows[label]),
            tuned=statistics.fmean(t for _, t in rows[label]),
        )
        for label, n in common.most_common()
    )


def verdict_json(judged: Judged) -> dict[str, Any]:
    """The parts of a result document that a verdict fills."""
    comparison, verdict = judged.comparison, judged.verdict
    return {
        "verdict": verdict.answer,
        "reason": verdict.reason,
        "advice": list(verdict.advice),
        "base": _side(comparison.base, comparison.base_interval, judged.missing_base),
        "tuned": _side(comparison.tuned, comparison.tuned_interval, judged.missing_tuned),
        "difference": {
            "value": comparison.difference,
            "low": comparison.low,
            "high": comparison.high,
            "confidence": comparison.confidence,
            "interval": comparison.interval,
            "p_value": comparison.p_value,
            "test": comparison.test,
            "prompts": comparison.n,
            "discordant": comparison.discordant,
            "detectable": comparison.detectable,
        },
        "improvement": {
            name: {"value": item.value, "low": item.low, "high": item.high}
            for name, item in verdict.improvement.items()
        },
        "prompts_needed": verdict.prompts_needed,
        "guardrails": [
            {"name": g.name, "passed": g.passed, "detail": g.detail, "gates": g.gates} for g in verdict.guardrails
        ],
        "grader": {"name": judged.grader.name, "reason": judged.grader.reason},
        "metrics": [_metric(metric) for metric in judged.metrics],
        "judgings": [judging.to_json() for judging in judged.judgings],
        "rule": {"sha256": verdict.rule_sha256},
    }


def _metric(metric: Metric) -> dict[str, Any]:
    found = metric.comparison
    difference = {"value": found.difference, "low": found.low, "high": found.high, "p_adjusted": metric.p_adjusted}
    return {"name": metric.name, "base": found.base, "tuned": found.tuned, "difference": difference}


def _side(score: float, interval: Any, missing: int) -> dict[str, Any]:
    return {"score": score, "low": interval.low, "high": interval.high, "missing": missing}
