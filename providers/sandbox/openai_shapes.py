"""The sandbox's records as OpenAI's wire shows them, oddities of the real answers included. Pure.

Oddities kept: `error` is `{}` without an error, `finished_at` is absent until there is one, plain events have
`data: null`, events come newest first, a checkpoint list holds the last three epochs only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from .catalog import BaseModel
from .checkpoints import kept
from .files import StoredFile
from .jobs import Phase, TrainedEpoch, View, tuned_name
from .lesson import Point
from .refusals import Refused
from .world import Tuned

__all__ = [
    "checkpoint_bodies",
    "event_bodies",
    "file_body",
    "job_body",
    "model_body",
    "page",
    "result_csv",
    "tuned_body",
]

_STATUS: Mapping[Phase, str] = {
    "validating": "validating_files",
    "queued": "queued",
    "running": "running",
    "paused": "paused",
    "finalizing": "running",
    "cancelling": "cancelled",
    "succeeded": "succeeded",
    "failed": "failed",
    "cancelled": "cancelled",
}
_EVENT_STEPS = 100  # at most this many steps of a job are told as events; the result file has them all


def page(items: Sequence[Mapping[str, Any]], query: Mapping[str, str], limit: int) -> dict[str, Any]:
    """One page of a list, after the item named by `after`. Raises `Refused` for a limit that is no number."""
    ids = [item["id"] for item in items]
    start = ids.index(query["after"]) + 1 if query.get("after") in ids else 0
    try:
        end = start + max(1, int(query.get("limit", limit)))
    except ValueError as error:
        raise Refused(400, "Invalid 'limit': expected an integer.", param="limit") from error
    data = list(items[start:end])
    ends = {"first_id": data[0]["id"] if data else None, "last_id": data[-1]["id"] if data else None}
    return {"object": "list", "data": data, **ends, "has_more": end < len(items)}


def file_body(file: StoredFile) -> dict[str, Any]:
    body = {
        "id": file.id,
        "object": "file",
        "bytes": file.size,
        "created_at": int(file.created_at),
        "filename": file.filename,
        "purpose": file.purpose,
        "status": "processed",
        "status_details": None,
    }
    return body | ({"expires_at": int(file.expires_at)} if file.expires_at is not None else {"expires_at": None})


def model_body(base: BaseModel, now: float) -> dict[str, Any]:
    """A base model. A shutdown date that has passed is not repeated: here the model goes on answering."""
    today = datetime.fromtimestamp(now, UTC).date().isoformat()
    ahead = base.shutdown if base.shutdown and base.shutdown > today else None
    owner = {"object": "model", "created": 1_744_600_000, "owned_by": "system"}
    return {"id": base.name, **owner, "shutdown_date": ahead}


def tuned_body(model: Tuned) -> dict[str, Any]:
    created = int(model.job.created_at)
    return {"id": model.name, "object": "model", "created": created, "owned_by": "sandbox", "shutdown_date": None}


def job_body(seen: View) -> dict[str, Any]:
    """The job; its fields agree with each other because they come from one view."""
    job, succeeded = seen.job, seen.phase == "succeeded"
    body = {
        "id": job.id,
        "object": "fine_tuning.job",
        "model": job.model,
        "created_at": int(job.created_at),
        "organization_id": "org-sandbox",
        "status": _STATUS[seen.phase],
        "training_file": job.training_file,
        "validation_file": job.validation_file,
        "result_files": [f"file-result-{job.id[6:]}"] if succeeded else [],
        "fine_tuned_model": tuned_name(job) if succeeded else None,
        "trained_tokens": job.tokens * job.epochs if succeeded else None,
        "estimated_finish": int(seen.estimated_finish) if seen.estimated_finish else None,
        "error": _error(seen),
        "seed": job.seed,
        "integrations": [],
        "metadata": job.request.get("metadata"),
        "user_provided_suffix": job.suffix or None,
    }
    if seen.ended_at is not None:
        body["finished_at"] = int(seen.ended_at + job.paused_s)
    return body | _hyperparameters(seen)


def _error(seen: View) -> dict[str, Any]:
    failure = seen.failed
    return {"code": failure.code, "message": failure.message, "param": failure.param} if failure else {}


def _hyperparameters(seen: View) -> dict[str, Any]:
    """What was asked, with `auto` filled in once the rows are known."""
    job = seen.job
    method = job.request.get("method") or {}
    asked = (method.get(job.method) or {}).get("hyperparameters") or job.request.get("hyperparameters") or {}
    values = {
        "n_epochs": job.epochs or "auto",
        "batch_size": job.batch_size or "auto",
        "learning_rate_multiplier": asked.get("learning_rate_multiplier", "auto"),
    }
    if job.validated_at is not None and values["learning_rate_multiplier"] == "auto":
        values["learning_rate_multiplier"] = 2.0
    if job.method == "dpo":
        values["beta"] = job.beta
    return {"hyperparameters": values, "method": {"type": job.method, job.method: {"hyperparameters": asked | values}}}


# ── events ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def event_bodies(seen: View) -> list[dict[str, Any]]:
    """Everything that has happened to the job, newest first."""
    story = [entry for entry in (*_opening(seen), *_training(seen), *_ending(seen)) if entry[0] <= seen.now]
    return [_event(seen, place, *entry) for place, entry in enumerate(story)][::-1]


_Entry = tuple[float, str, str, Mapping[str, Any] | None]


def _opening(seen: View) -> list[_Entry]:
    job = seen.job
    files = f"training file: {job.training_file}"
    files += f" and validation file: {job.validation_file}" if job.validation_file else ""
    story: list[_Entry] = [
        (job.created_at, "info", f"Created fine-tuning job: {job.id}", None),
        (job.created_at, "info", f"Validating {files}", None),
    ]
    if job.validated_at is not None and job.starts_at is not None:
        story.append((job.validated_at, "info", "Files validated, moving job to queued state", None))
        if job.shared_rows:
            warning = f"{job.shared_rows} example(s) are in both the training and the validation file"
            story.append((job.validated_at, "warn", warning, None))
        story.append((job.starts_at, "info", "Fine-tuning job started", None))
    return [entry for entry in story if entry[0] <= seen.stop]


def _training(seen: View) -> list[_Entry]:
    total = seen.job.steps
    every = max(1, -(-total // _EVENT_STEPS))
    told = [(at, p) for at, p in seen.points if p.step == 1 or p.step % every == 0 or p.valid_loss is not None]
    story: list[_Entry] = [(at, "info", _step_message(point, total), _step_data(point, total)) for at, point in told]
    for epoch in (epoch for epoch in seen.epochs if epoch.number < seen.job.epochs):
        step = epoch.points[-1].step
        story.append((epoch.done_at, "info", f"Checkpoint created at step {step}", None))
    return sorted(story, key=lambda entry: entry[0])


def _step_message(point: Point, total: int) -> str:
    valid = f", full validation loss={point.valid_loss:.4f}" if point.valid_loss is not None else ""
    return f"Step {point.step}/{total}: training loss={point.loss:.4f}{valid}"


def _step_data(point: Point, total: int) -> dict[str, Any]:
    return {"step": point.step, "total_steps": total} | _measured(point)


def _measured(point: Point) -> dict[str, Any]:
    """Losses with accuracies of tokens; of rewards, and margins, where two answers were compared.

    The platform documents no names for the latter: these are ours, in the manner of its others.
    """
    accuracy = "mean_token_accuracy" if point.margin is None else "reward_accuracy"
    data = {"train_loss": point.loss, f"train_{accuracy}": point.accuracy, "train_reward_margin": point.margin}
    data |= {"full_valid_loss": point.valid_loss, f"full_valid_{accuracy}": point.valid_accuracy}
    return {name: value for name, value in (data | {"full_valid_reward_margin": point.valid_margin}).items()
            if value is not None}  # fmt: skip


def _ending(seen: View) -> list[_Entry]:
    at = seen.ended_at if seen.ended_at is not None else seen.now
    if seen.phase == "succeeded":
        return [
            (at, "info", f"New fine-tuned model created: {tuned_name(seen.job)}", None),
            (at, "info", "The job has successfully completed", None),
        ]
    if seen.failed is not None:
        return [(at, "error", seen.failed.message, None)]
    if seen.phase in ("cancelled", "cancelling"):
        return [(seen.stop, "info", "The job has been cancelled", None)]
    return []


def _event(
    seen: View, place: int, at: float, level: str, message: str, data: Mapping[str, Any] | None
) -> dict[str, Any]:
    return {
        "id": f"ftevent-{seen.job.id[6:]}-{place:06d}",
        "object": "fine_tuning.job.event",
        "created_at": int(at),
        "level": level,
        "message": message,
        "data": data,
        "type": "metrics" if data else "message",
    }


# ── checkpoints and results ─────────────────────────────────────────────────────────────────────────────────────────


def checkpoint_bodies(seen: View) -> list[dict[str, Any]]:
    """The checkpoints that were kept, newest first; the last of all is the tuned model itself."""
    return [_checkpoint(seen, epoch) for epoch in reversed(kept(seen.job, seen.epochs))]


def _checkpoint(seen: View, epoch: TrainedEpoch) -> dict[str, Any]:
    point, name = epoch.points[-1], tuned_name(seen.job)
    return {
        "id": f"ftckpt-{seen.job.id[6:]}-{epoch.number}",
        "object": "fine_tuning.job.checkpoint",
        "created_at": int(epoch.done_at),
        "fine_tuning_job_id": seen.job.id,
        "fine_tuned_model_checkpoint": name if epoch.number == seen.job.epochs else f"{name}:ckpt-step-{point.step}",
        "step_number": point.step,
        "metrics": {"step": point.step} | _measured(point),
    }


def result_csv(seen: View) -> str:
    """Every step, as the platform's `step_metrics.csv`; what was not measured is empty."""
    names = "train_accuracy,valid_loss,valid_mean_token_accuracy"
    if seen.job.method == "dpo":
        names = "train_reward_accuracy,valid_loss,valid_reward_accuracy,train_reward_margin,valid_reward_margin"
    lines = [f"step,train_loss,{names}"]
    for _, p in seen.points:
        values = [p.loss, p.accuracy, p.valid_loss, p.valid_accuracy]
        values += [p.margin, p.valid_margin] if seen.job.method == "dpo" else []
        lines.append(",".join([str(p.step), *("" if value is None else f"{value:.6g}" for value in values)]))
    return "\n".join(lines) + "\n"
