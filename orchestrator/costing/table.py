"""Several quotes beside each other, as rows that help to choose. Printing is left to the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from .records import Quote, jsonable

__all__ = ["Compared", "compare_table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One target: what it costs, how long it takes, what can be chosen, when it ends, how it is served.

    `cheapest` is set on the lowest high end among complete quotes, and on none where any quote is incomplete: a
    partial sum proves nothing about a total.
    """

    target: str
    total: str
    low_usd: Decimal
    high_usd: Decimal
    complete: bool
    unknown: tuple[str, ...]
    hours: tuple[Decimal, Decimal] | None
    billed_tokens: int
    exact: bool
    customisation: str
    ends: date | None
    closes_to_jobs: date | None
    serving: str
    a_year_usd: tuple[Decimal, Decimal]
    sandbox: bool
    cheapest: bool = False

    def to_json(self) -> dict[str, Any]:
        """Every field, Decimals as plain strings."""
        told: dict[str, Any] = jsonable(self)
        return told


def compare_table(quotes: Sequence[Quote]) -> tuple[Compared, ...]:
    """One row a quote, in the order given."""
    real = [quote for quote in quotes if not quote.sandbox]
    comparable = len(real) > 1 and all(quote.complete for quote in real)
    best = min((quote.high_usd for quote in real), default=None) if comparable else None
    return tuple(_compared(quote, best) for quote in quotes)


def _compared(quote: Quote, best_usd: Decimal | None) -> Compared:
    ends = {note.kind: note.on for note in quote.dates}
    return Compared(
        target=f"{quote.provider}:{quote.model}",
        total=quote.total_text,
        low_usd=quote.low_usd,
        high_usd=quote.high_usd,
        complete=quote.complete,
        unknown=quote.unknown,
        hours=quote.hours,
        billed_tokens=quote.billed_tokens,
        exact=quote.train_tokens.exact,
        customisation=quote.customisation,
        ends=ends.get("shutdown"),
        closes_to_jobs=ends.get("jobs_close"),
        serving=quote.serving,
        a_year_usd=(quote.maintenance.low_usd, quote.maintenance.high_usd),
        sandbox=quote.sandbox,
        cheapest=best_usd is not None and not quote.sandbox and quote.high_usd == best_usd,
    )
