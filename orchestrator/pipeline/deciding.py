"""Grades, comparison and verdict from what was asked and answered. No network; can be done again at any time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..canonical import plain
from ..dataset.records import Row
from ..evaluation.contenders import BESIDE, alternative, contender_guardrails, contenders, is_prompted, told
from ..evaluation.decide import Guardrail, Rule, Verdict, decide, ratio_guardrail
from ..evaluation.economics import Terms, economics
from ..evaluation.forgetting import forgotten_guardrail
from ..evaluation.graders import Grader, choose_for, named
from ..evaluation.judge_graders import PairJudge, ScoreJudge
from ..evaluation.judged import Contender, Guarded, Judged, Metric
from ..evaluation.judging import HumanLabels, Judging, judging_of, void_ungraded
from ..evaluation.questions import Answer
from ..evaluation.ratios import NEEDS_SCIPY, Measured, cost_ratio, latency_ratio
from ..evaluation.sides import Side, compare, graded, groups_of
from ..evaluation.slices import slices
from ..evaluation.what_to_change import lesson
from ..stats import Comparison, holm
from .evaluating import Evaluated
from .grading import answers_of

__all__ = ["Beside", "judge", "sides_of", "verdict_json"]

# How the general advice begins in whose place a more telling one comes.
_PLAIN_ITERATE = "Look at the prompts it still gets wrong"
_PLAIN_STOP = "Try a better prompt"
_BATCHED = "answers by a batch come when there is room, so how long they took says nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What a verdict takes into account beside the answers.

    `train`: the rows trained on, where they are known. `checkpoint`: what to say of an earlier checkpoint. `guarded`:
    base and tuned on tasks that were not trained for. `terms`: what tuning cost; None: nothing was trained here.
    `people`: labels to hold a judge against.
    """

    train: Sequence[Row] = ()
    checkpoint: str | None = None
    guarded: tuple[Guarded, ...] = ()
    terms: Terms | None = None
    people: HumanLabels | None = None


def judge(evaluated: Evaluated, graders: Sequence[Grader], labels: bool, beside: Beside | None = None) -> Judged:
    """Grade all sides, compare them pairwise, decide by the recorded rule. A missing answer counts as wrong.

    The first grader decides (without any, the one that the expected answers call for), the others stand beside it.
    `labels`: the reference answers are labels. `beside`: by default nothing is known beside the answers.
    """
    beside = beside or Beside()
    rule = evaluated.rule
    grader = graders[0] if graders else choose_for([question.row.example for question in evaluated.questions])
    sides = sides_of(evaluated, grader)
    base, tuned = sides["base"], sides["tuned"]
    others = [side for name, side in sides.items() if name not in BESIDE]
    groups = groups_of(evaluated.questions)
    found = contenders(others, base, tuned, rule.confidence, groups)
    prompted = [side.candidate.name for side in others if is_prompted(side.candidate, base.candidate)]
    comparison = compare(base, tuned, rule.confidence, groups)
    same = sum(b.text == t.text and not b.missing for b, t in zip(base.first, tuned.first, strict=True))
    alike = base.candidate.serving == tuned.candidate.serving
    latency = latency_ratio(base.first, tuned.first, rule.confidence, comparable=alike)
    cost = cost_ratio(base.first, tuned.first, rule.confidence)
    guardrails = (
        *_ratios(rule, latency, cost, comparable=alike, batched=_untimed(base.first) or _untimed(tuned.first)),
        *contender_guardrails(rule, found, prompted, comparison.n),
        *(forgotten_guardrail(one, rule) for one in beside.guarded),
    )
    verdict = decide(comparison, rule, base.missing, tuned.missing, guardrails, identical_answers=same)
    verdict = _with_lesson(verdict, evaluated, tuned, beside, labels=labels)
    return Judged(
        grader=grader,
        base_grades=base.grades,
        tuned_grades=tuned.grades,
        comparison=comparison,
        verdict=void_ungraded(_with_more(verdict, found, prompted), rule, base.grades, tuned.grades),
        rule=rule,
        missing_base=base.missing,
        missing_tuned=tuned.missing,
        slices=slices(evaluated.questions, base, tuned, rule.confidence, labels=labels),
        same_answers=same,
        contenders=found,
        metrics=_metrics(evaluated, graders[1:], groups),
        latency=latency.ratio if latency else None,
        cost=cost.ratio if cost else None,
        economics=economics(base, tuned, others, beside.terms or Terms()),
        guarded=beside.guarded,
        judgings=_judgings(evaluated, graders, beside.people),
    )


def sides_of(evaluated: Evaluated, grader: Grader) -> dict[str, Side]:
    """Every candidate's answers and grades, by its name, in the order in which they were asked for."""
    return {
        candidate.name: graded(candidate, evaluated.questions, evaluated.samples_of(candidate.name), grader)
        for candidate in evaluated.spec.candidates
    }


def _metrics(evaluated: Evaluated, further: Sequence[Grader], groups: Sequence[str] | None) -> tuple[Metric, ...]:
    """The same answers by every further grader and metric of the rule, corrected for their number (Holm)."""
    rule, given = evaluated.rule, {grader.name for grader in further}
    found: list[tuple[str, Comparison]] = []
    for grader in (*further, *(named(name) for name in rule.metrics if name not in given)):
        sides = sides_of(evaluated, grader)
        found.append((grader.name, compare(sides["base"], sides["tuned"], rule.confidence, groups)))
    adjusted = holm([one.p_value for _, one in found])
    return tuple(
        Metric(name=name, comparison=one, p_adjusted=p_value)
        for (name, one), p_value in zip(found, adjusted, strict=True)
    )


def _judgings(evaluated: Evaluated, graders: Sequence[Grader], people: HumanLabels | None) -> tuple[Judging, ...]:
    judges = [grader for grader in graders if isinstance(grader, ScoreJudge | PairJudge)]
    return tuple(judging_of(judge, evaluated.questions, answers_of(evaluated), people) for judge in judges)


def _ratios(
    rule: Rule, latency: Measured | None, cost: Measured | None, *, comparable: bool, batched: bool
) -> tuple[Guardrail, ...]:
    """The limits that the rule sets on latency (like with like only, by the upper end) and on cost (by the figure)."""
    made = []
    for name, limit in rule.limits.items():
        found = latency if name == "latency" else cost
        value = found.ratio.value if found else None
        most = found.most if found and name == "latency" else None
        alike = comparable or name != "latency"
        why = _BATCHED if batched and name == "latency" else NEEDS_SCIPY
        made.append(ratio_guardrail(name, value, limit, comparable=alike, most=most, why=why))
    return tuple(made)


def _with_lesson(verdict: Verdict, evaluated: Evaluated, tuned: Side, beside: Beside, *, labels: bool) -> Verdict:
    """To iterate is to change something: what the failures point at, in place of the general advice."""
    if verdict.answer != "iterate":
        return verdict
    learned = lesson(evaluated.questions, tuned, beside.train, labels=labels, checkpoint=beside.checkpoint)
    kept = verdict.advice if not learned.advice else _without_general(verdict.advice)
    return replace(verdict, advice=(*learned.advice, *kept))


def _untimed(answers: Sequence[Answer]) -> bool:
    """Whether they came by a batch: an answer that waited for room has no time of its own."""
    given = [answer for answer in answers if not answer.missing]
    return bool(given) and all(answer.latency_s is None for answer in given)


def _without_general(advice: Sequence[str]) -> tuple[str, ...]:
    return tuple(text for text in advice if not text.startswith(_PLAIN_ITERATE))


def _with_more(verdict: Verdict, found: Sequence[Contender], prompted: Sequence[str]) -> Verdict:
    """Contenders that are as good come first of all advice; where to stop, what to do instead."""
    if verdict.answer == "stop":
        kept = tuple(text for text in verdict.advice if not text.startswith(_PLAIN_STOP))
        verdict = replace(verdict, advice=(*kept[:1], alternative(found, prompted), *kept[1:]))
    return replace(verdict, advice=(*told(found, prompted), *verdict.advice))


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
        **_beside_json(judged),
    }


def _beside_json(judged: Judged) -> dict[str, Any]:
    """What was found beside the difference between base and tuned."""
    return {
        "contenders": [
            {
                "name": one.name,
                "label": one.label,
                "missing": one.missing,
                "score": one.against_base.tuned,
                "against_base": _gap(one.against_base),
                "against_tuned": {**_gap(one.against_tuned), "p_adjusted": one.p_adjusted},
            }
            for one in judged.contenders
        ],
        "metrics": [
            {
                "name": one.name,
                "base": one.comparison.base,
                "tuned": one.comparison.tuned,
                **_gap(one.comparison),
                "p_adjusted": one.p_adjusted,
            }
            for one in judged.metrics
        ],
        "slices": {"exploratory": True, "adjusted_by": "Benjamini-Hochberg", "of": plain(judged.slices)},
        "latency": plain(judged.latency),
        "cost": plain(judged.cost),
        "economics": plain(judged.economics),
        "guarded": plain(judged.guarded),
        "judgings": [judging.to_json() for judging in judged.judgings],
    }


def _gap(comparison: Comparison) -> dict[str, Any]:
    return {
        "difference": comparison.difference,
        "low": comparison.low,
        "high": comparison.high,
        "p_value": comparison.p_value,
        "test": comparison.test,
    }


def _side(score: float, interval: Any, missing: int) -> dict[str, Any]:
    return {"score": score, "low": interval.low, "high": interval.high, "missing": missing}
