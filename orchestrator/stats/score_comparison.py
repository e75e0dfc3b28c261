"""Base against tuned where each answer has a score: which interval and test apply, and their degenerate cases.

Needs numpy and scipy; loaded by `scores` on use.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .estimates import FEW_MOVED, TINY, bounded, influence, mean, share, spread, varies, wider
from .records import Comparison, Interval
from .resampling import Floats, bca_intervals, sign_flip_p, t_interval, t_test_p
from .score_power import t_detectable_gap

__all__ = ["compare", "sign_flips"]

_FEW = 20
"""With fewer prompts, or fewer than `FEW_MOVED` that score differently, the bootstrap sees no tail: 95 % BCa intervals
covered 71 to 94 % in simulation (20 prompts, a tenth of them moved), and the wider of BCa and t at each end 92 to
100 %."""
_BCA_TO = 20_000
"""Above, Student's t says the same; at 100,000 the bootstrap takes 77 s (measured)."""


def compare(
    base: Sequence[float], tuned: Sequence[float], *, confidence: float, seed: int, resamples: int
) -> Comparison:
    """See `compare_scores`; the scores are already checked."""
    first, second = np.asarray(base, dtype=np.float64), np.asarray(tuned, dtype=np.float64)
    differences, n = second - first, len(first)
    small = n <= _BCA_TO
    found = _student(first, second, confidence)
    if small:
        bootstrapped = _bootstrap(first, second, confidence, seed, resamples)
        found = wider(bootstrapped, found) if _is_sparse(differences) else bootstrapped
    bounds = bounded(found, first, second, confidence)
    deviation = spread(differences)
    return Comparison(
        kind="score",
        n=n,
        base=mean(first),
        tuned=mean(second),
        difference=mean(differences),
        low=bounds["difference"].low,
        high=bounds["difference"].high,
        p_value=sign_flip_p(differences, seed=seed, resamples=resamples) if small else t_test_p(differences),
        test="sign-flip permutation" if small else "paired t",
        interval=_interval_name(differences),
        confidence=confidence,
        discordant=None,
        detectable=t_detectable_gap(n, deviation, confidence=confidence),
        base_interval=bounds["base"],
        tuned_interval=bounds["tuned"],
        error_share=share(differences, 1 - first, found.get("error_share"), bounds["difference"], cap=1.0),
        relative=share(differences, first, found.get("relative"), bounds["difference"], cap=math.inf),
        spread=deviation,
        notes=_notes(differences),
    )


def _is_sparse(differences: Floats) -> bool:
    return len(differences) < _FEW or int(np.count_nonzero(differences)) < FEW_MOVED


def _interval_name(differences: Floats) -> str:
    if not varies(differences):
        return "Wilson bound (nothing varies)"
    if len(differences) > _BCA_TO:
        return "Student's t"
    return "BCa bootstrap or Student's t, the wider" if _is_sparse(differences) else "BCa bootstrap"


def _student(first: Floats, second: Floats, confidence: float) -> dict[str, Interval]:
    found = {name: t_interval(each, confidence=confidence) for name, each in influence(first, second).items()}
    return {name: interval for name, interval in found.items() if interval}


def _bootstrap(first: Floats, second: Floats, confidence: float, seed: int, resamples: int) -> dict[str, Interval]:
    names = tuple(influence(first, second))

    def statistic(base: Floats, tuned: Floats, axis: int = -1) -> Floats:
        base_mean, tuned_mean = base.mean(axis=axis), tuned.mean(axis=axis)
        difference = tuned_mean - base_mean
        values = {
            "difference": difference,
            "base": base_mean,
            "tuned": tuned_mean,
            "error_share": difference / np.maximum(1 - base_mean, TINY),
            "relative": difference / np.maximum(base_mean, TINY),
        }
        return np.stack([values[name] for name in names])

    if not names:
        return {}
    found = bca_intervals((first, second), statistic, confidence=confidence, seed=seed, resamples=resamples)
    return {name: interval for name, interval in zip(names, found, strict=True) if interval}


def _notes(differences: Floats) -> tuple[str, ...]:
    n, moved = len(differences), int(np.count_nonzero(differences))
    if n == 0:
        return ("There is no prompt to compare on.",)
    if moved == 0:
        return (f"Both models scored the same on every prompt ({n}).",)
    if _is_sparse(differences):
        few = f"all {n} prompts" if moved == n else f"only {moved} of {n} prompts"
        return (f"Scores differ on {few}; with so few, 95% intervals hold nearer 92% of the time.",)
    return ()


def sign_flips(one: Sequence[float], other: Sequence[float], *, seed: int) -> float:
    """Two-sided sign-flip p-value of two candidates' scores on the same prompts."""
    return sign_flip_p(np.asarray(other, np.float64) - np.asarray(one, np.float64), seed=seed)
