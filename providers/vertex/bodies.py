"""The requests of a submission to Vertex AI, as pure data: what `--dry-run` prints is what is sent.

The body is the one that google-genai's own `tunings.tune` sends for the same settings; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from ..errors import Unsupported
from ..plans import training_files
from ..records import Hyperparameters, Plan, PlannedRequest, ProviderFile
from ..settings import Setting, given_settings, refuse_unusable
from ..tags import with_suffix
from .places import (
    API_VERSION,
    BASE_LOCATION,
    BUCKET_VARIABLE,
    OWN_STORAGE,
    Bucket,
    Home,
    StorageObject,
    host_of,
)

__all__ = [
    "ADAPTER_SIZES",
    "LABEL",
    "SUFFIX_LIMIT",
    "check",
    "create_body",
    "label_filter",
    "object_metadata",
    "planned_requests",
    "upload_query",
]

LABEL = "tunewright"
"""The label that holds our tag: small letters, digits and dashes, 19 of the 63 characters that a value may have."""

SUFFIX_LIMIT = 128 - 20
"""Most characters of the user's own suffix in the tuned model's display name; our tag and a dash take 20."""

ADAPTER_SIZES: Mapping[int, str] = {
    1: "ADAPTER_SIZE_ONE",
    2: "ADAPTER_SIZE_TWO",
    4: "ADAPTER_SIZE_FOUR",
    8: "ADAPTER_SIZE_EIGHT",
    16: "ADAPTER_SIZE_SIXTEEN",
}
"""google-genai 3.6.1 also names 32; no Gemini model is documented to take it."""

_SETTINGS: Mapping[str, Setting] = {
    "epochs": Setting(kind="int", low=1),
    "lora": Setting(kind="bool"),
    "learning_rate_multiplier": Setting(kind="float", above=0),
    "adapter_size": Setting(kind="int", low=1, high=16),
    "export_last_checkpoint_only": Setting(kind="bool"),
}
_NOT_TAKEN: Mapping[str, str] = {
    "seed": "Vertex AI takes none for Gemini; its training is not repeatable to the bit",
    "batch_size": "is taken for open models alone; Gemini's is Google's choice",
    "learning_rate": "an absolute rate is taken for open models alone; use --set learning_rate_multiplier=…",
    "lora_rank": "is called adapter_size here: 1, 2, 4, 8 or 16",
    "lora_alpha": "is not a setting of this platform",
    "beta": "only preference training has it, which no Gemini model that is still served is documented to take",
}


def check(hyperparameters: Hyperparameters, provider: str) -> None:
    """Raises `Unsupported` naming what cannot be sent."""
    refuse_unusable(hyperparameters, _SETTINGS, _NOT_TAKEN, provider)
    given = given_settings(hyperparameters)
    if given.get("lora") is False:
        raise _refused("lora: Gemini is tuned by adapters alone; its own weights cannot be trained", provider)
    size = given.get("adapter_size")
    if size is not None and size not in ADAPTER_SIZES:
        raise _refused(f"adapter_size: {size} is none of {', '.join(map(str, ADAPTER_SIZES))}", provider)


def create_body(plan: Plan, files: Mapping[str, str], tag: str) -> dict[str, Any]:
    """The body of the one paid request. `files` maps role to gs:// address."""
    check(plan.hyperparameters, plan.provider)
    ids, given = training_files(plan, files), given_settings(plan.hyperparameters)
    spec: dict[str, Any] = {"trainingDatasetUri": ids.train}
    if ids.validation is not None:
        spec["validationDatasetUri"] = ids.validation
    settings = _hyperparameters(given)
    if settings:
        spec["hyperParameters"] = settings
    if "export_last_checkpoint_only" in given:
        spec["exportLastCheckpointOnly"] = given["export_last_checkpoint_only"]
    return {
        "baseModel": plan.model,
        "supervisedTuningSpec": spec,
        "tunedModelDisplayName": _display_name(plan, tag),
        "labels": {LABEL: tag},
    }


def label_filter(tag: str) -> str:
    """The standard list filter for jobs with our label."""
    return f"labels.{LABEL}={tag}"


def upload_query(place: StorageObject) -> str:
    """How an object is made that must not be there yet."""
    return urlencode({"uploadType": "multipart", "ifGenerationMatch": "0", "name": place.name})


def object_metadata(place: StorageObject, file: ProviderFile, md5: str) -> dict[str, Any]:
    """What is stored beside the bytes. `md5`: their MD5 in base64, against which Cloud Storage holds them."""
    return {
        "name": place.name,
        "contentType": "application/jsonl",
        "md5Hash": md5,
        "metadata": {"sha256": file.sha256, LABEL: file.role},
    }


def planned_requests(
    plan: Plan,
    files: Sequence[ProviderFile],
    tag: str,
    home: Home,
    base_url: str | None,
    known: Mapping[str, str] | None = None,
) -> tuple[PlannedRequest, ...]:
    """Everything a submission sends, in order; what only the environment can give stands in angle brackets."""
    bucket = Bucket(f"<{BUCKET_VARIABLE}>")
    ids = {file.role: bucket.file(file).uri for file in files} | dict(known or {})
    root = f"{(base_url or host_of(home.location)).rstrip('/')}/{API_VERSION}"
    base = f"{(base_url or host_of(BASE_LOCATION)).rstrip('/')}/{API_VERSION}"
    storage = (base_url or OWN_STORAGE).rstrip("/")
    return (
        PlannedRequest("GET", f"{root}/{home.jobs}?pageSize=1"),
        PlannedRequest("GET", f"{base}/publishers/google/models/{plan.model}"),
        PlannedRequest("GET", f"{storage}/storage/v1/b/{bucket.name}/o?maxResults=1&fields=kind"),
        *[request for file in files for request in _upload(file, bucket, storage)],
        PlannedRequest("GET", f"{root}/{home.jobs}?filter={label_filter(tag)}"),
        PlannedRequest("GET", f"{root}/{home.jobs}"),
        PlannedRequest("POST", f"{root}/{home.jobs}", create_body(plan, ids, tag), paid=True),
    )


def _upload(file: ProviderFile, bucket: Bucket, storage: str) -> tuple[PlannedRequest, ...]:
    place = bucket.file(file)
    return (
        PlannedRequest("GET", f"{storage}/storage/v1/b/{place.bucket}/o/{place.name}"),
        PlannedRequest(
            "POST",
            f"{storage}/upload/storage/v1/b/{place.bucket}/o?{upload_query(place)}",
            f"{file.size} bytes, sha256 {file.sha256}",
        ),
    )


def _hyperparameters(given: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "epochs" in given:
        found["epochCount"] = given["epochs"]
    if "learning_rate_multiplier" in given:
        found["learningRateMultiplier"] = given["learning_rate_multiplier"]
    if "adapter_size" in given:
        found["adapterSize"] = ADAPTER_SIZES[given["adapter_size"]]
    return found


def _display_name(plan: Plan, tag: str) -> str:
    if plan.suffix and len(plan.suffix) > SUFFIX_LIMIT:
        raise _refused(f"suffix: at most {SUFFIX_LIMIT} characters beside our tag", plan.provider)
    return with_suffix(plan.suffix, tag)


def _refused(message: str, provider: str) -> Unsupported:
    return Unsupported(message, provider=provider, nothing_created=True)
