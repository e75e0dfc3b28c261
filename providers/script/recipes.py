"""Which trainer a model's name means, and what it makes of the settings that were given. Pure but for the file."""

from __future__ import annotations

from ..errors import Unsupported
from ..records import Hyperparameters, Method, Recipe
from ..settings import complete, refuse_unusable
from .definition import Trainer, read_trainer

__all__ = ["recipe_of", "trainer_of"]

_NO_PREFERENCE = {"beta": "only preference training takes it"}


def trainer_of(model: str) -> Trainer:
    """By a base's name, or that of a model that was made from it. Raises `NotFound`, `InvalidData`."""
    return read_trainer(model.partition("@tw-")[0])


def recipe_of(model: str, method: Method, given: Hyperparameters, provider: str) -> Recipe:
    """`given` completed by the trainer's defaults. Raises `Unsupported` naming what the trainer does not take."""
    trainer = trainer_of(model)
    if method not in trainer.methods:
        raise Unsupported(
            f"method {method.value!r}: this trainer does not train by it",
            provider=provider,
            nothing_created=True,
            fix=f"use --method {trainer.methods[0].value}, or add it to methods in {trainer.path}",
        )
    no = {} if method is Method.DPO else _NO_PREFERENCE
    refuse_unusable(given, trainer.settings, no, provider)
    return complete(given, {name: preset for name, preset in trainer.presets.items() if name not in no})
