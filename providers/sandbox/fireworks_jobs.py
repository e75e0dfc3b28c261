"""Requests for a Fireworks job, supervised or by preference, checked and made into a job's fields; and its estimate."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from zlib import crc32

from ..records import Method
from .catalog import BaseModel, base_model
from .files import StoredFile
from .fireworks_refusals import invalid, missing, own_id, part_of, precondition
from .jobs import Job
from .world import Sandbox, Tuned

__all__ = ["DPO", "SFT", "estimate_usd", "is_lora", "job_key", "job_usd", "preference_fields", "supervised_fields"]

_WIRE = "fireworks"
SFT, DPO = "supervisedFineTuningJobs", "dpoJobs"
_MAX_EPOCHS, _MAX_BATCH, _MAX_RANK = 100, 1024, 64
_LOW_RATE, _HIGH_RATE = 1e-8, 1.0
_USUAL_RATE = 1e-4  # the learner's own step size stands for it
_USUAL_BETA = 0.1
_NOT_HERE = ("evalAutoCarveout", "awsS3Config", "azureBlobStorageConfig", "jinjaTemplate", "mtpEnabled")


def job_key(collection: str, id: str) -> str:
    """The id under which the book of jobs keeps it: both collections may hold the same one."""
    return id if collection == SFT else f"{collection}/{id}"


def supervised_fields(world: Sandbox, id: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """The new job's fields. Raises `Refused` naming what is at fault."""
    evaluation = _dataset(world, body["evaluationDataset"]) if body.get("evaluationDataset") else None
    if body.get("earlyStop") and evaluation is None:
        raise invalid("earlyStop needs an evaluationDataset")
    return {
        **_common(world, id, body, body),
        "method": "supervised",
        "validation_file": evaluation.id if evaluation else None,
        "evals": None if evaluation else 0,
    }


def preference_fields(world: Sandbox, id: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """The same for a preference job, whose settings lie one floor below. There is no evaluation data set."""
    loss = body.get("lossConfig") or {}
    if loss.get("method", "DPO") != "DPO":
        raise invalid("lossConfig.method: only DPO is available in the sandbox")
    config = body.get("trainingConfig") or {}
    fields = _common(world, id, body, config) | {"method": "dpo", "validation_file": None, "evals": 0}
    beta = _number(loss.get("dpo") or {}, "beta", 1e-6, 100)
    return fields | {"beta": beta or _USUAL_BETA}


def _common(world: Sandbox, id: str, body: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    for name in _NOT_HERE:
        if body.get(name) or config.get(name):
            raise invalid(f"{name} is not available in the sandbox")
    start = _start(world, config, Method.DPO if "trainingConfig" in body else Method.SFT)
    rank = _number(config, "loraRank", 0, _MAX_RANK)
    output = part_of(config.get("outputModel") or id, "models")
    return {
        **start,
        "training_file": _dataset(world, body.get("dataset")).id,
        "suffix": own_id(output, "outputModel"),
        "seed": crc32(id.encode()),  # the platform takes no seed
        "epochs": int(_number(config, "epochs", 1, _MAX_EPOCHS) or 1),
        "batch_size": int(_number(config, "batchSizeSamples", 1, _MAX_BATCH) or 0),
        "rate": _learner_rate(_number(config, "learningRate", _LOW_RATE, _HIGH_RATE)),
        "request": dict(body) | {"lora": rank != 0},
    }


def _start(world: Sandbox, config: Mapping[str, Any], method: Method) -> dict[str, Any]:
    """The base, or the tuned model to go on from with its base: one of them, not both."""
    base, warm = config.get("baseModel"), config.get("warmStartFrom")
    if bool(base) == bool(warm):
        raise invalid("Only one of 'base_model' or 'warm_start_from' should be specified.")
    found = world.model(_WIRE, str(warm or base))
    if warm:
        if not isinstance(found, Tuned):
            raise missing(f"model {warm}")
        if method is not Method.DPO:
            raise invalid("here only preference training goes on from a tuned model")
        return {"model": found.job.model, "parent": found.job.id, "parent_epoch": found.epoch}
    if found is None:
        raise missing(f"model {base}")
    if not isinstance(found, BaseModel) or method not in found.methods:
        raise invalid(f"model {base} is not tunable")
    return {"model": found.name}


def _dataset(world: Sandbox, name: Any) -> StoredFile:
    """The data set of that name, once it is READY. Raises `Refused`."""
    if not name:
        raise invalid("dataset is required")
    file = world.files.get(_WIRE, part_of(name, "datasets"))
    if file is None:
        raise missing(f"dataset {name}")
    if not file.arrived or world.clock.now() < file.ready_at:
        raise precondition(f"dataset {name} is not READY")
    return file


def _number(values: Mapping[str, Any], name: str, low: float, high: float) -> float | None:
    value = values.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise invalid(f"{name} must be between {low:g} and {high:g}, not {value!r}")
    return value


def _learner_rate(rate: float | None) -> float:
    """The learner's own step size spans far less than a network's: the fifth root, within a quarter and four."""
    return min(4.0, max(0.25, float((rate / _USUAL_RATE) ** 0.2))) if rate else 1.0


# ── money ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def is_lora(job: Job) -> bool:
    """Whether it trains an adapter; rank 0 trains every weight."""
    return bool(job.request["lora"])


def job_usd(job: Job) -> Decimal:
    """What the job is estimated to cost, as soon as its rows are known. Play money."""
    base = base_model(_WIRE, job.model)
    return base.train_usd(job.method, is_lora(job), job.epochs * job.tokens) if base else Decimal(0)


def estimate_usd(world: Sandbox, body: Mapping[str, Any]) -> Decimal:
    """The same before it is bought. Raises `Refused` for a body that could not be bought either."""
    fields = supervised_fields(world, "estimate", body)
    file, base = world.files.get(_WIRE, fields["training_file"]), base_model(_WIRE, fields["model"])
    assert file is not None
    assert base is not None
    return base.train_usd("supervised", fields["request"]["lora"], fields["epochs"] * (file.tokens or 0))
