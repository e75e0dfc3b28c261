"""How far a judge agrees with people: the share of equal labels, and Cohen's kappa, which takes chance out. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ..stats import Interval, wilson

__all__ = ["Agreement", "agreement"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """`raw`: share of the `n` labels that are equal, with its Wilson interval. `kappa`: 1 is full agreement, 0 what
    chance alone would give, below 0 worse than chance; None where chance alone explains all (one label throughout).

    `unlabelled`: judged, and nobody has labelled it; `unjudged`: labelled by people, with no judgement to compare.
    """

    n: int
    raw: float
    interval: Interval
    kappa: float | None
    unlabelled: int = 0
    unjudged: int = 0


def agreement(judge: Sequence[str], people: Sequence[str], *, unlabelled: int = 0, unjudged: int = 0) -> Agreement:
    """Labels in the same order. Source: Cohen 1960, kappa = (p_o − p_e) / (1 − p_e), each disagreement counting alike.

    Raises ValueError on unequal lengths.
    """
    n = len(judge)
    equal = sum(one == other for one, other in zip(judge, people, strict=True))
    ours, theirs = Counter(judge), Counter(people)
    chance = sum(count * theirs[label] for label, count in ours.items()) / (n * n) if n else 1.0
    raw = equal / n if n else 0.0
    return Agreement(
        n=n,
        raw=raw,
        interval=wilson(equal, n),
        kappa=(raw - chance) / (1 - chance) if chance < 1 else None,
        unlabelled=unlabelled,
        unjudged=unjudged,
    )
