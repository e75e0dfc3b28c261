"""The sandbox's records as Together's wire shows them. Pure.

Oddities kept: `total_price` is nano-dollars, a job has no `output_name` but a `model_output_name`, and the object to
deploy is `model_object_id`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from .catalog import base_model
from .files import StoredFile
from .jobs import View, tuned_name
from .together_jobs import is_lora, job_tokens, method_of
from .world import Tuned

__all__ = [
    "PROJECT",
    "base_id",
    "checkpoint_rows",
    "event_rows",
    "file_body",
    "iso",
    "job_body",
    "metric_rows",
    "model_body",
    "object_id",
]

PROJECT = "proj_sandbox"
_NANO = 1_000_000_000  # nano-dollars in a dollar
_SENT = (  # fields of the request that the job repeats as they came
    "learning_rate",
    "lr_scheduler",
    "warmup_ratio",
    "max_grad_norm",
    "weight_decay",
    "packing",
    "max_seq_length",
    "n_checkpoints",
    "from_checkpoint",
    "wandb_project_name",
    "wandb_name",
)


def iso(at: float) -> str:
    """RFC 3339, in UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# ── files ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def file_body(file: StoredFile, now: float) -> dict[str, Any]:
    status = _file_status(file, now)
    body = {
        "id": file.id,
        "object": "file",
        "bytes": file.size,
        "created_at": int(file.created_at),
        "filename": file.filename,
        "FileType": file.type,
        "purpose": file.purpose,
        "LineCount": file.lines or 0,
        "Processed": status == "COMPLETED",
        "processing_status": status,
    }
    return body | ({"validation_report": _report(file)} if status in ("COMPLETED", "INVALID_FORMAT") else {})


def _file_status(file: StoredFile, now: float) -> str:
    if not file.arrived:
        return "PENDING"
    if file.lines is None:
        return "QUEUED"
    if now < file.ready_at:
        return "RUNNING"
    return "INVALID_FORMAT" if file.error else "COMPLETED"


def _report(file: StoredFile) -> dict[str, Any]:
    body: dict[str, Any] = {"valid": file.error is None, "file_id": file.id, "nlines": file.lines}
    if file.error is not None:
        return body | {"error": file.error, "error_type": "INVALID_FORMAT"}
    return body | {"dataset_format": file.format, "dataset_is_multimodal": False}


# ── jobs ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def status_of(seen: View) -> str:
    """Together's name for the phase."""
    if seen.phase == "finalizing":
        halfway = seen.computed[-1].done_at + seen.job.short_s / 2
        return "compressing" if seen.now < halfway else "uploading"
    if seen.phase == "failed" and seen.job.failure and seen.job.failure.param:
        return "user_error"
    names = {
        "validating": "pending",
        "paused": "running",
        "succeeded": "completed",
        "failed": "error",
        "cancelling": "cancel_requested",
    }
    return names.get(seen.phase, seen.phase)


def job_body(seen: View) -> dict[str, Any]:
    """The job, in full; lists and replies to create and cancel carry the same."""
    job = seen.job
    body = {
        "id": job.id,
        "job_id": job.id,
        "status": status_of(seen),
        "user_id": "user_sandbox",
        "owner_address": "sandbox",
        "created_at": iso(job.created_at),
        "updated_at": iso(seen.ended_at if seen.ended_at is not None else seen.now),
        "started_at": iso(job.starts_at) if job.starts_at is not None and seen.now >= job.starts_at else None,
        "model": job.model,
        "model_output_name": tuned_name(job),
        "suffix": job.suffix,
        "random_seed": job.seed,
        "training_file": job.training_file,
        "validation_file": job.validation_file or "",
        "n_epochs": job.epochs,
        "n_evals": job.evals,
        "batch_size": job.batch_size,
        "training_method": job.request.get("training_method") or {"method": "sft", "train_on_inputs": "auto"},
        "training_type": job.request.get("training_type") or {"type": "Lora", "lora_r": 8, "lora_alpha": 16},
        "epochs_completed": len(seen.epochs),
        "steps_completed": seen.points[-1][1].step if seen.computed and seen.points else 0,
        "total_steps": job.steps,
        "trainingfile_numlines": job.rows,
        "progress": _progress(seen),
    }
    sent = {name: job.request[name] for name in _SENT if name in job.request}
    return body | sent | _bill(seen) | (_objects(seen) if seen.phase == "succeeded" else {})


def _progress(seen: View) -> dict[str, Any]:
    finish = seen.estimated_finish
    left = max(0, round(finish - seen.now)) if finish is not None else 0
    return {"estimate_available": finish is not None, "seconds_remaining": left}


def _bill(seen: View) -> dict[str, Any]:
    """Tokens and nano-dollars of the whole job; of the steps done where it was cancelled; nothing where it failed."""
    job = seen.job
    base = base_model("together", job.model)
    if job.validated_at is None or base is None:
        return {"token_count": 0, "total_price": 0}
    tokens = job_tokens(job.epochs, job.tokens, job.evals or 0, job.valid_tokens)
    if seen.phase in ("cancelled", "cancelling"):
        tokens = round(tokens * len(seen.points) / max(1, job.steps))
    if seen.phase == "failed":
        tokens = 0
    usd = base.train_usd(method_of(job.request), is_lora(job.request), tokens)
    return {"token_count": tokens, "total_price": round(usd * _NANO)}


def _objects(seen: View) -> dict[str, Any]:
    id, name = object_id(seen.job.id), tuned_name(seen.job)
    body = {"model_object_id": id, "model_object_name": name, "model_object_revision_id": f"rv_{id[3:]}"}
    if is_lora(seen.job.request):
        body |= {"adapter_object_id": f"{id}-adapter", "adapter_object_name": f"{name}-adapter"}
    return body | {"model_output_path": f"s3://sandbox/{seen.job.id}"}


def object_id(job_id: str) -> str:
    """The registry id of the model that a job makes."""
    return f"ml_{job_id.removeprefix('ft-')}"


# ── events, metrics, checkpoints ────────────────────────────────────────────────────────────────────────────────────


def event_rows(seen: View) -> list[dict[str, Any]]:
    """Everything that has happened to the job, oldest first."""
    story = [(0.0, "info", "job_pending", "Fine-tune request created", {}), *_opening(seen), *_epochs(seen)]
    story += _ending(seen)
    at_first = seen.job.created_at
    return [
        {
            "object": "fine-tune-event",
            "created_at": iso(at or at_first),
            "level": level,
            "type": kind,
            "message": message,
            "hash": f"{seen.job.id}-{place:05d}",
            **extra,
        }
        for place, (at, level, kind, message, extra) in enumerate(story)
        if at <= seen.now
    ]


_Entry = tuple[float, str, str, str, dict[str, Any]]


def _opening(seen: View) -> list[_Entry]:
    job = seen.job
    if job.validated_at is None or job.starts_at is None or job.starts_at > seen.stop:
        return []
    story: list[_Entry] = [
        (job.starts_at, "info", "job_start", "Job started", {}),
        (job.starts_at, "info", "training_data_download_complete", f"{job.rows} rows", {"token_count": job.tokens}),
    ]
    if job.validation_file and not job.evals:
        message = "A validation file was given but n_evals is 0: it is not used"
        story.append((job.starts_at, "warning", "warning", message, {}))
    return [*story, (job.starts_at, "info", "training_start", f"Training started for model {job.model}", {})]


def _epochs(seen: View) -> list[_Entry]:
    total = seen.job.steps
    return [
        (
            epoch.done_at,
            "info",
            "epoch_complete",
            f"Epoch completed, at step {epoch.points[-1].step}",
            {"step": epoch.points[-1].step, "total_steps": total},
        )
        for epoch in seen.epochs
    ]


def _ending(seen: View) -> list[_Entry]:
    at = seen.ended_at if seen.ended_at is not None else seen.now
    if seen.phase in ("finalizing", "succeeded"):
        done_at = seen.computed[-1].done_at
        story: list[_Entry] = [
            (done_at, "info", "training_complete", "Training completed", {}),
            (done_at, "info", "model_compressing", "Compressing output model", {}),
            (done_at + seen.job.short_s / 2, "info", "model_uploading", "Uploading output model", {}),
        ]
        final: _Entry = (at, "info", "job_complete", "Job finished", {"model_path": tuned_name(seen.job)})
        return [*story, final] if seen.phase == "succeeded" else story
    if seen.failed is not None:
        return [(at, "error", "job_error", seen.failed.message, {})]
    if seen.phase in ("cancelling", "cancelled"):
        asked: _Entry = (seen.stop, "info", "cancel_requested", "Cancellation requested", {})
        stopped: _Entry = (at, "info", "job_stopped", "Job stopped; the remaining steps are refunded", {})
        return [asked, stopped] if seen.phase == "cancelled" else [asked]
    return []


def metric_rows(seen: View, query: Mapping[str, str]) -> list[dict[str, float]]:
    """One row a step; rows with `eval/loss` are always kept when `resolution` thins the others out."""
    low, high = int(query.get("global_step_from", 0)), int(query.get("global_step_to", 1 << 60))
    points = [point for _, point in seen.points if low <= point.step <= high]
    every = max(1, -(-len(points) // max(1, int(query.get("resolution", len(points) or 1)))))
    rows = []
    per_epoch = seen.job.steps / max(1, seen.job.epochs)
    for point in points:
        if point.step % every and point.valid_loss is None:
            continue
        row = {"train/global_step": float(point.step), "train/epoch": point.step / per_epoch}
        rows.append(row | _measured("train", point.loss, point.accuracy, point.margin))
        if point.valid_loss is not None and point.valid_accuracy is not None:
            rows[-1] |= _measured("eval", point.valid_loss, point.valid_accuracy, point.valid_margin)
    return rows


def _measured(side: str, loss: float, accuracy: float, margin: float | None) -> dict[str, float]:
    """The platform says that preference jobs report accuracies, and not under which names: these are TRL's."""
    if margin is None:
        return {f"{side}/loss": loss, f"{side}/accuracy": accuracy}
    return {f"{side}/loss": loss, f"{side}/rewards/accuracies": accuracy, f"{side}/rewards/margins": margin}


def checkpoint_rows(seen: View) -> list[dict[str, Any]]:
    """The last `n_checkpoints` epochs, the final one last."""
    kept = int(seen.job.request.get("n_checkpoints") or 1)
    rows = []
    for epoch in seen.epochs[-kept:] if seen.phase == "succeeded" else seen.epochs[: kept - 1]:
        final, step = epoch.number == seen.job.epochs, epoch.points[-1].step
        rows.append(
            {
                "checkpoint_type": "Final" if final else f"Intermediate (step {step})",
                "checkpoint": "adapter" if is_lora(seen.job.request) else "model",
                "step": step,
                "created_at": iso(epoch.done_at),
                "path": f"s3://sandbox/{seen.job.id}/step-{step}",
                "object_id": object_id(seen.job.id) if final else None,
                "object_name": tuned_name(seen.job) if final else None,
            }
        )
    return rows


def model_body(model: Tuned) -> dict[str, Any]:
    """A tuned model in the project's registry (v2)."""
    return {
        "id": object_id(model.job.id),
        "name": model.name,
        "organizationId": "org_sandbox",
        "projectId": PROJECT,
        "visibility": "VISIBILITY_PRIVATE",
        "weights": {"type": "WEIGHTS_TYPE_DEFAULT"},
        "baseModelId": base_id(model.job.model),
        "baseModel": f"projects/{PROJECT}/models/{base_id(model.job.model)}",
        "description": "",
    }


def base_id(name: str) -> str:
    """The registry id of a base model."""
    return f"ml_base-{name.replace('/', '--')}"
