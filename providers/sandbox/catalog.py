"""The base models that the sandbox pretends to have: those of the dated facts, under the platforms' own names.

It says their shutdown dates and enforces none: here a model goes on answering, and can be tuned if it ever could.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from .. import facts
from ..records import Hyperparameters, Method, ModelFacts, PriceItem

__all__ = ["BaseModel", "base_model", "base_models"]

_SMALL = "sandbox-small"
_CONTEXT_TOKENS = 32_768  # where the facts know none
_SPECIAL_USD = Decimal("9.00")  # per million tokens, where no source has a price: the least of the special range

_ALIASES = {
    ("openai", "small"): _SMALL,
    ("together", "small"): _SMALL,
    ("openai", "gpt-4.1"): "gpt-4.1-2025-04-14",
    ("openai", "gpt-4.1-mini"): "gpt-4.1-mini-2025-04-14",
    ("openai", "gpt-4.1-nano"): "gpt-4.1-nano-2025-04-14",
    ("openai", "gpt-4o"): "gpt-4o-2024-08-06",
    ("openai", "gpt-4o-mini"): "gpt-4o-mini-2024-07-18",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseModel:
    """One base. `shutdown`: the first day without it, YYYY-MM-DD, as its platform says."""

    name: str
    wire: str
    methods: tuple[Method, ...] = (Method.SFT, Method.DPO)
    shutdown: str | None = None
    context_tokens: int = _CONTEXT_TOKENS

    @property
    def tunable(self) -> bool:
        """Whether it can be, or ever could be, trained."""
        return bool(self.methods)

    @property
    def full(self) -> bool:
        """Whether all its weights can be trained: where the platform has a price for that."""
        return self._rate(Method.SFT, lora=False) is not None

    def train_usd(self, method: str, lora: bool, tokens: int) -> Decimal:
        """Dollars for `tokens` processed in training. The sandbox bills nobody; it says what the platform would."""
        rate = self._rate(Method.DPO if method == "dpo" else Method.SFT, lora)
        return (rate or _SPECIAL_USD) * tokens / 1_000_000

    def _rate(self, method: Method, lora: bool) -> Decimal | None:
        platform, name = ("sandbox", "small") if self.name == _SMALL else (self.wire, self.name)
        rows = facts.prices(platform, name, method, Hyperparameters(lora=lora))
        return next((row.usd for row in rows if row.item is PriceItem.TRAIN and row.per == "mtok"), None)


def base_models(wire: str) -> list[BaseModel]:
    """Every base on that wire, ours first."""
    return list(_table(wire).values())


def base_model(wire: str, name: str) -> BaseModel | None:
    """The base of that name on that wire, following the platforms' own aliases; None when there is none."""
    return _table(wire).get(_ALIASES.get((wire, name), name))


@cache
def _table(wire: str) -> Mapping[str, BaseModel]:
    ours = BaseModel(name=_SMALL, wire=wire)
    return {model.name: model for model in (ours, *(_known(wire, told) for told in facts.models(wire)))}


def _known(wire: str, told: ModelFacts) -> BaseModel:
    return BaseModel(
        name=told.name,
        wire=wire,
        methods=told.methods,
        shutdown=told.shutdown.isoformat() if told.shutdown else None,
        context_tokens=told.context_tokens or _CONTEXT_TOKENS,
    )
