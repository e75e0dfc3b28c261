"""The sandbox's records as Replicate's wire shows them. Pure.

Oddities kept: a training does not repeat its destination, its log is one text, and `canceled` has one l.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from .files import StoredFile
from .jobs import View, tuned_name
from .replicate_trainer import TRAINER, VERSION, openapi_schema
from .together_shapes import iso

__all__ = ["file_body", "model_body", "page", "prediction_body", "training_body", "version_body"]

_PAGE = 100
_SITE = "https://replicate.com"


def page(rows: Sequence[Mapping[str, Any]], url: str, cursor: str | None) -> dict[str, Any]:
    """One page of a listing; the cursor is the place of its first row. `url`: the listing's own."""
    start = int(cursor) if cursor and cursor.isdigit() else 0
    following = start + _PAGE if start + _PAGE < len(rows) else None
    before = max(0, start - _PAGE) if start else None
    return {
        "next": None if following is None else f"{url}?cursor={following}",
        "previous": None if before is None else f"{url}?cursor={before}",
        "results": list(rows[start : start + _PAGE]),
    }


def file_body(file: StoredFile, base: str) -> dict[str, Any]:
    """`base`: where this wire is served."""
    expires = file.created_at + 86_400 if file.expires_at is None else file.expires_at
    return {
        "id": file.id,
        "name": file.filename,
        "content_type": "application/jsonl",
        "size": file.size,
        "etag": file.checksum[:32],
        "checksums": {"sha256": file.checksum},
        "metadata": json.loads(file.purpose or "{}"),
        "created_at": iso(file.created_at),
        "expires_at": iso(expires),
        "urls": {"get": f"{base}/v1/files/{file.id}"},
    }


def model_body(name: str) -> dict[str, Any]:
    owner, _, short = name.partition("/")
    latest = version_body(VERSION, 0.0) if name == TRAINER else None
    return {
        "url": f"{_SITE}/{name}",
        "owner": owner,
        "name": short,
        "description": None,
        "visibility": "private",
        "github_url": None,
        "paper_url": None,
        "license_url": None,
        "run_count": 0,
        "cover_image_url": None,
        "default_example": None,
        "latest_version": latest,
    }


def version_body(id: str, created_at: float) -> dict[str, Any]:
    return {"id": id, "created_at": iso(created_at), "cog_version": "0.14.0", "openapi_schema": openapi_schema()}


def status_of(seen: View) -> str:
    """Replicate's name for the phase. What is ended before it began is aborted only by a deadline, never by a user."""
    names = {"validating": "starting", "queued": "starting", "cancelled": "canceled"}
    if seen.phase == "cancelling":
        start = seen.job.starts_at
        return "processing" if start is not None and seen.stop >= start else "starting"
    return names.get(seen.phase, "processing" if seen.phase in ("running", "paused", "finalizing") else seen.phase)


def training_body(seen: View, base: str) -> dict[str, Any]:
    """The training, in full; lists and the answers to create and cancel carry the same."""
    job = seen.job
    started = job.starts_at if job.starts_at is not None and job.starts_at <= seen.stop else None
    body: dict[str, Any] = {
        "id": job.id,
        "model": TRAINER,
        "version": VERSION,
        "status": status_of(seen),
        "source": "api",
        "input": job.request["input"],
        "output": None,
        "logs": "".join(f"{line}\n" for line in _log(seen)),
        "error": seen.failed.message if seen.failed else None,
        "created_at": iso(job.created_at),
        "metrics": {},
        "urls": {"get": f"{base}/v1/trainings/{job.id}", "cancel": f"{base}/v1/trainings/{job.id}/cancel"},
    }
    if started is not None:
        body["started_at"] = iso(started)
    if seen.phase == "succeeded":
        body["output"] = {"version": tuned_name(job), "weights": f"{_SITE}/weights/{job.id}.tar"}
    else:
        del body["output"]  # the contract knows no null here
    if seen.ended_at is not None:
        body["completed_at"] = iso(seen.ended_at)
        body["metrics"] = _seconds(seen, started)
    return body


def _seconds(seen: View, started: float | None) -> dict[str, float]:
    assert seen.ended_at is not None
    ran = max(0.0, seen.ended_at - started) if started is not None else 0.0
    return {"predict_time": ran, "total_time": max(0.0, seen.ended_at - seen.job.created_at)}


def _log(seen: View) -> list[str]:
    """As a script after Hugging Face's Trainer prints it: a line in JSON a step, and words between."""
    job, lines = seen.job, list[str]()
    if job.starts_at is None or job.starts_at > seen.stop:
        return lines
    lines += [f"downloaded {job.rows} rows", f"training for {job.epochs} epochs, {job.steps} steps"]
    per_epoch = job.steps / max(1, job.epochs)
    for _, point in seen.points:
        told = {"step": point.step, "epoch": round(point.step / per_epoch, 4), "loss": point.loss}
        lines.append(json.dumps(told | {"accuracy": point.accuracy}))
        if point.valid_loss is not None:
            held_out = {"eval_loss": point.valid_loss, "eval_accuracy": point.valid_accuracy}
            lines.append(json.dumps({"step": point.step, **held_out}))
    if seen.phase in ("finalizing", "succeeded"):
        lines.append("saving weights")
    return lines


def prediction_body(told: Mapping[str, Any], base: str) -> dict[str, Any]:
    """A prediction as it was kept, or still on its way (`status`)."""
    id, over = told["id"], told["status"] not in ("starting", "processing")
    body = {
        "id": id,
        "model": told["model"],
        "version": told["version"],
        "input": told["input"],
        "output": told["output"] if over else None,
        "logs": "",
        "error": told["error"] if over else None,
        "status": told["status"],
        "source": "api",
        "data_removed": False,
        "created_at": iso(told["created_at"]),
        "urls": {
            "web": f"{_SITE}/p/{id}",
            "get": f"{base}/v1/predictions/{id}",
            "cancel": f"{base}/v1/predictions/{id}/cancel",
        },
    }
    if over:
        seconds = told["completed_at"] - told["created_at"]
        times = {"started_at": iso(told["created_at"]), "completed_at": iso(told["completed_at"])}
        body |= {**times, "metrics": {"total_time": seconds}}  # of a prediction the contract tells no more
    return body
