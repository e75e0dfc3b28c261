"""Several answers to each prompt: averaged within the prompt first, so that prompts stay the unit of comparison."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import replace
from statistics import fmean

from .clustered import compare_clustered
from .power import whole_prompts
from .rates import normal_quantile, two_sided_z
from .records import Comparison
from .scores import compare_scores

__all__ = ["all_passed", "compare_sampled", "sampled_prompts_needed"]

Samples = Sequence[Sequence[float]]


def compare_sampled(
    base: Samples,
    tuned: Samples,
    *,
    groups: Sequence[Hashable] | None = None,
    confidence: float = 0.95,
    seed: int = 7,
    resamples: int = 9999,
) -> Comparison:
    """Compare prompts that were each asked several times. `base[i]` and `tuned[i]`: the scores of prompt i, in [0, 1].

    Each prompt counts once, with its mean; then as `compare_scores`, or `compare_clustered` where `groups` are given
    (Miller 2024, arXiv 2411.00640, section 3). A missing answer scores 0 in its place. Right/wrong answers asked once
    are for `compare_binary`. Raises ValueError where a prompt has no answer or scores lie outside [0, 1].
    """
    first, second = _means(base, "base"), _means(tuned, "tuned model")
    options = {"confidence": confidence, "seed": seed, "resamples": resamples}
    if groups is None:
        found = compare_scores(first, second, **options)  # type: ignore[arg-type]
    else:
        found = compare_clustered(first, second, groups, **options)  # type: ignore[arg-type]
    return replace(
        found,
        kind="score",
        samples=min((len(each) for each in (*base, *tuned)), default=0),
        all_passed=(_share_passed(base), _share_passed(tuned)),
    )


def all_passed(samples: Samples) -> tuple[bool, ...]:
    """Per prompt, whether every answer scored 1: can it be relied on? Compare two of these by `compare_binary`."""
    return tuple(all(score == 1 for score in each) for each in samples)


def sampled_prompts_needed(
    gap: float,
    between: float,
    within: tuple[float, float],
    samples: tuple[int, int],
    *,
    confidence: float = 0.95,
    power: float = 0.8,
) -> int:
    """Prompts to show a true mean difference of `gap` when each is asked `samples` times (base, tuned).

    `between`: standard deviation over prompts of the difference of their true means; `within`: of one prompt's answers,
    for base and tuned. n = (z_α/2 + z_β)² · (ω² + σ_b²/K_b + σ_t²/K_t) / δ². Source: Miller 2024, arXiv 2411.00640,
    equation 9. Raises ValueError unless 0 < |gap| ≤ 1 and every sample count is at least 1.
    """
    if not 0 < abs(gap) <= 1 or min(samples) < 1:
        raise ValueError(f"a gap of {gap!r} with {samples} samples: the gap must lie in (0, 1], samples from 1 on")
    z = two_sided_z(confidence) + normal_quantile(power)
    variance = between**2 + sum(sigma**2 / k for sigma, k in zip(within, samples, strict=True))
    return max(2, whole_prompts(z * z * variance / gap**2))


def _means(samples: Samples, side: str) -> list[float]:
    for number, each in enumerate(samples, 1):
        if not each:
            raise ValueError(f"prompt {number} has no answer of the {side}: score a missing answer 0")
        for score in each:
            if not (math.isfinite(score) and 0 <= score <= 1):
                raise ValueError(f"scores must lie between 0 and 1, not {score!r}")
    return [fmean(each) for each in samples]


def _share_passed(samples: Samples) -> float:
    return fmean(all_passed(samples)) if samples else 0.0
