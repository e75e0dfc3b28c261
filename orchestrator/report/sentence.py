"""The report's first line: the verdict in one sentence, or how far the run is."""

from __future__ import annotations

from . import words
from .view import ReportView, VerdictView

__all__ = ["explained", "headline"]


def headline(view: ReportView) -> str:
    """One sentence with base, tuned, difference, interval, test and the number of prompts, with ordinary spaces."""
    if view.verdict is None:
        return view.status or view.absent.get("verdict") or "No verdict yet."
    return f"{view.verdict.answer.capitalize()}: {_comparison(view.verdict)}.".replace("\u00a0", " ")


def explained(verdict: VerdictView) -> str:
    """The same sentence to stand under the verdict's own word."""
    said = _comparison(verdict)
    return f"{said[0].upper()}{said[1:]}."


def _comparison(verdict: VerdictView) -> str:
    tuned, base = (words.figure(side.value, verdict.kind) for side in (verdict.tuned, verdict.base))
    prompts = f"{words.count(verdict.n)} held-out prompt{'' if verdict.n == 1 else 's'}"
    if verdict.kind == "binary":
        result = f"the tuned model gets {tuned} of {prompts} right, the base {base}"
    else:
        result = f"the tuned model scores {tuned} on {prompts}, the base {base}"
    return f"{result}; {_difference(verdict)}"


def _difference(verdict: VerdictView) -> str:
    ends = words.interval(verdict.difference, verdict.kind, signed=True)
    inside = [f"{verdict.confidence * 100:g}% interval {ends}"] if ends != words.DASH else []
    inside += [verdict.test] if verdict.test else []
    inside += [words.p_value(verdict.p_value)] if verdict.p_value is not None else []
    text = f"a difference of {words.points(verdict.difference.value, verdict.kind)}"
    return f"{text} ({', '.join(inside)})" if inside else text
