"""What tuning costs before a cent is spent: tokens, prices, bands, quotes. Pure: no network, no key, no clock.

Facts and prices come from `providers`; whether to spend is left to the budget and the user.
"""

from __future__ import annotations

from .advice import advise, data_facts
from .advice_records import Advice, AdviceInput, DataFacts
from .document import band_for
from .elsewhere import elsewhere
from .overrides import Overrides, load_overrides
from .quoting import ACCEPT_DAYS, WARN_DAYS, quote, with_asking
from .records import (
    Ask,
    AskedBeside,
    Band,
    DateNote,
    Maintenance,
    PastBill,
    Quote,
    QuoteLine,
    TokenCount,
    TrackNote,
    usd_limit,
    usd_span,
    usd_text,
)
from .table import Compared, compare_table
from .tokens import count, tokenizer_of
from .track import job_ends

__all__ = [
    "ACCEPT_DAYS",
    "WARN_DAYS",
    "Advice",
    "AdviceInput",
    "Ask",
    "AskedBeside",
    "Band",
    "Compared",
    "DataFacts",
    "DateNote",
    "Maintenance",
    "Overrides",
    "PastBill",
    "Quote",
    "QuoteLine",
    "TokenCount",
    "TrackNote",
    "advise",
    "band_for",
    "compare_table",
    "count",
    "data_facts",
    "elsewhere",
    "job_ends",
    "load_overrides",
    "quote",
    "tokenizer_of",
    "usd_limit",
    "usd_span",
    "usd_text",
    "with_asking",
]
