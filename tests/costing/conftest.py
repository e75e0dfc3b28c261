"""A keyless platform that answers from rows a test gives it, and short ways to ask for a quote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from orchestrator.costing import Ask
from providers import facts
from providers.records import (
    Capability,
    Example,
    Hyperparameters,
    Message,
    Method,
    ModelFacts,
    Price,
    PriceItem,
    Recipe,
    Sampling,
    Support,
    TokenRules,
)

CHECKED = date(2026, 11, 1)


def make_price(item: PriceItem, usd: str | None, per: Any = "mtok", low: str | None = None) -> Price:
    high = None if usd is None else Decimal(usd)
    least = None if low is None else Decimal(low)
    return Price(item=item, model="m", usd=high, low_usd=least, per=per, as_of=CHECKED, source="a price list")


PRICES = (
    make_price(PriceItem.TRAIN, "5.00"),
    make_price(PriceItem.INPUT, "0.40"),
    make_price(PriceItem.OUTPUT, "1.60"),
    make_price(PriceItem.TUNED_INPUT, "0.80"),
    make_price(PriceItem.TUNED_OUTPUT, "3.20"),
)


@dataclass
class DeskPlatform:
    """The keyless half of a platform: exact tokens, everything known, served by the token, no end date."""

    name: str = "desk"
    title: str = "Desk"
    facts: ModelFacts = field(
        default_factory=lambda: ModelFacts(
            name="m", tunable=Support(answer="yes"), tokenizer="o200k_base", tuned_serving="serverless", source="a page"
        )
    )
    rows: tuple[Price, ...] = PRICES
    rules: TokenRules = field(default_factory=lambda: TokenRules(validation_billed=True, validation_passes=2))
    epochs: int | None = 3

    def model(self, name: str) -> ModelFacts:
        return self.facts

    def prices(self, model: str, method: Method, hyperparameters: Hyperparameters) -> Sequence[Price]:
        return self.rows

    def token_rules(self, model: str, method: Method, hyperparameters: Hyperparameters) -> TokenRules:
        return self.rules

    def recipe(self, model: str, method: Method, given: Hyperparameters, rows: int, validation_rows: int) -> Recipe:
        return Recipe(replace(given, epochs=given.epochs or self.epochs), {"epochs": "the desk's habit"})

    def capabilities(self, on: date) -> Mapping[Capability, Support]:
        return {Capability.SFT: Support(answer="yes"), Capability.LORA: Support(answer="yes")}

    def without(self, item: PriceItem) -> DeskPlatform:
        """The same with that price unverified."""
        return replace(self, rows=tuple(replace(row, usd=None) if row.item is item else row for row in self.rows))


@dataclass
class FactsPlatform(DeskPlatform):
    """The keyless half as our own dated facts have it."""

    def model(self, name: str) -> ModelFacts:
        return facts.model(self.name, name)

    def prices(self, model: str, method: Method, hyperparameters: Hyperparameters) -> Sequence[Price]:
        return facts.prices(self.name, model, method, hyperparameters)

    def token_rules(self, model: str, method: Method, hyperparameters: Hyperparameters) -> TokenRules:
        return facts.token_rules(self.name, model, method, hyperparameters)

    def capabilities(self, on: date) -> Mapping[Capability, Support]:
        return facts.capabilities(self.name, on)

    def recipe(self, model: str, method: Method, given: Hyperparameters, rows: int, validation_rows: int) -> Recipe:
        found = facts.presets(self.name, model, method, rows, validation_rows)
        extra = {name: found[name].value for name in ("n_evals",) if name in found}
        settings = replace(given, epochs=given.epochs or found["epochs"].value, extra={**extra, **given.extra})
        return Recipe(settings, {name: preset.reason for name, preset in found.items()})


def make_pair(question: str = "Where is my card?", answer: str = "card_arrival") -> Example:
    return Example((Message("user", question), Message("assistant", answer)))


def make_ask(**changes: Any) -> Ask:
    rows = [make_pair(f"Question number {number}?") for number in range(20)]
    told: dict[str, Any] = {
        "platform": DeskPlatform(),
        "model": "m",
        "method": Method.SFT,
        "hyperparameters": Hyperparameters(),
        "train": rows[:16],
        "validation": rows[16:18],
        "test": rows[18:],
        "sampling": Sampling(max_tokens=100),
        "rows_cleaned": 20,
        "on": date(2026, 11, 22),
    }
    return Ask(**{**told, **changes})


@pytest.fixture(scope="session")
def desk() -> Any:
    """What a costing test needs to ask for quotes."""
    return Desk()


class Desk:
    """The makers above, under one name."""

    ask = staticmethod(make_ask)
    pair = staticmethod(make_pair)
    price = staticmethod(make_price)
    platform = DeskPlatform
    facts_platform = FactsPlatform
