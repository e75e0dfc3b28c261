"""The way in to comparing scores: checks them, and loads numpy and scipy only now. `score_comparison` does the work."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..errors import MissingExtra
from .records import Comparison

__all__ = ["compare_scores"]


def compare_scores(
    base: Sequence[float], tuned: Sequence[float], *, confidence: float = 0.95, seed: int = 7, resamples: int = 9999
) -> Comparison:
    """Compare scores in [0, 1] of the same prompts, in the same order; a missing answer scores 0.

    Sign-flip permutation test with BCa bootstrap intervals up to 20,000 prompts, Student's t above. With fewer than 20
    prompts, or fewer than 10 that score differently, each end is the wider of BCa and t. Where the scores do not vary,
    the interval is what "0 of n prompts differ" leaves open (Wilson).
    n = 0 gives means of 0, intervals of everything possible, p = 1. Raises ValueError on unequal lengths or scores
    outside [0, 1], MissingExtra without scipy.
    """
    if len(base) != len(tuned):
        raise ValueError(f"{len(base)} scores of the base against {len(tuned)} of the tuned model")
    for score in (*base, *tuned):
        if not (math.isfinite(score) and 0 <= score <= 1):
            raise ValueError(f"scores must lie between 0 and 1, not {score!r}")
    try:
        from .score_comparison import compare
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"numpy", "scipy"}:
            raise
        raise MissingExtra(
            "comparing scores needs numpy and scipy", where="statistics", fix="pip install 'tunewright[evaluate]'"
        ) from error
    return compare(base, tuned, confidence=confidence, seed=seed, resamples=resamples)
