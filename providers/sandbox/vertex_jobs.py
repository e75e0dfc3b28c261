"""Requests for a tuning job at Vertex AI, checked and made into a job's fields."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from .catalog import base_model
from .gcs_wire import stored
from .refusals import Refused
from .world import Sandbox

__all__ = ["WIRE", "invalid", "job_fields", "new_job_id"]

WIRE = "vertex"
_FIELDS = frozenset({"baseModel", "supervisedTuningSpec", "tunedModelDisplayName", "labels", "description"})
_SPEC = frozenset({"trainingDatasetUri", "validationDatasetUri", "hyperParameters", "exportLastCheckpointOnly"})
_SIZES = frozenset(f"ADAPTER_SIZE_{word}" for word in ("ONE", "TWO", "FOUR", "EIGHT", "SIXTEEN"))
_LABEL_KEY, _LABEL = re.compile(r"[a-z][a-z0-9_-]{0,62}"), re.compile(r"[a-z0-9_-]{0,63}")
_MOST_EPOCHS = 100
_REGIONS = ("us-central1", "europe-west4")


def new_job_id() -> str:
    """Nineteen digits, as Google's are."""
    return str(10**18 + secrets.randbelow(8 * 10**18))


def invalid(message: str) -> Refused:
    """INVALID_ARGUMENT."""
    return Refused(400, message, code="INVALID_ARGUMENT")


def job_fields(world: Sandbox, body: Mapping[str, Any], location: str) -> dict[str, Any]:
    """The new job's fields. Raises `Refused` naming what is at fault."""
    spec = body.get("supervisedTuningSpec")
    if location not in _REGIONS:
        raise invalid(f"Tuning is not supported in {location}.")
    if not isinstance(spec, Mapping):
        raise invalid("supervised_tuning_spec is required; the sandbox tunes in no other way")
    for name in sorted((body.keys() - _FIELDS) | (spec.keys() - _SPEC)):
        raise invalid(f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.')
    _check_labels(body.get("labels") or {})
    if len(str(body.get("tunedModelDisplayName") or "")) > 128:
        raise invalid("tuned_model_display_name is longer than 128 characters")
    base = base_model(WIRE, str(body.get("baseModel")))
    if base is None or not base.tunable:
        raise invalid(f"Base model {body.get('baseModel')} is not supported for tuning.")
    validation = spec.get("validationDatasetUri")
    return {
        "model": base.name,
        "method": "supervised",
        "training_file": _blob(world, spec.get("trainingDatasetUri")),
        "validation_file": _blob(world, validation) if validation else None,
        "suffix": str(body.get("tunedModelDisplayName") or ""),
        "seed": 0,
        "batch_size": 0,
        "evals": None if validation else 0,
        "request": {**body, "location": location},
        **_settings(spec.get("hyperParameters") or {}),
    }


def _settings(given: Mapping[str, Any]) -> dict[str, Any]:
    size = given.get("adapterSize")
    if size is not None and size not in _SIZES:
        raise invalid("The adapter size is not supported for this base model.")
    epochs = _number(given, "epochCount", 1, _MOST_EPOCHS)
    rate = _number(given, "learningRateMultiplier", 1e-3, 10)
    return {"epochs": int(epochs or 0), "rate": min(4.0, max(0.25, rate or 1.0))}


def _number(given: Mapping[str, Any], name: str, low: float, high: float) -> float | None:
    """A count of 64 bits may come as text."""
    if given.get(name) is None:
        return None
    try:
        value = float(given[name])
    except (TypeError, ValueError):
        raise invalid(f'Invalid value at "{name}": {given[name]!r}') from None
    if not low <= value <= high:
        raise invalid(f"{name} must be between {low:g} and {high:g}, not {value:g}")
    return value


def _check_labels(labels: Any) -> None:
    if not isinstance(labels, Mapping) or len(labels) > 64:
        raise invalid("labels must be at most 64 pairs")
    for key, value in labels.items():
        if not _LABEL_KEY.fullmatch(str(key)) or not isinstance(value, str) or not _LABEL.fullmatch(value):
            raise invalid(f"label {key}={value!r}: small letters, digits, dashes and underscores, at most 63")


def _blob(world: Sandbox, uri: Any) -> str:
    """Under which id the bytes of a gs:// address are kept now. Raises `Refused` where nothing lies there."""
    place = urlsplit(str(uri))
    found = stored(world, place.netloc, place.path.removeprefix("/"))
    if place.scheme != "gs" or found is None:
        raise invalid(f"The dataset {uri} was not found, or the tuning service agent may not read it.")
    return found.blob
