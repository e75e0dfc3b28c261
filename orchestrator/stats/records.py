"""What a comparison of base and tuned found. Records only; the comparing modules fill them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Comparison", "Estimate", "Interval"]


@dataclass(frozen=True, slots=True)
class Interval:
    """A two-sided confidence interval, in the units of what it is for."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its confidence interval; None where it does not exist (a share of no errors, say)."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Base against tuned on the same `n` prompts. All shares and scores lie in [0, 1]; nothing here is ever NaN.

    `base`, `tuned`: share right, or mean score. `difference` is tuned − base with its interval `low`..`high` at
    `confidence`; `p_value` is two-sided, by `test`. `discordant`: prompts only the base got right, only the tuned got
    right (pass/fail only). `detectable`: the smallest true difference that this many prompts show 4 times in 5.
    `error_share`: share of the base's errors removed; `relative`: growth over the base; both may have no value.
    `spread`: standard deviation of the paired differences as used for planning (see `power`). `notes`: what a careful
    reader should know, as plain sentences. `groups`: how many clusters the prompts fall into, where that was taken into
    account; `spread` is then that of as many independent prompts. `samples`: the fewest answers a prompt, where they
    were averaged; `all_passed` is then the share of prompts on which every one of them scored 1, of base and tuned.
    """

    kind: Literal["binary", "score"]
    n: int
    base: float
    tuned: float
    difference: float
    low: float
    high: float
    p_value: float
    test: str
    interval: str
    confidence: float
    discordant: tuple[int, int] | None
    detectable: float
    base_interval: Interval
    tuned_interval: Interval
    error_share: Estimate
    relative: Estimate
    spread: float
    notes: tuple[str, ...] = ()
    groups: int | None = None
    samples: int | None = None
    all_passed: tuple[float, float] | None = None
