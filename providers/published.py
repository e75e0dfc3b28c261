"""What a platform can answer from our dated facts alone: every adapter's `Platform` stands on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from . import facts
from .batches import BatchLimits
from .contract import Dialect, Secret
from .errors import Unsupported
from .gaps import refuse_method
from .records import (
    Capability,
    Example,
    Hyperparameters,
    Method,
    ModelFacts,
    Price,
    Recipe,
    Sampling,
    Settling,
    Support,
    TokenRules,
    WebhookNews,
)
from .settings import complete
from .webhooks import read_webhook

__all__ = ["PublishedFacts"]


class PublishedFacts:
    """The rows of `providers/facts/NAME.toml`, by the platform's `name`. No key, no network, no SDK."""

    name: str

    def capabilities(self, on: date) -> Mapping[Capability, Support]:
        """What may be asked on that day, with reasons and dates."""
        return facts.capabilities(self.name, on)

    def dialect(self, method: Method) -> Dialect:
        """The lines of the platform's training files."""
        raise NotImplementedError

    def dialect_for(self, model: str, method: Method) -> Dialect:
        """The same lines for every base model."""
        return self.dialect(method)

    def models(self) -> Sequence[ModelFacts]:
        """The base models known by our dated facts."""
        return facts.models(self.name)

    def model(self, name: str) -> ModelFacts:
        """Facts of one base model. Raises `NotFound` with the nearest names."""
        return facts.model(self.name, name)

    def prices(self, model: str, method: Method, hyperparameters: Hyperparameters) -> Sequence[Price]:
        """Dated price rows."""
        return facts.prices(self.name, model, method, hyperparameters)

    def token_rules(self, model: str, method: Method, hyperparameters: Hyperparameters) -> TokenRules:
        """How rows become billed tokens."""
        return facts.token_rules(self.name, model, method, hyperparameters)

    def recipe(self, model: str, method: Method, given: Hyperparameters, rows: int, validation_rows: int) -> Recipe:
        """`given` completed by presets. Raises `Unsupported` naming any value, or method, that cannot be taken."""
        refuse_method(self.name, model, method)
        self.refuse_settings(model, method, given)
        return complete(given, self.presets(model, method, given, rows, validation_rows))

    def refuse_settings(self, model: str, method: Method, given: Hyperparameters) -> None:
        """Raises `Unsupported` naming a setting that cannot be sent."""
        raise NotImplementedError

    def presets(
        self, model: str, method: Method, given: Hyperparameters, rows: int, validation_rows: int
    ) -> Mapping[str, tuple[Any, str]]:
        """What stands for each setting that is left open, with the reason."""
        return facts.presets(self.name, model, method, rows, validation_rows, lora=given.lora)

    def settling(self) -> Settling:
        """How long a job may still appear after a lost reply."""
        return facts.settling(self.name)

    def batch_limits(self) -> BatchLimits | None:
        """The most that one batch may hold; None where the platform has no batches."""
        return facts.batch_limits(self.name)

    def batch_line(self, custom_id: str, model: str, example: Example, sampling: Sampling) -> bytes:
        """Raises `Unsupported`."""
        raise Unsupported("this platform answers no batches of questions", provider=self.name, operation="batch_line")

    @property
    def webhook_variable(self) -> str | None:
        """The environment variable of the webhooks' signing secrets; None where the platform sends none."""
        told = facts.webhooks(self.name)
        return told.variable if told else None

    def webhook(
        self, headers: Mapping[str, str], body: bytes, secrets: Sequence[Secret], now: datetime
    ) -> WebhookNews | None:
        """What a delivery says; None for one about no job. Raises `InvalidData`, `Auth`, `Unsupported`."""
        told = facts.webhooks(self.name)
        if told is None:
            raise Unsupported("this platform sends no webhooks", provider=self.name, operation="webhook")
        return read_webhook(told, headers, body, secrets, now, self.name)
