"""What a training program is told, read from the file named by `TUNEWRIGHT_JOB`. Nothing heavy is imported."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["CARD", "Card", "TrainingOrder", "card_of", "read_order", "write_card"]

CARD = "tunewright.json"
"""Beside the weights: what they are to be put on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOrder:
    """One training. `settings` are complete; `resume_from` is the checkpoint to go on from, None at the start.

    `continues`: weights of ours to go on from, None for the base as it is.
    """

    model: str
    continues: Path | None
    method: str
    settings: Mapping[str, Any]
    seed: int
    train_file: Path
    validation_file: Path | None
    checkpoints: Path
    artefact: Path
    metrics: Path
    resume_from: Path | None

    def setting(self, name: str, otherwise: Any) -> Any:
        """A setting's value, or what holds where none was given."""
        value = self.settings.get(name)
        return otherwise if value is None else value

    @property
    def source(self) -> str:
        """Where the model to be trained lies: weights of ours, or the base."""
        return str(self.continues or self.model)

    @property
    def preference(self) -> bool:
        return self.method == "dpo"

    @property
    def adapter(self) -> bool:
        """Whether an adapter (LoRA) is trained, and not the whole model."""
        return bool(self.setting("lora", True))

    @property
    def quantised(self) -> bool:
        """Whether the base is held in 4 bits (QLoRA)."""
        return bool(self.setting("qlora", False))


def read_order(path: str | os.PathLike[str] | None = None) -> TrainingOrder:
    """The order at `path`, by default the one named in the environment. Raises `KeyError` for what is missing."""
    told = json.loads(Path(path or os.environ["TUNEWRIGHT_JOB"]).read_text(encoding="utf-8"))
    settings = told["hyperparameters"]
    return TrainingOrder(
        model=told["model"],
        continues=_path(told.get("continues")),
        method=told["method"],
        settings=settings,
        seed=int(told.get("seed") or settings.get("seed") or 0),
        train_file=Path(told["train_file"]),
        validation_file=_path(told.get("validation_file")),
        checkpoints=Path(told["checkpoints"]),
        artefact=Path(told["artefact"]),
        metrics=Path(told["metrics"]),
        resume_from=_path(told.get("resume_from")),
    )


def _path(value: str | None) -> Path | None:
    return Path(value) if value else None


@dataclass(frozen=True, slots=True)
class Card:
    """Weights of ours: an adapter for `base` (a folder or hub id), or a whole model, where `base` is None.

    `seconds`: how long was trained until then, all attempts together.
    """

    base: str | None
    method: str
    seconds: float = 0.0


def write_card(folder: Path, card: Card) -> None:
    """Beside the weights in `folder`."""
    told = {"base": card.base, "method": card.method, "seconds": round(card.seconds, 1)}
    (folder / CARD).write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


def card_of(folder: Path) -> Card | None:
    """The card of an artefact or a checkpoint of ours; None for any other folder."""
    try:
        told = json.loads((folder / CARD).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    return Card(told["base"], told["method"], told.get("seconds", 0.0))
