"""Quotes for a person to read: one target in full, several as a table that helps to choose."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING

from .options import limit, money
from .shell import Shell

if TYPE_CHECKING:
    from rich.console import Console

    from ..costing import Compared, Quote, QuoteLine
    from ..nouns.limits import Limits

__all__ = ["print_limits", "print_quote", "print_quotes"]

_NAME, _AMOUNT = 21, 20


def print_quotes(shell: Shell, quotes: Sequence[Quote]) -> None:
    """Each in full; several side by side first."""
    if len(quotes) > 1:
        _print_table(shell.out, quotes)
    for quote in quotes:
        print_quote(shell.out, quote)


def _print_table(console: Console, quotes: Sequence[Quote]) -> None:
    from rich.table import Table

    from ..costing import compare_table

    table = Table(
        title="the same pairs, platform by platform",
        title_justify="left",
        box=None,
        expand=True,
        pad_edge=False,
        padding=(0, 2, 1, 0),
    )
    for head, ratio in (
        ("target", 30),
        ("cost", 24),
        ("hours", 7),
        ("tokens", 10),
        ("what it offers", 26),
        ("until", 13),
    ):
        table.add_column(head, overflow="fold", ratio=ratio)
    for row in compare_table(quotes):
        hours = f"{row.hours[0]}-{row.hours[1]}" if row.hours else "unknown"
        exact = "" if row.exact else "about "
        mark = " (cheapest)" if row.cheapest else ""
        table.add_row(
            row.target,
            row.total + mark,
            hours,
            f"{exact}{row.billed_tokens:,}",
            f"{row.customisation}; served {row.serving}",
            _until(row),
        )
    console.print(table)
    console.print()


def _until(row: Compared) -> str:
    days = [(row.closes_to_jobs, "new jobs"), (row.ends, "answers")]
    return ", ".join(f"{day.isoformat()} for {what}" for day, what in days if day is not None) or "no end known"


def print_quote(console: Console, quote: Quote) -> None:
    """The components, the total, the document's band, upkeep and dates; sources stand below, by number."""
    sources: dict[str, int] = {}
    count = quote.train_tokens
    exact = "counted exactly" if count.exact else f"between {count.low:,} and {count.high:,}"
    console.print(f"quote for {quote.provider}:{quote.model}, {quote.method.value}", style="bold")
    console.print(
        f"  {count.about}{count.rows:,} training rows, {count.tokens:,} tokens a pass ({exact}); "
        f"{count.about}{quote.billed_tokens:,} billed"
    )
    if quote.sample:
        console.print(f"  {quote.sample.text}", style="yellow")
    for line in quote.lines:
        _row(console, line.name, _spread(line.low_usd, line.high_usd), line.basis + _mark(line, sources))
        if line.note and not quote.sandbox:
            _row(console, "", "", line.note, style="dim")
    console.print(f"  total: {quote.total_text}", style="bold")
    if quote.track:
        console.print(f"  {quote.track.text}")
    _print_around(console, quote)
    for text, number in sources.items():
        console.print(f"  [{number}] {text}", style="dim")


def _print_around(console: Console, quote: Quote) -> None:
    """What stands around the bill: the whole project's band, upkeep, why each preset, dates and warnings."""
    band = f"{quote.band.name}, {quote.band.text}. " if quote.band else ""
    console.print(f"  band: {band}{quote.band_text}")
    upkeep = quote.maintenance
    few, many = upkeep.retrains
    console.print(f"  a year of {few} to {many} retrains: {upkeep.text}. {upkeep.note}".rstrip())
    for name, reason in quote.recipe.reasons.items():
        value = quote.recipe.hyperparameters.extra.get(name, getattr(quote.recipe.hyperparameters, name, None))
        console.print(f"  preset {name}={value}: {reason}", style="dim")
    warned = {note.on for note in quote.dates if note.warn}
    for note in quote.dates:
        if note.on not in warned:
            console.print(f"  {note.on}: {note.text} ({note.days_left} days)")
    for warning in quote.warnings:
        console.print(f"  {warning}", style="yellow")


def print_limits(console: Console, limits: Limits) -> None:
    """Which ledger and which caps this spending would be held against."""
    caps = ", ".join(f"{scope} {limit(usd)}" for scope, usd in sorted(limits.caps.items()))
    made = "" if limits.exists else " (made by the first run)"
    spent = f"; {money(limits.used)} spent or reserved this month" if limits.exists else ""
    console.print(
        f"ledger: {limits.ledger}{made}, project {limits.project}; caps: {caps or 'none but --max-usd'}{spent}"
    )


def _mark(line: QuoteLine, sources: dict[str, int]) -> str:
    """` [2]`, the number under which the line's source stands below the quote."""
    if not (line.source and line.as_of):
        return ""
    text = f"{line.source}, as of {line.as_of}"
    return f" [{sources.setdefault(text, len(sources) + 1)}]"


def _row(console: Console, name: str, amount: str, text: str, style: str = "") -> None:
    """Three columns; what does not fit the width goes on under the third."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2), pad_edge=False)
    table.add_column(width=_NAME)
    table.add_column(width=_AMOUNT, justify="right")
    table.add_column(style=style, overflow="fold")
    table.add_row(f"  {name}", amount, text)
    console.print(table)


def _spread(low: Decimal | None, high: Decimal | None) -> str:
    from ..costing import usd_span, usd_text

    if low is None:
        return "unknown"
    return f"at least {usd_text(low, rounding=ROUND_FLOOR)}" if high is None else usd_span(low, high)
