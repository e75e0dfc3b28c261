"""What Replicate answers, as our records. Pure: the SDK's own model of a training cannot hold `aborted`."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ..errors import InvalidData, PlatformFault
from ..records import (
    TERMINAL_STATES,
    Hyperparameters,
    JobEvent,
    JobState,
    JsonObject,
    MetricPoint,
    RemoteFile,
    RemoteJob,
    RemoteModel,
)
from ..wire import integer, iso_time, mapping, number
from . import logs
from .names import reference
from .places import usual_name

__all__ = ["JOB_STATES", "answer_text", "events", "job", "metrics", "model", "stored_file"]

JOB_STATES: Mapping[str, JobState] = {
    "starting": JobState.QUEUED,
    "processing": JobState.RUNNING,
    "succeeded": JobState.SUCCEEDED,
    "failed": JobState.FAILED,
    "canceled": JobState.CANCELLED,
    "aborted": JobState.CANCELLED,
}
"""Each wire status once. `aborted` (ended before it began, as by a deadline) is in the published contract and not in
replicate 1.0.7."""


def job(raw: JsonObject, usd_per_second: Decimal | None = None) -> RemoteJob:
    """A training. Its bill is GPU-seconds at the given price; unknown without one. Raises `PlatformFault` without an
    id."""
    if not raw.get("id"):
        raise PlatformFault("the answer names no training", body=str(dict(raw)))
    status = str(raw.get("status") or "")
    state = JOB_STATES.get(status, JobState.UNKNOWN)
    over = state in TERMINAL_STATES
    inputs = mapping(raw.get("input"))
    return RemoteJob(
        id=str(raw["id"]),
        state=state,
        raw_status=status,
        model=_trainer(raw),
        created_at=iso_time(raw.get("created_at")),
        finished_at=iso_time(raw.get("completed_at")) if over else None,
        tuned_model=_tuned(raw) if state is JobState.SUCCEEDED else None,
        billed_usd=_bill(raw, usd_per_second) if over else None,
        error=_error(raw, status),
        hyperparameters=inputs,
        trained=_trained(inputs),
        files=_files(inputs),
        raw=raw,
    )


def events(raw: JsonObject) -> tuple[JobEvent, ...]:
    """What happened, oldest first: created, begun, every whole line of the log, and the end."""
    told = [JobEvent(id="created", at=iso_time(raw.get("created_at")), level="info", message="training created")]
    status = str(raw.get("status") or "")
    over = JOB_STATES.get(status, JobState.UNKNOWN) in TERMINAL_STATES
    if raw.get("started_at"):
        told.append(JobEvent(id="started", at=iso_time(raw["started_at"]), level="info", message="training started"))
    if raw.get("started_at") or over:
        told += logs.log_events(logs.lines_of(raw.get("logs"), over=over))
    if over:
        error = _error(raw, status)
        level, message = ("error", error) if error else ("info", f"training {status}")
        at = iso_time(raw.get("completed_at"))
        told.append(JobEvent(id="ended", at=at, level=level, message=message, type=status))
    return tuple(told)


def metrics(raw: JsonObject) -> tuple[MetricPoint, ...]:
    """What whole lines of the log tell; see `logs`."""
    over = JOB_STATES.get(str(raw.get("status")), JobState.UNKNOWN) in TERMINAL_STATES
    return logs.metrics(logs.lines_of(raw.get("logs"), over=over))


def model(raw: JsonObject) -> RemoteModel | None:
    """The model that a training has made; None where it has made none."""
    made = job(raw)
    return RemoteModel(id=made.tuned_model, tuned=True, base=made.model or None, raw=raw) if made.tuned_model else None


def stored_file(raw: JsonObject, *, reused: bool = False) -> RemoteFile:
    """A file; it is ready as soon as it is there. Raises `PlatformFault` without an id."""
    if not raw.get("id"):
        raise PlatformFault("the answer names no file", body=str(dict(raw)))
    return RemoteFile(id=str(raw["id"]), size=integer(raw.get("size")), reused=reused, raw=raw)


def answer_text(output: object) -> str:
    """A prediction's words: one text, or the pieces of one. Raises `InvalidData` for anything else."""
    if output is None:
        return ""
    if isinstance(output, str):
        return output
    if isinstance(output, list) and all(isinstance(piece, str) for piece in output):
        return "".join(output)
    raise InvalidData(
        f"the model answers with {type(output).__name__}, not with text",
        body=str(output)[:65_536],
        fix="only models that answer in words can be evaluated",
    )


def _trainer(raw: JsonObject) -> str:
    name, version = str(raw.get("model") or ""), raw.get("version")
    return f"{name}:{version}" if name and isinstance(version, str) and version else name


def _tuned(raw: JsonObject) -> str | None:
    """`owner/name:version`. A bare version is completed by the destination, where the answer repeats it."""
    told = mapping(raw.get("output")).get("version")
    if not isinstance(told, str) or not told:
        return None
    destination = raw.get("destination")
    whole = f"{destination}:{told}" if isinstance(destination, str) and destination else told
    return told if reference(told) else whole


def _bill(raw: JsonObject, usd_per_second: Decimal | None) -> Decimal | None:
    seconds = number(mapping(raw.get("metrics")).get("predict_time"))
    return None if seconds is None or usd_per_second is None else Decimal(str(seconds)) * usd_per_second


def _error(raw: JsonObject, status: str) -> str | None:
    told = raw.get("error")
    if told:
        return str(told)
    if status == "aborted":
        return "ended by the platform before it began"
    return f"status {status}" if status == "failed" else None


def _trained(inputs: JsonObject) -> Hyperparameters:
    """In our own names, where an input has a usual one."""

    def of(name: str) -> Any:
        usual = usual_name(name, inputs)
        return inputs[usual] if usual else None

    lora = of("lora")
    return Hyperparameters(
        epochs=integer(of("epochs")),
        learning_rate=number(of("learning_rate")),
        batch_size=integer(of("batch_size")),
        seed=integer(of("seed")),
        lora=lora if isinstance(lora, bool) else None,
    )


def _files(inputs: JsonObject) -> dict[str, str]:
    """Role → id, for what lies in the account's own files."""
    found = {}
    for role in ("train", "validation"):
        usual = usual_name(role, inputs)
        _, mark, id = str(inputs.get(usual or "") or "").partition("/v1/files/")
        if mark and id:
            found[role] = id.partition("/")[0].partition("?")[0]
    return found
