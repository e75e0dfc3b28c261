"""When tuned models stop answering, and who says so: rows of a ledger and of an account, one a model. Pure.

The platform's own word on a model comes first, then its word on the base, then our dated facts about the base; facts
hold at the platform's own host alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from providers.errors import NotFound
from providers.records import JobState, RemoteModel

from ..ledger import Intent
from ..pipeline.session import Account

__all__ = ["Sunset", "joined", "of_account", "of_ledger"]


@dataclass(frozen=True, slots=True)
class Sunset:
    """One tuned model and when it stops answering; `shutdown` None: no end is known.

    `days_left`: until the first day without it; 0 or less: it is gone. `where`: account, ledger, or both. `source`: who
    says the date.
    """

    model: str
    provider: str
    base: str
    shutdown: date | None
    days_left: int | None
    where: str
    source: str = ""

    def dying(self, within: int) -> bool:
        """Whether it still answers, and stops within so many days."""
        return self.days_left is not None and 0 < self.days_left <= within


@dataclass(frozen=True, slots=True)
class _End:
    on: date | None
    source: str = ""


def of_account(account: Account, remote: Sequence[RemoteModel], on: date) -> list[Sunset]:
    """The tuned models that the account sees; one without a date of its own inherits its base's."""
    bases = {model.id: model.shutdown for model in remote if not model.tuned}
    return [_row(account, m, _end(account, m, bases.get(m.base or "")), on) for m in remote if m.tuned]


def _end(account: Account, model: RemoteModel, base_ends: date | None) -> _End:
    if model.shutdown is not None:
        return _End(model.shutdown, "the platform")
    if base_ends is not None:
        return _End(base_ends, f"the platform, of its base {model.base}")
    return _by_facts(account, model.base or model.id)


def _by_facts(account: Account, base: str) -> _End:
    """Our facts also know a tuned model's name by its base."""
    if not account.connection.is_own_host:
        return _End(None)
    try:
        facts = account.platform.model(base)
    except NotFound:
        return _End(None)
    return _End(facts.shutdown, f"{facts.source}, as of {facts.as_of}" if facts.shutdown else "")


def _row(account: Account, model: RemoteModel, end: _End, on: date) -> Sunset:
    left = None if end.on is None else (end.on - on).days
    return Sunset(model.id, account.platform.name, model.base or "", end.on, left, "account", end.source)


def of_ledger(intent: Intent, on: date) -> Sunset | None:
    """The tuned model that this intent's job made; None where it made none."""
    job = intent.job
    if job is None or job.state is not JobState.SUCCEEDED or not job.tuned_model:
        return None
    account = Account.recorded(intent.provider, intent.account)
    model = RemoteModel(id=job.tuned_model, tuned=True, base=intent.plan.model)
    row = _row(account, model, _End(None) if intent.sandbox else _by_facts(account, intent.plan.model), on)
    return replace(row, where="ledger")


def joined(rows: Iterable[Sunset]) -> tuple[Sunset, ...]:
    """One row a model, soonest end first: what an account says outranks the ledger, which may know the base."""
    found: dict[tuple[str, str], Sunset] = {}
    for row in rows:
        key = row.provider, row.model
        known = found.get(key)
        found[key] = row if known is None else _both(known, row)
    return tuple(sorted(found.values(), key=lambda row: (row.shutdown or date.max, row.provider, row.model)))


def _both(first: Sunset, second: Sunset) -> Sunset:
    if first.where == second.where:
        return first
    ledger, account = (first, second) if first.where == "ledger" else (second, first)
    dated = account if account.shutdown is not None else ledger
    return replace(dated, base=account.base or ledger.base, where="account and ledger")
