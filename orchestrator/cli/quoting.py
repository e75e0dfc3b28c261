"""Quotes for a person to read: one target in full, several as a table that helps to choose."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from .options import money
from .shell import Shell

if TYPE_CHECKING:
    from rich.console import Console

    from ..costing import Quote

__all__ = ["print_quote", "print_quotes"]


def print_quotes(shell: Shell, quotes: Sequence[Quote]) -> None:
    """Each in full; several side by side first."""
    if len(quotes) > 1:
        _print_table(shell.out, quotes)
    for quote in quotes:
        print_quote(shell.out, quote)


def _print_table(console: Console, quotes: Sequence[Quote]) -> None:
    from rich.table import Table

    from ..costing import compare_table

    table = Table(title="the same pairs, platform by platform", title_justify="left", box=None, pad_edge=False)
    for head in ("target", "cost", "hours", "tokens", "what can be customised", "closes to new jobs", "ends", "served"):
        table.add_column(head, overflow="fold")
    for row in compare_table(quotes):
        hours = f"{row.hours[0]}-{row.hours[1]}" if row.hours else "unknown"
        exact = "" if row.exact else "about "
        mark = " (cheapest)" if row.cheapest else ""
        table.add_row(
            row.target,
            row.total + mark,
            hours,
            f"{exact}{row.billed_tokens:,}",
            row.customisation,
            _day(row.closes_to_jobs),
            _day(row.ends),
            row.serving,
        )
    console.print(table)
    console.print()


def _day(day: Any) -> str:
    return "no end known" if day is None else day.isoformat()


def print_quote(console: Console, quote: Quote) -> None:
    """The components, the total, the document's band, upkeep and dates, each with where it comes from."""
    console.print(f"quote for {quote.provider}:{quote.model}, {quote.method.value}", style="bold")
    count = quote.train_tokens
    exact = "counted exactly" if count.exact else f"between {count.low:,} and {count.high:,}"
    console.print(
        f"  {count.rows} training rows, {count.tokens:,} tokens a pass ({exact}); billed {quote.billed_tokens:,}"
    )
    for line in quote.lines:
        spread = _spread(line.low_usd, line.high_usd)
        dated = f"  [{line.source}, as of {line.as_of}]" if line.source and line.as_of else ""
        console.print(f"  {line.name:<20} {spread:>22}  {line.basis}{dated}")
        if line.note and not quote.sandbox:
            console.print(f"  {'':<20} {'':>22}  {line.note}", style="dim")
    console.print(f"  total: {quote.total_text}", style="bold")
    console.print(f"  band: {quote.band_text}")
    upkeep = quote.maintenance
    few, many = upkeep.retrains
    a_year = _spread(upkeep.low_usd, upkeep.high_usd)
    at_least = "" if upkeep.complete else "at least "
    console.print(f"  a year of {few} to {many} retrains: {at_least}{a_year}. {upkeep.note}".rstrip())
    for name, reason in quote.recipe.reasons.items():
        value = quote.recipe.hyperparameters.extra.get(name, getattr(quote.recipe.hyperparameters, name, None))
        console.print(f"  preset {name}={value}: {reason}", style="dim")
    for note in quote.dates:
        console.print(f"  {note.on}: {note.text} ({note.days_left} days)", style="yellow" if note.warn else "")
    for warning in quote.warnings:
        console.print(f"  {warning}", style="yellow")


def _spread(low: Decimal | None, high: Decimal | None) -> str:
    if low is None and high is None:
        return "unknown"
    return money(low) if low == high else f"{money(low)} to {money(high)}"
