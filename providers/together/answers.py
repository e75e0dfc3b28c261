"""What Together answers, as our records. Pure, and tolerant of what the SDK's types do not know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any, Literal

from ..errors import PlatformFault
from ..records import (
    TERMINAL_STATES,
    Checkpoint,
    Hyperparameters,
    JobEvent,
    JobState,
    JsonObject,
    Method,
    MetricPoint,
    RemoteEstimate,
    RemoteFile,
    RemoteJob,
    RemoteModel,
)
from ..tags import find_tag
from ..wire import given_files, integer, iso_time, latest_attempt, loss, number

__all__ = ["FILE_STATES", "JOB_STATES", "checkpoint", "estimate", "events", "job", "metrics", "model", "stored_file"]

JOB_STATES: Mapping[str, JobState] = {
    "pending": JobState.QUEUED,
    "queued": JobState.QUEUED,
    "running": JobState.RUNNING,
    "compressing": JobState.FINALIZING,
    "uploading": JobState.FINALIZING,
    "cancel_requested": JobState.CANCELLING,
    "cancelled": JobState.CANCELLED,
    "error": JobState.FAILED,
    "user_error": JobState.FAILED,
    "completed": JobState.SUCCEEDED,
}
"""Each wire status once; `user_error` is in the SDK's library and missing from its generated types."""

FILE_STATES: Mapping[str, Literal["ready", "processing", "refused"]] = {
    "PENDING": "processing",
    "QUEUED": "processing",
    "RUNNING": "processing",
    "COMPLETED": "ready",
    "FAILED": "refused",
    "INVALID_FORMAT": "refused",
}

_QUESTIONS = "batch-api"
_NANODOLLARS = Decimal(10) ** 9
_STEP_KEYS = ("train/global_step", "global_step", "eval/global_step", "step")
_TIME_KEYS = ("logged_at", "timestamp", "_timestamp")
_METRIC_KEYS: Mapping[str, Sequence[str]] = {
    "epoch": ("train/epoch", "epoch"),
    "train_loss": ("train/loss",),
    "train_accuracy": ("train/accuracy", "train/mean_token_accuracy"),
    "valid_loss": ("eval/loss",),
    "valid_accuracy": ("eval/accuracy", "eval/mean_token_accuracy"),
    "learning_rate": ("train/learning_rate",),
    "reward_accuracy": ("train/rewards/accuracies", "train/reward_accuracy"),
    "reward_margin": ("train/rewards/margins", "train/reward_margin"),
    "valid_reward_accuracy": ("eval/rewards/accuracies", "eval/reward_accuracy"),
    "valid_reward_margin": ("eval/rewards/margins", "eval/reward_margin"),
}
"""Together's guide says that preference jobs report accuracies and divergence, and not under which names; these are
TRL's (docs.together.ai/docs/fine-tuning/preference-tuning, as of 2026-11-23)."""


def job(raw: JsonObject, now: datetime) -> RemoteJob:
    """A job; `now` turns the seconds left into an hour. Raises `PlatformFault` without an id."""
    if not raw.get("id"):
        raise PlatformFault("the answer names no job", body=str(dict(raw)))
    status = str(raw.get("status") or "")
    state = JOB_STATES.get(status, JobState.UNKNOWN)
    over = state in TERMINAL_STATES
    failure = _failure(raw) if state is JobState.FAILED else None
    name = raw.get("model_output_name") or raw.get("output_name")
    return RemoteJob(
        id=str(raw["id"]),
        state=state,
        raw_status=status,
        model=str(raw.get("model") or ""),
        tag=find_tag(raw.get("suffix")) or find_tag(name),
        created_at=iso_time(raw.get("created_at")),
        finished_at=iso_time(raw.get("updated_at")) if over else None,
        estimated_finish=None if over else _estimated_finish(raw, now),
        tuned_model=str(name) if name and state is JobState.SUCCEEDED else None,
        billed_tokens=integer(raw.get("token_count")) if over else None,
        billed_usd=_dollars(raw.get("total_price")) if over else None,
        error=failure.get("message") or f"status {status}" if failure is not None else None,
        error_code=failure.get("type") if failure else None,
        hyperparameters=_hyperparameters(raw),
        method=_method(raw),
        trained=_trained(raw),
        files=given_files(raw),
        raw=raw,
    )


def stored_file(raw: JsonObject, *, reused: bool = False) -> RemoteFile:
    """A file and how far the platform has read it; a file that is not validated at all counts as ready."""
    if not raw.get("id"):
        raise PlatformFault("the answer names no file", body=str(dict(raw)))
    status = raw.get("processing_status")
    state = FILE_STATES.get(str(status), "processing") if status else "ready"
    if raw.get("purpose") == _QUESTIONS and status not in (None, "PENDING") and state == "processing":
        state = "ready"  # only training files are read through on arrival; a batch validates its own
    report = raw.get("validation_report")
    report = report if isinstance(report, Mapping) else {}
    refused = state == "refused" or report.get("valid") is False
    return RemoteFile(
        id=str(raw["id"]),
        size=integer(raw.get("bytes")),
        state="refused" if refused else state,
        detail=report.get("error") or (f"processing status {status}" if refused else None),
        reused=reused,
        raw=raw,
    )


def model(raw: JsonObject) -> RemoteModel:
    """A model of the project. Its base is told where the platform names it, rather than by an id of its own."""
    base = str(raw.get("baseModel") or "")
    named = base if "/" in base and not base.startswith("projects/") else None
    return RemoteModel(id=str(raw.get("name") or raw.get("id")), tuned=True, base=named, raw=raw)


def estimate(raw: JsonObject) -> RemoteEstimate:
    """The platform's estimate in dollars; where it has none, the reason it gives."""
    if raw.get("estimation_available") is False:
        return RemoteEstimate(usd=None, detail=str(raw.get("unavailable_reason") or "no estimate"))
    price, allowed = number(raw.get("estimated_total_price")), raw.get("allowed_to_proceed") is not False
    limit = raw.get("user_limit")
    return RemoteEstimate(
        usd=None if price is None else Decimal(str(raw["estimated_total_price"])),
        train_tokens=integer(raw.get("estimated_train_token_count")),
        validation_tokens=integer(raw.get("estimated_eval_token_count")),
        allowed_to_proceed=allowed,
        detail=None if allowed else f"above this account's limit of {limit} USD",
    )


def events(rows: Sequence[JsonObject]) -> tuple[JobEvent, ...]:
    """The job's log, oldest first. The platform gives events no id; theirs is made of what they say."""
    made, times = [], dict[str, int]()
    for raw in sorted(rows, key=lambda row: str(row.get("created_at") or "")):
        words = "|".join(str(raw.get(name)) for name in ("created_at", "type", "message", "step"))
        digest = sha256(words.encode()).hexdigest()[:12]
        times[digest] = times.get(digest, 0) + 1
        made.append(_event(raw, f"{digest}-{times[digest]}"))
    return tuple(made)


def metrics(rows: Sequence[JsonObject]) -> tuple[MetricPoint, ...]:
    """One point a step by rising step; training and evaluation rows of one step are joined.

    Rows that tell when they were logged are taken in that order: of an attempt that was started over, nothing is left.
    """
    told: list[tuple[int, JsonObject]] = []
    for row in sorted(rows, key=_logged_at):
        step = next((found for key in _STEP_KEYS if (found := integer(row.get(key))) is not None), None)
        if step is not None:
            told.append((step, row))
    steps: dict[int, dict[str, float]] = {}
    for step, row in latest_attempt(told) if all(_logged_at(row) for _, row in told) else told:
        values = {name: _first(row, keys) for name, keys in _METRIC_KEYS.items()}
        steps.setdefault(step, {}).update({name: value for name, value in values.items() if value is not None})
    return tuple(MetricPoint(step=step, **steps[step]) for step in sorted(steps))


def checkpoint(raw: JsonObject, job_id: str) -> Checkpoint:
    """A saved state; its name can be deployed, where the platform has registered one."""
    step = integer(raw.get("step")) or 0
    return Checkpoint(
        id=str(raw.get("object_id") or f"{job_id}:{step}"),
        step=step,
        model=raw.get("object_name") or None,
        created_at=iso_time(raw.get("created_at")),
    )


def _event(raw: JsonObject, made_id: str) -> JobEvent:
    level = str(raw.get("level") or "info").lower().removeprefix("legacy_")
    known = {"created_at", "level", "message", "type", "object"}
    return JobEvent(
        id=made_id,
        at=iso_time(raw.get("created_at")),
        level={"iwarning": "warning", "ierror": "error"}.get(level, level),
        message=str(raw.get("message") or ""),
        type=str(raw.get("type") or "").lower(),
        data={name: value for name, value in raw.items() if name not in known and value is not None},
    )


def _failure(raw: JsonObject) -> Mapping[str, Any]:
    rows = raw.get("events")
    log = events([row for row in rows if isinstance(row, Mapping)]) if isinstance(rows, list) else ()
    bad = [event for event in log if event.level == "error" or event.type in {"job_error", "billing_limit"}]
    return {"message": bad[-1].message, "type": bad[-1].type} if bad else {}


def _estimated_finish(raw: JsonObject, now: datetime) -> datetime | None:
    progress = raw.get("progress")
    if not isinstance(progress, Mapping) or not progress.get("estimate_available"):
        return None
    seconds = number(progress.get("seconds_remaining"))
    return None if seconds is None else now + timedelta(seconds=seconds)


def _dollars(nano: object) -> Decimal | None:
    whole = integer(nano)
    return None if whole is None else Decimal(whole) / _NANODOLLARS


def _hyperparameters(raw: JsonObject) -> JsonObject:
    names = ("n_epochs", "n_evals", "n_checkpoints", "batch_size", "learning_rate", "lr_scheduler", "warmup_ratio",
             "max_grad_norm", "weight_decay", "packing", "max_seq_length", "random_seed", "training_type",
             "training_method")  # fmt: skip
    return {name: raw[name] for name in names if raw.get(name) is not None}


def _method(raw: JsonObject) -> Method | None:
    told = raw.get("training_method")
    name = told.get("method") if isinstance(told, Mapping) else None
    return {None: Method.SFT, "sft": Method.SFT, "dpo": Method.DPO}.get(name)


def _trained(raw: JsonObject) -> Hyperparameters:
    """In our own names, as far as they have one."""
    training = raw.get("training_type")
    kind = training.get("type") if isinstance(training, Mapping) else None
    known = {"n_epochs", "learning_rate", "batch_size", "random_seed", "training_type", "training_method"}
    return Hyperparameters(
        epochs=integer(raw.get("n_epochs")),
        learning_rate=number(raw.get("learning_rate")),
        batch_size=integer(raw.get("batch_size")),
        seed=integer(raw.get("random_seed")),
        lora={"Lora": True, "Full": False}.get(str(kind)),
        extra={name: value for name, value in _hyperparameters(raw).items() if name not in known},
    )


def _first(row: JsonObject, keys: Sequence[str]) -> float | None:
    return next((found for key in keys if (found := loss(row.get(key))) is not None), None)


def _logged_at(row: JsonObject) -> float:
    """Seconds; 0 where the row does not say. The listing can be narrowed by `logged_at_from`; its rows name no type."""
    return next((found for key in _TIME_KEYS if (found := number(row.get(key))) is not None), 0.0)
