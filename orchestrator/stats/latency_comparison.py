"""Latency of two models on the same prompts. Needs numpy and scipy; loaded by `latency` on use."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import quantile_test

from .ratio_bootstrap import quantile_ratios
from .ratios import LatencyComparison, RatioEstimate
from .records import Estimate
from .resampling import Floats
from .signed_rank import signed_rank

__all__ = ["compare"]

_BOUNDS_P95 = 59
"""The fewest answers whose largest is an upper 95 % bound of the 95 % quantile: 0.95⁵⁹ < 0.05 (Wilks 1941)."""


def compare(
    base: Sequence[float], tuned: Sequence[float], *, confidence: float, seed: int, resamples: int
) -> LatencyComparison:
    """See `compare_latency`; the latencies are already checked."""
    first, second = np.asarray(base, np.float64), np.asarray(tuned, np.float64)
    logs, n = np.log(second) - np.log(first), len(first)
    two = signed_rank(logs, confidence=confidence)
    one = signed_rank(logs, confidence=2 * confidence - 1)
    typical = RatioEstimate(
        value=math.exp(two.estimate),
        low=math.exp(two.low),
        high=math.exp(two.high),
        upper=math.exp(one.high),
        n=n,
        method="Hodges-Lehmann on log ratios",
    )
    p50, p95 = quantile_ratios(base, tuned, (0.5, 0.95), confidence=confidence, seed=seed, resamples=resamples)
    notes = (f"{n} answers do not bound a 95% quantile; it takes {_BOUNDS_P95}.",) if n < _BOUNDS_P95 else ()
    return LatencyComparison(
        n=n,
        typical=typical,
        median=math.exp(float(np.median(logs))),
        p_value=two.p_value,
        p50=p50,
        p95=p95,
        base_p50=_quantile(first, 0.5, confidence),
        tuned_p50=_quantile(second, 0.5, confidence),
        base_p95=_quantile(first, 0.95, confidence),
        tuned_p95=_quantile(second, 0.95, confidence),
        notes=notes,
    )


def _quantile(values: Floats, share: float, confidence: float) -> Estimate:
    """A quantile between two of the ordered values (Conover 1999, section 3.2)."""
    value = float(np.quantile(values, share))
    ends = quantile_test(values, q=value, p=share).confidence_interval(confidence_level=confidence)
    low, high = (float(end) if math.isfinite(end) else None for end in (ends.low, ends.high))
    return Estimate(value, None if low is None else min(low, value), None if high is None else max(high, value))
