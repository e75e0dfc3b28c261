"""Training jobs: the record of each, and what it looks like at an instant.

A job's look is a pure function of its record, its epochs and the clock, so every poll agrees with every other: the
worker trains as fast as it can and stamps each epoch with the time from which it may be seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal

from .lesson import Point

__all__ = [
    "NUMBER",
    "Failure",
    "Job",
    "Phase",
    "TrainedEpoch",
    "View",
    "model_arn",
    "tuned_name",
    "vertex_home",
    "view",
]

Phase = Literal[
    "validating", "queued", "running", "paused", "finalizing", "cancelling", "succeeded", "failed", "cancelled"
]

NUMBER = "123456789012"
"""Of the one AWS account that there is, and of the one Google Cloud project."""

_FATAL = {"job_failed", "safety_block"}
_OWNER = "sandbox"
_SHORT = 0.2  # validation, queueing, finalizing and cancelling each take this share of an epoch's pace


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job failed, and when on the job's own time."""

    code: str
    message: str
    param: str | None
    at: float


@dataclass(frozen=True, slots=True)
class TrainedEpoch:
    """One epoch's steps, and the span of job time over which they become visible."""

    number: int
    points: tuple[Point, ...]
    started_at: float
    done_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job. Times are job time: the clock, standing still while the job is paused.

    `epochs` and `batch_size` 0 mean auto, until the rows are known. `fate`: faults that will befall it (name →
    seconds). `request`: the body as it was sent. `tokens`: billed tokens of one pass over the file. `parent`: the job
    whose model after `parent_epoch` it goes on from. `stopped_after`: the epoch after which it was stopped early.
    """

    id: str
    wire: str
    model: str
    method: str
    training_file: str
    validation_file: str | None
    suffix: str
    seed: int
    epochs: int
    batch_size: int
    rate: float
    evals: int | None
    created_at: float
    pace_s: float
    request: Mapping[str, Any]
    beta: float = 0.1
    parent: str | None = None
    parent_epoch: int = 0
    stopped_after: int | None = None
    fate: Mapping[str, float] = field(default_factory=dict)
    validated_at: float | None = None
    rows: int = 0
    valid_rows: int = 0
    shared_rows: int = 0
    tokens: int = 0
    valid_tokens: int = 0
    failure: Failure | None = None
    cancelled_at: float | None = None
    paused_at: float | None = None
    paused_s: float = 0.0

    @property
    def short_s(self) -> float:
        return _SHORT * self.pace_s

    @property
    def last_epoch(self) -> int:
        return self.stopped_after or self.epochs

    @property
    def doomed(self) -> bool:
        """Whether a fault will make it fail, so that it never succeeds in the moment before that is written down."""
        return bool(_FATAL & self.fate.keys())

    @property
    def starts_at(self) -> float | None:
        """When training starts; None until the files are validated."""
        if self.validated_at is None:
            return None
        return self.validated_at + self.short_s + self.fate.get("stuck_queue", 0.0)

    @property
    def steps(self) -> int:
        """Steps of the whole training; 0 until the rows are known."""
        return self.epochs * -(-self.rows // self.batch_size) if self.batch_size else 0

    def time(self, clock_s: float) -> float:
        """Job time at that instant of the clock."""
        return (clock_s if self.paused_at is None else self.paused_at) - self.paused_s


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A job as it looks at one instant: everything a route tells, so that no two fields of an answer disagree."""

    job: Job
    phase: Phase
    now: float
    computed: tuple[TrainedEpoch, ...]
    stop: float
    ended_at: float | None

    @property
    def epochs(self) -> tuple[TrainedEpoch, ...]:
        """Epochs that are over."""
        return tuple(epoch for epoch in self.computed if epoch.done_at <= self.stop)

    @property
    def points(self) -> list[tuple[float, Point]]:
        """Steps taken so far, each with its time."""
        return _visible(self.computed, self.stop)

    @property
    def over(self) -> bool:
        return self.phase in ("succeeded", "failed", "cancelled")

    @property
    def failed(self) -> Failure | None:
        """The failure, once it may be seen."""
        return self.job.failure if self.phase == "failed" else None

    @property
    def estimated_finish(self) -> float | None:
        """When it will be done if the pace holds; None when not running."""
        start = self.job.starts_at
        if self.phase != "running" or start is None:
            return None
        left = self.job.epochs - len(self.epochs)
        latest = self.epochs[-1].done_at if self.epochs else start
        return max(self.now, latest + left * self.job.pace_s) + self.job.short_s


def view(job: Job, epochs: Sequence[TrainedEpoch], clock_s: float) -> View:
    """How the job looks at that instant of the clock."""
    now = job.time(clock_s)
    stop = min(now, job.cancelled_at if job.cancelled_at is not None else now)
    phase, ended_at = _phase(job, epochs, now)
    return View(job=job, phase=phase, now=now, computed=tuple(epochs), stop=stop, ended_at=ended_at)


def _phase(job: Job, epochs: Sequence[TrainedEpoch], now: float) -> tuple[Phase, float | None]:
    if job.cancelled_at is not None:
        done_at = job.cancelled_at + job.short_s
        return ("cancelled", done_at) if now >= done_at else ("cancelling", None)
    if job.failure is not None and now >= job.failure.at:
        return "failed", job.failure.at
    if job.paused_at is not None:
        return "paused", None
    if job.validated_at is None or job.starts_at is None or now < job.validated_at:
        return "validating", None
    if now < job.starts_at:
        return "queued", None
    if len(epochs) < job.last_epoch or now < epochs[-1].done_at or job.failure is not None:
        return "running", None
    done_at = epochs[-1].done_at + job.short_s
    if now < done_at or job.doomed:
        return "finalizing", None
    return "succeeded", done_at


def _visible(epochs: Sequence[TrainedEpoch], stop: float) -> list[tuple[float, Point]]:
    found = []
    for epoch in epochs:
        if epoch.started_at > stop:
            break
        span = (epoch.done_at - epoch.started_at) / max(1, len(epoch.points))
        for place, point in enumerate(epoch.points, start=1):
            at = epoch.started_at + place * span
            if at <= stop + 1e-9:
                found.append((at, point))
    return found


def model_arn(job: Job) -> str:
    """What Bedrock calls the custom model of a job."""
    return f"arn:aws:bedrock:us-east-1:{NUMBER}:custom-model/{job.model}/{job.id[:12]}"


def vertex_home(job: Job) -> str:
    """Where Vertex AI serves what a job has made: the multi-region around the region of the job."""
    return f"projects/{NUMBER}/locations/{'eu' if job.request['location'].startswith('europe') else 'us'}"


def tuned_name(job: Job) -> str:
    """The name its platform gives the tuned model."""
    if job.wire == "bedrock":
        return model_arn(job)
    if job.wire == "vertex":
        return f"{vertex_home(job)}/endpoints/{str(int(sha256(job.id.encode()).hexdigest(), 16))[:19]}"
    short = job.id[-8:]
    if job.wire == "together":
        base = job.model.rpartition("/")[2]
        return f"{_OWNER}/{'-'.join(part for part in (base, job.suffix, short) if part)}"
    if job.wire == "fireworks":
        return f"accounts/{_OWNER}/models/{job.suffix}"
    if job.wire == "replicate":
        return f"{job.request['destination']}:{sha256(job.id.encode()).hexdigest()}"
    return f"ft:{job.model}:{_OWNER}:{job.suffix}:{short}"
