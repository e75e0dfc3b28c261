"""The most that asking two existing models can cost: every prompt once, every answer as long as it may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import ROUND_CEILING, Decimal

from providers.errors import NotFound
from providers.records import Example

from ..costing import count, usd_limit, usd_text
from ..errors import BudgetRefused
from ..settings import RunSettings
from .evaluating import Served

__all__ = ["most_usd", "refuse_unbounded"]

_MILLION = Decimal(1_000_000)


def most_usd(settings: RunSettings, served: Served, model: str, prompts: Sequence[Example]) -> Decimal | None:
    """Dollars for all answers of one side; `model`: the base by which its tokens are counted. None: not known.

    A rented machine bills by the hour: its answers cost nothing of their own.
    """
    candidate, platform = served.candidate, served.account.platform
    if served.dedicated:
        return Decimal(0)
    if candidate.input_usd_per_mtok is None or candidate.output_usd_per_mtok is None:
        return None
    try:
        facts = platform.model(model)
        rules = platform.token_rules(model, settings.method, settings.hyperparameters)
    except NotFound:
        return None
    told = count(prompts, replace(rules, pads_to_context=False), facts)
    into = -(-told.prompt_tokens * told.high // told.tokens) if told.tokens else told.prompt_tokens
    out = told.rows * settings.sampling.max_tokens
    return (into * candidate.input_usd_per_mtok + out * candidate.output_usd_per_mtok) / _MILLION


def refuse_unbounded(most: Decimal | None, settings: RunSettings, *, sandbox: bool) -> None:
    """Raises `BudgetRefused` where the cap of the run is too low, or neither a price nor a cap bounds the asking."""
    cap = settings.max_usd
    if most is not None and cap is not None and most > cap:
        raise BudgetRefused(
            f"asking both models may cost up to {usd_text(most, rounding=ROUND_CEILING)}, and --max-usd is "
            f"{usd_limit(cap)}",
            fix="raise --max-usd, or ask less: fewer pairs, or a lower --max-tokens",
        )
    if most is None and cap is None and not (sandbox or settings.accept_unknown):
        raise BudgetRefused(
            "the price of asking these models is not known, so no budget can be held for it",
            fix="give --max-usd, which is held in its place, or your own price file with --prices, or say "
            "--accept-unknown",
        )
