"""What a comparison of latency or cost found: ratios tuned / base. Records only."""

from __future__ import annotations

from dataclasses import dataclass

from .records import Estimate

__all__ = ["LatencyComparison", "RatioEstimate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RatioEstimate:
    """Tuned over base, from `n` pairs: interval `low`..`high`, and `upper`, the one-sided bound at the same level."""

    value: float
    low: float
    high: float
    upper: float
    n: int
    method: str

    def within(self, margin: float) -> bool:
        """Non-inferior: shown to be less than `margin` (0.2 for 20 %) above the base."""
        return self.upper < 1 + margin


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyComparison:
    """How much slower (above 1) or faster the tuned model answers, prompt by prompt.

    `typical`: the pair's ratio in the middle (Hodges-Lehmann on log ratios), `p_value` of Wilcoxon's signed-rank test
    that it is 1, `median`: the plain median of the ratios. `p50`, `p95`: ratio of the two models' own quantiles.
    `base_p95` and its like are in the unit given, with order-statistic intervals; an end is None where too few answers
    bound it.
    """

    n: int
    typical: RatioEstimate
    median: float
    p_value: float
    p50: RatioEstimate
    p95: RatioEstimate
    base_p50: Estimate
    tuned_p50: Estimate
    base_p95: Estimate
    tuned_p95: Estimate
    notes: tuple[str, ...] = ()
