"""A request to OpenAI's create-job, checked as the platform checks it, and made into a job's fields."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from ..records import Method
from .catalog import BaseModel, base_model
from .refusals import Refused
from .world import Sandbox, Tuned

__all__ = ["job_fields"]

_WIRE = "openai"
_METHODS = ("supervised", "dpo")
_MAX_EPOCHS, _MAX_BATCH, _MAX_SUFFIX, _MAX_BETA = 50, 256, 64, 2
_AUTO_BETA = 0.1  # what "auto" means here; the platform does not say


def job_fields(world: Sandbox, body: Mapping[str, Any]) -> dict[str, Any]:
    """The new job's fields. Raises `Refused` naming the parameter at fault."""
    method, hyperparameters = _method(body)
    rate = _number(hyperparameters, "learning_rate_multiplier", 1e-6, 1e3)
    return {
        **_start(world, body, method),
        "method": method,
        "beta": _beta(hyperparameters, method),
        "training_file": _file(world, body, "training_file", required=True),
        "validation_file": _file(world, body, "validation_file"),
        "suffix": _suffix(body),
        "seed": _seed(body),
        "epochs": int(_number(hyperparameters, "n_epochs", 1, _MAX_EPOCHS) or 0),
        "batch_size": int(_number(hyperparameters, "batch_size", 1, _MAX_BATCH) or 0),
        "rate": _learner_rate(rate),
        "evals": None,
        "request": _checked_metadata(body),
    }


def _learner_rate(multiplier: float | None) -> float:
    """The learner's own step size spans less than a network's: the square root, within a tenth and ten."""
    return min(10.0, max(0.1, multiplier**0.5)) if multiplier else 1.0


def _method(body: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    method = body.get("method") or {"type": "supervised", "supervised": {}}
    kind = method.get("type")
    if kind not in _METHODS:
        raise Refused(400, f"Method {kind!r} is not available; use one of {list(_METHODS)}.", param="method.type")
    inner = (method.get(kind) or {}).get("hyperparameters")
    return kind, inner or body.get("hyperparameters") or {}


def _number(values: Mapping[str, Any], name: str, low: float, high: float) -> float | None:
    value = values.get(name, "auto")
    if value == "auto" or value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise Refused(400, f"Invalid {name}: {value!r}; expected 'auto' or {low:g} to {high:g}.", param=name)
    return value


def _beta(values: Mapping[str, Any], method: str) -> float:
    beta = _number(values, "beta", 0, _MAX_BETA)
    if beta is not None and (method != "dpo" or not beta):
        raise Refused(400, f"Invalid beta: {beta!r}; only dpo takes it, above 0.", param="beta")
    return beta or _AUTO_BETA


def _start(world: Sandbox, body: Mapping[str, Any], method: str) -> dict[str, Any]:
    """The base, and the tuned model to go on from where one was named."""
    name = body.get("model")
    found = world.model(_WIRE, name) if isinstance(name, str) else None
    base = base_model(_WIRE, found.job.model) if isinstance(found, Tuned) else found
    if not isinstance(base, BaseModel) or not base.tunable:
        message = f"Model {name} is not available for fine-tuning or does not exist."
        raise Refused(400, message, code="model_not_available", param="model")
    if method == "dpo" and Method.DPO not in base.methods:
        raise Refused(400, f"Method 'dpo' is not available for model {base.name}.", param="method.type")
    if not isinstance(found, Tuned):
        return {"model": base.name}
    return {"model": base.name, "parent": found.job.id, "parent_epoch": found.epoch}


def _file(world: Sandbox, body: Mapping[str, Any], param: str, required: bool = False) -> str | None:
    id = body.get(param)
    if id is None and not required:
        return None
    file = world.files.get(_WIRE, str(id))
    if file is None:
        raise Refused(400, f"invalid {param}: {id}", code=f"invalid_{param}", param=param)
    if file.purpose != "fine-tune":
        raise Refused(400, f"File '{id}' has purpose {file.purpose!r}, not 'fine-tune'.", param=param)
    return file.id


def _suffix(body: Mapping[str, Any]) -> str:
    suffix = body.get("suffix") or ""
    if not isinstance(suffix, str) or len(suffix) > _MAX_SUFFIX:
        raise Refused(400, f"Invalid suffix: at most {_MAX_SUFFIX} characters.", param="suffix")
    return suffix


def _seed(body: Mapping[str, Any]) -> int:
    seed = body.get("seed")
    return seed if isinstance(seed, int) else random.randrange(1 << 31)


def _checked_metadata(body: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = body.get("metadata") or {}
    if len(metadata) > 16:
        raise Refused(400, "Invalid 'metadata': too many properties, at most 16.", param="metadata")
    for key, value in metadata.items():
        if len(key) > 64 or not isinstance(value, str) or len(value) > 512:
            raise Refused(400, f"Invalid 'metadata.{key}': keys to 64, string values to 512.", param="metadata")
    return body
