"""A bill by a person's word, for what no platform ever prices. Refused while something else will still tell."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa

from ..errors import UsageError
from . import schema
from .batches import BATCH_OPEN
from .budget import close
from .engine import writing
from .intents import UNRESOLVED, IntentState
from .leases import LeaseStage
from .spending import Spending, spendings

__all__ = ["BY_WORD", "settle_by_word"]

BY_WORD = "a person's word"


def settle_by_word(engine: sa.Engine, spending_id: str, usd: Decimal, now: datetime) -> Spending:
    """Settle what is reserved, or what a person settled before. Raises `UsageError` saying what to do instead."""
    by_id = schema.spending.c.id == spending_id
    with writing(engine) as connection:
        (item,) = spendings(connection, by_id) or (None,)
        if item is None:
            raise UsageError(f"no spending {spending_id!r} in this ledger", fix="tunewright budget show")
        _refuse_settled(item)
        _refuse_undecided(connection, item)
        close(connection, spending_id, "settled", usd, now, BY_WORD)
        return spendings(connection, by_id)[0]


def _refuse_settled(item: Spending) -> None:
    if item.state == "reserved" or item.basis == BY_WORD:
        return
    raise UsageError(
        f"{item.id} is {item.state} already ({item.basis or 'as billed'}); a word does not change a bill",
        where=item.id,
        fix="tunewright budget show lists what is still reserved",
    )


def _refuse_undecided(connection: sa.Connection, item: Spending) -> None:
    kind, _, name = item.id.partition(":")
    if kind == "training":
        state = connection.execute(sa.select(schema.intent.c.state).where(schema.intent.c.id == name)).scalar()
        if state in UNRESOLVED:
            raise _too_soon(item, "whether the job was created is not known yet", "tunewright jobs recover")
        if state == IntentState.CREATED:
            raise _too_soon(item, "its job has not ended", f"tunewright jobs show {name}, when it has ended")
    if kind == "evaluation":
        columns = schema.batch.c
        under_way = sa.select(columns.id).where(columns.evaluation_id == name, columns.state.in_(BATCH_OPEN))
        if connection.execute(under_way).first() is not None:
            raise _too_soon(item, "a batch of it is, or may be, under way", "tunewright evaluate, which collects it")
    if kind == "lease":
        state = connection.execute(sa.select(schema.lease.c.state).where(schema.lease.c.id == name)).scalar()
        if state is not None and state != LeaseStage.STOPPED:
            raise _too_soon(item, "its machine is not known to be stopped", f"tunewright leases stop {name}")


def _too_soon(item: Spending, why: str, fix: str) -> UsageError:
    return UsageError(f"{item.id} cannot be settled by word: {why}", where=item.id, fix=fix)
