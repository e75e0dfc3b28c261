"""How long a plan's model has to live: what refuses a plan, what needs a person's word, and what a verdict says of it.

At the platform's own host our dated facts are asked first, then the platform itself; at any other server only what that
server answers counts. Where nothing is money the dates are said, and refuse nothing.
"""

from __future__ import annotations

from datetime import date

from providers.errors import Closed
from providers.records import Capability

from ..costing import ACCEPT_DAYS, WARN_DAYS, Quote
from ..errors import SunsetRefused
from ..ledger import Run
from ..settings import RunSettings
from .session import Account

__all__ = ["ends_soon", "refuse_by_facts", "refuse_by_platform", "shutdown_of"]

_WORD = "--accept-sunset goes on all the same"


def refuse_by_facts(quoted: Quote, settings: RunSettings, account: Account, on: date) -> None:
    """What our facts say on that day. Raises `Closed`, or `SunsetRefused` for what ends within 30 days."""
    if settings.accept_sunset or not account.connection.is_own_host:
        return
    can = account.platform.capabilities(on).get(Capability(quoted.method.value))
    if can is not None and can.answer == "no":
        raise _closed(quoted, f"{account.platform.title} takes no {quoted.method.value} jobs: {can.reason}")
    for note in quoted.dates:
        if (note.on - on).days <= 0:
            raise _closed(quoted, f"{quoted.model}: {note.text}; that was {note.on}")
        if note.kind == "shutdown":
            _refuse_dying(f"{quoted.provider}:{quoted.model}", note.on, on, note.source)


def _closed(quoted: Quote, why: str) -> Closed:
    return Closed(
        why,
        provider=quoted.provider,
        operation="preflight",
        nothing_created=True,
        fix=f"`tunewright estimate` compares platforms; if the platform says otherwise now, {_WORD}",
    )


def refuse_by_platform(target: str, shutdown: date | None, settings: RunSettings, on: date, *, sandbox: bool) -> None:
    """What the platform itself answers at preflight. Raises `SunsetRefused`."""
    if shutdown is not None and not sandbox and not settings.accept_sunset:
        _refuse_dying(target, shutdown, on, "the platform says so")


def _refuse_dying(target: str, shutdown: date, on: date, source: str) -> None:
    left = (shutdown - on).days
    if left <= ACCEPT_DAYS:
        raise SunsetRefused(
            f"{target} stops answering on {shutdown}, {_when(left)}, and every model tuned on it with it ({source})",
            where=target,
            fix=f"choose a model that lives longer (tunewright models ls); {_WORD}",
        )


def shutdown_of(run: Run, quoted: Quote | None) -> date | None:
    """When the run's model ends: as the platform said before the job was bought, else by the quote's facts."""
    if told := run.record.get("shutdown"):
        return date.fromisoformat(told)
    notes = quoted.dates if quoted else ()
    return next((note.on for note in notes if note.kind == "shutdown"), None)


def ends_soon(shutdown: date | None, on: date) -> str | None:
    """The sentence for a verdict, where the model has fewer than 90 days left."""
    if shutdown is None or (shutdown - on).days >= WARN_DAYS:
        return None
    return (
        f"the base stops answering on {shutdown}, {_when((shutdown - on).days)}, and this tuned model with it: plan "
        "the next one now; the pairs and the recipe move to another platform"
    )


def _when(left: int) -> str:
    return f"in {left} days" if left > 0 else "today" if left == 0 else f"{-left} days ago"
