"""Quotes against bills: what a finished job teaches the next quote of its platform."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from providers.contract import Connection
from providers.records import RemoteJob

from ..costing import PastBill, Quote, job_ends
from .session import Account

if TYPE_CHECKING:
    # Named only: a quote without a ledger waits for no database.
    from ..ledger import Bill, Intent

__all__ = ["bill_row", "past_bills"]


def past_bills(bills: Sequence[Bill], provider: str, connection: Connection) -> tuple[PastBill, ...]:
    """The bills of this platform at this server, the newest first; play money and real never mix."""
    return tuple(
        PastBill(bill.model, bill.ratio)
        for bill in bills
        if bill.provider == provider
        and bill.sandbox == connection.is_sandbox
        and (bill.sandbox or _server(bill) == connection.base_url)
        and bill.ratio is not None
    )


def _server(bill: Bill) -> str | None:
    return Account.recorded(bill.provider, bill.account).connection.base_url


def bill_row(intent: Intent, quote: Quote, job: RemoteJob, usd: Decimal | None, at: datetime) -> dict[str, Any]:
    """One row of the record, by column: the range before an earlier record opened it, and the bill."""
    ends = (quote.track.low_usd, quote.track.high_usd) if quote.track else job_ends(quote.lines)
    low_usd, high_usd = ends or (None, None)
    epochs = quote.recipe.hyperparameters.epochs
    trained = quote.train_tokens
    beside = quote.billed_tokens - trained.tokens * (epochs or 1)  # validation, where it is known to be billed
    return {
        "intent_id": intent.id,
        "provider": intent.provider,
        "account": intent.account,
        "model": intent.plan.model,
        "method": intent.plan.method.value,
        "sandbox": intent.sandbox,
        "quoted_low_usd": low_usd,
        "quoted_high_usd": high_usd,
        "billed_usd": usd,
        "quoted_tokens_low": trained.low * epochs + beside if epochs else None,
        "quoted_tokens_high": trained.high * epochs + beside if epochs else None,
        "billed_tokens": job.billed_tokens,
        "at": at,
    }
