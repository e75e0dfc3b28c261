"""Two models right or wrong on the same prompts: score intervals, McNemar's mid-p test, non-inferiority.

Only the counts matter: `base_only` prompts that only the base got right, `tuned_only` that only the tuned model did,
and `n` in all. Needs no library beyond Python's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from .rates import normal_quantile, two_sided_z, upper_tail
from .records import Interval

__all__ = [
    "NonInferiority",
    "mcnemar_mid_p",
    "non_inferior",
    "ratio_interval",
    "score_z",
    "sign_test_p",
    "tango_interval",
]

_STEPS = 100
"""Bisections: enough to reach a float's resolution from any bracket used here."""


def score_z(base_only: int, tuned_only: int, n: int, difference: float) -> float:
    """Tango's score statistic for "the true difference (tuned − base) is `difference`"; positive: it is larger.

    At 0 its square is McNemar's χ² without correction. Infinite where the counts are impossible under `difference`.
    Source: Tango 1998, Stat Med 17:891.
    """
    excess, sd = _difference_score(base_only, tuned_only, n, difference)
    return math.copysign(math.inf, excess) if sd == 0 and excess else excess / sd if sd else 0.0


def tango_interval(base_only: int, tuned_only: int, n: int, *, confidence: float = 0.95) -> Interval:
    """Tango's score interval for tuned − base: every difference that the counts do not contradict.

    Holds at the extremes: with no discordant prompt it is ± z²/(n + z²), never a point. n = 0 gives [−1, 1].
    """
    z = two_sided_z(confidence)
    _check_counts(base_only, tuned_only, n)
    if n == 0:
        return Interval(-1.0, 1.0)

    def beyond(difference: float, edge: float) -> bool:
        excess, sd = _difference_score(base_only, tuned_only, n, difference)
        return excess < edge * sd

    estimate = (tuned_only - base_only) / n
    low = _bisect(lambda d: beyond(d, z), -1.0, estimate)
    high = _bisect(lambda d: beyond(d, -z), estimate, 1.0)
    return Interval(low, high)


def _difference_score(base_only: int, tuned_only: int, n: int, difference: float) -> tuple[float, float]:
    """Observed minus expected gain in prompts, and its standard deviation under `difference` (constrained MLE)."""
    excess = tuned_only - base_only - n * difference
    linear = (2 * n - tuned_only + base_only) * difference - tuned_only - base_only
    constant = -base_only * difference * (1 - difference)
    root = math.sqrt(max(linear * linear - 8 * n * constant, 0.0))
    base_share = (root - linear) / (4 * n)
    return excess, math.sqrt(max(n * (2 * base_share + difference * (1 - difference)), 0.0))


def ratio_interval(both: int, base_only: int, tuned_only: int, n: int, *, confidence: float = 0.95) -> Interval:
    """Score interval for rate(tuned) / rate(base), on the same prompts; it excludes 1 exactly when Tango's excludes 0.

    Given wrong answers instead of right ones it is the ratio of error rates. Raises ValueError where the base's rate
    is 0. Source: Tang, Tang & Chan 2003, Stat Med 22:1217 (as tabled by Fagerland, Lydersen & Laake 2017, ch. 8).
    """
    z = two_sided_z(confidence)
    _check_counts(base_only, tuned_only, n - both)
    if both + base_only == 0:
        raise ValueError("a ratio to a rate of 0 does not exist")
    counts = (both, base_only, tuned_only)
    estimate = (both + tuned_only) / (both + base_only)
    low = 0.0
    if estimate > 0:
        start = estimate
        while _ratio_score(counts, start) < z:
            start /= 2
        low = _bisect(lambda ratio: _ratio_score(counts, ratio) < z, start, estimate)
    stop = max(estimate, 1.0)
    while _ratio_score(counts, stop) > -z:
        stop *= 2
    return Interval(low, _bisect(lambda ratio: _ratio_score(counts, ratio) < -z, estimate, stop))


def _ratio_score(counts: tuple[int, int, int], ratio: float) -> float:
    """Score statistic for rate(tuned) = ratio × rate(base). The share right for neither is its own MLE, so n cancels.

    With the m prompts that anyone got right, the constrained base count s solves ratio(1+ratio)·m·s² − B·s + C = 0.
    """
    both, base_only, tuned_only = counts
    m = both + base_only + tuned_only
    linear = m * ((1 + ratio) ** 2 * both + ratio * (2 + ratio) * base_only + (1 + 2 * ratio) * tuned_only)
    constant = m * m * ((1 + ratio) * both + ratio * base_only + tuned_only)
    square = ratio * (1 + ratio) * m
    root = math.sqrt(max(linear * linear - 4 * square * constant, 0.0))
    base_count = 2 * constant / (linear + root)
    variance = ratio * (2 * m - (1 + ratio) * base_count)
    excess = both + tuned_only - ratio * (both + base_only)
    if variance <= 0:
        return math.copysign(math.inf, excess) if excess else 0.0
    return excess / math.sqrt(variance)


def mcnemar_mid_p(base_only: int, tuned_only: int) -> float:
    """Two-sided mid-p value of McNemar's test; 1 when no prompt tells the models apart.

    Source: Fagerland, Lydersen & Laake 2013, BMC Med Res Methodol 13:91 (equal counts: 1 − pmf/2, as in CRAN's
    contingencytables).
    """
    _check_counts(base_only, tuned_only, base_only + tuned_only)
    total, fewer = base_only + tuned_only, min(base_only, tuned_only)
    if total == 0:
        return 1.0
    mass = _mass(fewer, total)
    if base_only == tuned_only:
        return 1 - mass / 2
    return min(2 * mass * _tail(fewer, total), 1.0)


def sign_test_p(losses: int, wins: int) -> float:
    """Two-sided exact sign test, the binomial one at ½; ties are left out before. 1 without a win or a loss.

    Keeps its level at any number, at a price: false alarms are 3 % with 30 wins and losses, 4 % with 100.
    """
    _check_counts(losses, wins, losses + wins)
    total, fewer = losses + wins, min(losses, wins)
    return min(1.0, 2 * _mass(fewer, total) * (_tail(fewer, total) + 0.5))


def _mass(fewer: int, total: int) -> float:
    """P(X = fewer) of a fair binomial."""
    return math.exp(
        math.lgamma(total + 1) - math.lgamma(fewer + 1) - math.lgamma(total - fewer + 1) - total * math.log(2)
    )


def _tail(fewer: int, total: int) -> float:
    """P(X < fewer) + P(X = fewer)/2 of a fair binomial, in units of P(X = fewer)."""
    terms, term = [0.5], 1.0
    for k in range(fewer, 0, -1):
        term *= k / (total - k + 1)
        terms.append(term)
        if term < 1e-18:
            break
    return math.fsum(terms)


@dataclass(frozen=True, slots=True)
class NonInferiority:
    """Is the tuned model less than `margin` worse? `low` is the one-sided lower bound of tuned − base."""

    margin: float
    difference: float
    low: float
    z: float
    p_value: float
    passed: bool


def non_inferior(base_only: int, tuned_only: int, n: int, margin: float, *, confidence: float = 0.95) -> NonInferiority:
    """One-sided score test of "tuned is worse by `margin` or more" (Tango 1998); for guardrails such as forgetting.

    `margin` in (0, 1). With n = 0 nothing is shown and it does not pass.
    """
    if not 0 < margin < 1:
        raise ValueError(f"the margin must lie between 0 and 1, not {margin!r}")
    low = tango_interval(base_only, tuned_only, n, confidence=2 * confidence - 1).low
    z = score_z(base_only, tuned_only, n, -margin) if n else 0.0
    p_value = upper_tail(z)
    difference = (tuned_only - base_only) / n if n else 0.0
    return NonInferiority(margin, difference, low, z, p_value, n > 0 and z > normal_quantile(confidence))


def _check_counts(base_only: int, tuned_only: int, n: int) -> None:
    if min(base_only, tuned_only) < 0 or base_only + tuned_only > n:
        raise ValueError(f"{base_only} + {tuned_only} discordant prompts do not fit into {n}")


def _bisect(reached: Callable[[float], bool], low: float, high: float) -> float:
    """The point in [low, high] from which `reached` holds."""
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if reached(middle):
            high = middle
        else:
            low = middle
        if high - low <= 1e-15 * max(1.0, abs(high)):
            break
    return (low + high) / 2
