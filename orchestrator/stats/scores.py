"""The way in to comparing scores: checks them, and loads numpy and scipy only now. `score_comparison` does the work."""

from __future__ import annotations

from collections.abc import Sequence

from .loading import checked_scores, scipy_for
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
    checked_scores(base, tuned)
    with scipy_for("comparing scores"):
        from .score_comparison import compare
    return compare(base, tuned, confidence=confidence, seed=seed, resamples=resamples)
