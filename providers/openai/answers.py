"""What OpenAI answers, as our records. Pure, and tolerant of what the SDK's types do not know."""

from __future__ import annotations

import base64
import binascii
import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..errors import PlatformFault
from ..records import (
    Checkpoint,
    Hyperparameters,
    JobEvent,
    JobState,
    JsonObject,
    Method,
    MetricPoint,
    RemoteFile,
    RemoteJob,
    RemoteModel,
)
from ..wire import day, given_files, integer, latest_attempt, loss, mapping, number, unix_time
from .bodies import TAG_KEY

__all__ = ["JOB_STATES", "checkpoint", "event", "job", "measured", "merged", "model", "result_points", "stored_file"]

JOB_STATES: Mapping[str, JobState] = {
    "validating_files": JobState.QUEUED,
    "queued": JobState.QUEUED,
    "running": JobState.RUNNING,
    "paused": JobState.PAUSED,
    "succeeded": JobState.SUCCEEDED,
    "failed": JobState.FAILED,
    "cancelled": JobState.CANCELLED,
}
"""Each wire status once; `paused` follows from the documented pause call and is missing from the SDK's own list."""

_TUNED = "ft:"
"""A tuned model is named ft:BASE:ORGANISATION:SUFFIX:ID (developers.openai.com, fine-tuning guide, 2026-11-22)."""

_METHODS: Mapping[str, Method] = {"supervised": Method.SFT, "dpo": Method.DPO}
_BLOCK_CODES = {"content_policy_violation", "unsafe_file", "moderation_blocked", "safety_evaluation_failed"}
_BLOCK_WORDS = re.compile(r"moderation|usage polic|safety|refusals_v\d", re.I)
_STEP_TOLD = re.compile(r"\bStep (\d+)(?:/(\d+))?: ")
_LOSS_TOLD = re.compile(r"\b(training|full validation|validation) loss=([-+]?[\w.]+)")
_LOSS_NAMES = {"training": "train_loss", "validation": "valid_loss", "full validation": "full_valid_loss"}


def job(raw: JsonObject) -> RemoteJob:
    """A job. Raises `PlatformFault` without an id, for then nothing can be followed."""
    if not raw.get("id"):
        raise PlatformFault("the answer names no job", body=str(dict(raw)))
    status = str(raw.get("status") or "")
    error = mapping(raw.get("error"))
    metadata = mapping(raw.get("metadata"))
    return RemoteJob(
        id=str(raw["id"]),
        state=_state(status, error),
        raw_status=status,
        model=str(raw.get("model") or ""),
        tag=metadata.get(TAG_KEY),
        created_at=unix_time(raw.get("created_at")),
        finished_at=unix_time(raw.get("finished_at")),
        estimated_finish=unix_time(raw.get("estimated_finish")),
        tuned_model=raw.get("fine_tuned_model") or None,
        billed_tokens=integer(raw.get("trained_tokens")),
        error=error.get("message") or None,
        error_code=error.get("code") or None,
        hyperparameters=_hyperparameters(raw),
        method=_METHODS.get(str(mapping(raw.get("method")).get("type") or "supervised")),
        trained=_trained(_hyperparameters(raw)),
        files=given_files(raw),
        raw=raw,
    )


def _trained(told: JsonObject) -> Hyperparameters:
    """In our own names; what the platform chose by itself and does not tell ("auto") is not known."""
    known = {"n_epochs", "batch_size", "seed"}
    return Hyperparameters(
        epochs=integer(told.get("n_epochs")),
        batch_size=integer(told.get("batch_size")),
        seed=integer(told.get("seed")),
        extra={name: value for name, value in told.items() if name not in known and value != "auto"},
    )


def stored_file(raw: JsonObject, *, reused: bool = False) -> RemoteFile:
    """A file; the deprecated status "error" is still the only word that a file was refused."""
    if not raw.get("id"):
        raise PlatformFault("the answer names no file", body=str(dict(raw)))
    refused = raw.get("status") in {"error", "deleted"}
    return RemoteFile(
        id=str(raw["id"]),
        size=integer(raw.get("bytes")),
        state="refused" if refused else "ready",
        detail=raw.get("status_details") or (f"status {raw['status']}" if refused else None),
        reused=reused,
        raw=raw,
    )


def event(raw: JsonObject) -> JobEvent:
    """One line of the job's log."""
    return JobEvent(
        id=str(raw.get("id") or ""),
        at=unix_time(raw.get("created_at")),
        level={"warn": "warning"}.get(str(raw.get("level")), str(raw.get("level") or "info")),
        message=str(raw.get("message") or ""),
        type=str(raw.get("type") or ""),
        data=mapping(raw.get("data")),
    )


def checkpoint(raw: JsonObject) -> Checkpoint:
    """A saved state that can be called by name."""
    metrics = mapping(raw.get("metrics"))
    step = integer(raw.get("step_number")) or 0
    return Checkpoint(
        id=str(raw.get("id") or ""),
        step=step,
        model=raw.get("fine_tuned_model_checkpoint") or None,
        metrics=merged([{"step": step, **_present(metrics)}])[0] if metrics else None,
        created_at=unix_time(raw.get("created_at")),
    )


def model(raw: JsonObject) -> RemoteModel:
    """A model that the account sees, with the day it stops as OpenAI says it."""
    name = str(raw.get("id") or "")
    base = name.removeprefix(_TUNED).split(":")[0] if name.startswith(_TUNED) else None
    return RemoteModel(id=name, shutdown=day(raw.get("shutdown_date")), tuned=base is not None, base=base, raw=raw)


def result_points(content: bytes) -> list[dict[str, Any]]:
    """The rows of a result file: CSV, since 2024 often encoded as base64. Other bytes hold no rows."""
    text = _csv_text(content)
    reader = csv.DictReader(io.StringIO(text))
    if "step" not in (reader.fieldnames or ()):
        return []
    return [{name: value for name, value in row.items() if name and value not in (None, "")} for row in reader]


def measured(rows: Iterable[JsonObject]) -> list[Mapping[str, Any]]:
    """What a job's events, oldest first, say of its steps; those of an attempt that was started over are left out.

    An event whose data is empty still tells its losses in words: "Step 3/9: training loss=1.20, validation loss=nan".
    """
    found = (_told(raw) for raw in rows)
    steps = ((step, values) for values in found if (step := integer(values.get("step"))) is not None)
    return [values for _, values in latest_attempt(steps)]


def _told(raw: JsonObject) -> Mapping[str, Any]:
    data = mapping(raw.get("data"))
    words = str(raw.get("message") or "")
    step = _STEP_TOLD.search(words)
    if raw.get("type") != "metrics" and step is None:
        return {}
    if step is None:
        return data
    losses = {_LOSS_NAMES[kind]: value.rstrip(".") for kind, value in _LOSS_TOLD.findall(words)}
    return {"step": step[1], "total_steps": step[2], **losses, **_present(data)}


def merged(sources: Iterable[Mapping[str, Any]], epochs: object = None) -> tuple[MetricPoint, ...]:
    """One point a step by rising step, later sources winning. `epochs` of the whole job place a step in its epoch.

    Where the platform measures the whole validation set anywhere (`full_valid_loss`), only that is the validation
    curve: the batch value beside it is far noisier, and one curve must not mix the two.
    """
    steps: dict[int, dict[str, Any]] = {}
    for source in sources:
        step = integer(source.get("step"))
        if step is not None:
            steps.setdefault(step, {}).update(_present(source))
    full = any("full_valid_loss" in values for values in steps.values())
    total = max((number(values.get("total_steps")) or 0.0 for values in steps.values()), default=0.0)
    per_step = (number(epochs) or 0.0) / total if total else 0.0
    return tuple(_point(step, steps[step], full, per_step * step) for step in sorted(steps))


def _point(step: int, values: Mapping[str, Any], full: bool, epoch: float) -> MetricPoint:
    valid_loss, valid_accuracy = (
        (("full_valid_loss",), ("full_valid_mean_token_accuracy",))
        if full
        else (("valid_loss",), ("valid_mean_token_accuracy", "valid_accuracy"))
    )
    return MetricPoint(
        step=step,
        epoch=epoch or None,
        train_loss=_first(values, ("train_loss",)),
        train_accuracy=_first(values, ("train_mean_token_accuracy", "train_accuracy")),
        valid_loss=_first(values, valid_loss),
        valid_accuracy=_first(values, valid_accuracy),
        learning_rate=number(values.get("learning_rate")),
        reward_accuracy=number(values.get("train_reward_accuracy")),
        reward_margin=number(values.get("train_reward_margin")),
        valid_reward_accuracy=_first(values, ("full_valid_reward_accuracy", "valid_reward_accuracy")),
        valid_reward_margin=_first(values, ("full_valid_reward_margin", "valid_reward_margin")),
    )


def _first(values: Mapping[str, Any], names: Sequence[str]) -> float | None:
    return next((found for name in names if (found := loss(values.get(name))) is not None), None)


def _present(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if loss(value) is not None}


def _state(status: str, error: Mapping[str, Any]) -> JobState:
    state = JOB_STATES.get(status, JobState.UNKNOWN)
    code, message = str(error.get("code") or ""), str(error.get("message") or "")
    blocked = code in _BLOCK_CODES or (not code and _BLOCK_WORDS.search(message))
    return JobState.BLOCKED if state is JobState.FAILED and blocked else state


def _hyperparameters(raw: JsonObject) -> JsonObject:
    method = mapping(raw.get("method"))
    inner = mapping(method.get(str(method.get("type"))))
    chosen = mapping(inner.get("hyperparameters")) or mapping(raw.get("hyperparameters"))
    seed = {"seed": raw["seed"]} if raw.get("seed") is not None else {}
    return {**chosen, **seed}


def _csv_text(content: bytes) -> str:
    text = content.decode("utf-8", errors="replace").lstrip("\ufeff")
    if text.startswith("step"):
        return text
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode("utf-8").lstrip("\ufeff")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return text
