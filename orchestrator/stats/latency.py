"""Latency and cost as ratios tuned / base on the same prompts. `ratio_bootstrap` and `signed_rank` do the work."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from .loading import scipy_for
from .ratios import LatencyComparison, RatioEstimate

__all__ = ["compare_cost", "compare_latency"]


def compare_latency(
    base: Sequence[float], tuned: Sequence[float], *, confidence: float = 0.95, seed: int = 7, resamples: int = 1999
) -> LatencyComparison:
    """Compare latencies, in any one unit, of prompts that both models answered, in the same order.

    Quantile ratios come from a paired percentile bootstrap: BCa's correction does not suit quantiles. Raises ValueError
    on unequal lengths, no pair at all, or a latency that is not above 0, MissingExtra without scipy.
    """
    _check(base, tuned, least="above 0", bad=lambda value: value <= 0)
    with scipy_for("comparing latencies"):
        from .latency_comparison import compare
    return compare(base, tuned, confidence=confidence, seed=seed, resamples=resamples)


def compare_cost(
    base: Sequence[float], tuned: Sequence[float], *, confidence: float = 0.95, seed: int = 7, resamples: int = 9999
) -> RatioEstimate | None:
    """Ratio of the mean costs of the same prompts, by paired percentile bootstrap.

    None where the base costs nothing, or costs something on so few prompts that the ratio has no upper end. Whether
    money is worth spending is a decision, not a test, so there is no p-value. Raises ValueError on unequal lengths, no
    pair at all, or a negative cost, MissingExtra without scipy.
    """
    _check(base, tuned, least="0 or above", bad=lambda value: value < 0)
    if sum(base) <= 0:
        return None
    with scipy_for("comparing costs"):
        from .ratio_bootstrap import mean_ratio
    found = mean_ratio(base, tuned, confidence=confidence, seed=seed, resamples=resamples)
    return found if math.isfinite(found.high) else None


def _check(base: Sequence[float], tuned: Sequence[float], *, least: str, bad: Callable[[float], bool]) -> None:
    if len(base) != len(tuned):
        raise ValueError(f"{len(base)} values of the base against {len(tuned)} of the tuned model")
    if not base:
        raise ValueError("there is no pair to compare")
    for value in (*base, *tuned):
        if not math.isfinite(value) or bad(value):
            raise ValueError(f"values must be finite and {least}, not {value!r}")
