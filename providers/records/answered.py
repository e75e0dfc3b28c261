"""What a platform answers: files, jobs, events, curves, checkpoints, models, leases, completions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Generic, Literal, TypeVar

from .asked import Hyperparameters, JsonObject, Method

__all__ = [
    "TERMINAL_STATES",
    "Checkpoint",
    "Completion",
    "Decision",
    "JobEvent",
    "JobState",
    "Lease",
    "LeaseState",
    "MetricPoint",
    "Page",
    "Preflight",
    "RateHints",
    "RemoteEstimate",
    "RemoteFile",
    "RemoteJob",
    "RemoteModel",
    "WebhookNews",
]

T = TypeVar("T")


class JobState(StrEnum):
    """Neutral job states. Our own intent adds planned … in_doubt in the ledger; these are what a platform can say."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    FINALIZING = "finalizing"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    BLOCKED = "blocked"
    GONE = "gone"
    UNKNOWN = "unknown"


TERMINAL_STATES = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.BLOCKED, JobState.GONE})


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """A file at the platform. `state` "processing" means ask again; "refused" carries the platform's reason."""

    id: str
    size: int | None = None
    state: Literal["ready", "processing", "refused"] = "ready"
    detail: str | None = None
    reused: bool = False
    raw: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteEstimate:
    """The platform's own price estimate, asked after upload and before the paid request."""

    usd: Decimal | None
    train_tokens: int | None = None
    validation_tokens: int | None = None
    allowed_to_proceed: bool = True
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteJob:
    """A job as the platform reports it. An unknown status is `state=UNKNOWN` with `raw_status` shown as it came.

    `hyperparameters` are the platform's own words; `trained` says in ours what of them we know. `files`: role → remote
    file id. `billed_hours`: machine hours used, where those are what is paid for.
    """

    id: str
    state: JobState
    raw_status: str
    model: str
    tag: str | None = None
    created_at: datetime | None = None
    finished_at: datetime | None = None
    estimated_finish: datetime | None = None
    tuned_model: str | None = None
    billed_tokens: int | None = None
    billed_usd: Decimal | None = None
    billed_hours: Decimal | None = None
    error: str | None = None
    error_code: str | None = None
    hyperparameters: JsonObject = field(default_factory=dict)
    method: Method | None = None
    trained: Hyperparameters = Hyperparameters()
    files: Mapping[str, str] = field(default_factory=dict)
    raw: JsonObject = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The state for people: `unknown(raw)` keeps what the platform said."""
        return f"unknown({self.raw_status})" if self.state is JobState.UNKNOWN else self.state.value


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """One line of the platform's own log of a job, oldest first in every page."""

    id: str
    at: datetime | None
    level: str
    message: str
    type: str = ""
    data: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items and where to go on from: pass `cursor` back as `after`."""

    items: tuple[T, ...]
    cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricPoint:
    """Training metrics at one step; what the platform does not measure is None. `epoch` may be fractional.

    Preference training: `reward_accuracy` is the share of pairs whose preferred answer the model has come to favour,
    `reward_margin` by how much (beta × the difference of the log-ratios to the reference model, in nats).
    """

    step: int
    epoch: float | None = None
    train_loss: float | None = None
    train_accuracy: float | None = None
    valid_loss: float | None = None
    valid_accuracy: float | None = None
    learning_rate: float | None = None
    reward_accuracy: float | None = None
    reward_margin: float | None = None
    valid_reward_accuracy: float | None = None
    valid_reward_margin: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A saved state of a running or finished job; `model` is what to call, where the platform serves it."""

    id: str
    step: int
    model: str | None = None
    metrics: MetricPoint | None = None
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteModel:
    """A model the account sees. `shutdown` as the platform itself says it. `base`: what a tuned one was tuned on, where
    the platform tells it or writes it into the name."""

    id: str
    shutdown: date | None = None
    tuned: bool = False
    base: str | None = None
    raw: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """May this account start this job today? `problems` refuse; `warnings` are shown. Asked before any upload.

    A problem with a setting begins with its name and a colon.
    """

    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    shutdown: date | None = None
    limits: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookNews:
    """A platform's signed word that something happened to a job: a reason to look at it, never its state.

    `id` is the delivery's own: the same one again is the same news.
    """

    id: str
    kind: str
    job_id: str


class LeaseState(StrEnum):
    """A served model that bills by the hour."""

    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Serving that bills by the hour. `model` is the name to call while it is READY.

    `idle_timeout_s`: how long without a question until the platform stops it by itself; 0 where it never does. A name
    that is only reserved, with no machine behind it yet, is STOPPED, with neither a price nor a time-out.
    """

    id: str
    model: str
    state: LeaseState
    tag: str | None = None
    usd_per_hour: Decimal | None = None
    idle_timeout_s: int | None = None
    raw: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """One answer. `latency_s` is wall time to the last byte; `first_token_s` only when streamed; `rates` where told."""

    text: str
    model: str
    finish_reason: str | None = None
    refusal: str | None = None
    tool_calls: tuple[JsonObject, ...] = ()
    input_tokens: int | None = None
    output_tokens: int | None = None
    latency_s: float = 0.0
    first_token_s: float | None = None
    request_id: str | None = None
    rates: RateHints | None = None


@dataclass(frozen=True, slots=True)
class RateHints:
    """What the platform's own headers say it lets through, a second, of this account and model; None: not told."""

    requests_per_s: float | None = None
    tokens_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What an adapter thinks of retrying a failed *idempotent* call. Paid creates are never retried."""

    kind: Literal["no", "transient", "rate_limit"]
    after_s: float | None = None
