"""Base against tuned where each answer has a score: which interval and test apply, and their degenerate cases.

Needs numpy and scipy; loaded by `scores` on use.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from .rates import wilson
from .records import Comparison, Estimate, Interval
from .resampling import Floats, bca_intervals, sign_flip_p, t_interval, t_test_p
from .score_power import t_detectable_gap

__all__ = ["compare"]

_FEW = 20
_FEW_MOVED = 10
"""With fewer prompts, or fewer that score differently, the bootstrap sees no tail: 95 % BCa intervals covered 71 to
94 % in simulation (20 prompts, a tenth of them moved), and the wider of BCa and t at each end 92 to 100 %."""
_BCA_TO = 20_000
"""Above, Student's t says the same; at 100,000 the bootstrap takes 77 s (measured)."""
_TINY = 1e-12

_RANGES = {"difference": (-1.0, 1.0), "base": (0.0, 1.0), "tuned": (0.0, 1.0)}


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
        found = _wider(bootstrapped, found) if _is_sparse(differences) else bootstrapped
    bounds = _bounded(found, first, second, confidence)
    spread = _spread(differences)
    return Comparison(
        kind="score",
        n=n,
        base=_mean(first),
        tuned=_mean(second),
        difference=_mean(differences),
        low=bounds["difference"].low,
        high=bounds["difference"].high,
        p_value=sign_flip_p(differences, seed=seed, resamples=resamples) if small else t_test_p(differences),
        test="sign-flip permutation" if small else "paired t",
        interval=_interval_name(differences),
        confidence=confidence,
        discordant=None,
        detectable=t_detectable_gap(n, spread, confidence=confidence),
        base_interval=bounds["base"],
        tuned_interval=bounds["tuned"],
        error_share=_share(differences, 1 - first, found.get("error_share"), bounds["difference"], cap=1.0),
        relative=_share(differences, first, found.get("relative"), bounds["difference"], cap=math.inf),
        spread=spread,
        notes=_notes(differences),
    )


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else 0.0


def _is_sparse(differences: Floats) -> bool:
    return len(differences) < _FEW or int(np.count_nonzero(differences)) < _FEW_MOVED


def _wider(one: Mapping[str, Interval], other: Mapping[str, Interval]) -> dict[str, Interval]:
    both = {**other, **one}
    for name in one.keys() & other.keys():
        both[name] = Interval(min(one[name].low, other[name].low), max(one[name].high, other[name].high))
    return both


def _interval_name(differences: Floats) -> str:
    if not _varies(differences):
        return "Wilson bound (nothing varies)"
    if len(differences) > _BCA_TO:
        return "Student's t"
    return "BCa bootstrap or Student's t, the wider" if _is_sparse(differences) else "BCa bootstrap"


def _spread(differences: Floats) -> float:
    """Standard deviation of the differences; where few prompts moved, with one imaginary prompt that moved by 1.

    Without it 12 equal pairs would promise that any gap can be seen (compare `smoothed_discordance`).
    """
    if np.count_nonzero(differences) >= _FEW_MOVED and _varies(differences):
        return float(differences.std(ddof=1))
    squares = float(((differences - _mean(differences)) ** 2).sum())
    return math.sqrt((squares + 1) / (len(differences) + 2))


def _influence(first: Floats, second: Floats) -> dict[str, Floats]:
    """Per prompt, what each estimate is the mean of, for every estimate that varies; ratios are linearised.

    Where the differences do not vary, ratios of them are left to the fallback: their other half alone would give an
    interval of false precision.
    """
    differences = second - first
    values = {"difference": differences, "base": first, "tuned": second}
    if _varies(differences):
        for name, whole in (("error_share", 1 - first), ("relative", first)):
            if whole.any():
                ratio = differences.mean() / whole.mean()
                values[name] = ratio + (differences - ratio * whole) / whole.mean()
    return {name: each for name, each in values.items() if _varies(each)}


def _varies(values: Floats) -> bool:
    return len(values) > 0 and float(np.ptp(values)) > _TINY


def _student(first: Floats, second: Floats, confidence: float) -> dict[str, Interval]:
    found = {name: t_interval(each, confidence=confidence) for name, each in _influence(first, second).items()}
    return {name: interval for name, interval in found.items() if interval}


def _bootstrap(first: Floats, second: Floats, confidence: float, seed: int, resamples: int) -> dict[str, Interval]:
    names = tuple(_influence(first, second))

    def statistic(base: Floats, tuned: Floats, axis: int = -1) -> Floats:
        base_mean, tuned_mean = base.mean(axis=axis), tuned.mean(axis=axis)
        difference = tuned_mean - base_mean
        values = {
            "difference": difference,
            "base": base_mean,
            "tuned": tuned_mean,
            "error_share": difference / np.maximum(1 - base_mean, _TINY),
            "relative": difference / np.maximum(base_mean, _TINY),
        }
        return np.stack([values[name] for name in names])

    if not names:
        return {}
    found = bca_intervals((first, second), statistic, confidence=confidence, seed=seed, resamples=resamples)
    return {name: interval for name, interval in zip(names, found, strict=True) if interval}


def _bounded(found: Mapping[str, Interval], first: Floats, second: Floats, confidence: float) -> dict[str, Interval]:
    """Intervals inside the possible range that hold their estimate; where nothing varies, what n prompts leave open."""
    n, bounds = len(first), {}
    unseen = wilson(0, n, confidence=confidence).high
    for name, values in (("difference", second - first), ("base", first), ("tuned", second)):
        (least, most), mean = _RANGES[name], _mean(values)
        still = Interval(mean - unseen * (mean - least), mean + unseen * (most - mean))
        ends = found.get(name, still if n else Interval(least, most))
        bounds[name] = Interval(max(least, min(ends.low, mean)), min(most, max(ends.high, mean)))
    return bounds


def _share(differences: Floats, whole: Floats, ends: Interval | None, difference: Interval, *, cap: float) -> Estimate:
    """Mean difference over the mean of `whole`; no value without a whole. Falls back on the difference's interval."""
    if not len(whole) or not whole.any():
        return Estimate(None)
    mean = float(whole.mean())
    value = float(differences.mean()) / mean
    ends = ends or Interval(difference.low / mean, difference.high / mean)
    return Estimate(value, min(ends.low, value), min(cap, max(ends.high, value)))


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
