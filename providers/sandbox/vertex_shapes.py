"""The sandbox's records as Vertex AI's wire shows them. Pure.

Counts of 64 bits are text, a project is called by its number, and what is not so is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from .catalog import BaseModel
from .checkpoints import kept
from .jobs import NUMBER, View, tuned_name, vertex_home
from .together_shapes import iso
from .world import Tuned

__all__ = ["LOCATION", "PROJECT", "base_body", "checkpoint_name", "endpoint_name", "job_body", "job_name", "state_of"]

PROJECT, LOCATION = "sandbox", "us-central1"

_STATES: Mapping[str, str] = {
    "validating": "PENDING",
    "queued": "PENDING",
    "running": "RUNNING",
    "paused": "PAUSED",
    "finalizing": "RUNNING",
    "cancelling": "CANCELLING",
    "succeeded": "SUCCEEDED",
    "failed": "FAILED",
    "cancelled": "CANCELLED",
}
_DETAILS: Mapping[str, str] = {"validating": "PROCESSING_DATASET", "queued": "WAITING_FOR_CAPACITY"}
_CANCELLED, _INVALID_ARGUMENT, _INTERNAL = 1, 3, 13  # google.rpc.Code
_OURS = frozenset({"location"})


def job_name(seen: View) -> str:
    """The whole name, with the project's number."""
    return f"projects/{NUMBER}/locations/{seen.job.request['location']}/tuningJobs/{seen.job.id}"


def endpoint_name(model: Tuned) -> str:
    """The endpoint that a tuned model, or one of its checkpoints, answers behind."""
    return checkpoint_name(model.name, model.step) if model.checkpoint else model.name


def checkpoint_name(name: str, step: int) -> str:
    """The endpoint of the checkpoint at a step, of the tuned model or checkpoint of that name."""
    whole = name.partition(":")[0]
    return f"{whole.rpartition('/')[0]}/{_digits(f'{whole}@{step}')}"


def state_of(seen: View) -> str:
    """Vertex AI's name for the phase."""
    return f"JOB_STATE_{_STATES[seen.phase]}"


def job_body(seen: View) -> dict[str, Any]:
    """`TuningJob`, in full."""
    job = seen.job
    spec = dict(job.request["supervisedTuningSpec"])
    settings = {"adapterSize": "ADAPTER_SIZE_FOUR", "learningRateMultiplier": 1, **(spec.get("hyperParameters") or {})}
    body = {
        **{name: value for name, value in job.request.items() if name not in _OURS},
        "name": job_name(seen),
        "supervisedTuningSpec": {**spec, "hyperParameters": settings | {"epochCount": str(job.epochs)}},
        "state": state_of(seen),
        "createTime": iso(job.created_at),
        "updateTime": iso(_changed_at(seen)),
        "startTime": iso(job.starts_at) if job.starts_at is not None and job.starts_at <= seen.now else None,
        "endTime": iso(seen.ended_at) if seen.ended_at is not None and seen.over else None,
        "tuningJobState": f"TUNING_JOB_STATE_{_DETAILS[seen.phase]}" if seen.phase in _DETAILS else None,
        "tuningJobMetadata": {"completedEpochCount": str(len(seen.epochs))} if seen.epochs else None,
        "error": _error(seen),
        "tuningDataStats": _stats(seen),
        "tunedModel": _tuned(seen) if seen.phase == "succeeded" else None,
    }
    return {name: value for name, value in body.items() if value is not None}


def base_body(base: BaseModel) -> dict[str, Any]:
    """`PublisherModel`."""
    return {"name": f"publishers/google/models/{base.name}", "versionId": "default", "launchStage": "GA"}


def _error(seen: View) -> dict[str, Any] | None:
    if seen.phase == "cancelled":
        return {"code": _CANCELLED, "message": "CANCELED"}
    if seen.failed is None:
        return None
    return {"code": _INVALID_ARGUMENT if seen.failed.param else _INTERNAL, "message": seen.failed.message}


def _stats(seen: View) -> dict[str, Any] | None:
    job = seen.job
    if job.validated_at is None or seen.phase == "validating":
        return None
    counted = {
        "tuningDatasetExampleCount": job.rows,
        "totalBillableTokenCount": job.tokens,
        "tuningStepCount": job.steps,
    }
    return {"supervisedTuningDataStats": {name: str(count) for name, count in counted.items()}}


def _tuned(seen: View) -> dict[str, Any]:
    job, name = seen.job, tuned_name(seen.job)
    made = {"model": f"{vertex_home(job)}/models/{_digits(f'{name}@model')}@1", "endpoint": name}
    if job.request["supervisedTuningSpec"].get("exportLastCheckpointOnly"):
        return made
    epochs = kept(job, seen.epochs)
    rows = [
        {
            "checkpointId": str(place),
            "epoch": str(epoch.number),
            "step": str(epoch.points[-1].step),
            "endpoint": name if epoch.number == job.last_epoch else checkpoint_name(name, epoch.points[-1].step),
        }
        for place, epoch in enumerate(epochs, start=1)
    ]
    return made | {"checkpoints": rows}


def _changed_at(seen: View) -> float:
    times = [seen.job.created_at, *(at for at, _ in seen.points[-1:])]
    return max(*times, seen.ended_at or 0.0)


def _digits(text: str) -> str:
    return str(int(sha256(text.encode()).hexdigest(), 16))[:19]
