"""The frozen records that cross the seam between the orchestrator and a platform. No behaviour beyond naming.

Money is `Decimal` US dollars, sizes are bytes, lengths are tokens, times are aware UTC datetimes, durations end in
`_s`. `raw` holds the platform's own answer, for people and for the record; nothing decides on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

__all__ = [
    "TERMINAL_STATES",
    "Capability",
    "Checkpoint",
    "Completion",
    "Decision",
    "Example",
    "FileRole",
    "Hyperparameters",
    "JobEvent",
    "JobState",
    "JsonObject",
    "Lease",
    "LeaseState",
    "Message",
    "Method",
    "MetricPoint",
    "ModelFacts",
    "Page",
    "Plan",
    "PlannedRequest",
    "Preflight",
    "Price",
    "PriceItem",
    "ProviderFile",
    "RateHints",
    "Recipe",
    "RemoteEstimate",
    "RemoteFile",
    "RemoteJob",
    "RemoteModel",
    "Sampling",
    "Settling",
    "Support",
    "TokenRules",
    "WebhookNews",
]

JsonObject = Mapping[str, Any]
T = TypeVar("T")


# ── examples ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `content` is text, a tuple of content parts (images), or None beside `tool_calls`."""

    role: str
    content: str | tuple[JsonObject, ...] | None
    tool_calls: tuple[JsonObject, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None
    weight: int | None = None
    reasoning: str | None = None

    @property
    def text(self) -> str:
        """The turn's words: `content`, or the joined text parts of it, or ''."""
        if isinstance(self.content, str):
            return self.content
        return "".join(str(part.get("text", "")) for part in self.content or ())


@dataclass(frozen=True, slots=True)
class Example:
    """One training example in neutral form: an OpenAI-style conversation whose last turn is the answer to learn.

    `rejected`: for training by preference, one assistant turn that answers the same prompt worse; else empty.
    """

    messages: tuple[Message, ...]
    tools: tuple[JsonObject, ...] = ()
    parallel_tool_calls: bool | None = None
    rejected: tuple[Message, ...] = ()

    @property
    def prompt(self) -> tuple[Message, ...]:
        """Every turn before the final assistant turn: what an evaluation asks."""
        return self.messages[:-1] if self.messages and self.messages[-1].role == "assistant" else self.messages

    @property
    def answer(self) -> str:
        """The final assistant turn's text ('' where there is none)."""
        last = self.messages[-1] if self.messages else None
        return last.text if last and last.role == "assistant" else ""


# ── what is asked for ───────────────────────────────────────────────────────────────────────────────────────────────


class Method(StrEnum):
    """How the model learns: supervised (`sft`) or by preference (`dpo`)."""

    SFT = "sft"
    DPO = "dpo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hyperparameters:
    """What the user, a preset or the platform chose. None means: not given, the platform's own default applies.

    `learning_rate` is absolute; platforms that take a multiplier refuse it by name and take
    `extra["learning_rate_multiplier"]`. `extra` holds platform-specific settings from `--set key=value`.
    """

    epochs: int | None = None
    learning_rate: float | None = None
    batch_size: int | None = None
    seed: int | None = None
    lora: bool | None = None
    extra: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Hyperparameters completed by cautious presets, each preset value with its reason (name → sentence)."""

    hyperparameters: Hyperparameters
    reasons: Mapping[str, str]


FileRole = Literal["train", "validation", "batch"]
"""What an uploaded file is for: to learn from, to be measured on, or questions to be answered as a batch."""


@dataclass(frozen=True, slots=True)
class ProviderFile:
    """One file ready to upload: the exact bytes at `path`, named by their hash."""

    path: Path
    sha256: str
    size: int
    rows: int
    role: FileRole
    dialect: str

    @property
    def remote_name(self) -> str:
        """The content-derived name it is uploaded under, by which a later start finds it again."""
        return f"tw-{self.sha256[:24]}.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that defines one paid job. Its canonical JSON names the intent; two equal plans are one job."""

    provider: str
    account: str
    model: str
    method: Method
    hyperparameters: Hyperparameters
    train_sha256: str
    validation_sha256: str | None
    suffix: str | None = None
    generation: int = 0


@dataclass(frozen=True, slots=True)
class PlannedRequest:
    """A request exactly as it would be sent, for `--dry-run`; `body` is JSON or a description of the bytes."""

    method: str
    url: str
    body: JsonObject | str | None = None
    paid: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How both models are asked. The same for base and tuned, always."""

    temperature: float = 0.0
    max_tokens: int = 256
    seed: int | None = 7
    stream: bool = False


# ── what a platform is ──────────────────────────────────────────────────────────────────────────────────────────────


class Capability(StrEnum):
    """What may be asked of a platform; every one starts at "no", the adapter opts in."""

    SFT = "sft"
    DPO = "dpo"
    LORA = "lora"
    FULL = "full"
    VALIDATION_FILE = "validation_file"
    FIND_BY_TAG = "find_by_tag"
    SERVER_SIDE_KEY = "server_side_key"
    REMOTE_ESTIMATE = "remote_estimate"
    EVENTS = "events"
    METRICS = "metrics"
    CHECKPOINTS = "checkpoints"
    CANCEL = "cancel"
    PAUSE = "pause"
    SERVERLESS_TUNED = "serverless_tuned"
    DEDICATED_SERVING = "dedicated_serving"
    DOWNLOAD = "download"
    WEBHOOKS = "webhooks"
    BATCH = "batch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """An answer with a reason and dates. `until` is the last day it holds; `source` says who says so."""

    answer: Literal["yes", "no", "unknown"]
    reason: str = ""
    since: date | None = None
    until: date | None = None
    source: str = ""
    as_of: date | None = None

    def __bool__(self) -> bool:
        return self.answer == "yes"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """What is known of a base model without asking the platform, as of `as_of`.

    `context_tokens`: the longest training example, in tokens; longer ones are truncated from the end. None: not known.
    `tokenizer`: a family of `providers.tokenizers` when counts are exact, None when they are estimated within
    `token_margin` (a share: 0.15 means ±15 %). `jobs_close`: first day on which no new job may be created. `shutdown`:
    first day on which the base, and every model tuned on it, no longer answers. `base_serving` "beside_tuned": the base
    answers in the hours for which the tuned model is served, and costs nothing more.
    """

    name: str
    tunable: Support
    methods: tuple[Method, ...] = (Method.SFT,)
    context_tokens: int | None = None
    tokenizer: str | None = None
    token_margin: Decimal = Decimal(0)
    jobs_close: date | None = None
    shutdown: date | None = None
    tuned_serving: Literal["serverless", "dedicated", "unknown"] = "unknown"
    base_serving: Literal["serverless", "beside_tuned"] = "serverless"
    hours: tuple[Decimal, Decimal] | None = None
    source: str = ""
    as_of: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRules:
    """How a platform turns rows into billed tokens.

    Per example: `per_example` + Σ over messages (`per_message` + tokens(role) + tokens(content)), and `without_system`
    where no message is the system's, cut at `truncate_at`. `tolerance`: tokens an example, either way, by which the
    platform's own rendering may differ, as it need not use the template as published. `validation_billed`: None means
    not known, and then it is quoted as unknown. `validation_passes`: how often the validation file is read through
    (per job). `pads_to_context`: unpacked training bills rows × context instead of their own length.
    `counts_rejected`, for preference rows: the rejected answer is counted "once" beside the preferred conversation, or
    "with_prompt", as a conversation of its own; "unknown" where no source says which, and then a quote spans both.
    """

    per_example: int = 3
    per_message: int = 3
    without_system: int = 0
    tolerance: int = 0
    truncate_at: int | None = None
    validation_billed: bool | None = None
    validation_passes: int = 0
    pads_to_context: bool = False
    counts_rejected: Literal["once", "with_prompt", "unknown"] = "unknown"
    source: str = ""


class PriceItem(StrEnum):
    """What a price is for."""

    TRAIN = "train"
    INPUT = "input"
    CACHED_INPUT = "cached_input"
    OUTPUT = "output"
    TUNED_INPUT = "tuned_input"
    TUNED_OUTPUT = "tuned_output"
    BATCH_INPUT = "batch_input"
    BATCH_OUTPUT = "batch_output"
    TUNED_BATCH_INPUT = "tuned_batch_input"
    TUNED_BATCH_OUTPUT = "tuned_batch_output"
    HOSTING = "hosting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """One dated price row. `usd` None: known to exist but UNVERIFIED, so a total holding it is only "at least"."""

    item: PriceItem
    model: str
    usd: Decimal | None
    per: Literal["mtok", "hour", "job"]
    as_of: date
    source: str
    note: str = ""
    low_usd: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settling:
    """How long after a lost reply a job may still appear in the platform's list, and why we believe so."""

    window_s: float
    reason: str
    source: str = ""


# ── what a platform answers ─────────────────────────────────────────────────────────────────────────────────────────


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
