"""Which price rows hold for one model, method and setting, and how its rows become billed tokens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from ..records import Hyperparameters, Method, Price, PriceItem, TokenRules
from ._models import base_name, row_of, tier_of
from ._tables import Row, Table, amount, source, table

__all__ = ["prices", "token_rules"]

_MINIMUM = "minimum"
_ITEMS = {item.value: item for item in PriceItem}


def prices(
    platform: str, model: str, method: Method = Method.SFT, hyperparameters: Hyperparameters | None = None
) -> tuple[Price, ...]:
    """The dated rows for this model: at most one per item, the most specific and then the newest.

    `usd` None is a price that exists and is not verified. A training row per "job" is the least a job costs.
    Inference prices are ours and not `genai-prices` (0.2.3): of the models here it lacks the tuned gpt-4.1 family and
    most of Together's, and differs on gpt-6-luna; elsewhere it agrees, so it would add 3 MB and no knowledge.
    """
    chosen: dict[str, tuple[tuple[int, int, int], Row]] = {}
    for key, rank, row in _matching(platform, model, method, hyperparameters or Hyperparameters()):
        if key not in chosen or rank > chosen[key][0]:
            chosen[key] = (rank, row)
    found = {key: _price(table(platform), model, key, row) for key, (_, row) in chosen.items()}
    return tuple(_asked_as_tuned(found) if base_name(platform, model) != model else found.values())


def _asked_as_tuned(found: Mapping[str, Price]) -> Iterator[Price]:
    """A tuned model that is trained further is a base that is asked at its own, tuned prices."""
    for key, price in found.items():
        tuned = found.get(f"tuned_{key}")
        yield replace(tuned, item=price.item) if tuned else price


def token_rules(
    platform: str, model: str, method: Method = Method.SFT, hyperparameters: Hyperparameters | None = None
) -> TokenRules:
    """How this platform counts: template overhead by model family, truncation, validation, packing.

    Only supervised context lengths are listed, so nothing is truncated in a preference job: the count is then high.
    """
    facts, row = table(platform), row_of(platform, model)
    rules = facts["tokens"]
    template = facts.get("families", {}).get((row or {}).get("family"), rules)
    extra = (hyperparameters or Hyperparameters()).extra
    listed = {**facts["model_defaults"], **(row or {})}.get("context_tokens") if method is Method.SFT else None
    limit = extra.get(rules.get("length_key", ""), listed)
    return TokenRules(
        per_example=template["per_example"],
        per_message=template["per_message"],
        without_system=template.get("without_system", 0),
        tolerance=template.get("tolerance", 0),
        truncate_at=int(limit) if limit is not None and rules["truncate"] else None,
        validation_billed=rules.get("validation_billed"),
        validation_passes=int(extra.get(rules.get("passes_key", ""), 0)),
        pads_to_context=extra.get(rules.get("packing_key", "")) is False,
        counts_rejected=rules.get("counts_rejected", "unknown"),
        source="; ".join(dict.fromkeys(source(facts, told["source"]).text for told in (rules, template))),
    )


def _matching(
    platform: str, model: str, method: Method, given: Hyperparameters
) -> Iterator[tuple[str, tuple[int, int, int], Row]]:
    """Every (price key, rank, row) that applies; a higher rank is more specific, then newer."""
    facts = table(platform)
    base, tier = base_name(platform, model), tier_of(facts, row_of(platform, model))
    lora = facts.get("lora_default") if given.lora is None else given.lora
    for row in facts["prices"]:
        about = 2 if base in row.get("models", ()) else 1 if tier and row.get("tier") == tier else 0
        if not about and row.get("models") != "*":
            continue
        if row.get("method", method) != method or row.get("lora", lora) != lora:
            continue
        rank = (about, ("method" in row) + ("lora" in row), source(facts, row["source"]).as_of.toordinal())
        yield from ((key, rank, row) for key in row if key in _ITEMS or key == _MINIMUM)


def _price(facts: Table, model: str, key: str, row: Row) -> Price:
    said_by, told = source(facts, row["source"]), amount(row[key])
    return Price(
        item=PriceItem.TRAIN if key == _MINIMUM else _ITEMS[key],
        model=model,
        usd=told.usd,
        low_usd=told.low_usd,
        per="job" if key == _MINIMUM else "hour" if key == PriceItem.HOSTING else "mtok",
        as_of=said_by.as_of,
        source=said_by.text,
        note=row.get("note", ""),
    )
