"""What Bedrock answers, as our records. Pure, and tolerant of what botocore's service model does not know."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..errors import PlatformFault
from ..records import (
    TERMINAL_STATES,
    Hyperparameters,
    JobEvent,
    JobState,
    JsonObject,
    Method,
    MetricPoint,
    RemoteJob,
    RemoteModel,
)
from ..tags import find_tag
from ..wire import integer, iso_time, loss, mapping, number

__all__ = ["JOB_STATES", "created", "curve", "events", "job", "model"]

JOB_STATES: Mapping[str, JobState] = {
    "InProgress": JobState.RUNNING,
    "Completed": JobState.SUCCEEDED,
    "Failed": JobState.FAILED,
    "Stopping": JobState.CANCELLING,
    "Stopped": JobState.CANCELLED,
}
"""Each wire status once (botocore 1.44.8)."""

_PHASES: Mapping[str, str] = {
    "validationDetails": "validation",
    "dataProcessingDetails": "data processing",
    "trainingDetails": "training",
}
_METHODS: Mapping[str, Method] = {"FINE_TUNING": Method.SFT}
_OURS: Mapping[str, str] = {
    "epochCount": "epochs",
    "batchSize": "batch_size",
    "learningRate": "learning_rate",
}


def created(answer: JsonObject, sent: JsonObject) -> RemoteJob:
    """The job that a create request has made: the answer tells its ARN alone. Raises `PlatformFault` without one."""
    arn = answer.get("jobArn")
    if not isinstance(arn, str) or not arn:
        raise PlatformFault("the answer names no job", body=str(dict(answer)))
    return RemoteJob(
        id=str(sent["jobName"]),
        state=JobState.RUNNING,
        raw_status="InProgress",
        model=str(sent["baseModelIdentifier"]),
        tag=find_tag(sent["jobName"]),
        hyperparameters=sent["hyperParameters"],
        method=Method.SFT,
        trained=_trained(sent["hyperParameters"]),
        files=_files(sent),
        raw={"jobArn": arn},
    )


def job(raw: JsonObject) -> RemoteJob:
    """A job by its unique name; the same from a listing, which tells less. Raises `PlatformFault` without a name."""
    name = raw.get("jobName")
    if not name:
        raise PlatformFault("the answer names no job", body=str(dict(raw)))
    status = str(raw.get("status") or "")
    state = JOB_STATES.get(status, JobState.UNKNOWN)
    if state is JobState.RUNNING and _phase(raw, "trainingDetails").get("status") == "NotStarted":
        state = JobState.QUEUED
    made = raw.get("outputModelArn") or raw.get("customModelArn")
    settings = raw.get("hyperParameters")
    settings = settings if isinstance(settings, Mapping) else {}
    return RemoteJob(
        id=str(name),
        state=state,
        raw_status=status,
        model=_bare(raw.get("baseModelArn")),
        tag=find_tag(name) or find_tag(raw.get("clientRequestToken")),
        created_at=iso_time(raw.get("creationTime")),
        finished_at=iso_time(raw.get("endTime")) if state in TERMINAL_STATES else None,
        tuned_model=str(made) if made and state is JobState.SUCCEEDED else None,
        error=str(raw.get("failureMessage") or f"status {status}") if state is JobState.FAILED else None,
        hyperparameters=settings,
        method=_METHODS.get(str(raw.get("customizationType") or "FINE_TUNING")),
        trained=_trained(settings),
        files=_files(raw),
        raw=raw,
    )


def events(raw: JsonObject) -> tuple[JobEvent, ...]:
    """What the phases tell, oldest first: each began, and each came to something. Bedrock keeps no log of a job."""
    found = [event for key, phase in _PHASES.items() for event in _phase_events(_phase(raw, key), phase)]
    if raw.get("failureMessage"):
        at = iso_time(raw.get("endTime"))
        found.append(JobEvent(id="failure", at=at, level="error", message=str(raw["failureMessage"]), type="failure"))
    return tuple(sorted(found, key=lambda event: (event.at is None, event.at.timestamp() if event.at else 0.0)))


def curve(training: Iterable[str], validation: Iterable[str]) -> tuple[MetricPoint, ...]:
    """One point a step by rising step, from the texts of the CSV files; columns and rows that make no sense are none.

    Columns: step_number (from 0), epoch_number, training_loss or validation_loss, perplexity, which is e to the loss.
    """
    steps: dict[int, dict[str, float]] = {}
    for texts, column, field in (
        (training, "training_loss", "train_loss"),
        (validation, "validation_loss", "valid_loss"),
    ):
        for row in (row for text in texts for row in csv.DictReader(io.StringIO(text))):
            step, value = integer(row.get("step_number")), loss(row.get(column))
            if step is None or value is None:
                continue
            point = steps.setdefault(step + 1, {})
            point[field] = value
            epoch = number(row.get("epoch_number"))
            if epoch is not None:
                point.setdefault("epoch", epoch)
    return tuple(MetricPoint(step=step, **steps[step]) for step in sorted(steps))


def model(raw: JsonObject) -> RemoteModel:
    """A custom model of the account, and the base that it was made of."""
    base = raw.get("baseModelArn") or raw.get("baseModelName")
    return RemoteModel(id=str(raw.get("modelArn")), tuned=True, base=_bare(base) or None, raw=raw)


def _phase(raw: JsonObject, key: str) -> JsonObject:
    return mapping(mapping(raw.get("statusDetails")).get(key))


def _phase_events(told: JsonObject, phase: str) -> Iterator[JobEvent]:
    status = str(told.get("status") or "NotStarted")
    if status == "NotStarted":
        return
    began = iso_time(told.get("creationTime"))
    yield JobEvent(id=f"{phase}-began", at=began, level="info", message=f"{phase} began", type="phase")
    if status != "InProgress":
        level = "error" if status == "Failed" else "info"
        at = iso_time(told.get("lastModifiedTime"))
        yield JobEvent(id=f"{phase}-{status}", at=at, level=level, message=f"{phase}: {status}", type="phase")


def _bare(arn: object) -> str:
    """The model's id at the end of its ARN."""
    return str(arn or "").rsplit("/", 1)[-1]


def _files(raw: JsonObject) -> dict[str, str]:
    train = raw.get("trainingDataConfig")
    held_out = raw.get("validationDataConfig")
    validators: Any = held_out.get("validators") if isinstance(held_out, Mapping) else None
    named = {
        "train": train.get("s3Uri") if isinstance(train, Mapping) else None,
        "validation": validators[0].get("s3Uri") if validators else None,
    }
    return {role: str(uri) for role, uri in named.items() if uri}


def _trained(settings: JsonObject) -> Hyperparameters:
    """In our own names, as far as they have one."""
    return Hyperparameters(
        epochs=integer(settings.get("epochCount")),
        learning_rate=number(settings.get("learningRate")),
        batch_size=integer(settings.get("batchSize")),
        extra={name: value for name, value in settings.items() if name not in _OURS},
    )
