"""The trainer on Replicate's wire: its schema as Cog writes it, trainings checked and made into a job's fields.

One trainer is there, `sandbox/trainer`, in one version; and one model for what it makes, `sandbox/tuned`, beside those
that somebody creates.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from .files import StoredFile
from .refusals import Refused
from .world import Sandbox

__all__ = [
    "DESTINATION",
    "MODELS",
    "TRAINER",
    "VERSION",
    "WIRE",
    "invalid",
    "job_fields",
    "openapi_schema",
    "prediction_input",
]

WIRE = "replicate"
TRAINER = "sandbox/trainer"
VERSION = sha256(TRAINER.encode()).hexdigest()
DESTINATION = "sandbox/tuned"
MODELS = (TRAINER, DESTINATION)

_BASE = "sandbox-small"
_USUAL_RATE = 1e-4
_MOST_EPOCHS, _MOST_BATCH = 20, 256
_FILE_ID = re.compile(r"/v1/files/([\w-]+)$")

_TRAINING: Mapping[str, Mapping[str, Any]] = {
    "train_data": {"type": "string", "format": "uri", "title": "Train Data", "x-order": 0},
    "validation_data": {"type": "string", "format": "uri", "title": "Validation Data", "x-order": 1},
    "num_train_epochs": {"type": "integer", "minimum": 1, "maximum": _MOST_EPOCHS, "default": 3, "x-order": 2},
    "learning_rate": {"type": "number", "minimum": 0, "maximum": 1, "default": _USUAL_RATE, "x-order": 3},
    "train_batch_size": {"type": "integer", "minimum": 1, "maximum": _MOST_BATCH, "default": 8, "x-order": 4},
    "seed": {"type": "integer", "x-order": 5},
    "lr_scheduler": {"allOf": [{"$ref": "#/components/schemas/lr_scheduler"}], "default": "cosine", "x-order": 6},
}
_PREDICTION: Mapping[str, Mapping[str, Any]] = {
    "prompt": {"type": "string", "title": "Prompt", "x-order": 0},
    "system_prompt": {"type": "string", "title": "System Prompt", "default": "", "x-order": 1},
    "max_tokens": {"type": "integer", "minimum": 1, "default": 512, "x-order": 2},
    "temperature": {"type": "number", "minimum": 0, "default": 0.7, "x-order": 3},
    "seed": {"type": "integer", "x-order": 4},
}
_SCHEDULERS = {"type": "string", "enum": ["cosine", "linear", "constant"], "title": "lr_scheduler"}
_KINDS: Mapping[str, tuple[type, ...]] = {"string": (str,), "integer": (int,), "number": (int, float)}


def openapi_schema() -> dict[str, Any]:
    """What Cog writes into a version, as far as a client reads it."""
    return {
        "openapi": "3.0.2",
        "info": {"title": "Cog", "version": "0.1.0"},
        "paths": {"/predictions": {"post": {"summary": "Predict"}}, "/trainings": {"post": {"summary": "Train"}}},
        "components": {
            "schemas": {
                "Input": {"type": "object", "title": "Input", "required": ["prompt"], "properties": dict(_PREDICTION)},
                "Output": {"type": "array", "items": {"type": "string"}, "x-cog-array-type": "iterator"},
                "TrainingInput": {
                    "type": "object",
                    "title": "TrainingInput",
                    "required": ["train_data"],
                    "properties": dict(_TRAINING),
                },
                "lr_scheduler": _SCHEDULERS,
            }
        },
    }


def job_fields(world: Sandbox, body: Mapping[str, Any], destinations: set[str]) -> dict[str, Any]:
    """The new training's fields. Raises `Refused` (404, 422) naming what is at fault."""
    destination, given = body.get("destination"), body.get("input")
    if not isinstance(destination, str) or destination not in destinations:
        raise invalid("The specified training destination does not exist", "destination")
    if not isinstance(given, dict):
        raise invalid("input is required", "input")
    _checked(given, _TRAINING, ("train_data",))
    if given.get("lr_scheduler", "cosine") not in _SCHEDULERS["enum"]:
        raise invalid(f"input.lr_scheduler must be one of {', '.join(_SCHEDULERS['enum'])}", "lr_scheduler")
    validation = _file(world, given, "validation_data")
    rate = given.get("learning_rate", _USUAL_RATE)
    return {
        "model": _BASE,
        "method": "supervised",
        "training_file": _required(_file(world, given, "train_data")).id,
        "validation_file": validation.id if validation else None,
        "suffix": "",
        "seed": given["seed"] if "seed" in given else random.randrange(1 << 31),
        "epochs": given.get("num_train_epochs", 3),
        "batch_size": given.get("train_batch_size", 8),
        "rate": min(4.0, max(0.25, float((rate / _USUAL_RATE) ** 0.2))),
        "evals": None if validation else 0,
        "request": dict(body),
    }


def prediction_input(body: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of a prediction as a chat request. Raises `Refused` (422)."""
    given = body.get("input")
    if not isinstance(given, dict):
        raise invalid("input is required", "input")
    _checked(given, _PREDICTION, ("prompt",))
    system = given.get("system_prompt")
    turns = [{"role": "system", "content": system}] if system else []
    messages = [*turns, {"role": "user", "content": given["prompt"]}]
    return {"model": str(body["version"]), "messages": messages, "max_tokens": given.get("max_tokens", 512)}


def invalid(detail: str, field: str) -> Refused:
    """422 as this platform says it."""
    return Refused(422, f"- {detail}", type="Input validation failed", param=field)


def _checked(given: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]], required: tuple[str, ...]) -> None:
    for name in required:
        if name not in given:
            raise invalid(f"input: {name} is required", name)
    for name, value in given.items():
        told = known.get(name)
        if told is None:
            raise invalid(f"input: Additional property {name} is not allowed", name)
        kinds = _KINDS.get(str(told.get("type")))
        if kinds and (not isinstance(value, kinds) or isinstance(value, bool)):
            raise invalid(f"input.{name}: Invalid type. Expected: {told['type']}", name)
        if "minimum" in told and value < told["minimum"]:
            raise invalid(f"input.{name}: Must be greater than or equal to {told['minimum']}", name)
        if "maximum" in told and value > told["maximum"]:
            raise invalid(f"input.{name}: Must be less than or equal to {told['maximum']}", name)


def _file(world: Sandbox, given: Mapping[str, Any], name: str) -> StoredFile | None:
    """The file behind a URL: one of the account's own; the sandbox fetches nothing from elsewhere."""
    if name not in given:
        return None
    found = _FILE_ID.search(urlsplit(given[name]).path)
    file = world.files.get(WIRE, found[1]) if found else None
    if file is None:
        raise invalid(f"input.{name}: the sandbox knows no file at {given[name]}", name)
    return file


def _required(file: StoredFile | None) -> StoredFile:
    if file is None:
        raise invalid("input: train_data is required", "train_data")
    return file
