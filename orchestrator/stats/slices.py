"""Where is the tuned model better, and where worse? Each slice with its interval, corrected for looking at them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .binary import compare_binary
from .multiple import fdr
from .records import Comparison
from .scores import compare_scores

__all__ = ["SliceComparison", "compare_slices"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceComparison:
    """The prompts of one label. `p_adjusted`: Benjamini-Hochberg over all slices, for exploring and never to decide."""

    label: str
    comparison: Comparison
    p_adjusted: float


def compare_slices(
    base: Sequence[float],
    tuned: Sequence[float],
    labels: Sequence[str],
    *,
    least: int = 1,
    confidence: float = 0.95,
    seed: int = 7,
    resamples: int = 1999,
) -> tuple[SliceComparison, ...]:
    """Compare each label's prompts by themselves: by `compare_binary` where every score is 0 or 1, else as scores.

    Largest slice first, then in order of appearance; slices of fewer than `least` prompts are left out before
    correcting. The intervals are each slice's own: of 20 slices, one misses the truth. Raises ValueError on unequal
    lengths.
    """
    if not len(base) == len(tuned) == len(labels):
        raise ValueError(f"{len(base)} and {len(tuned)} scores with {len(labels)} labels")
    rows: dict[str, list[int]] = {}
    for number, label in enumerate(labels):
        rows.setdefault(label, []).append(number)
    kept = sorted((item for item in rows.items() if len(item[1]) >= least), key=lambda item: -len(item[1]))
    binary = all(score in (0, 1) for score in (*base, *tuned))
    found = []
    for _, numbers in kept:
        first, second = [base[number] for number in numbers], [tuned[number] for number in numbers]
        if binary:
            one = compare_binary(
                [score == 1 for score in first], [score == 1 for score in second], confidence=confidence
            )
        else:
            one = compare_scores(first, second, confidence=confidence, seed=seed, resamples=resamples)
        found.append(one)
    adjusted = fdr([one.p_value for one in found])
    return tuple(
        SliceComparison(label=label, comparison=one, p_adjusted=p)
        for (label, _), one, p in zip(kept, found, adjusted, strict=True)
    )
