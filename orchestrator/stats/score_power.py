"""Exact power of the t-test on paired score differences (noncentral t). Needs scipy; loaded by `scores` on use."""

from __future__ import annotations

import math

from scipy.optimize import brentq
from scipy.stats import nct, t

__all__ = ["t_detectable_gap", "t_gap_of_error", "t_power", "t_prompts_needed"]


def t_power(n: float, gap: float, spread: float, *, confidence: float = 0.95, groups: int = 1) -> float:
    """Chance that a two-sided t-test on `n` prompts shows a true mean difference of `gap` > 0.

    `groups` 1: paired differences with standard deviation `spread`. 2: two separate sets of `n` prompts each, which is
    what leaving out the pairing would cost. Like R's `power.t.test`, it leaves out the far tail.
    """
    freedom = groups * (n - 1)
    critical = t.ppf((1 + confidence) / 2, freedom)
    return float(nct.sf(critical, freedom, gap / spread * math.sqrt(n / groups)))


def t_prompts_needed(
    gap: float, spread: float, *, confidence: float = 0.95, power: float = 0.8, groups: int = 1
) -> float:
    """Prompts (not rounded) at which `t_power` reaches `power`."""
    return float(brentq(lambda n: t_power(n, gap, spread, confidence=confidence, groups=groups) - power, 2, 1e7))


def t_detectable_gap(n: int, spread: float, *, confidence: float = 0.95, power: float = 0.8) -> float:
    """The smallest mean difference that `n` ≥ 2 paired scores show; 1 where they show none."""
    if n < 2 or t_power(n, 1.0, spread, confidence=confidence) < power:
        return 1.0
    return float(brentq(lambda gap: t_power(n, gap, spread, confidence=confidence) - power, 1e-9, 1.0))


def t_gap_of_error(units: int, error: float, *, confidence: float = 0.95, power: float = 0.8) -> float:
    """The smallest mean difference that shows where its standard error is `error`, from `units` independent ones."""
    return t_detectable_gap(units, error * math.sqrt(max(units, 0)), confidence=confidence, power=power)
