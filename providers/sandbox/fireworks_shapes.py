"""The sandbox's records as Fireworks' wire shows them. Pure.

Counts of 64 bits are text, money is whole units and nanos, and a resource is called by its whole name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from .catalog import BaseModel
from .files import StoredFile
from .fireworks_jobs import DPO, SFT, is_lora, job_usd
from .fireworks_refusals import ACCOUNT
from .jobs import View, tuned_name
from .together_shapes import iso
from .world import Tuned

__all__ = ["base_body", "dataset_body", "job_body", "metric_lines", "money", "tuned_body"]

_NANO = 10**9
_OWNER = "sandbox@localhost"
_USUAL_RANK = 8
_STATES: Mapping[str, str] = {
    "validating": "VALIDATING",
    "queued": "PENDING",
    "running": "RUNNING",
    "paused": "PAUSED",
    "finalizing": "WRITING_RESULTS",
    "cancelling": "CANCELLING",
    "succeeded": "COMPLETED",
    "failed": "FAILED",
    "cancelled": "CANCELLED",
}


def money(usd: Decimal) -> dict[str, Any]:
    """google.type.Money."""
    nanos = int(usd * _NANO)
    return {"currencyCode": "USD", "units": str(nanos // _NANO), "nanos": nanos % _NANO}


def dataset_body(file: StoredFile, now: float) -> dict[str, Any]:
    """A data set; UPLOADING until its rows have been looked at."""
    ready = file.arrived and now >= file.ready_at
    return {
        "name": f"accounts/{ACCOUNT}/datasets/{file.id}",
        "displayName": file.filename,
        "createTime": iso(file.created_at),
        "updateTime": iso(max(file.created_at, file.ready_at if ready else 0.0)),
        "state": "READY" if ready else "UPLOADING",
        "status": {"code": "OK", "message": ""},
        "exampleCount": str(file.lines or 0),
        "estimatedTokenCount": str(file.tokens or 0),
        "userUploaded": {},
        "format": "CHAT",
        "createdBy": _OWNER,
    }


# ── jobs ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def job_body(seen: View, address: str) -> dict[str, Any]:
    """The job, in full. `address`: where its metrics file can be fetched, once there is one."""
    job = seen.job
    sent = {name: value for name, value in job.request.items() if name not in ("lora", "outputModel")}
    body = {
        "createTime": iso(job.created_at),
        "completedTime": iso(seen.ended_at) if seen.ended_at is not None and seen.over else None,
        "dataset": f"accounts/{ACCOUNT}/datasets/{job.training_file}",
        "state": f"JOB_STATE_{_state(seen)}",
        "status": _status(seen),
        "createdBy": _OWNER,
    }
    told = (sent | body | _of_its_kind(seen, address)).items()
    return {name: value for name, value in told if value is not None}


def _of_its_kind(seen: View, address: str) -> dict[str, Any]:
    job = seen.job
    settings = {"outputModel": tuned_name(job), "epochs": job.epochs, "loraRank": _rank(seen)}
    if job.method == "dpo":
        config = job.request.get("trainingConfig") or {}
        id = job.id.removeprefix(f"{DPO}/")
        return {"name": f"accounts/{ACCOUNT}/{DPO}/{id}", "trainingConfig": config | settings}
    known = job.validated_at is not None and seen.phase != "validating"
    return settings | {
        "name": f"accounts/{ACCOUNT}/{SFT}/{job.id}",
        "updateTime": iso(_changed_at(seen)),
        "jobProgress": {"percent": _percent(seen), "epoch": len(seen.epochs)},
        "estimatedCost": money(job_usd(job)) if known else None,
        "metricsFileSignedUrl": address if seen.points else None,
    }


def _state(seen: View) -> str:
    return "EARLY_STOPPED" if seen.phase == "succeeded" and seen.job.stopped_after else _STATES[seen.phase]


def _status(seen: View) -> dict[str, Any]:
    if seen.failed is None:
        return {"code": "OK", "message": ""}
    return {"code": "INVALID_ARGUMENT" if seen.failed.param else "INTERNAL", "message": seen.failed.message}


def _rank(seen: View) -> int:
    config = seen.job.request.get("trainingConfig") or seen.job.request
    return int(config.get("loraRank") or _USUAL_RANK) if is_lora(seen.job) else 0


def _percent(seen: View) -> int:
    if seen.phase in ("finalizing", "succeeded"):
        return 100
    return min(99, 100 * len(seen.points) // max(1, seen.job.steps))


def _changed_at(seen: View) -> float:
    """When the record last changed: it began, it took a step, it ended."""
    times = [seen.job.created_at, *(at for at, _ in seen.points[-1:])]
    return max(*times, seen.ended_at or 0.0)


def metric_lines(seen: View) -> str:
    """The metrics file: one JSON object a step, and one for each evaluation."""
    rows: list[dict[str, float]] = []
    per_epoch = seen.job.steps / max(1, seen.job.epochs)
    for _, point in seen.points:
        row = {"step": point.step, "train/step": point.step, "train/epoch": point.step / per_epoch}
        row |= {"train/loss": point.loss, "train/accuracy": point.accuracy}
        rows.append(row | ({"train/margin": point.margin} if point.margin is not None else {}))
        if point.valid_loss is not None and point.valid_accuracy is not None:
            rows.append({"step": point.step, "eval/loss": point.valid_loss, "eval/accuracy": point.valid_accuracy})
    return "".join(json.dumps(row) + "\n" for row in rows)


# ── models ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def base_body(base: BaseModel) -> dict[str, Any]:
    """A base model, as the gateway describes it."""
    return {
        "name": base.name,
        "displayName": base.name.rpartition("/")[2],
        "state": "READY",
        "status": {"code": "OK", "message": ""},
        "kind": "HF_BASE_MODEL",
        "public": True,
        "contextLength": base.context_tokens,
        "trainingContextLength": base.context_tokens,
        "supportsTools": True,
        "supportsServerless": True,
        "supportsLora": base.tunable,
        "tunable": base.tunable,
        "supervisedLoraTunable": base.tunable,
        "supervisedFullParameterTunable": base.tunable,
    }


def tuned_body(model: Tuned) -> dict[str, Any]:
    """A tuned model: an adapter on its base, or weights of its own."""
    job = model.job
    collection = DPO if job.method == "dpo" else SFT
    body: dict[str, Any] = {
        "name": model.name,
        "displayName": model.name.rpartition("/")[2],
        "createTime": iso(job.created_at),
        "state": "READY",
        "status": {"code": "OK", "message": ""},
        "kind": "HF_PEFT_ADDON" if is_lora(job) else "HF_BASE_MODEL",
        "public": False,
        "fineTuningJob": f"accounts/{ACCOUNT}/{collection}/{job.id.removeprefix(f'{DPO}/')}",
        "supportsServerless": False,
    }
    if is_lora(job):
        body["peftDetails"] = {"baseModel": job.model, "r": _USUAL_RANK, "targetModules": ["q_proj", "v_proj"]}
    return body
