"""Fireworks' names: `accounts/ACCOUNT/COLLECTION/ID`, and which ids a client may choose. Pure."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from ..errors import NotFound
from ..records import Method, ProviderFile

__all__ = [
    "DPO",
    "ID_LIMIT",
    "SFT",
    "Collection",
    "JobName",
    "ModelName",
    "collection_of",
    "dataset_id",
    "is_own_id",
    "job_name",
    "last",
    "model_parts",
    "resource",
]

Collection = Literal["supervisedFineTuningJobs", "dpoJobs"]
SFT: Collection = "supervisedFineTuningJobs"
DPO: Collection = "dpoJobs"

ID_LIMIT = 63
"""Most characters of an id, as of a DNS label; the platform's own limit is not documented, and ours are far shorter."""

_ID = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
_MODEL = re.compile(r"accounts/([^/#]+)/models/([^/#]+)")


class JobName(NamedTuple):
    """Where a job is found. `told` False: it was named by its id alone, which either collection may hold."""

    collection: Collection
    id: str
    told: bool = True

    @property
    def text(self) -> str:
        """How we call it: a supervised job by its id, a preference job with its collection."""
        return self.id if self.collection == SFT else f"{self.collection}/{self.id}"


class ModelName(NamedTuple):
    """A model's account and its id there."""

    account: str
    id: str


def is_own_id(text: str) -> bool:
    """Whether it may be chosen as an id: lower case, digits and hyphens, a letter first."""
    return len(text) <= ID_LIMIT and _ID.fullmatch(text) is not None


def dataset_id(file: ProviderFile) -> str:
    """The id of the data set that holds these very bytes, in whatever account."""
    return file.remote_name.removesuffix(".jsonl")


def resource(account: str, collection: str, id: str) -> str:
    """The whole name of something in that account."""
    return f"accounts/{account}/{collection}/{id}"


def last(name: object) -> str:
    """The id at the end of a whole name, or an id as it is."""
    return str(name or "").rpartition("/")[2]


def job_name(text: str) -> JobName:
    """A job by our name of it, by the platform's, or by its bare id."""
    parts = text.split("/")
    collection: Collection = DPO if len(parts) > 1 and parts[-2] == DPO else SFT
    return JobName(collection, parts[-1], len(parts) > 1)


def collection_of(method: Method) -> Collection:
    """Where jobs of that method lie."""
    return DPO if method is Method.DPO else SFT


def model_parts(name: str) -> ModelName:
    """A model's account and id. Raises `NotFound` for what is no name of a model here."""
    found = _MODEL.fullmatch(name)
    if found is None:
        raise NotFound(
            f"{name!r} is no model's name here: accounts/ACCOUNT/models/MODEL",
            fix="Fireworks' own models lie under accounts/fireworks/models/",
            nothing_created=True,
        )
    return ModelName(found[1], found[2])
