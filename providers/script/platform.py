"""Your own trainer, by the path of its TOML file; nothing is started here."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from datetime import date
from decimal import Decimal

from ..contract import Connection, Provider
from ..processes.platform import HERE, ProcessPlatform
from ..records import Capability, Hyperparameters, Method, ModelFacts, Recipe, Support
from .recipes import recipe_of, trainer_of

__all__ = ["ScriptPlatform"]

_AS_OF = date(2026, 11, 26)
_MARGIN = Decimal("0.30")
"""Nothing is known of how a script reads text: o200k was up to 21.5 % off for ten other vocabularies."""


class ScriptPlatform(ProcessPlatform):
    """`script:PATH`, the path of a `trainer.toml` or of its folder."""

    name = "script"
    title = "Your own trainer (on this machine)"
    can: Mapping[Capability, str] = {Capability.DPO: "where the trainer says that it takes preference rows"}
    cannot: Mapping[Capability, str] = {
        Capability.LORA: "what is trained is the trainer's own affair; it may have a setting for it",
        Capability.FULL: "what is trained is the trainer's own affair; it may have a setting for it",
    }

    def model(self, name: str) -> ModelFacts:
        """Of the trainer, also for a model that it made. Raises `NotFound`, or `InvalidData` for a wrong file."""
        trainer = trainer_of(name)
        return ModelFacts(
            name=name,
            tunable=Support(answer="yes", reason=trainer.title, source=str(trainer.path), as_of=_AS_OF),
            methods=trainer.methods,
            context_tokens=trainer.context_tokens,
            token_margin=_MARGIN,
            tuned_serving="dedicated",
            base_serving="beside_tuned",
            hours=trainer.hours,
            source=str(trainer.path) if trainer.hours else HERE,
            as_of=_AS_OF,
        )

    def recipe(self, model: str, method: Method, given: Hyperparameters, rows: int, validation_rows: int) -> Recipe:
        """`given` completed by the trainer's defaults. Raises `Unsupported` naming what the trainer does not take."""
        return recipe_of(model, method, given, self.name)

    def open(self, connection: Connection) -> AbstractAsyncContextManager[Provider]:
        """This machine, as far as the state directory goes."""
        from ..processes.opening import opened, refuse_elsewhere

        refuse_elsewhere(self.name)
        from .account import ScriptAccount

        return opened(lambda: ScriptAccount(self, connection), self.name)
