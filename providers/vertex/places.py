"""Where things are on Google Cloud: hosts by location, resources by name, objects by their gs:// address. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from ..errors import Auth, NotFound
from ..records import ProviderFile

__all__ = [
    "API_VERSION",
    "BASE_LOCATION",
    "BUCKET_VARIABLE",
    "OWN_STORAGE",
    "Bucket",
    "Home",
    "StorageObject",
    "bucket_of",
    "endpoint_location",
    "host_of",
    "last",
    "object_of",
]

API_VERSION = "v1beta1"
"""What google-genai speaks by default (3.6.1), and Google's own samples of tuning."""

BASE_LOCATION = "global"
"""Where Gemini 3 is served to everybody at its lowest price; it is in few regions else (docs/vertex.md)."""

BUCKET_VARIABLE = "TUNEWRIGHT_VERTEX_BUCKET"
OWN_STORAGE = "https://storage.googleapis.com"

_FOLDER = "tunewright"
_MULTI_REGIONS = frozenset({"us", "eu"})
_ENDPOINT = re.compile(r"projects/[^/]+/locations/([^/]+)/endpoints/[^/:]+")


@dataclass(frozen=True, slots=True)
class Home:
    """The project and the region in which an account's jobs run."""

    project: str
    location: str

    @property
    def parent(self) -> str:
        """How the API names it."""
        return self.at(self.location)

    @property
    def jobs(self) -> str:
        """The collection of its jobs."""
        return f"{self.parent}/tuningJobs"

    def at(self, location: str) -> str:
        """The same project elsewhere."""
        return f"projects/{self.project}/locations/{location}"

    def job(self, job_id: str) -> str:
        """A job's whole name, from that name or from the id at its end."""
        return f"{self.jobs}/{last(job_id)}"


@dataclass(frozen=True, slots=True)
class StorageObject:
    """One object in Cloud Storage."""

    bucket: str
    name: str

    @property
    def uri(self) -> str:
        return f"gs://{self.bucket}/{self.name}"

    @property
    def path(self) -> str:
        """Of the JSON API, below `/storage/v1`."""
        return f"/b/{quote(self.bucket, safe='')}/o/{quote(self.name, safe='')}"


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where an account's files lie. `prefix`: "" or "a/b/"."""

    name: str
    prefix: str = ""

    def file(self, file: ProviderFile) -> StorageObject:
        """The object of a file, named by its bytes."""
        return StorageObject(self.name, f"{self.prefix}{_FOLDER}/{file.remote_name}")


def bucket_of(options: Mapping[str, str]) -> Bucket:
    """The user's bucket (with or without `gs://` and a folder). Raises `Auth` naming the variable that is missing."""
    told = options.get("bucket", "")
    if not told:
        raise Auth(
            f"{BUCKET_VARIABLE} is not set: a job reads its rows from a bucket of yours",
            nothing_created=True,
            fix=f"export {BUCKET_VARIABLE}=gs://BUCKET/FOLDER, or put it into .env (docs/vertex.md)",
        )
    name, _, prefix = told.removeprefix("gs://").strip("/").partition("/")
    return Bucket(name, f"{prefix}/" if prefix else "")


def object_of(uri: str) -> StorageObject:
    """The object of a `gs://` address. Raises `NotFound` for what is none."""
    parts = urlsplit(uri)
    name = parts.path.removeprefix("/")
    if parts.scheme != "gs" or not parts.netloc or not name:
        raise NotFound(f"no file {uri!r}: files here have a gs:// address")
    return StorageObject(parts.netloc, name)


def host_of(location: str) -> str:
    """Google's own host for a region, for one of the two multi-regions, or for `global`."""
    if location == "global":
        return "https://aiplatform.googleapis.com"
    if location in _MULTI_REGIONS:
        return f"https://aiplatform.{location}.rep.googleapis.com"
    return f"https://{location}-aiplatform.googleapis.com"


def endpoint_location(model: str) -> str | None:
    """Where a tuned model's endpoint answers, which its name says; None for what is no endpoint.

    It need not be the region of the job: Gemini 3 is tuned in `us-central1` or `europe-west4` and served from `us` or
    `eu` (docs/vertex.md).
    """
    found = _ENDPOINT.fullmatch(model)
    return found[1] if found else None


def last(name: object) -> str:
    """The id at the end of a whole name, or an id as it is."""
    return str(name or "").rpartition("/")[2]
