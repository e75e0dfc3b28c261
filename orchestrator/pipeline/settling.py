"""The bill of a training: how it comes about, what it settles, and the row it leaves beside its quote."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from providers.records import JobState, Price, PriceItem, RemoteJob

from ..costing import Quote
from ..jobs.failpoints import reach
from ..ledger import Bill, Intent, training_spending
from ..ledger.codec import dump, load
from .session import Session
from .track_record import bill_row

__all__ = ["Billing", "bill_usd", "billing", "settle"]

_UNTRAINED = (JobState.FAILED, JobState.CANCELLED, JobState.BLOCKED)
_MILLION = Decimal(1_000_000)


class Billing(NamedTuple):
    """A bill, and how it came about in words."""

    usd: Decimal
    basis: str


async def settle(session: Session, intent: Intent, job: RemoteJob, prices: Sequence[Price]) -> Decimal | None:
    """What was held becomes what was billed. None where the platform does not say; the money then stays reserved,
    unless the job failed before its first step, when nothing was trained. A job that succeeded leaves its quote beside
    its bill for the next quote."""
    desk, now = session.desk, session.desk.clock.now()
    bill = billing(job, prices)
    if bill is None and job.state in _UNTRAINED and not await desk.db(desk.ledger.intents.metrics, intent.id):
        bill = Billing(Decimal(0), f"{job.label} before its first step: nothing was trained")
    if bill is not None:
        spending = training_spending(intent.id)
        reach("before_settle")
        await desk.db(desk.ledger.budget.settle, spending, bill.usd, now, basis=bill.basis)
        reach("after_settle")
    if job.state is JobState.SUCCEEDED:
        await _record(session, intent, job, bill)
    return None if bill is None else bill.usd


async def _record(session: Session, intent: Intent, job: RemoteJob, bill: Billing | None) -> None:
    desk = session.desk
    runs = await desk.db(desk.ledger.runs.of_intent, intent.id)
    quoted = [run for run in runs if run.record.get("quote")]
    if quoted:
        bought = min(quoted, key=lambda run: run.created_at)  # later ones came back to a job that was there
        quote, at = load(Quote, dump(bought.record["quote"])), job.finished_at or desk.clock.now()
        row = bill_row(intent, quote, job, bill.usd if bill else None, at)
        await desk.db(desk.ledger.track_record.put, Bill(**row))


def bill_usd(job: RemoteJob, prices: Sequence[Price]) -> Decimal | None:
    """The bill alone; None when unknown."""
    bill = billing(job, prices)
    return None if bill is None else bill.usd


def billing(job: RemoteJob, prices: Sequence[Price]) -> Billing | None:
    """As the platform states it, else billed tokens × the training price, and at least what a job costs, else machine
    hours × the rate; None when unknown."""
    if job.billed_usd is not None:
        return Billing(job.billed_usd, "the platform's bill")
    hourly = _price(prices, "hour")
    if job.billed_hours is not None and hourly is not None and hourly.usd is not None:
        basis = f"{job.billed_hours:f} h × ${hourly.usd:f}/h (as of {hourly.as_of})"
        return Billing(hourly.usd * job.billed_hours, basis)
    price = _price(prices, "mtok")
    if job.billed_tokens is None or price is None or price.usd is None:
        return None
    usd = price.usd * job.billed_tokens / _MILLION
    basis = f"{job.billed_tokens:,} tokens × ${price.usd:f}/M (as of {price.as_of})"
    least = _price(prices, "job")
    if least is not None and least.usd is not None and usd < least.usd:
        return Billing(least.usd, f"{basis}, and at least ${least.usd:f} a job (as of {least.as_of})")
    return Billing(usd, basis)


def _price(prices: Sequence[Price], per: str) -> Price | None:
    return next((row for row in prices if row.item is PriceItem.TRAIN and row.per == per), None)
