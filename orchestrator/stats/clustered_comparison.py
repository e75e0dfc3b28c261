"""Base against tuned on prompts in groups: cluster-robust errors, Student's t, and whole groups changing sign.

Needs numpy and scipy; loaded by `clustered` on use.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from .estimates import FEW_MOVED, TINY, bounded, influence, mean, share, spread, varies, wider
from .records import Comparison, Interval
from .resampling import Floats, sign_flip_interval, sign_flip_p
from .score_power import t_gap_of_error

__all__ = ["cluster_error", "compare"]

Codes = NDArray[np.intp]

_FEW_GROUPS = 30
"""Below, too few for the t-test: whole groups change sign instead (exact up to 15 groups that moved)."""
_LEAST_GROUPS = 6
"""2 of 2⁶ sign patterns is the first to lie under 0.05."""
_LOUD_DESIGN = 1.5


def compare(
    base: Sequence[float], tuned: Sequence[float], codes: Sequence[int], *, confidence: float, seed: int, resamples: int
) -> Comparison:
    """See `compare_clustered`; scores are checked, `codes` number the groups from 0."""
    first, second = np.asarray(base, dtype=np.float64), np.asarray(tuned, dtype=np.float64)
    of, n = np.asarray(codes, dtype=np.intp), len(first)
    groups = int(of.max()) + 1 if n else 0
    differences = second - first
    found = _student(first, second, of, confidence)
    sums = _sums(differences, of)
    few = groups < _FEW_GROUPS
    if few and "difference" in found and groups >= _LEAST_GROUPS:
        flipped = sign_flip_interval(sums, np.bincount(of), confidence=confidence, seed=seed, resamples=resamples)
        found = wider(found, {"difference": flipped})
    bounds = bounded(found, first, second, confidence, units=groups)
    error = _planning_error(differences, of)
    binary = bool(np.isin(first, (0, 1)).all() and np.isin(second, (0, 1)).all())
    return Comparison(
        kind="binary" if binary else "score",
        n=n,
        base=mean(first),
        tuned=mean(second),
        difference=mean(differences),
        low=bounds["difference"].low,
        high=bounds["difference"].high,
        p_value=sign_flip_p(sums, seed=seed, resamples=resamples) if few else _t_p(differences, of),
        test="sign-flip permutation of whole groups" if few else "cluster-robust t",
        interval=_interval_name(differences, groups),
        confidence=confidence,
        discordant=_discordant(differences) if binary else None,
        detectable=t_gap_of_error(groups, error, confidence=confidence) if groups >= _LEAST_GROUPS else 1.0,
        base_interval=bounds["base"],
        tuned_interval=bounds["tuned"],
        error_share=share(differences, 1 - first, found.get("error_share"), bounds["difference"], cap=1.0),
        relative=share(differences, first, found.get("relative"), bounds["difference"], cap=math.inf),
        spread=error * math.sqrt(n) if n else spread(differences),
        notes=_notes(differences, of, groups),
        groups=groups,
    )


def cluster_error(values: Floats, codes: Codes) -> float:
    """Standard error of the mean of `values` whose groups are independent and whose prompts are not; 0 of one group.

    √(Σ over groups (Σ residuals)² · G/(G − 1)) / n.
    """
    groups = int(codes.max()) + 1
    if groups < 2:
        return 0.0
    sums = _sums(values - values.mean(), codes)
    return float(np.sqrt((sums**2).sum() * groups / (groups - 1)) / len(values))


def _sums(values: Floats, codes: Codes) -> Floats:
    return np.bincount(codes, values).astype(np.float64)


def _student(first: Floats, second: Floats, codes: Codes, confidence: float) -> dict[str, Interval]:
    found = {}
    for name, values in influence(first, second).items():
        error = cluster_error(values, codes)
        if error > TINY:
            half = float(t.ppf((1 + confidence) / 2, codes.max())) * error
            found[name] = Interval(mean(values) - half, mean(values) + half)
    return found


def _t_p(differences: Floats, codes: Codes) -> float:
    error = cluster_error(differences, codes)
    if error <= TINY:
        return 1.0 if abs(differences.mean()) <= TINY else 0.0
    return float(2 * t.sf(abs(differences.mean()) / error, codes.max()))


def _planning_error(differences: Floats, codes: Codes) -> float:
    """The standard error; where few groups moved, with one imaginary group of mean size that moved by 1."""
    if not len(differences):
        return 1.0
    sums, groups = _sums(differences - differences.mean(), codes), int(codes.max()) + 1
    few = np.count_nonzero(_sums(np.abs(differences), codes)) < FEW_MOVED
    imagined = len(differences) / groups if few or not varies(differences) else 0.0
    return float(np.sqrt((sums**2).sum() + imagined**2) / len(differences)) * math.sqrt(groups / max(groups - 1, 1))


def _discordant(differences: Floats) -> tuple[int, int]:
    return int(np.count_nonzero(differences < 0)), int(np.count_nonzero(differences > 0))


def _interval_name(differences: Floats, groups: int) -> str:
    if not varies(differences) or groups < 2:
        return "Wilson bound on groups (nothing varies)"
    few = _LEAST_GROUPS <= groups < _FEW_GROUPS
    return "cluster-robust t or sign flips of groups, the wider" if few else "cluster-robust t"


def _notes(differences: Floats, codes: Codes, groups: int) -> tuple[str, ...]:
    n = len(differences)
    if n == 0:
        return ("There is no prompt to compare on.",)
    if not differences.any():
        return (f"Both models scored the same on every prompt ({n}).",)
    if groups < _LEAST_GROUPS:
        return (f"The prompts fall into {groups} groups; it takes {_LEAST_GROUPS} for any difference to be shown.",)
    notes = []
    alone = float(differences.std(ddof=1)) / math.sqrt(n)
    design = (cluster_error(differences, codes) / alone) ** 2 if alone > TINY else 1.0
    if design > _LOUD_DESIGN:
        notes.append(
            f"Prompts of one group go the same way: these {n} in {groups} groups tell as much as {n / design:.0f} "
            "independent ones."
        )
    moved = int(np.count_nonzero(_sums(np.abs(differences), codes)))
    if moved < FEW_MOVED:
        notes.append(f"The models differ in only {moved} of {groups} groups; everything rests on those.")
    return tuple(notes)
