"""What Vertex AI answers about tuning jobs, as our records. Pure, and tolerant of what is not known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import PlatformFault
from ..records import (
    TERMINAL_STATES,
    Checkpoint,
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
from ..wire import integer, iso_time, mapping, number
from .bodies import ADAPTER_SIZES, LABEL
from .places import last

__all__ = ["JOB_STATES", "checkpoints", "events", "job", "models"]

JOB_STATES: Mapping[str, JobState] = {
    "JOB_STATE_QUEUED": JobState.QUEUED,
    "JOB_STATE_PENDING": JobState.QUEUED,
    "JOB_STATE_RUNNING": JobState.RUNNING,
    "JOB_STATE_UPDATING": JobState.RUNNING,
    "JOB_STATE_SUCCEEDED": JobState.SUCCEEDED,
    "JOB_STATE_PARTIALLY_SUCCEEDED": JobState.SUCCEEDED,
    "JOB_STATE_FAILED": JobState.FAILED,
    "JOB_STATE_EXPIRED": JobState.FAILED,
    "JOB_STATE_CANCELLING": JobState.CANCELLING,
    "JOB_STATE_CANCELLED": JobState.CANCELLED,
    "JOB_STATE_PAUSED": JobState.PAUSED,
}
"""Each wire state once. UNSPECIFIED is shown as it came."""

_WAITING = frozenset({"JOB_STATE_QUEUED", "JOB_STATE_PENDING"})
_SIZES: Mapping[str, int] = {word: size for size, word in ADAPTER_SIZES.items()}


def job(raw: JsonObject) -> RemoteJob:
    """A job. Raises `PlatformFault` without a name.

    `billed_tokens` are the data set's billable tokens times the epochs. `totalBillableTokenCount` counts the data set
    once: in a public answer of ten epochs it is the sum of its input and output tokens (255,243 = 233,592 + 21,651),
    and the documentation multiplies the tokens of the data set by the epochs. Of a job that did not succeed nothing is
    said, and nothing is assumed.
    """
    if not raw.get("name"):
        raise PlatformFault("the answer names no job", body=str(dict(raw)))
    status = str(raw.get("state") or "")
    state = JOB_STATES.get(status, JobState.UNKNOWN)
    spec, why, labels = mapping(raw.get("supervisedTuningSpec")), mapping(raw.get("error")), mapping(raw.get("labels"))
    settings = mapping(spec.get("hyperParameters"))
    failed = state is JobState.FAILED
    return RemoteJob(
        id=last(raw["name"]),
        state=state,
        raw_status=status,
        model=str(raw.get("baseModel") or mapping(raw.get("preTunedModel")).get("baseModel") or ""),
        tag=find_tag(labels.get(LABEL)) or find_tag(raw.get("tunedModelDisplayName")),
        created_at=iso_time(raw.get("createTime")),
        finished_at=iso_time(raw.get("endTime")) if state in TERMINAL_STATES else None,
        tuned_model=_endpoint(raw) if state is JobState.SUCCEEDED else None,
        billed_tokens=_billed(raw, settings) if state is JobState.SUCCEEDED else None,
        error=str(why.get("message") or f"state {status}") if failed else None,
        error_code=str(why["code"]) if failed and why.get("code") is not None else None,
        hyperparameters=dict(settings),
        method=Method.SFT if spec else Method.DPO if "preferenceOptimizationSpec" in raw else None,
        trained=_trained(settings),
        files=_files(spec),
        raw=raw,
    )


def events(raw: JsonObject, after: str | None) -> tuple[JobEvent, ...]:
    """What a job's record says now, as lines of a log: made, started, what became of its rows, how far it is.

    The platform keeps no log. A line that was told before is not told again; what came between two looks is not known.
    """
    told = list(_events(raw))
    known = [event.id for event in told]
    if after in known:
        return tuple(told[known.index(after) + 1 :])
    if after is None:
        return tuple(told)
    # The cursor is an earlier state's line: what came before that state was told with it.
    status, _, dropped = after.partition(":")[0], *after.rpartition(":")[1:]
    before = {"created", f"dropped:{dropped}"} | (set() if status in _WAITING else {"started"})
    return tuple(event for event in told if event.id not in before)


def checkpoints(raw: JsonObject) -> tuple[Checkpoint, ...]:
    """The checkpoints of the tuned model, each behind an endpoint of its own, by rising step."""
    rows = mapping(raw.get("tunedModel")).get("checkpoints")
    found = [_checkpoint(row) for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
    return tuple(sorted(found, key=lambda one: one.step))


def models(raw: JsonObject) -> Iterator[RemoteModel]:
    """The model that a job has made; none of a job that has made none."""
    done = job(raw)
    if done.tuned_model:
        yield RemoteModel(id=done.tuned_model, tuned=True, base=done.model or None, raw=mapping(raw.get("tunedModel")))


def _events(raw: JsonObject) -> Iterator[JobEvent]:
    status = str(raw.get("state") or "")
    yield _event("created", raw.get("createTime"), "the job was made")
    if raw.get("startTime"):
        yield _event("started", raw["startTime"], "the job has started")
    stats = mapping(mapping(raw.get("tuningDataStats")).get("supervisedTuningDataStats"))
    dropped = integer(stats.get("totalTruncatedExampleCount"))
    ended = JOB_STATES.get(status) in TERMINAL_STATES
    at = raw.get("endTime" if ended else "updateTime") or raw.get("updateTime")
    if dropped:
        yield _event(f"dropped:{dropped}", at, _left_out(dropped, stats), level="warning")
    detail = str(raw.get("tuningJobState") or "").removeprefix("TUNING_JOB_STATE_")
    epochs = integer(mapping(raw.get("tuningJobMetadata")).get("completedEpochCount"))
    words = status.removeprefix("JOB_STATE_").lower().replace("_", " ")
    if detail and detail != "UNSPECIFIED" and not ended:
        words += f", {detail.lower().replace('_', ' ')}"
    if epochs is not None:
        words += f", {epochs} epochs done"
    why = mapping(raw.get("error"))
    if why.get("message"):
        words += f": {why['message']}"
    level = "error" if JOB_STATES.get(status) is JobState.FAILED else "info"
    mark = f"{status}:{detail}:{epochs or 0}:{why.get('code', '')}:{dropped or 0}"
    yield _event(mark, at, words, level=level)


def _left_out(dropped: int, stats: JsonObject) -> str:
    """How many rows are not trained on, and why; a row that is too long is left out whole."""
    reasons, rows = stats.get("droppedExampleReasons"), integer(stats.get("tuningDatasetExampleCount"))
    why = f": {'; '.join(sorted({str(one) for one in reasons}))}" if isinstance(reasons, list) and reasons else ""
    return f"{dropped:,}{f' of {rows:,}' if rows else ''} rows were left out{why}"[:500]


def _event(id: str, time: object, message: str, *, level: str = "info") -> JobEvent:
    kind = id.partition(":")[0].removeprefix("JOB_STATE_").lower()
    return JobEvent(id=id, at=iso_time(time), level=level, message=message, type=kind, data={})


def _checkpoint(row: JsonObject) -> Checkpoint:
    step = integer(row.get("step")) or 0
    epoch = number(row.get("epoch"))
    endpoint = row.get("endpoint")
    return Checkpoint(
        id=str(row.get("checkpointId") or step),
        step=step,
        model=str(endpoint) if endpoint else None,
        metrics=MetricPoint(step=step, epoch=epoch),
    )


def _endpoint(raw: JsonObject) -> str | None:
    """Where it is asked. A model that was made and got no endpoint can be asked nowhere yet."""
    return str(mapping(raw.get("tunedModel")).get("endpoint") or "") or None


def _billed(raw: JsonObject, settings: JsonObject) -> int | None:
    stats = mapping(mapping(raw.get("tuningDataStats")).get("supervisedTuningDataStats"))
    once, epochs = integer(stats.get("totalBillableTokenCount")), integer(settings.get("epochCount"))
    return None if once is None or epochs is None else once * epochs


def _trained(settings: JsonObject) -> Hyperparameters:
    """In our own names. Gemini is tuned by adapters alone."""
    extra: dict[str, Any] = {}
    multiplier, size = number(settings.get("learningRateMultiplier")), _SIZES.get(str(settings.get("adapterSize")))
    if multiplier is not None:
        extra["learning_rate_multiplier"] = multiplier
    if size is not None:
        extra["adapter_size"] = size
    return Hyperparameters(epochs=integer(settings.get("epochCount")), lora=True, extra=extra)


def _files(spec: JsonObject) -> dict[str, str]:
    named = {"train": spec.get("trainingDatasetUri"), "validation": spec.get("validationDatasetUri")}
    return {role: str(uri) for role, uri in named.items() if uri}
