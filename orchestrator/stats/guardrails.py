"""Guardrails on scores: is the tuned model at most a margin worse? Counts of right and wrong: `paired.non_inferior`."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from .clustered import compare_clustered
from .paired import NonInferiority
from .rates import normal_quantile, upper_tail
from .scores import compare_scores

__all__ = ["non_inferior_scores"]


def non_inferior_scores(
    base: Sequence[float],
    tuned: Sequence[float],
    margin: float,
    *,
    groups: Sequence[Hashable] | None = None,
    confidence: float = 0.95,
    seed: int = 7,
) -> NonInferiority:
    """One-sided: the tuned model passes when the lower bound of tuned − base, at `confidence`, lies above −`margin`.

    The bound is the lower end of the two-sided interval at 2·confidence − 1 of `compare_scores`, or of
    `compare_clustered` where `groups` are given; `z` and `p_value` follow from where −margin lies beside it. Several
    guardrails that must all pass need no correction (intersection-union; Berger 1982). With no prompt it does not pass.
    """
    if not 0 < margin < 1:
        raise ValueError(f"the margin must lie between 0 and 1, not {margin!r}")
    sides = 2 * confidence - 1
    if groups is None:
        found = compare_scores(base, tuned, confidence=sides, seed=seed)
    else:
        found = compare_clustered(base, tuned, groups, confidence=sides, seed=seed)
    quantile = normal_quantile(confidence)
    room = found.difference - found.low
    z = quantile * (found.difference + margin) / room if room > 0 and found.n else 0.0
    return NonInferiority(margin, found.difference, found.low, z, upper_tail(z), found.n > 0 and found.low > -margin)
