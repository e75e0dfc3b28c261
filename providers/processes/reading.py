"""A run folder as the neutral records of the seam: the job, its log, its curve, its checkpoints. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from ..classify import redact
from ..records import Checkpoint, Hyperparameters, JobEvent, JobState, Method, MetricPoint, Page, RemoteJob
from ..wire import integer, latest_attempt, loss, number
from .folder import Order, RunFolder
from .history import Standing, hours_used, moment, standing, why_it_ended
from .identity import is_alive, is_here
from .keeping import read_lines

__all__ = ["checkpoints_of", "events_of", "is_watched", "job_of", "metric_points", "metrics_of", "model_name"]

_STATES: Mapping[Standing, JobState] = {
    "created": JobState.QUEUED,
    "running": JobState.RUNNING,
    "died": JobState.QUEUED,
    "paused": JobState.PAUSED,
    "succeeded": JobState.SUCCEEDED,
    "failed": JobState.FAILED,
    "cancelled": JobState.CANCELLED,
    "idle": JobState.CANCELLED,
}
_NUMBERS = tuple(field.name for field in fields(MetricPoint) if field.name != "step")
_PAGE, _LONGEST_LINE, _MOST_LOG = 1000, 1000, 4 * 1024 * 1024
_MICROHOURS = Decimal("0.000001")


def model_name(base: str, tag: str, step: int | None = None) -> str:
    """How a tuned model is called: its base, the job that made it, and the checkpoint where it is one."""
    return f"{base}@{tag}" + (f"/step-{step}" if step is not None else "")


def is_watched(run: RunFolder) -> bool:
    """Whether a supervisor of this machine lives."""
    return is_alive(run.process("supervisor"))


def job_of(run: RunFolder, order: Order) -> RemoteJob:
    """The job as its folder and its processes tell."""
    journal = run.journal()
    now, about = standing(journal), order.about
    state, raw = _STATES[now], str(now)
    if now == "running" and run.wish() == "cancel":
        state, raw = JobState.CANCELLING, "stopping"
    elsewhere = _elsewhere(run) if now == "running" else None
    if elsewhere is not None:
        state, raw = JobState.UNKNOWN, f"running on another machine, {elsewhere}"
    ended = [moment(entry["at"]) for entry in journal if entry.get("what") == "ended"]
    settled = state in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)
    until = datetime.now(UTC) if now == "running" else None
    return RemoteJob(
        id=order.tag,
        state=state,
        raw_status=raw,
        model=str(about["model"]),
        tag=order.tag,
        created_at=moment(order.created_at),
        finished_at=ended[-1] if ended and settled else None,
        tuned_model=model_name(about["model"], order.tag) if state is JobState.SUCCEEDED else None,
        billed_hours=hours_used(journal, until).quantize(_MICROHOURS),
        error=redact(why, ()) if (why := why_it_ended(journal)) and state is JobState.FAILED else None,
        hyperparameters=dict(order.job.get("hyperparameters", {})),
        method=Method(about["method"]),
        trained=Hyperparameters(**about["hyperparameters"]),
        files=dict(about["files"]),
        raw={"folder": str(run.path), "journal": journal[-20:]},
    )


def _elsewhere(run: RunFolder) -> str | None:
    process = run.process("supervisor")
    return None if process is None or is_here(process) else process.host


# ── the log ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def events_of(run: RunFolder, after: str | None) -> Page[JobEvent]:
    """What happened and what the program wrote, in one order: a line of the journal knows how long the log was.

    An event's id, and so the cursor, says how much of both has been told with it.
    """
    told, place = _cursor(after)
    journal = list(enumerate(run.journal(), start=1))[told:]
    found: list[JobEvent] = []
    for end, text in _log_lines(run.log, place):
        while journal and int(journal[0][1].get("log", 0)) < end:
            told, entry = journal.pop(0)
            found.append(_happened(entry, told, place))
        place = end
        if text:
            found.append(JobEvent(id=f"{told}.{place}", at=None, level="info", message=text, type="log"))
        if len(found) >= _PAGE:
            return Page(tuple(found), found[-1].id)
    for number_, entry in journal:
        found.append(_happened(entry, number_, place))
        told = number_
    return Page(tuple(found), found[-1].id if found else after)


def _cursor(after: str | None) -> tuple[int, int]:
    told, _, place = (after or "0.0").partition(".")
    return (int(told), int(place)) if told.isdecimal() and place.isdecimal() else (0, 0)


def _log_lines(log: Path, start: int) -> Iterable[tuple[int, str]]:
    """(where it ends, its text) of each whole line; a progress bar's many states are one line, its last."""
    if not log.exists():
        return
    with log.open("rb") as stream:
        stream.seek(start)
        for line in stream.read(_MOST_LOG).splitlines(keepends=True):
            if line.endswith(b"\r") or not line.endswith(b"\n"):
                start += len(line)
                continue
            start += len(line)
            yield start, redact(line.decode("utf-8", errors="replace").strip(), ())[:_LONGEST_LINE]


def _happened(entry: Mapping[str, Any], told: int, place: int) -> JobEvent:
    what, outcome = str(entry.get("what")), entry.get("outcome")
    words = {
        "created": "created",
        "started": f"attempt {entry.get('attempt')} started"
        + (f" from step {entry['step']}" if entry.get("step") else ""),
        "adopted": "its supervisor had ended; another one watches it now",
        "stopping": f"stopping it ({entry.get('why')})",
        "ready": f"answers on port {entry.get('port')}",
        "resumed": "wanted again",
        "ended": f"{outcome}" + (f": {entry['error']}" if entry.get("error") else ""),
    }
    level = "error" if outcome == "failed" else "warning" if outcome == "died" else "info"
    data = {key: value for key, value in entry.items() if key not in ("what", "at", "log")}
    return JobEvent(
        id=f"{told}.{place}",
        at=moment(entry.get("at")),
        level=level,
        message=redact(words.get(what, what), ()),
        type=f"job.{what}",
        data=data,
    )


# ── the curve ───────────────────────────────────────────────────────────────────────────────────────────────────────


def metrics_of(run: RunFolder) -> tuple[MetricPoint, ...]:
    """`metrics.jsonl` by rising step."""
    return metric_points(read_lines(run.metrics))


def metric_points(rows: Iterable[Mapping[str, Any]]) -> tuple[MetricPoint, ...]:
    """Rows with the names of `MetricPoint`, by rising step; what was trained again after a resume counts once."""
    told = [(step, row) for row in rows if (step := integer(row.get("step"))) is not None]
    points: dict[int, MetricPoint] = {}
    for step, row in latest_attempt(told):
        found = {name: _value(name, row.get(name)) for name in _NUMBERS}
        values: dict[str, Any] = {name: value for name, value in found.items() if value is not None}
        points[step] = replace(points.get(step, MetricPoint(step=step)), **values)
    return tuple(points[step] for step in sorted(points))


def _value(name: str, value: object) -> float | None:
    return loss(value) if name.endswith("_loss") else number(value)


def checkpoints_of(run: RunFolder, order: Order, curve: Iterable[MetricPoint]) -> tuple[Checkpoint, ...]:
    """Whole checkpoints by rising step, each with what was measured there."""
    at = {point.step: point for point in curve}
    return tuple(
        Checkpoint(
            id=f"{order.tag}/step-{step}",
            step=step,
            model=model_name(str(order.about["model"]), order.tag, step),
            metrics=at.get(step),
            created_at=datetime.fromtimestamp(path.stat().st_mtime, UTC),
        )
        for step, path in run.checkpoints(order.launch)
    )
