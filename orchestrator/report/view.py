"""What a report shows, as frozen records. The client builds a `ReportView` from a run; nothing here reads the ledger.

Whatever is not known is None, or empty, and the page says so: no training when models that already exist are compared,
no evaluation while a job still runs. Money is `Decimal` US dollars, shares and scores lie in [0, 1], times are aware
UTC datetimes, durations end in `_s`. `None` for a dollar figure means unknown, never free.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from .view_evaluation import (
    AnswerView,
    EconomicsView,
    Estimate,
    EvaluationView,
    GuardedView,
    MetricView,
    RatioView,
    RowView,
    SideView,
    SliceView,
)
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
    "EconomicsView",
    "Estimate",
    "EvaluationView",
    "FindingView",
    "GuardedView",
    "GuardrailView",
    "HyperparameterView",
    "JobView",
    "MaintenanceView",
    "MetricView",
    "MoneyLine",
    "MoneyView",
    "PriceView",
    "ProvenanceView",
    "RatioView",
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
    """One condition beside the difference, such as rows left unanswered. `passed` None: it was not judged.

    `gates` False: it is shown and decides nothing.
    """

    name: str
    passed: bool | None
    detail: str = ""
    gates: bool = True


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


# ── the whole ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportView:
    """Everything one report shows. `status` says in words how far the run is, for pages without a verdict.

    `absent` maps a section ("verdict", "money", "data", "training", "evaluation", "provenance") to the reason why it is
    not there. `sandbox`: what was spent is not money. `exploratory`: why the verdict is not the run's own, or empty.
    """

    run_id: str
    created_at: datetime
    title: str = ""
    base_model: str = ""
    tuned_model: str = ""
    command: str = ""
    status: str = ""
    sandbox: bool = False
    exploratory: str = ""
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
