"""One share: the normal quantile every interval here uses, and Wilson's interval."""

from __future__ import annotations

import math
from statistics import NormalDist

from .records import Interval

__all__ = ["normal_quantile", "two_sided_z", "upper_tail", "wilson"]

_NORMAL = NormalDist()


def normal_quantile(probability: float) -> float:
    """z with P(Z ≤ z) = `probability`, which must lie strictly between 0 and 1."""
    return _NORMAL.inv_cdf(probability)


def two_sided_z(confidence: float) -> float:
    """1.96 for 0.95. Raises ValueError unless 0 < confidence < 1."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, not {confidence!r}")
    return normal_quantile((1 + confidence) / 2)


def upper_tail(z: float) -> float:
    """P(Z > z), also far out where 1 − cdf would round to 0."""
    return math.erfc(z / math.sqrt(2)) / 2


def wilson(successes: int, n: int, *, confidence: float = 0.95) -> Interval:
    """Wilson's score interval for a share (Wilson 1927; Newcombe 1998, method 3). n = 0 gives all of [0, 1]."""
    z = two_sided_z(confidence)
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} of {n} is no share")
    if n == 0:
        return Interval(0.0, 1.0)
    share, pull = successes / n, z * z / n
    centre = (share + pull / 2) / (1 + pull)
    half = z * math.sqrt(share * (1 - share) / n + pull / (4 * n)) / (1 + pull)
    return Interval(0.0 if successes == 0 else centre - half, 1.0 if successes == n else centre + half)
