"""How much slower and how much dearer the tuned model is, on the same prompts, with an interval (`stats.latency`).

The interval needs scipy. A verdict on labels does not: without it there is no ratio, and a rule's limit on one says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from ..stats import RatioEstimate, compare_cost, compare_latency
from .judged import Ratio
from .questions import Answer
from .timing import timed_pairs

__all__ = ["NEEDS_SCIPY", "Measured", "cost_ratio", "latency_ratio"]

NEEDS_SCIPY = "" if find_spec("scipy") else "it takes scipy: pip install 'tunewright[evaluate]'"
"""Why there is no ratio at all; empty where there can be one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A ratio, and `most`: the upper end of its one-sided interval, for a guardrail."""

    ratio: Ratio
    most: float


def latency_ratio(
    base: Sequence[Answer], tuned: Sequence[Answer], confidence: float, *, comparable: bool
) -> Measured | None:
    """Of the seconds of prompts that both answered, pair by pair, without the warm-up; None where none was timed."""
    timed = [(b.latency_s or 0.0, t.latency_s or 0.0) for b, t in timed_pairs(base, tuned)]
    pairs = [(b, t) for b, t in timed if min(b, t) > 0]
    if not pairs or NEEDS_SCIPY:
        return None
    first, second = zip(*pairs, strict=True)
    return _measured(compare_latency(first, second, confidence=confidence).typical, comparable=comparable)


def cost_ratio(base: Sequence[Answer], tuned: Sequence[Answer], confidence: float) -> Measured | None:
    """Of the mean dollars of prompts that both answered; None where the prices are not known, or nothing costs."""
    priced = [(b.usd, t.usd) for b, t in zip(base, tuned, strict=True) if not (b.missing or t.missing)]
    pairs = [(float(b), float(t)) for b, t in priced if b is not None and t is not None]
    if not pairs or len(pairs) < len(priced) or NEEDS_SCIPY:
        return None
    first, second = zip(*pairs, strict=True)
    found = compare_cost(first, second, confidence=confidence)
    return None if found is None else _measured(found, comparable=True)


def _measured(found: RatioEstimate, *, comparable: bool) -> Measured:
    ratio = Ratio(value=found.value, low=found.low, high=found.high, n=found.n, comparable=comparable)
    return Measured(ratio=ratio, most=found.upper)
