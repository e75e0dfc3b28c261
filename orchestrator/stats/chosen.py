"""The best of several candidates against the base on the very prompts that chose it, corrected for the choosing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from .binary import compare_binary
from .records import Comparison
from .scores import compare_scores

__all__ = ["Chosen", "compare_chosen"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The chosen candidate and its corrected comparison with the base."""

    name: str
    comparison: Comparison


def compare_chosen(
    base: Sequence[float],
    candidates: Mapping[str, Sequence[float]],
    *,
    confidence: float = 0.95,
    seed: int = 7,
    resamples: int = 9999,
) -> Chosen:
    """Take the best mean of K `candidates` (of equals the first) and compare it with the base on the same prompts.

    For when there are no further prompts; comparing on prompts that took no part in choosing is sharper and its
    estimate is not flattered. p is K times the ordinary one (Bonferroni, as Holm's first step), and every interval is
    made at 1 − (1 − confidence)/K, so that it holds whichever candidate is chosen; the estimate itself stays too high,
    as a note says. Raises ValueError without candidates.
    """
    if not candidates:
        raise ValueError("there is no candidate to choose")
    count = len(candidates)
    name = max(candidates, key=lambda each: fmean(candidates[each]) if candidates[each] else 0.0)
    best, level = candidates[name], 1 - (1 - confidence) / count
    if all(score in (0, 1) for score in (*base, *best)):
        found = compare_binary([score == 1 for score in base], [score == 1 for score in best], confidence=level)
    else:
        found = compare_scores(base, best, confidence=level, seed=seed, resamples=resamples)
    if count == 1:
        return Chosen(name=name, comparison=found)
    comparison = replace(
        found,
        p_value=min(1.0, count * found.p_value),
        test=f"{found.test}, times {count} for choosing",
        interval=f"{found.interval}, widened for choosing among {count}",
        confidence=confidence,
        notes=(*found.notes, _FLATTERED.format(count=count)),
    )
    return Chosen(name=name, comparison=comparison)


_FLATTERED = (
    "The best of {count} was chosen on these same prompts: interval and p-value allow for that, and the difference "
    "itself is likely somewhat too large."
)
