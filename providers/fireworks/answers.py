"""What Fireworks answers, as our records. Pure, and tolerant of what the SDK's types do not know."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from ..errors import PlatformFault
from ..records import (
    TERMINAL_STATES,
    Hyperparameters,
    JobEvent,
    JobState,
    JsonObject,
    Method,
    RemoteFile,
    RemoteJob,
    RemoteModel,
)
from ..tags import find_tag
from ..wire import integer, iso_time, number
from .names import DPO, job_name, last, resource

__all__ = ["DATASET_STATES", "JOB_STATES", "dataset", "events", "job", "model", "shutdown", "usd_of"]

JOB_STATES: Mapping[str, JobState] = {
    "JOB_STATE_CREATING": JobState.QUEUED,
    "JOB_STATE_PENDING": JobState.QUEUED,
    "JOB_STATE_VALIDATING": JobState.QUEUED,
    "JOB_STATE_CREATING_INPUT_DATASET": JobState.QUEUED,
    "JOB_STATE_RE_QUEUEING": JobState.QUEUED,
    "JOB_STATE_RUNNING": JobState.RUNNING,
    "JOB_STATE_WRITING_RESULTS": JobState.FINALIZING,
    "JOB_STATE_COMPLETED": JobState.SUCCEEDED,
    "JOB_STATE_EARLY_STOPPED": JobState.SUCCEEDED,
    "JOB_STATE_FAILED": JobState.FAILED,
    "JOB_STATE_EXPIRED": JobState.FAILED,
    "JOB_STATE_CANCELLING": JobState.CANCELLING,
    "JOB_STATE_CANCELLED": JobState.CANCELLED,
    "JOB_STATE_PAUSED": JobState.PAUSED,
    "JOB_STATE_IDLE": JobState.PAUSED,
    "JOB_STATE_DELETING": JobState.CANCELLED,
    "JOB_STATE_DELETING_CLEANING_UP": JobState.CANCELLED,
    "JOB_STATE_DELETED": JobState.GONE,
}
"""Each wire state once; `JOB_STATE_DELETED` is in the contract and not in the SDK. UNSPECIFIED is shown as it came."""

DATASET_STATES: Mapping[str, Literal["ready", "processing"]] = {"UPLOADING": "processing", "READY": "ready"}

_NANO = Decimal(10) ** 9
_GOOD_CODES = frozenset({"", "OK", "0"})


def job(raw: JsonObject, account: str) -> RemoteJob:
    """A job. Raises `PlatformFault` without a name.

    `billed_usd` is the platform's own `estimatedCost`, which is all that it ever says of a job's price; of one that did
    not succeed nothing is said, and nothing is assumed.
    """
    if not raw.get("name"):
        raise PlatformFault("the answer names no job", body=str(dict(raw)))
    name = job_name(str(raw["name"]))
    status = str(raw.get("state") or "")
    state = JOB_STATES.get(status, JobState.UNKNOWN)
    config = _settings(raw)
    succeeded, failed = state is JobState.SUCCEEDED, state is JobState.FAILED
    why = _status(raw)
    return RemoteJob(
        id=name.text,
        state=state,
        raw_status=status,
        model=str(config.get("baseModel") or config.get("warmStartFrom") or ""),
        tag=find_tag(name.id) or find_tag(config.get("outputModel")),
        created_at=iso_time(raw.get("createTime")),
        finished_at=iso_time(raw.get("completedTime") or raw.get("updateTime")) if state in TERMINAL_STATES else None,
        tuned_model=_tuned(config, account, name.id) if succeeded else None,
        billed_usd=usd_of(raw.get("estimatedCost")) if succeeded else None,
        error=(why["message"] or f"state {status}") if failed else None,
        error_code=why["code"] or None if failed else None,
        hyperparameters=_hyperparameters(raw, config),
        method=Method.DPO if name.collection == DPO else Method.SFT,
        trained=_trained(config),
        files=_files(raw),
        raw=raw,
    )


def dataset(raw: JsonObject, *, reused: bool = False) -> RemoteFile:
    """A data set by its id. An operation on it that failed is told by its status, for it has no state of its own."""
    if not raw.get("name"):
        raise PlatformFault("the answer names no data set", body=str(dict(raw)))
    why, state = _status(raw), DATASET_STATES.get(str(raw.get("state") or ""), "processing")
    refused = why["code"] not in _GOOD_CODES
    return RemoteFile(
        id=last(raw["name"]),
        state="refused" if refused else state,
        detail=(why["message"] or why["code"]) if refused else None,
        reused=reused,
        raw=raw,
    )


def model(raw: JsonObject) -> RemoteModel:
    """A model of the account. An adapter tells its base."""
    details = raw.get("peftDetails")
    base = details.get("baseModel") if isinstance(details, Mapping) else None
    tuned = bool(raw.get("fineTuningJob")) or raw.get("kind") in ("HF_PEFT_ADDON", "HF_TEFT_ADDON")
    return RemoteModel(id=str(raw.get("name")), shutdown=shutdown(raw), tuned=tuned, base=base or None, raw=raw)


def shutdown(raw: JsonObject) -> date | None:
    """The day on which a model is no longer served to everybody; None where none is told."""
    told = raw.get("deprecationDate")
    parts = [integer(told.get(part)) or 0 for part in ("year", "month", "day")] if isinstance(told, Mapping) else []
    try:
        return date(*parts) if parts else None
    except ValueError:
        return None


def events(raw: JsonObject, after: str | None) -> tuple[JobEvent, ...]:
    """What a job's record says now, as lines of a log: that it was made, and how far it is.

    The platform keeps no log. A line that was told before is not told again; what came between two looks is not known.
    """
    told = [_event(raw, "created", "createTime", "the job was made")]
    status = str(raw.get("state") or "")
    progress, why = raw.get("jobProgress"), _status(raw)
    at, words, mark = "updateTime", status.removeprefix("JOB_STATE_").lower().replace("_", " "), status
    if isinstance(progress, Mapping) and progress.get("percent") is not None:
        words += f", {progress['percent']} %, epoch {progress.get('epoch', 0)}"
        mark += f":{progress.get('epoch', 0)}:{progress['percent']}"
    if raw.get("completedTime"):
        at = "completedTime"
    if why["code"] not in _GOOD_CODES or why["message"]:
        words, mark = f"{words}: {why['message'] or why['code']}", f"{mark}:{why['code']}"
    told.append(_event(raw, mark, at, words, failed=JOB_STATES.get(status) is JobState.FAILED))
    known = [event.id for event in told]
    # A cursor that is neither is an earlier look's: the making was told then.
    return tuple(told[known.index(after) + 1 :] if after in known else told[1:] if after else told)


def usd_of(told: object) -> Decimal | None:
    """google.type.Money in dollars; None for another currency, or none."""
    if not isinstance(told, Mapping) or str(told.get("currencyCode") or "USD") != "USD":
        return None
    if told.get("units") is None and told.get("nanos") is None:
        return None
    try:
        return Decimal(str(told.get("units") or 0)) + Decimal(str(told.get("nanos") or 0)) / _NANO
    except InvalidOperation:
        return None


def _event(raw: JsonObject, id: str, time: str, message: str, *, failed: bool = False) -> JobEvent:
    kind = id.partition(":")[0].removeprefix("JOB_STATE_").lower()
    return JobEvent(
        id=id, at=iso_time(raw.get(time)), level="error" if failed else "info", message=message, type=kind, data={}
    )


def _settings(raw: JsonObject) -> JsonObject:
    """A preference job has its settings one floor below."""
    config = raw.get("trainingConfig")
    return config if isinstance(config, Mapping) else raw


def _tuned(config: JsonObject, account: str, job_id: str) -> str:
    name = str(config.get("outputModel") or job_id)
    return name if name.startswith("accounts/") else resource(account, "models", name)


def _status(raw: JsonObject) -> dict[str, str]:
    told = raw.get("status")
    found = told if isinstance(told, Mapping) else {}
    return {name: str(found.get(name) or "") for name in ("code", "message")}


def _files(raw: JsonObject) -> dict[str, str]:
    named = {"train": raw.get("dataset"), "validation": raw.get("evaluationDataset")}
    return {role: last(name) for role, name in named.items() if name}


def _hyperparameters(raw: JsonObject, config: JsonObject) -> dict[str, Any]:
    names = ("epochs", "learningRate", "batchSizeSamples", "batchSize", "loraRank", "loraAlpha", "loraDropout",
             "maxContextLength", "gradientAccumulationSteps", "learningRateWarmupSteps", "optimizerWeightDecay",
             "earlyStop", "warmStartFrom")  # fmt: skip
    found = {name: config[name] for name in names if config.get(name) is not None}
    return found | ({"lossConfig": raw["lossConfig"]} if raw.get("lossConfig") else {})


def _trained(config: JsonObject) -> Hyperparameters:
    """In our own names, as far as they have one. Rank 0 is full training, and may be left out by the wire."""
    rank = integer(config.get("loraRank"))
    return Hyperparameters(
        epochs=integer(config.get("epochs")),
        learning_rate=number(config.get("learningRate")),
        batch_size=integer(config.get("batchSizeSamples")),
        lora=rank > 0 if rank is not None else None,
    )
