"""A judge's choices between two answers, asked in both orders. Stands in for `stats.compare_pairwise`, by its terms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ..stats import Comparison, Estimate, Interval, compare_scores, wilson

__all__ = ["Choice", "Pairwise", "compare_pairwise"]

Choice = Literal["base", "tuned", "tie"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairwise:
    """`wins` + `losses` + `ties` + `flips` = n, seen from the tuned model; a win is one in both orders, a flip names
    the other model when the order is turned. `first_chosen`: flips to the answer shown first; `position_p`: are these
    half of the flips? `missing`: prompts without a choice in one order or the other, counted among the ties."""

    n: int
    wins: int
    losses: int
    ties: int
    flips: int
    missing: int
    win_rate: Estimate
    p_value: float
    flip_rate: float
    flip_interval: Interval
    first_chosen: int
    position_p: float
    comparison: Comparison


def compare_pairwise(
    base_first: Sequence[Choice | None], tuned_first: Sequence[Choice | None], *, confidence: float = 0.95
) -> Pairwise:
    """Each prompt scores 1 (tuned in both orders), 0 (base in both) or ½, as in Zheng et al. 2023, arXiv 2306.05685."""
    both = list(zip(base_first, tuned_first, strict=True))
    n, wins, losses = len(both), both.count(("tuned", "tuned")), both.count(("base", "base"))
    first, second = both.count(("base", "tuned")), both.count(("tuned", "base"))
    won = [1.0 if pair == ("tuned", "tuned") else 0.0 if pair == ("base", "base") else 0.5 for pair in both]
    found = compare_scores([1 - each for each in won], won, confidence=confidence)
    p_value = _sign_test(wins, losses)
    none = Estimate(None)
    comparison = replace(
        found, p_value=p_value, test="sign test on prompts won in both orders", error_share=none, relative=none
    )
    return Pairwise(
        n=n,
        wins=wins,
        losses=losses,
        ties=n - wins - losses - first - second,
        flips=first + second,
        missing=sum(None in pair for pair in both),
        win_rate=Estimate(found.tuned, found.tuned_interval.low, found.tuned_interval.high),
        p_value=p_value,
        flip_rate=(first + second) / n if n else 0.0,
        flip_interval=wilson(first + second, n, confidence=confidence),
        first_chosen=first,
        position_p=_sign_test(first, second),
        comparison=comparison,
    )


def _sign_test(one: int, other: int) -> float:
    """Exact, two-sided: are these halves of their sum?"""
    n, few = one + other, min(one, other)
    return min(1.0, 2 * sum(math.comb(n, k) for k in range(few + 1)) / 2**n) if n else 1.0
