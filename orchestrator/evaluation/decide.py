"""The verdict: deploy, iterate, stop or inconclusive. Pure; asking and grading, and exit codes, are others' business.

The rule's steps, in the order in which they are taken:

1. No prompt, fewer than the rule's `min_prompts`, or more than `max_missing` of the answers missing on one side:
   *inconclusive*, whatever the figures say.
2. The interval of the improvement ends below the 10 % line: *stop*; at best it is too little, or it is worse.
3. The tuned model is *shown better* when the interval of the difference lies above 0 and the test agrees
   (p < 1 − confidence). With few prompts that differ the two can part, and a deployment needs both.
4. Shown better, and a gating guardrail fails: *iterate*.
5. Shown better, and the improvement reaches the 20 % line: *deploy*; but *inconclusive* while a gating guardrail, or
   one that the rule asks for, has not been measured, or not on prompts enough to show that it holds.
6. Shown better, and the improvement lies between the lines: *iterate*.
7. All else: *inconclusive*, with the number of prompts that would tell. This includes a difference above 0 whose
   improvement is under 10 % while its interval reaches past it: real, but not known to be too small.

Where the measure has no value (the base made no error to remove, or got nothing right to grow from), the gain in
points is held against the same lines. A base that is right on all of many prompts so gives *stop*, as next to nothing
can be gained; on a few prompts it stays inconclusive.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from ..stats import Comparison, Estimate, prompts_to_see
from . import wording
from .rule import NOISE, Guardrail, Improvement, Rule, not_measured, ratio_guardrail
from .wording import percent

__all__ = ["Guardrail", "Rule", "Verdict", "decide", "improvements", "ratio_guardrail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The answer and why, in plain sentences.

    `improvement` maps error_share, relative and points to their estimates. `prompts_needed`: about how many prompts
    would tell, where more prompts are what is missing. `guardrails`: those given, and those that the rule asks for and
    nobody measured.
    """

    answer: Literal["deploy", "iterate", "stop", "inconclusive"]
    reason: str
    advice: tuple[str, ...] = ()
    improvement: Mapping[str, Estimate] = field(default_factory=dict)
    prompts_needed: int | None = None
    rule_sha256: str = ""
    guardrails: tuple[Guardrail, ...] = ()


@dataclass(frozen=True, slots=True)
class _Measured:
    """The improvement as judged. `whole`: points in one unit of the measure; `why`: why another measure stands in."""

    measure: Improvement
    value: float
    low: float
    high: float
    whole: float
    why: str = ""

    @property
    def clause(self) -> str:
        return f"{self.why}{wording.gain(self.measure, Estimate(self.value, self.low, self.high))}"


def decide(
    comparison: Comparison,
    rule: Rule,
    missing_base: int,
    missing_tuned: int,
    guardrails: Sequence[Guardrail] = (),
    *,
    identical_answers: int | None = None,
) -> Verdict:
    """Apply `rule`, as the module describes.

    `missing_*`: prompts without an answer on that side; they are among the comparison's `n`, graded wrong.
    `identical_answers`: prompts on which both gave the very same text; all of them is a sign of a mix-up and warned of.
    Raises ValueError where the comparison was made at another confidence than the rule's.
    """
    if abs(comparison.confidence - rule.confidence) > NOISE:
        raise ValueError(f"compared at confidence {comparison.confidence}, but the rule asks for {rule.confidence}")
    if min(missing_base, missing_tuned) < 0 or max(missing_base, missing_tuned) > comparison.n:
        raise ValueError(f"{missing_base} and {missing_tuned} missing answers do not fit into {comparison.n} prompts")
    asked = _with_unmeasured(rule, guardrails)
    void = _void(comparison, rule, missing_base, missing_tuned)
    verdict = void or _few(comparison, rule, _judge(comparison, rule, asked))
    return replace(
        verdict,
        advice=(*verdict.advice, *_warnings(comparison, identical_answers), *comparison.notes),
        improvement=improvements(comparison),
        rule_sha256=rule.sha256,
        guardrails=asked,
    )


def improvements(comparison: Comparison) -> dict[str, Estimate]:
    """The three measures: share of the base's errors removed, growth over the base, points (as shares of 1)."""
    points = Estimate(comparison.difference, comparison.low, comparison.high)
    return {"error_share": comparison.error_share, "relative": comparison.relative, "points": points}


def _with_unmeasured(rule: Rule, guardrails: Sequence[Guardrail]) -> tuple[Guardrail, ...]:
    given = {guardrail.name for guardrail in guardrails}
    return (*guardrails, *(absent for name, absent in not_measured(rule).items() if name not in given))


def _void(comparison: Comparison, rule: Rule, missing_base: int, missing_tuned: int) -> Verdict | None:
    """Inconclusive whatever the figures say, or None."""
    n = comparison.n
    if n == 0:
        needed = prompts_to_see(comparison, rule.deploy_at) if 0 < rule.deploy_at <= 1 else None
        return Verdict(answer="inconclusive", reason="There was no prompt to compare on.", prompts_needed=needed)
    sides = (("base", missing_base), ("tuned model", missing_tuned))
    over = [(side, missing) for side, missing in sides if missing / n > rule.max_missing + NOISE]
    if not over:
        return None
    reason = " ".join(wording.missing_side(side, missing, n, rule.max_missing) for side, missing in over)
    return Verdict(
        answer="inconclusive",
        reason=reason,
        advice=("Ask the missing prompts again, and look at why they got no answer, before judging.",),
    )


def _few(comparison: Comparison, rule: Rule, verdict: Verdict) -> Verdict:
    """With fewer prompts than the rule asks for nothing is decided; what they would have said tells how many to ask."""
    if comparison.n >= rule.min_prompts:
        return verdict
    needed = max(rule.min_prompts, verdict.prompts_needed or 0)
    return Verdict(
        answer="inconclusive",
        reason=f"{wording.prompts(comparison.n)} are fewer than the {rule.min_prompts:,} that the rule asks for.",
        advice=(f"Hold out about {wording.prompts(needed)} and evaluate again.",),
        prompts_needed=needed,
    )


def _judge(comparison: Comparison, rule: Rule, guardrails: Sequence[Guardrail]) -> Verdict:
    found = _measured(comparison, rule.improvement)
    if found.high < rule.skip_below - NOISE:
        return _stop(comparison, rule, found)
    failed = [each for each in guardrails if each.gates and each.passed is False]
    unmeasured = [each for each in guardrails if each.gates and each.passed is None]
    if not _shown_better(comparison, rule):
        return _undecided(comparison, rule, found)
    if failed:
        return _iterate(comparison, f"{found.clause}, but a guardrail fails: {wording.named(failed)}")
    if found.value >= rule.deploy_at - NOISE:
        return _unguarded(comparison, found, unmeasured) if unmeasured else _deploy(comparison, rule, found, guardrails)
    if found.value >= rule.skip_below - NOISE:
        between = f"between the lines of {percent(rule.skip_below)} and {percent(rule.deploy_at)}"
        return _iterate(comparison, f"{found.clause}, {between}: better, and not yet worth deploying")
    return _undecided(comparison, rule, found)


def _shown_better(comparison: Comparison, rule: Rule) -> bool:
    return comparison.low > 0 and comparison.p_value < 1 - rule.confidence


def _measured(comparison: Comparison, measure: Improvement) -> _Measured:
    wholes = {"error_share": 1 - comparison.base, "relative": comparison.base, "points": 1.0}
    estimate, whole, why = improvements(comparison)[measure], wholes[measure], ""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        why = f"{_why_points(comparison, measure)}, so points are counted instead; "
        estimate, whole, measure = improvements(comparison)["points"], 1.0, "points"
    value, low, high = (end or 0.0 for end in (estimate.value, estimate.low, estimate.high))
    return _Measured(measure, value, low, high, whole, why)


def _why_points(comparison: Comparison, measure: Improvement) -> str:
    if "prompts won" in comparison.test:
        return "prompts won and lost have no share of errors"
    return f"the base {'made no error to remove' if measure == 'error_share' else 'got nothing right to grow from'}"


def _sentence(comparison: Comparison, clause: str) -> str:
    return f"{wording.figures(comparison)} {clause[0].upper()}{clause[1:]}."


def _deploy(comparison: Comparison, rule: Rule, found: _Measured, guardrails: Sequence[Guardrail]) -> Verdict:
    guarded = ", and every guardrail passes" if any(each.gates for each in guardrails) else ""
    return Verdict(
        answer="deploy",
        reason=_sentence(comparison, f"{found.clause}, at least the {percent(rule.deploy_at)} asked for{guarded}"),
        advice=("Watch it in production, and plan to train again every 3 to 6 months as the data drifts.",),
    )


def _iterate(comparison: Comparison, clause: str) -> Verdict:
    return Verdict(
        answer="iterate",
        reason=_sentence(comparison, clause),
        advice=(
            "Look at the prompts it still gets wrong: correct contradicting or poor examples, add some where there are "
            "few, or take a checkpoint from before overfitting. Then train again.",
        ),
    )


def _stop(comparison: Comparison, rule: Rule, found: _Measured) -> Verdict:
    if comparison.high < 0:
        clause = "the tuned model is worse than the base"
        check = "Compare the loss on training and validation data: an earlier checkpoint may not be worse."
    else:
        clause = f"{found.clause}: even the upper end stays below the {percent(rule.skip_below)} line"
        check = "Training more on the same pairs is unlikely to pay."
    advice = "Try a better prompt or examples in the prompt first; where the facts change often, retrieval (RAG)."
    return Verdict(answer="stop", reason=_sentence(comparison, clause), advice=(check, advice))


def _unguarded(comparison: Comparison, found: _Measured, unmeasured: list[Guardrail]) -> Verdict:
    clause = f"{found.clause}, but a guardrail is not shown to hold: {wording.named(unmeasured)}"
    return Verdict(
        answer="inconclusive",
        reason=_sentence(comparison, clause),
        advice=("Measure it, or on more prompts; or take it out of the rule before the next evaluation.",),
    )


def _undecided(comparison: Comparison, rule: Rule, found: _Measured) -> Verdict:
    if comparison.low > 0 and not _shown_better(comparison, rule):
        clause = f"{found.clause}, but with so few prompts that differ the test does not confirm it"
    elif comparison.low > 0:
        clause = f"{found.clause}: better, but whether by {percent(rule.skip_below)} these prompts cannot tell"
    else:
        clause = f"{found.clause}: these prompts cannot tell a gain from no gain"
    needed = _prompts_needed(comparison, rule, found)
    advice = (
        f"Hold out about {wording.prompts(needed)} and evaluate again, once: looking at every few more until it turns "
        "out well would make luck look like a result."
        if needed
        else "More prompts would narrow the interval."
    )
    return Verdict(answer="inconclusive", reason=_sentence(comparison, clause), advice=(advice,), prompts_needed=needed)


def _prompts_needed(comparison: Comparison, rule: Rule, found: _Measured) -> int | None:
    """Prompts that show an improvement at the deploy line 4 times in 5, where these are fewer.

    Where these are already enough for that, the truth is likely smaller: then the prompts at which the interval, with
    the estimate as it stands, would end on one side of a line (its width falls with √n).
    """
    gap = rule.deploy_at * found.whole
    if 0 < gap <= 1 and (planned := prompts_to_see(comparison, gap)) > comparison.n:
        return planned
    ratios = [ratio for ratio in (_to_clear_zero(comparison), _to_clear_line(found, rule.skip_below)) if ratio]
    return max(comparison.n + 1, math.ceil(comparison.n * min(ratios) ** 2)) if ratios else None


def _to_clear_zero(comparison: Comparison) -> float | None:
    """By how much the interval of the difference must shrink to lie above 0."""
    if comparison.difference <= NOISE or comparison.low > 0:
        return None
    return (comparison.difference - comparison.low) / comparison.difference


def _to_clear_line(found: _Measured, line: float) -> float | None:
    """By how much the interval of the improvement must shrink to end below the line."""
    return (found.high - found.value) / (line - found.value) if found.value < line - NOISE else None


def _warnings(comparison: Comparison, identical_answers: int | None) -> tuple[str, ...]:
    warnings = []
    if comparison.n and identical_answers == comparison.n:
        warnings.append(
            "Both models gave the same answer to every prompt: check that it was the tuned model that was asked."
        )
    if comparison.n and comparison.base == 0 and comparison.tuned > 0:
        warnings.append(
            "The base got nothing right: check that it was told the form of answer the grader expects, or the gain may "
            "be one of form alone."
        )
    if comparison.n and comparison.base == 1:
        warnings.append("The base is already right on every prompt: if that is a surprise, check how hard they are.")
    return tuple(warnings)
