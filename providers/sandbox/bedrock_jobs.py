"""Create-job requests to Bedrock, checked and made into a job's fields."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from .catalog import BaseModel, base_models
from .refusals import Refused
from .world import Sandbox

__all__ = ["bedrock_base", "job_fields"]

_NEEDED = ("jobName", "customModelName", "roleArn", "baseModelIdentifier", "trainingDataConfig", "outputDataConfig")
_USUAL_RATE = {"amazon": 1e-5, "meta": 1e-4}  # the documented defaults: the learner's own step size stands for them
_CONTEXT = re.compile(r":\d+k$")


def bedrock_base(name: str) -> BaseModel | None:
    """The base of an id, with or without the length of its context, or of an ARN that ends in one."""
    wanted = name.rsplit("/", 1)[-1]
    known = {base.name: base for base in base_models("bedrock") if "." in base.name}
    short = {_CONTEXT.sub("", name): base for name, base in known.items()}
    return known.get(wanted) or short.get(wanted)


def job_fields(world: Sandbox, body: Mapping[str, Any]) -> dict[str, Any]:
    """The new job's fields. Raises `Refused` naming what is at fault."""
    for name in _NEEDED:
        if not body.get(name):
            raise Refused(400, f"{name} is required")
    if body.get("customizationType", "FINE_TUNING") != "FINE_TUNING":
        raise Refused(400, "only FINE_TUNING is available in the sandbox")
    base = bedrock_base(str(body["baseModelIdentifier"]))
    if base is None or not base.tunable:
        raise Refused(400, "The provided model identifier is invalid.")
    validators = (body.get("validationDataConfig") or {}).get("validators") or []
    settings: Mapping[str, Any] = body.get("hyperParameters") or {}
    rate = _number(settings, "learningRate", None)
    usual = _USUAL_RATE.get(base.name.partition(".")[0])
    return {
        "model": base.name,
        "method": "supervised",
        "training_file": _blob(world, body["trainingDataConfig"]),
        "validation_file": _blob(world, validators[0]) if validators else None,
        "suffix": str(body["customModelName"]),
        "seed": 0,
        "epochs": int(_number(settings, "epochCount", 2) or 2),
        "batch_size": int(_number(settings, "batchSize", 0) or 0),
        "rate": min(4.0, max(0.25, (rate / usual) ** 0.2)) if rate and usual else 1.0,
        "evals": None if validators else 0,
        "request": dict(body),
    }


def _number(settings: Mapping[str, Any], name: str, default: float | None) -> float | None:
    value = settings.get(name)
    if value is None:
        return default
    try:
        return float(value)
    except (TypeError, ValueError):
        raise Refused(400, f"{name} must be a number (got {value!r})") from None


def _blob(world: Sandbox, told: Mapping[str, Any]) -> str:
    """Under which id the bytes of an s3:// address are kept now. Raises `Refused` where nothing lies there."""
    place = urlsplit(str(told.get("s3Uri")))
    found = world.objects.get(place.netloc, place.path.removeprefix("/"))
    if place.scheme != "s3" or found is None:
        raise Refused(400, f"Could not access the S3 object {told.get('s3Uri')}")
    return found.blob
