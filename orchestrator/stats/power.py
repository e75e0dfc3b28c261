"""How many prompts a difference needs to show, and the smallest difference that so many prompts can show.

Planning formulas with the normal distribution; `score_power` has the exact ones for few scored prompts.
Pass/fail is governed by the *discordance*, the share of prompts that one model gets right and the other wrong;
scores by the *spread*, the standard deviation of the paired differences.
"""

from __future__ import annotations

import math

from .rates import normal_quantile, two_sided_z
from .records import Comparison

__all__ = [
    "detectable_gap",
    "noninferiority_prompts",
    "prompts_needed",
    "prompts_to_see",
    "score_detectable_gap",
    "score_prompts_needed",
    "smoothed_discordance",
    "whole_prompts",
]


def prompts_needed(gap: float, discordance: float, *, confidence: float = 0.95, power: float = 0.8) -> int:
    """Prompts to show a true pass/fail difference of `gap` (in shares) with this `power`.

    A discordance below |gap| is impossible and counts as |gap|. Source: Connor 1987 and Miettinen 1968,
    n = (z_α/2·√p_d + z_β·√(p_d − δ²))² / δ². Raises ValueError unless 0 < |gap| ≤ 1.
    """
    return whole_prompts(_prompts(_checked(gap), _share(discordance), two_sided_z(confidence), normal_quantile(power)))


def score_prompts_needed(gap: float, spread: float, *, confidence: float = 0.95, power: float = 0.8) -> int:
    """Prompts to show a true mean difference of `gap`. Source: Miller 2024, arXiv 2411.00640, with one sample a prompt.

    n = ((z_α/2 + z_β)·spread / gap)². Raises ValueError unless 0 < |gap| ≤ 1.
    """
    z = two_sided_z(confidence) + normal_quantile(power)
    return max(2, whole_prompts((z * spread / _checked(gap)) ** 2))


def noninferiority_prompts(margin: float, discordance: float, *, confidence: float = 0.95, power: float = 0.8) -> int:
    """Prompts to show "at most `margin` worse" (one-sided) when the models are truly equal."""
    z = normal_quantile(confidence) + normal_quantile(power)
    return whole_prompts(z * z * _share(discordance) / _checked(margin) ** 2)


def detectable_gap(n: int, discordance: float, *, confidence: float = 0.95, power: float = 0.8) -> float:
    """The smallest true pass/fail difference that `n` prompts show with this `power`; 1 where they show none."""
    z, z_power = two_sided_z(confidence), normal_quantile(power)
    share = _share(discordance)
    if n <= 0 or _prompts(1.0, share, z, z_power) > n:
        return 1.0
    low, high = 0.0, 1.0
    while high - low > 1e-12:
        middle = (low + high) / 2
        low, high = (low, middle) if _prompts(middle, share, z, z_power) <= n else (middle, high)
    return high


def score_detectable_gap(n: int, spread: float, *, confidence: float = 0.95, power: float = 0.8) -> float:
    """The smallest true mean difference that `n` scored prompts show, by the normal distribution; at most 1."""
    if n <= 0:
        return 1.0
    return min(1.0, (two_sided_z(confidence) + normal_quantile(power)) * spread / math.sqrt(n))


def prompts_to_see(comparison: Comparison, gap: float, *, power: float = 0.8) -> int:
    """Prompts to show a true difference of `gap` when prompts, their groups and the models are like `comparison`'s."""
    if comparison.kind == "score" or comparison.groups is not None:
        return score_prompts_needed(gap, comparison.spread, confidence=comparison.confidence, power=power)
    return prompts_needed(gap, comparison.spread**2, confidence=comparison.confidence, power=power)


def smoothed_discordance(discordant: int, n: int) -> float:
    """The discordance to plan with: Laplace's (k + 1)/(n + 2), so that 0 of 12 is not taken for "never"."""
    return (discordant + 1) / (n + 2)


def _prompts(gap: float, discordance: float, z: float, z_power: float) -> float:
    share = max(discordance, gap)
    return (z * math.sqrt(share) + z_power * math.sqrt(max(share - gap * gap, 0.0))) ** 2 / (gap * gap)


def whole_prompts(n: float) -> int:
    """Rounded up, except for the noise of floats."""
    return math.ceil(n - 1e-9)


def _checked(gap: float) -> float:
    if not 0 < abs(gap) <= 1:
        raise ValueError(f"a gap must lie between 0 and 1, not {gap!r}: no number of prompts shows a gap of 0")
    return abs(gap)


def _share(discordance: float) -> float:
    if not 0 <= discordance <= 1:
        raise ValueError(f"the discordance must lie between 0 and 1, not {discordance!r}")
    return discordance
