"""The way in to comparing prompts that hang on one another: several about one document, conversation or template."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from .loading import checked_scores, scipy_for
from .records import Comparison

__all__ = ["compare_clustered"]


def compare_clustered(
    base: Sequence[float],
    tuned: Sequence[float],
    groups: Sequence[Hashable],
    *,
    confidence: float = 0.95,
    seed: int = 7,
    resamples: int = 9999,
) -> Comparison:
    """Compare scores in [0, 1], or right/wrong, of prompts that fall into `groups` (one name a prompt).

    The mean difference over prompts, its cluster-robust standard error with the correction G/(G − 1) and Student's t
    with G − 1 degrees of freedom (Liang & Zeger 1986; what statsmodels gives for `OLS(d, 1)` with `cov_type="cluster"`
    and `use_t=True`). The p-value comes from the same t from 30 groups on, below it from flipping the signs of whole
    groups, and then the interval is the wider of t's and the one that this test leaves. Fewer than 6 groups can never
    reach p < 0.05, and a note says so.
    The kind is "binary" where every score is 0 or 1. Raises ValueError on unequal lengths or scores outside [0, 1],
    MissingExtra without scipy.
    """
    checked_scores(base, tuned)
    if len(groups) != len(base):
        raise ValueError(f"{len(groups)} groups for {len(base)} prompts")
    numbers: dict[Hashable, int] = {}
    codes = [numbers.setdefault(group, len(numbers)) for group in groups]
    with scipy_for("comparing prompts in groups"):
        from .clustered_comparison import compare
    return compare(base, tuned, codes, confidence=confidence, seed=seed, resamples=resamples)
