"""Candidates beside base and tuned: is the tuned model better than what costs no training, such as a better prompt?

Beating a bare base proves little. Each contender is compared with both; what the verdict says of it, and the guardrail
of a rule that asks the tuned model to beat it, are made here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..stats import Comparison, holm
from .judged import Contender
from .questions import Candidate
from .rule import PROMPTED, Guardrail, Rule
from .sides import Side, compare
from .wording import percent

__all__ = ["BESIDE", "alternative", "contender_guardrails", "contenders", "is_prompted", "not_beaten", "told"]

BESIDE = ("base", "tuned")
"""The two that the verdict is about; every other candidate is a contender."""


def contenders(
    sides: Sequence[Side], base: Side, tuned: Side, confidence: float, groups: Sequence[str] | None
) -> tuple[Contender, ...]:
    """Each further candidate against base and tuned, the latter corrected for their number (Holm)."""
    found = [_contender(side, base, tuned, confidence, groups) for side in sides]
    adjusted = holm([one.against_tuned.p_value for one in found])
    return tuple(replace(one, p_adjusted=p_value) for one, p_value in zip(found, adjusted, strict=True))


def _contender(side: Side, base: Side, tuned: Side, confidence: float, groups: Sequence[str] | None) -> Contender:
    against_tuned = compare(tuned, side, confidence, groups)
    return Contender(
        name=side.candidate.name,
        label=side.candidate.label or side.candidate.model,
        grades=side.grades,
        missing=side.missing,
        against_base=compare(base, side, confidence, groups),
        against_tuned=against_tuned,
        p_adjusted=against_tuned.p_value,
    )


def is_prompted(candidate: Candidate, base: Candidate) -> bool:
    """Whether this is the base itself, asked in another way: nothing was trained for it."""
    return (candidate.provider, candidate.model) == (base.provider, base.model)


def not_beaten(contender: Contender) -> bool:
    """Whether the tuned model is not shown better than it, corrected for how many there are."""
    return not _beaten(contender.against_tuned, contender.p_adjusted)


def _beaten(against_tuned: Comparison, p_value: float) -> bool:
    return against_tuned.high < 0 and p_value < 1 - against_tuned.confidence


def told(found: Sequence[Contender], prompted: Sequence[str]) -> tuple[str, ...]:
    """What the verdict must say of contenders that are as good as the tuned model. `prompted`: their names."""
    as_good = [one for one in found if not_beaten(one)]
    return tuple(_sentence(one, one.name in prompted) for one in as_good)


def _sentence(one: Contender, prompted: bool) -> str:
    against = one.against_tuned
    score, tuned = _level(against.tuned, against.kind), _level(against.base, against.kind)
    ends = f"{-100 * against.high:+.1f} to {-100 * against.low:+.1f} points"
    unsure = f"the tuned model ({tuned}) is not shown better than that (difference {ends})"
    if against.low > 0 and one.p_adjusted < 1 - against.confidence:
        unsure = f"better than the tuned model ({tuned}; difference {ends})"
    if prompted:
        return f"Prompting alone reaches {score} ({one.label}): {unsure}, and a prompt needs no training."
    return f"{one.label} reaches {score}: {unsure}."


def alternative(found: Sequence[Contender], prompted: Sequence[str]) -> str:
    """Where tuning is not worth it: what to do in its place, by what the prompted base showed, if it was asked."""
    tried = [one for one in found if one.name in prompted]
    if not tried:
        return (
            "Ask the base with a better prompt, or with examples in it, as a further candidate: that is cheaper, and "
            "was not tried here. Where the facts change often, retrieval (RAG)."
        )
    best = max(tried, key=lambda one: one.against_base.difference)
    against = best.against_base
    reach = f"{best.label} reaches {_level(against.tuned, against.kind)}, the base {_level(against.base, against.kind)}"
    if _beaten_by(against):
        return f"Take the prompt in place of tuning: {reach}."
    return (
        f"A better prompt is not shown to help either ({reach}). Where the answers rest on facts that the model was "
        "never told, or that change, retrieval (RAG); else better or more pairs."
    )


def _beaten_by(against_base: Comparison) -> bool:
    return against_base.low > 0 and against_base.p_value < 1 - against_base.confidence


def _level(score: float, kind: str) -> str:
    return percent(score) if kind == "binary" else f"{score:.3f}"


def contender_guardrails(
    rule: Rule, found: Sequence[Contender], prompted: Sequence[str], n: int
) -> tuple[Guardrail, ...]:
    """One for each entry of `must_beat` that was asked. All guardrails must pass, so none of them is corrected."""
    made = []
    for wanted in rule.must_beat:
        named = prompted if wanted == PROMPTED else (wanted,)
        meant = [one for one in found if one.name in named]
        if meant:
            made.append(_guardrail(wanted, meant, rule, n))
    return tuple(made)


def _guardrail(wanted: str, meant: Sequence[Contender], rule: Rule, n: int) -> Guardrail:
    void = [one for one in meant if n and one.missing / n > rule.max_missing]
    beaten = [_beaten(one.against_tuned, one.against_tuned.p_value) for one in meant]
    worst = max(meant, key=lambda one: one.against_tuned.difference)
    against = worst.against_tuned
    detail = (
        f"{-100 * against.difference:+.1f} points against {worst.label}, {percent(against.confidence)} interval "
        f"{-100 * against.high:+.1f} to {-100 * against.low:+.1f}"
    )
    if void:
        detail = f"{void[0].missing:,} of {n:,} prompts got no answer from {void[0].label}"
    return Guardrail(
        name=f"beats {wanted}",
        passed=None if void else all(beaten),
        detail=detail,
        value=-against.difference,
        limit=0.0,
    )
