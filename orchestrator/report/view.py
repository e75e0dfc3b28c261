"""What a report shows, as frozen records. The client builds a `ReportView` from a run; nothing here reads the ledger.

Whatever is not known is None, or empty, and the page says so: no training when models that already exist are compared,
no evaluation while a job still runs. Money is `Decimal` US dollars, shares and scores lie in [0, 1], times are aware
UTC datetimes, durations end in `_s`. `None` for a dollar figure means unknown, never free.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from .view_inputs import (
    BandView,
    DataView,
    DateView,
    DroppedView,
    FindingView,
    MaintenanceView,
    MoneyLine,
    MoneyView,
    PriceView,
    ProvenanceView,
    SourceView,
    SplitView,
)

__all__ = [
    "AnswerView",
    "BandView",
    "CheckpointView",
    "CurvePoint",
    "DataView",
    "DateView",
    "DiagnosisView",
    "DroppedView",
    "Estimate",
    "EvaluationView",
    "FindingView",
    "GuardrailView",
    "HyperparameterView",
    "JobView",
    "MaintenanceView",
    "MoneyLine",
    "MoneyView",
    "PriceView",
    "ProvenanceView",
    "ReportView",
    "RowView",
    "RuleView",
    "SideView",
    "SliceView",
    "SourceView",
    "SplitView",
    "TrainingView",
    "VerdictView",
]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its confidence interval; `low` and `high` are None where there is none."""

    value: float | None
    low: float | None = None
    high: float | None = None


# ── the verdict ─────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleView:
    """The decision rule as recorded before the evaluation. `improvement` names the measure held against the lines."""

    improvement: Literal["error_share", "relative", "points"] = "error_share"
    deploy_at: float = 0.20
    skip_below: float = 0.10
    confidence: float = 0.95
    sha256: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardrailView:
    """One condition beside the difference, such as rows left unanswered. `passed` None: it was not judged."""

    name: str
    passed: bool | None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictView:
    """The answer and the statistics it rests on, in the metric's own units (shares, or mean scores in [0, 1]).

    `improvement` holds `error_share`, `relative` and `points`, as far as they are known. `discordant`: rows only the
    base got right, rows only the tuned model got right. `detectable`: smallest gap visible with this `n` at 80% power.
    """

    answer: Literal["deploy", "iterate", "stop", "inconclusive"]
    reason: str
    base: Estimate
    tuned: Estimate
    difference: Estimate
    n: int
    advice: tuple[str, ...] = ()
    kind: Literal["binary", "score"] = "binary"
    metric: str = ""
    p_value: float | None = None
    test: str = ""
    interval: str = ""
    confidence: float = 0.95
    discordant: tuple[int, int] | None = None
    detectable: float | None = None
    prompts_needed: int | None = None
    improvement: Mapping[str, Estimate] = field(default_factory=dict)
    rule: RuleView = RuleView()
    guardrails: tuple[GuardrailView, ...] = ()
    missing_base: int = 0
    missing_tuned: int = 0


# ── training ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """One training job at a platform."""

    id: str
    provider: str
    model: str
    state: str
    method: str = ""
    tuned_model: str | None = None
    tag: str = ""
    created_at: datetime | None = None
    finished_at: datetime | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HyperparameterView:
    """A hyperparameter as sent. `chosen_by`: "you", "preset" or "platform"."""

    name: str
    value: str
    chosen_by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """Training metrics at one step; what the platform does not measure is None. `epoch` may be fractional."""

    step: int
    epoch: float | None = None
    train_loss: float | None = None
    valid_loss: float | None = None
    train_accuracy: float | None = None
    valid_accuracy: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosisView:
    """What a curve shows: "overfitting", "plateau", "diverged"; `step` where it began."""

    name: str
    message: str
    severity: Literal["warning", "info"] = "warning"
    step: int | None = None
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointView:
    """A saved state of the job. `chosen`: the one that was evaluated."""

    id: str
    step: int
    epoch: float | None = None
    train_loss: float | None = None
    valid_loss: float | None = None
    valid_accuracy: float | None = None
    model: str | None = None
    chosen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingView:
    """The job, what was sent, and how the loss went."""

    jobs: tuple[JobView, ...] = ()
    hyperparameters: tuple[HyperparameterView, ...] = ()
    points: tuple[CurvePoint, ...] = ()
    diagnoses: tuple[DiagnosisView, ...] = ()
    checkpoints: tuple[CheckpointView, ...] = ()
    notes: tuple[str, ...] = ()


# ── evaluation ──────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class SideView:
    """One model over all prompts. `score` is the share passed, or the mean score. `serving` labels its latency."""

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
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceView:
    """One label's rows. Exploratory: `p_adjusted` is corrected for looking at many slices."""

    label: str
    n: int
    base: float | None = None
    tuned: float | None = None
    difference: Estimate = Estimate(None)
    p_value: float | None = None
    p_adjusted: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerView:
    """One model's answer to one prompt. `text` None: it was never received, `error` says why."""

    text: str | None
    score: float | None = None
    passed: bool | None = None
    note: str = ""
    error: str | None = None
    finish_reason: str | None = None
    latency_s: float | None = None
    first_token_s: float | None = None
    prompt_tokens: int | None = None
    answer_tokens: int | None = None
    usd: Decimal | None = None


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
    file: str = ""
    accept: tuple[str, ...] = ()
    also: Mapping[str, AnswerView] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationView:
    """The same held-out prompts asked of every side. `latency_comparable` None: not judged."""

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


# ── the whole ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportView:
    """Everything one report shows. `status` says in words how far the run is, for pages without a verdict.

    `absent` maps a section ("verdict", "money", "data", "training", "evaluation", "provenance") to the reason why it is
    not there. `sandbox`: what was spent is not money.
    """

    run_id: str
    created_at: datetime
    title: str = ""
    base_model: str = ""
    tuned_model: str = ""
    command: str = ""
    status: str = ""
    sandbox: bool = False
    verdict: VerdictView | None = None
    money: MoneyView | None = None
    dates: tuple[DateView, ...] = ()
    data: DataView | None = None
    training: TrainingView | None = None
    evaluation: EvaluationView | None = None
    provenance: ProvenanceView | None = None
    exit_code: int | None = None
    exit_meaning: str = ""
    absent: Mapping[str, str] = field(default_factory=dict)
