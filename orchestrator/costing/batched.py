"""The prices at which questions are asked by batches, in place of those for asking one by one. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from providers.records import Price, PriceItem

__all__ = ["batch_prices"]

_BY_BATCH: Mapping[PriceItem, PriceItem] = {
    PriceItem.INPUT: PriceItem.BATCH_INPUT,
    PriceItem.OUTPUT: PriceItem.BATCH_OUTPUT,
    PriceItem.TUNED_INPUT: PriceItem.TUNED_BATCH_INPUT,
    PriceItem.TUNED_OUTPUT: PriceItem.TUNED_BATCH_OUTPUT,
}
_NOT_KNOWN = "what a batch costs is not in our facts; held is what asking one by one costs, which is no less"


def batch_prices(prices: Sequence[Price]) -> tuple[Price, ...]:
    """The same rows, those for questions at the price of batches; where that is not known, as they are, and said so."""
    known = {price.item: price for price in prices}
    return tuple(_by_batch(price, known) for price in prices)


def _by_batch(price: Price, known: Mapping[PriceItem, Price]) -> Price:
    wanted = _BY_BATCH.get(price.item)
    if wanted is None:
        return price
    if wanted in known:
        return replace(known[wanted], item=price.item, note="; ".join(filter(None, (price.note, "by batches"))))
    return replace(price, note="; ".join(filter(None, (price.note, _NOT_KNOWN))))
