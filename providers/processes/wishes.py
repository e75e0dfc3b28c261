"""What an adapter is asked to start: a training, or a server of a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..records import Plan

__all__ = ["ServedModel", "TrainingWish"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingWish:
    """One training to be started. `folder`: where it will run. `hyperparameters`: everything that was given, by name.

    `continues`: the folder of the model that it goes on from; None for a base as it is.
    """

    plan: Plan
    tag: str
    folder: Path
    base: str
    train_file: Path
    validation_file: Path | None
    hyperparameters: Mapping[str, Any]
    continues: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """A model that can answer. `folder`: its artefact or checkpoint; None for the base itself."""

    name: str
    base: str
    folder: Path | None = None
