"""Base against tuned where each answer is right or wrong: McNemar's mid-p test with score intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .paired import mcnemar_mid_p, ratio_interval, tango_interval
from .power import detectable_gap, smoothed_discordance
from .rates import wilson
from .records import Comparison, Estimate

__all__ = ["compare_binary"]

_FEW_DISCORDANT = 10


def compare_binary(base: Sequence[bool], tuned: Sequence[bool], *, confidence: float = 0.95) -> Comparison:
    """Compare right/wrong grades of the same prompts, in the same order; a missing answer counts as wrong.

    Degenerate input behaves: n = 0 gives rates of 0 with intervals [0, 1] and [−1, 1] and p = 1; with no discordant
    prompt p = 1 and the interval stays ± z²/(n + z²). Raises ValueError on unequal lengths.
    """
    if len(base) != len(tuned):
        raise ValueError(f"{len(base)} grades of the base against {len(tuned)} of the tuned model")
    n = len(base)
    both = sum(1 for b, t in zip(base, tuned, strict=True) if b and t)
    base_only, tuned_only = sum(map(bool, base)) - both, sum(map(bool, tuned)) - both
    neither = n - both - base_only - tuned_only
    difference = tango_interval(base_only, tuned_only, n, confidence=confidence)
    removed = _ratio(neither, tuned_only, base_only, n, confidence)
    grown = _ratio(both, base_only, tuned_only, n, confidence)
    discordance = smoothed_discordance(base_only + tuned_only, n)
    return Comparison(
        kind="binary",
        n=n,
        base=(both + base_only) / n if n else 0.0,
        tuned=(both + tuned_only) / n if n else 0.0,
        difference=(tuned_only - base_only) / n if n else 0.0,
        low=difference.low,
        high=difference.high,
        p_value=mcnemar_mid_p(base_only, tuned_only),
        test="McNemar mid-p",
        interval="Tango score",
        confidence=confidence,
        discordant=(base_only, tuned_only),
        detectable=detectable_gap(n, discordance, confidence=confidence),
        base_interval=wilson(both + base_only, n, confidence=confidence),
        tuned_interval=wilson(both + tuned_only, n, confidence=confidence),
        error_share=_share(tuned_only - base_only, neither + tuned_only, removed, sign=-1),
        relative=_share(tuned_only - base_only, both + base_only, grown, sign=1),
        spread=math.sqrt(discordance),
        notes=_notes(n, base_only + tuned_only),
    )


def _ratio(both: int, base_only: int, tuned_only: int, n: int, confidence: float) -> tuple[float, float] | None:
    if both + base_only == 0:
        return None
    ratio = ratio_interval(both, base_only, tuned_only, n, confidence=confidence)
    return ratio.low, ratio.high


def _share(gained: int, of: int, ratio: tuple[float, float] | None, *, sign: int) -> Estimate:
    """gained / of, with the interval of a ratio of rates moved to 0: 1 − ratio for errors, ratio − 1 for successes."""
    if ratio is None:
        return Estimate(None)
    low, high = sorted(sign * (end - 1) for end in ratio)
    return Estimate(gained / of, low, high)


def _notes(n: int, discordant: int) -> tuple[str, ...]:
    if n == 0:
        return ("There is no prompt to compare on.",)
    if discordant == 0:
        return (f"Both models were right on the same prompts and wrong on the same prompts (of {n}).",)
    if discordant < _FEW_DISCORDANT:
        few = f"on all {n} prompts, and those are few" if discordant == n else f"on only {discordant} of {n} prompts"
        return (f"The two models differ {few}; everything rests on those.",)
    return ()
