"""What the evaluation found, as frozen records for its report: candidates, slices, rows with their answers, money.

Part of `view`, which exports all of these; see there for units and for what None means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its confidence interval; `low` and `high` are None where there is none."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SideView:
    """One candidate over all prompts. `score` is the share passed, or the mean score. `serving` labels its latency.

    `against_base`, `against_tuned`: this candidate − the other, on the same prompts. `p_adjusted`: of the comparison
    with the tuned model, corrected for the number of candidates.
    """

    role: str
    model: str
    serving: str = ""
    score: Estimate = Estimate(None)
    passed: int | None = None
    answered: int | None = None
    missing: int = 0
    latency_p50_s: float | None = None
    latency_p95_s: float | None = None
    first_token_p50_s: float | None = None
    first_token_p95_s: float | None = None
    prompt_tokens: int | None = None
    answer_tokens: int | None = None
    usd: Decimal | None = None
    usd_per_1000: Decimal | None = None
    usd_per_1000_correct: Decimal | None = None
    against_base: Estimate = Estimate(None)
    against_tuned: Estimate = Estimate(None)
    p_adjusted: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceView:
    """Rows of one label, length or group. Exploratory: `p_adjusted` is corrected for looking at many slices."""

    label: str
    n: int
    kind: Literal["label", "length", "group", "category"] = "label"
    base: float | None = None
    tuned: float | None = None
    difference: Estimate = Estimate(None)
    p_value: float | None = None
    p_adjusted: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerView:
    """One model's answer to one prompt. `text` None: it was never received, `error` says why. A refusal has the words
    it was refused with and counts as missing, too.

    `samples`: what it said when asked the same again.
    """

    text: str | None
    score: float | None = None
    passed: bool | None = None
    note: str = ""
    error: str | None = None
    refused: bool = False
    finish_reason: str | None = None
    latency_s: float | None = None
    first_token_s: float | None = None
    prompt_tokens: int | None = None
    answer_tokens: int | None = None
    usd: Decimal | None = None
    samples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RowView:
    """One held-out prompt with its reference and the answers. `also`: answers of further models, by role.

    `prompt` is what differs from row to row, the user's words; a system prompt common to all stands in the evaluation.
    """

    number: int
    prompt: str
    reference: str
    base: AnswerView | None = None
    tuned: AnswerView | None = None
    label: str | None = None
    group: str | None = None
    file: str = ""
    accept: tuple[str, ...] = ()
    also: Mapping[str, AnswerView] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricView:
    """A further measure of the same answers, base against tuned; `p_adjusted` is corrected for their number."""

    name: str
    base: float
    tuned: float
    difference: Estimate
    kind: Literal["binary", "score"] = "binary"
    p_value: float | None = None
    p_adjusted: float | None = None
    test: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RatioView:
    """Tuned over base with its interval, over `n` pairs. `comparable` False: the two are served differently."""

    value: float
    low: float
    high: float
    n: int
    comparable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class EconomicsView:
    """When the training is paid back: after so many months, or prompts. None: never, or not known; `why` says which."""

    months_to_break_even: Decimal | None = None
    prompts_to_break_even: int | None = None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardedView:
    """Base and tuned on tasks that were not trained for. `low`: one-sided lower bound of tuned − base.

    `margin`: how much may be lost; None: none was set. `prompts_needed`: about how many would tell, where these do not.
    """

    name: str
    n: int
    base: float
    tuned: float
    low: float
    margin: float | None = None
    prompts_needed: int | None = None
    missing_base: int = 0
    missing_tuned: int = 0
    parts: tuple[SliceView, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationView:
    """The same held-out prompts asked of every side. `latency_comparable` None: not judged.

    `samples`: how often each prompt was asked. `same_answers`: prompts on which base and tuned said the very same.
    `judging`: what each judge did, in sentences.
    """

    sides: tuple[SideView, ...] = ()
    rows: tuple[RowView, ...] = ()
    slices: tuple[SliceView, ...] = ()
    grader: str = ""
    grader_reason: str = ""
    sampling: Mapping[str, Any] = field(default_factory=dict)
    system: str | None = None
    latency_comparable: bool | None = None
    latency_note: str = ""
    notes: tuple[str, ...] = ()
    metrics: tuple[MetricView, ...] = ()
    latency: RatioView | None = None
    cost: RatioView | None = None
    economics: EconomicsView | None = None
    same_answers: int | None = None
    samples: int = 1
    guarded: tuple[GuardedView, ...] = ()
    judging: tuple[str, ...] = ()
