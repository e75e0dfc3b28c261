"""Grades, comparison and verdict from what was asked and answered. No network; can be done again at any time."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from ..evaluation.decide import Guardrail, Rule, decide, ratio_guardrail
from ..evaluation.graders import Grade, Grader, choose, named
from ..evaluation.judged import Judged, Slice
from ..evaluation.questions import Answer
from ..stats import Comparison, compare_binary, compare_scores
from .evaluating import Evaluated

__all__ = ["judge", "verdict_json"]

_WRONG = Grade(0.0, False, "no answer")
_MIN_SLICE = 5


def judge(evaluated: Evaluated, grader_name: str | None, labels: bool) -> Judged:
    """Grade both sides, compare them pairwise, decide by the recorded rule. A missing answer counts as wrong."""
    expected = [question.row.example.answer for question in evaluated.questions]
    grader = named(grader_name) if grader_name else choose(expected)
    base, tuned = evaluated.of("base"), evaluated.of("tuned")
    base_grades, tuned_grades = _grades(evaluated, grader, base), _grades(evaluated, grader, tuned)
    rule = evaluated.rule
    comparison = _compare(grader, base_grades, tuned_grades, rule.confidence)
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
        verdict=verdict,
        rule=rule,
        missing_base=missing_base,
        missing_tuned=missing_tuned,
        slices=_slices(expected, base_grades, tuned_grades) if labels else (),
        same_answers=same,
    )


def _grades(evaluated: Evaluated, grader: Grader, answers: Sequence[Answer]) -> tuple[Grade, ...]:
    return tuple(
        _WRONG if answer.missing else grader.grade(answer.text, question.row.example.answer, question.row.accept)
        for question, answer in zip(evaluated.questions, answers, strict=True)
    )


def _compare(grader: Grader, base: Sequence[Grade], tuned: Sequence[Grade], confidence: float) -> Comparison:
    """Pass or fail where the grader measures that, else the mean of scores."""
    if grader.measure == "binary":
        return compare_binary([bool(g.passed) for g in base], [bool(g.passed) for g in tuned], confidence=confidence)
    return compare_scores([grade.score for grade in base], [grade.score for grade in tuned], confidence=confidence)


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
        "rule": {"sha256": verdict.rule_sha256},
    }


def _side(score: float, interval: Any, missing: int) -> dict[str, Any]:
    return {"score": score, "low": interval.low, "high": interval.high, "missing": missing}
