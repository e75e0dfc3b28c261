"""How a verdict speaks: figures and reasons as sentences that need no course in statistics."""

from __future__ import annotations

from ..stats import Comparison, Estimate
from .rule import Guardrail, Improvement

__all__ = ["figures", "gain", "missing_side", "named", "percent", "prompts"]


def percent(share: float) -> str:
    """0.2 → "20%", 0.0123 → "1.2%"."""
    text = f"{100 * share:.1f}".removesuffix(".0")
    return ("0" if text == "-0" else text) + "%"


def prompts(n: int) -> str:
    """1 → "1 prompt", 1200 → "1,200 prompts"."""
    return f"{n:,} prompt" + ("" if n == 1 else "s")


def figures(comparison: Comparison) -> str:
    """Both models, the difference, its interval and the p-value in one sentence."""
    low, high = (_points(end, comparison.kind) for end in (comparison.low, comparison.high))
    p_value = "p < 0.001" if comparison.p_value < 0.001 else f"p = {comparison.p_value:.3f}"
    inside = f"{percent(comparison.confidence)} interval {low} to {high}, {p_value}"
    return f"{_both(comparison)}, {_gap(comparison)} ({inside})."


def _both(comparison: Comparison) -> str:
    if comparison.kind == "binary":
        right = f"right on {percent(comparison.tuned)} of {prompts(comparison.n)}"
        return f"The tuned model is {right}, the base on {percent(comparison.base)}"
    means = f"{comparison.tuned:.3f} on average over {prompts(comparison.n)}"
    return f"The tuned model scores {means}, the base {comparison.base:.3f}"


def _gap(comparison: Comparison) -> str:
    if abs(comparison.difference) < 5e-5:
        return "no difference"
    size = _points(abs(comparison.difference), comparison.kind)
    return f"{size}{' points' if comparison.kind == 'binary' else ''} {'more' if comparison.difference > 0 else 'less'}"


def _points(difference: float, kind: str) -> str:
    text = f"{100 * difference:.1f}" if kind == "binary" else f"{difference:.3f}"
    return text.lstrip("-") if float(text) == 0 else text


def gain(measure: Improvement, estimate: Estimate) -> str:
    """The improvement with its interval, as a clause without a full stop."""
    value, low, high = (end or 0.0 for end in (estimate.value, estimate.low, estimate.high))
    ends = f"(interval {percent(low)} to {percent(high)})"
    size = percent(abs(value))
    if measure == "error_share":
        return (
            f"it removes {size} of the base's errors {ends}" if value >= 0 else f"it adds {size} to its errors {ends}"
        )
    if measure == "relative":
        return f"it is {size} {'above' if value >= 0 else 'below'} the base {ends}"
    return f"it gains {percent(value)} of all prompts {ends}"


def missing_side(side: str, missing: int, n: int, allowed: float) -> str:
    """Why missing answers void the verdict."""
    return (
        f"{missing:,} of {prompts(n)} got no answer from the {side} ({percent(missing / n)}), and the rule allows "
        f"{percent(allowed)}: nothing can be concluded from the rest, whichever way it points."
    )


def named(guardrails: list[Guardrail]) -> str:
    """The guardrails by name, each with its detail."""
    return "; ".join(f"{each.name} ({each.detail})" if each.detail else each.name for each in guardrails)
