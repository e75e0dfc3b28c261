"""What a graded evaluation found: the verdict between base and tuned, and what stands beside it. Records only.

All scores and shares lie in [0, 1], in the grader's own measure; grades stand in the order of the questions.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from ..stats import Comparison, Estimate
from .decide import Verdict
from .graders import Grade, Grader
from .judging import Judging
from .rule import Rule

__all__ = ["Contender", "Economics", "Guarded", "Judged", "Metric", "Ratio", "Slice"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Some of the rows: those of one label, length, group or category. Exploratory, never decisive.

    `difference`: tuned − base with its interval; `p_adjusted`: corrected for having looked at every slice.
    """

    label: str
    n: int
    base: float
    tuned: float
    kind: Literal["label", "length", "group", "category"] = "label"
    difference: Estimate = Estimate(None)
    p_value: float | None = None
    p_adjusted: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A candidate beside base and tuned. Both comparisons read: this candidate − the other.

    `p_adjusted`: of the comparison with the tuned model, by Holm over all contenders.
    """

    name: str
    label: str
    grades: tuple[Grade, ...]
    missing: int
    against_base: Comparison
    against_tuned: Comparison
    p_adjusted: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A further measure of the same answers; `p_adjusted`: by Holm over all further metrics."""

    name: str
    comparison: Comparison
    p_adjusted: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """Tuned over base, with its interval; `n` pairs. `comparable` False: the two are served differently."""

    value: float
    low: float
    high: float
    n: int
    comparable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Economics:
    """Money beside quality. `usd_per_1000_correct`: candidate → dollars, None where a price is unknown.

    `months_to_break_even`: until what a month saves has paid the training; None where it never does or is not known,
    and `why` says which. `prompts_to_break_even`: the same in prompts asked, which needs no guess of how many a month.
    """

    usd_per_1000_correct: dict[str, Decimal | None]
    months_to_break_even: Decimal | None = None
    prompts_to_break_even: int | None = None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """Base and tuned on tasks that were not trained for: was something forgotten? `name`: "general", "similar".

    `low`: the one-sided 95 % lower bound of tuned − base. `parts`: by category. `prompts_needed`: about how many would
    show it to be within `margin`, where these do not; None where there is no margin.
    """

    name: str
    n: int
    base: float
    tuned: float
    low: float
    margin: float | None
    missing_base: int = 0
    missing_tuned: int = 0
    prompts_needed: int | None = None
    parts: tuple[Slice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The graded evaluation. `same_answers`: prompts on which base and tuned gave the very same text. `judgings`: what
    each judge among the graders did."""

    grader: Grader
    base_grades: tuple[Grade, ...]
    tuned_grades: tuple[Grade, ...]
    comparison: Comparison
    verdict: Verdict
    rule: Rule
    missing_base: int
    missing_tuned: int
    slices: tuple[Slice, ...]
    same_answers: int
    contenders: tuple[Contender, ...] = ()
    metrics: tuple[Metric, ...] = ()
    latency: Ratio | None = None
    cost: Ratio | None = None
    economics: Economics | None = None
    judgings: tuple[Judging, ...] = ()
    guarded: tuple[Guarded, ...] = ()
