"""The requests of a submission to Bedrock, as pure data: what `--dry-run` prints is what is sent.

Only the environment knows the role and the bucket; where nobody has said them, a word in angle brackets stands there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ..errors import Auth, NotFound, Unsupported
from ..plans import training_files
from ..records import Plan, PlannedRequest, ProviderFile
from .settings import check, wire_settings

__all__ = [
    "BUCKET_VARIABLE",
    "NAME_LIMIT",
    "ROLE_VARIABLE",
    "SUFFIX_LIMIT",
    "Place",
    "S3Object",
    "create_body",
    "object_of",
    "place_of",
    "planned_requests",
]

ROLE_VARIABLE = "TUNEWRIGHT_BEDROCK_ROLE_ARN"
BUCKET_VARIABLE = "TUNEWRIGHT_BEDROCK_BUCKET"

NAME_LIMIT = 63
"""Most characters of a job's and of a model's name (botocore 1.44.8); our tag and a dash take 20 of the latter."""

SUFFIX_LIMIT = NAME_LIMIT - 20

_SUFFIX = re.compile(r"([0-9a-zA-Z][_-]?)+")
_OUTPUTS, _INPUTS = "tunewright/output", "tunewright/input"


@dataclass(frozen=True, slots=True)
class S3Object:
    """One object in S3."""

    bucket: str
    key: str

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an account's files lie, and the role by which Bedrock reads and writes them. `prefix`: "" or "a/b/"."""

    bucket: str
    prefix: str
    role: str

    def file(self, file: ProviderFile) -> S3Object:
        """The object of a file, named by its bytes."""
        return S3Object(self.bucket, f"{self.prefix}{_INPUTS}/{file.remote_name}")

    @property
    def output(self) -> str:
        """Below it each job writes into a folder of its own."""
        return f"s3://{self.bucket}/{self.prefix}{_OUTPUTS}/"


def place_of(options: Mapping[str, str]) -> Place:
    """Bucket (with or without `s3://` and a folder) and role. Raises `Auth` naming the variable that is missing."""
    bucket, role = options.get("bucket", ""), options.get("role", "")
    missing = [name for name, told in ((BUCKET_VARIABLE, bucket), (ROLE_VARIABLE, role)) if not told]
    if missing:
        raise Auth(
            f"{' and '.join(missing)} not set: a job reads its rows from a bucket of yours, by a role of yours",
            nothing_created=True,
            fix="see docs/bedrock.md for the bucket and the role, then set them in the environment or in .env",
        )
    name, _, prefix = bucket.removeprefix("s3://").strip("/").partition("/")
    return Place(name, f"{prefix}/" if prefix else "", role)


def object_of(uri: str) -> S3Object:
    """The object of an `s3://` address. Raises `NotFound` for what is none."""
    parts = urlsplit(uri)
    key = parts.path.removeprefix("/")
    if parts.scheme != "s3" or not parts.netloc or not key:
        raise NotFound(f"no file {uri!r}: files here have an s3:// address")
    return S3Object(parts.netloc, key)


def create_body(plan: Plan, files: Mapping[str, str], tag: str, place: Place) -> dict[str, Any]:
    """The paid request. The tag is its token and the job's unique name, so that it can make one job and no second."""
    family = check(plan.model, plan.method, plan.hyperparameters, plan.provider)
    ids = training_files(plan, files)
    body: dict[str, Any] = {
        "jobName": tag,
        "customModelName": _model_name(plan, tag),
        "roleArn": place.role,
        "clientRequestToken": tag,
        "baseModelIdentifier": plan.model,
        "customizationType": "FINE_TUNING",
        "jobTags": [{"key": "tunewright", "value": tag}],
        "customModelTags": [{"key": "tunewright", "value": tag}],
        "trainingDataConfig": {"s3Uri": ids.train},
        "outputDataConfig": {"s3Uri": place.output},
        "hyperParameters": wire_settings(family, plan.hyperparameters),
    }
    if ids.validation is not None:
        body["validationDataConfig"] = {"validators": [{"s3Uri": ids.validation}]}
    return body


def planned_requests(
    plan: Plan, files: Sequence[ProviderFile], tag: str, base_url: str, known: Mapping[str, str] | None = None
) -> tuple[PlannedRequest, ...]:
    """Everything a submission sends, in order."""
    place = Place("<bucket>", "<folder>/", f"<{ROLE_VARIABLE}>")
    ids = {file.role: place.file(file).uri for file in files} | dict(known or {})
    uploads = [request for file in files for request in _upload(file, place)]
    return (
        PlannedRequest("GET", f"{base_url}/foundation-models/{plan.model}"),
        *uploads,
        PlannedRequest("GET", f"{base_url}/model-customization-jobs?nameContains={tag}"),
        PlannedRequest("POST", f"{base_url}/model-customization-jobs", create_body(plan, ids, tag, place), paid=True),
    )


def _upload(file: ProviderFile, place: Place) -> tuple[PlannedRequest, ...]:
    address = place.file(file).uri
    return (
        PlannedRequest("HEAD", address),
        PlannedRequest("PUT", address, f"{file.size} bytes, sha256 {file.sha256}"),
    )


def _model_name(plan: Plan, tag: str) -> str:
    suffix = plan.suffix or ""
    if suffix and (len(suffix) > SUFFIX_LIMIT or not _SUFFIX.fullmatch(suffix)):
        raise Unsupported(
            f"suffix: at most {SUFFIX_LIMIT} letters, digits, single dashes and underscores beside our tag",
            provider=plan.provider,
            nothing_created=True,
        )
    return f"{suffix.rstrip('_-')}-{tag}" if suffix else tag
