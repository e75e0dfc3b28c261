"""Is the new model as good as the old one, within a margin? Non-inferiority on the same held-out prompts. Pure.

*Equivalent*: the one-sided 95 % lower bound of new − old lies above −margin (Tango 1998 where answers are right or
wrong). *Not equivalent*: the one-sided 95 % upper bound lies below −margin. Between the two more prompts would tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..stats import noninferiority_prompts
from .sides import Side, compare
from .wording import percent

__all__ = ["USUAL_MARGIN", "Equivalence", "equivalence"]

USUAL_MARGIN = 0.05
_TWO_SIDED = 0.90
"""Its ends are the one-sided 95 % bounds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Equivalence:
    """The answer and what it rests on. Scores and bounds are shares; `difference` is new − old."""

    answer: Literal["equivalent", "not_equivalent", "inconclusive"]
    reason: str
    margin: float
    n: int
    old: float
    new: float
    difference: float
    low: float
    high: float
    missing_old: int
    missing_new: int
    grader: str
    prompts_needed: int | None = None


def equivalence(
    old: Side, new: Side, margin: float, max_missing: float, grader: str, groups: Sequence[str] | None = None
) -> Equivalence:
    """By a margin that was fixed before the first answer. Raises ValueError for one outside (0, 1).

    A missing answer counts as wrong; more than `max_missing` of them on one side decide nothing.
    """
    if not 0 < margin < 1:
        raise ValueError(f"the margin must lie between 0 and 1, not {margin!r}")
    found = compare(old, new, _TWO_SIDED, groups)
    n = found.n
    void = n == 0 or max(old.missing, new.missing) / n > max_missing
    answer: Literal["equivalent", "not_equivalent", "inconclusive"] = "inconclusive"
    if not void and found.low > -margin:
        answer = "equivalent"
    elif not void and found.high < -margin:
        answer = "not_equivalent"
    needed = None
    if answer == "inconclusive" and n:
        needed = noninferiority_prompts(margin, min(1.0, found.spread**2))
    figures = (
        f"the new model is right on {percent(found.tuned)} and the old one on {percent(found.base)} of {n:,} prompts, "
        f"{100 * found.difference:+.1f} points (one-sided 95% bounds {100 * found.low:+.1f} and "
        f"{100 * found.high:+.1f})"
    )
    if found.kind == "score":
        figures = figures.replace("is right on", "scores", 1)
    return Equivalence(
        answer=answer,
        reason=_void(old, new, n) if void else f"{_SAYS[answer].format(points=_points(margin))}: {figures}.",
        margin=margin,
        n=n,
        old=found.base,
        new=found.tuned,
        difference=found.difference,
        low=found.low,
        high=found.high,
        missing_old=old.missing,
        missing_new=new.missing,
        grader=grader,
        prompts_needed=needed if needed is not None and needed > n else None,
    )


_SAYS = {
    "equivalent": "Equivalent within {points}",
    "not_equivalent": "Not equivalent: it is worse by more than {points}",
    "inconclusive": "Not shown to be equivalent within {points}, nor to be worse by more",
}


def _points(margin: float) -> str:
    return f"{100 * margin:g} point{'' if margin == 0.01 else 's'}"


def _void(old: Side, new: Side, n: int) -> str:
    return (
        f"Nothing is shown: of {n:,} prompts the old model has no answer to {old.missing:,}, the new one to "
        f"{new.missing:,}."
    )
