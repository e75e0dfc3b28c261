"""A run that has begun: its settings, its dataset, its quote and the files to upload."""

from __future__ import annotations

from dataclasses import dataclass

from providers.records import ProviderFile

from ..costing import Quote
from ..dataset.records import Dataset
from ..ledger import Run
from ..settings import RunSettings
from .quoting import reserve_usd
from .session import Account
from .training import Training

__all__ = ["Begun"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A run whose pairs are checked, split, converted and quoted. Nothing is sent yet."""

    run: Run
    settings: RunSettings
    dataset: Dataset
    quote: Quote | None
    account: Account
    files: tuple[ProviderFile, ...] = ()

    @property
    def training(self) -> Training:
        """What to buy."""
        assert self.quote is not None
        return Training(
            settings=self.settings,
            account=self.account,
            recipe=self.quote.recipe,
            files=self.files,
            reserve_usd=reserve_usd(self.quote, "training", "validation"),
            run_id=self.run.id,
            then_usd=reserve_usd(self.quote, "evaluation", "hosting"),
            basis=_basis(self.quote),
        )


def _basis(quote: Quote) -> str:
    """How the training money came about: each part with its price and its day."""
    parts = [line for line in quote.lines if line.item in ("training", "validation")]
    return "; ".join(f"{line.name}: {line.basis}" + (f" (as of {line.as_of})" if line.as_of else "") for line in parts)
