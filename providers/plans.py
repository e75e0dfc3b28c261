"""A plan beside the remote files it is about to be bought with. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .errors import Unsupported
from .records import Plan

__all__ = ["TrainingFiles", "training_files"]


@dataclass(frozen=True, slots=True)
class TrainingFiles:
    """Remote ids of what a job reads."""

    train: str
    validation: str | None


def training_files(plan: Plan, files: Mapping[str, str]) -> TrainingFiles:
    """The ids by role. Raises `Unsupported` when the files are not those that the plan speaks of.

    A plan with a validation file must not be bought without it: the job would train blind.
    """
    if "train" not in files:
        raise _wrong(plan, "the training file has no remote id")
    validation = files.get("validation")
    if (plan.validation_sha256 is None) != (validation is None):
        raise _wrong(plan, "the plan and the uploaded files disagree about a validation file")
    return TrainingFiles(files["train"], validation)


def _wrong(plan: Plan, message: str) -> Unsupported:
    return Unsupported(message, provider=plan.provider, nothing_created=True)
