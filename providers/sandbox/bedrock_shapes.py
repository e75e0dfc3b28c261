"""The sandbox's records as Bedrock's wire shows them, its names and times included. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from .catalog import BaseModel
from .jobs import Job, View, model_arn

__all__ = [
    "ACCOUNT",
    "REGION",
    "base_arn",
    "base_body",
    "iso",
    "job_arn",
    "job_body",
    "job_summary",
    "model_body",
    "model_summary",
    "status_of",
]

REGION, ACCOUNT = "us-east-1", "123456789012"
_STATUS = {"cancelling": "Stopping", "cancelled": "Stopped", "succeeded": "Completed", "failed": "Failed"}
_VALIDATING, _PROCESSING, _TRAINING = range(3)
_AT: Mapping[str, int] = {"validating": _VALIDATING, "queued": _PROCESSING}


def iso(at: float) -> str:
    """RFC 3339, in UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def base_arn(model: str) -> str:
    return f"arn:aws:bedrock:{REGION}::foundation-model/{model}"


def job_arn(job: Job) -> str:
    return f"arn:aws:bedrock:{REGION}:{ACCOUNT}:model-customization-job/{job.model}/{job.id[-12:]}"


def status_of(seen: View) -> str:
    """Bedrock's name for the phase; there is no word for waiting."""
    return _STATUS.get(seen.phase, "InProgress")


def base_body(base: BaseModel) -> dict[str, Any]:
    """`GetFoundationModel`."""
    lifecycle: dict[str, Any] = {"status": "LEGACY" if base.shutdown else "ACTIVE"}
    if base.shutdown:
        lifecycle["endOfLifeTime"] = f"{base.shutdown}T00:00:00Z"
    return {
        "modelDetails": {
            "modelArn": base_arn(base.name),
            "modelId": base.name,
            "modelName": base.name.partition(".")[2][:20],
            "providerName": base.name.partition(".")[0][:20],
            "inputModalities": ["TEXT"],
            "outputModalities": ["TEXT"],
            "responseStreamingSupported": True,
            "customizationsSupported": ["FINE_TUNING"] if base.tunable else [],
            "inferenceTypesSupported": ["ON_DEMAND", "PROVISIONED"],
            "modelLifecycle": lifecycle,
        }
    }


def job_body(seen: View) -> dict[str, Any]:
    """`GetModelCustomizationJob`."""
    job, sent = seen.job, seen.job.request
    body = {
        **_both(seen),
        "outputModelName": sent["customModelName"],
        "clientRequestToken": sent["clientRequestToken"],
        "roleArn": sent["roleArn"],
        "customizationType": sent.get("customizationType", "FINE_TUNING"),
        "hyperParameters": dict(sent.get("hyperParameters") or {}),
        "trainingDataConfig": sent["trainingDataConfig"],
        "validationDataConfig": sent.get("validationDataConfig") or {"validators": []},
        "outputDataConfig": sent["outputDataConfig"],
    }
    if seen.failed:
        body["failureMessage"] = seen.failed.message
    if seen.phase == "succeeded":
        points = [point for _, point in seen.points]
        held_out = [point.valid_loss for point in points if point.valid_loss is not None]
        body["outputModelArn"] = model_arn(job)
        body["trainingMetrics"] = {"trainingLoss": points[-1].loss}
        body["validationMetrics"] = [{"validationLoss": held_out[-1]}] if held_out else []
    return body


def job_summary(seen: View) -> dict[str, Any]:
    """One row of `ListModelCustomizationJobs`."""
    made = {"customModelArn": model_arn(seen.job)} if seen.phase == "succeeded" else {}
    name = {"customModelName": seen.job.request["customModelName"], "customizationType": "FINE_TUNING"}
    return {**_both(seen), **name, **made}


def _both(seen: View) -> dict[str, Any]:
    job = seen.job
    ended = {"endTime": iso(seen.ended_at)} if seen.ended_at is not None else {}
    return {
        "jobArn": job_arn(job),
        "jobName": job.request["jobName"],
        "baseModelArn": base_arn(job.model),
        "status": status_of(seen),
        "statusDetails": _details(seen),
        "creationTime": iso(job.created_at),
        "lastModifiedTime": iso(seen.ended_at or max(seen.stop, job.created_at)),
        **ended,
    }


def _details(seen: View) -> dict[str, Any]:
    """How far each of the three phases has come, as of now."""
    job = seen.job
    starts = (job.created_at, job.validated_at, job.starts_at)
    ends = (job.validated_at, job.starts_at, seen.ended_at)
    at = _AT.get(seen.phase, _TRAINING) if not seen.over else _reached(seen)
    told = {}
    for number, name in enumerate(("validationDetails", "dataProcessingDetails", "trainingDetails")):
        start, end = starts[number], ends[number]
        if number > at or start is None:
            told[name] = {"status": "NotStarted"}
            continue
        status = "Completed" if number < at else status_of(seen)
        over = end if end is not None and (number < at or seen.over) else max(start, seen.stop)
        told[name] = {"status": status, "creationTime": iso(start), "lastModifiedTime": iso(over)}
    return told


def _reached(seen: View) -> int:
    """The phase in which a job ended."""
    if seen.job.validated_at is None or seen.stop < seen.job.validated_at:
        return _VALIDATING
    return _PROCESSING if seen.job.starts_at is None or seen.stop < seen.job.starts_at else _TRAINING


def model_body(seen: View) -> dict[str, Any]:
    """`GetCustomModel`."""
    job = job_body(seen)
    kept = ("jobName", "jobArn", "baseModelArn", "customizationType", "hyperParameters", "trainingDataConfig",
            "validationDataConfig", "outputDataConfig", "trainingMetrics", "validationMetrics")  # fmt: skip
    return {
        **{name: job[name] for name in kept},
        "modelArn": job["outputModelArn"],
        "modelName": job["outputModelName"],
        "creationTime": job["endTime"],
        "modelStatus": "Active",
    }


def model_summary(seen: View) -> dict[str, Any]:
    """One row of `ListCustomModels`."""
    told = model_body(seen)
    kept = ("modelArn", "modelName", "creationTime", "baseModelArn", "customizationType", "modelStatus")
    return {
        **{name: told[name] for name in kept},
        "baseModelName": seen.job.model.partition(":")[0],
        "ownerAccountId": ACCOUNT,
    }
