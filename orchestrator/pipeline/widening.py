"""A run's quote with all that its evaluation will ask: every candidate on a line of its own, every sample counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from providers.records import Price, PriceItem

from ..costing import Quote, QuoteLine, with_asking
from ..dataset.records import Dataset
from ..evaluation.questions import Question, questions
from ..settings import RunSettings
from .answering import Served, tuned_candidate
from .asking import line_of
from .candidates import Around, ask_for_checkpoints, further
from .pricing import price_rows
from .session import Account

__all__ = ["widened"]


def widened(
    quoted: Quote,
    settings: RunSettings,
    dataset: Dataset,
    *,
    account: Callable[[str], Account],
    home: Path,
    made: Mapping[str, str],
) -> Quote:
    """The quote for all candidates of the run. Where one of them is real money, none of it is called play money.

    Checkpoints have a line although they do not exist yet; how many a job will save is not known before it ran.
    """
    asked = questions(dataset.split.test) if settings.also or settings.also_prompts or settings.also_shots else ()
    around = Around(settings=settings, dataset=dataset, asked=asked, account=account, home=home, made=made)
    served = further(around)
    real = [item for item in served if item.recorded is None and not item.account.sandbox]
    pays = bool(real) or not quoted.sandbox
    more = [line for item in served for line in _lines(settings, item, asked, pays)]
    more += _checkpoint_lines(around, asked, pays)
    wide = with_asking(quoted, more, settings.samples)
    return replace(wide, sandbox=quoted.sandbox and not real)


def _lines(settings: RunSettings, item: Served, asked: Sequence[Question], pays: bool) -> Iterator[QuoteLine]:
    told, price = line_of(settings, item, asked), _price(settings, item)
    aside = pays and item.account.sandbox
    yield QuoteLine(
        item="evaluation",
        part=told.name,
        low_usd=Decimal(0) if aside else told.low_usd,
        high_usd=Decimal(0) if aside else told.usd,
        basis=f"{told.label}: {told.basis}" + ("; at a loopback address, not money" if aside else ""),
        source=price.source if price else "",
        as_of=price.as_of if price else None,
    )
    if item.dedicated:
        rent = None if item.usd_per_hour is None else item.hosting_usd
        yield QuoteLine(item="hosting", part=told.name, low_usd=rent, high_usd=rent, basis=f"{told.label}: its machine")


def _price(settings: RunSettings, item: Served) -> Price | None:
    """The dated row that a candidate's prompts are priced by."""
    usd, rows = item.candidate.input_usd_per_mtok, price_rows(settings, item.account, item.counts_as)
    into = [row for row in rows if row.item in (PriceItem.INPUT, PriceItem.TUNED_INPUT)]
    return next((row for row in into if usd is not None and row.usd == usd), None)


def _checkpoint_lines(around: Around, asked: Sequence[Question], pays: bool) -> Iterator[QuoteLine]:
    settings, base = around.settings, around.base
    for entry in ask_for_checkpoints(settings):
        if entry == "checkpoints":
            basis = "every checkpoint that the job will save; how many is not known before it has run"
            yield QuoteLine(item="evaluation", part=entry, low_usd=None, high_usd=None, basis=basis)
            continue
        made = tuned_candidate(settings, around.account(base.provider), base.model, base.model, entry)
        named = replace(made, candidate=replace(made.candidate, label="of the job to come"))
        yield from _lines(settings, named, asked, pays)
