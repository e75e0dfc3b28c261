"""At every start: jobs whose paid request got no clear answer are looked for, machines that a crash left are stopped.

Cheap: where the ledger holds nothing of the kind, nobody is asked. Never in the way: what cannot be tidied is told, and
what the person came for goes on.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass

from providers.errors import ProviderError

from ..errors import TunewrightError
from ..jobs.desk import Desk
from ..jobs.janitor import is_overdue, sweep
from ..jobs.recover import recover
from ..ledger import UNRESOLVED, Intent, LeaseRow
from .session import Account, Session

__all__ = ["tidy", "tidy_all"]


@dataclass(frozen=True, slots=True)
class _Left:
    """What earlier starts have left open at one account."""

    intents: tuple[Intent, ...]
    leases: tuple[LeaseRow, ...]

    @property
    def accounts(self) -> set[tuple[str, str]]:
        """(platform, account) of each."""
        jobs, machines = self.intents, self.leases
        return {(i.provider, i.account) for i in jobs} | {(row.provider, row.account) for row in machines}

    def at(self, account: Account) -> _Left:
        here = (account.platform.name, account.ref)
        return _Left(
            tuple(intent for intent in self.intents if (intent.provider, intent.account) == here),
            tuple(row for row in self.leases if (row.provider, row.account) == here),
        )


async def tidy(session: Session, account: Account, *, resubmit: bool = False) -> None:
    """Look after what was left at this account. `resubmit`: what is proved absent may be bought again."""
    desk = session.desk
    left = (await _left(desk)).at(account)
    if not left.intents and not left.leases:
        return
    try:
        async with session.open(account) as provider:
            if left.leases:
                await _told(desk, "a machine left behind", sweep(desk, provider, account.ref))
            for intent in left.intents:
                await _told(desk, f"intent {intent.id}", recover(desk, provider, intent, resubmit=resubmit))
    except (TunewrightError, ProviderError) as error:
        desk.say("not_tidied", f"what was left at {account.platform.title} could not be looked after: {error}")


async def tidy_all(session: Session) -> None:
    """The same at every account for which the ledger holds something open and whose key is at hand."""
    for provider, ref in sorted((await _left(session.desk)).accounts):
        await tidy(session, Account.recorded(provider, ref))


async def _left(desk: Desk) -> _Left:
    rows = await desk.db(desk.ledger.leases.all, open_only=True)
    abandoned = (row for row in rows if not desk.alive(row.owner) or is_overdue(row, desk.clock.now()))
    return _Left(await desk.db(desk.ledger.intents.all, UNRESOLVED), tuple(abandoned))


async def _told(desk: Desk, what: str, work: Awaitable[object]) -> None:
    try:
        await work
    except (TunewrightError, ProviderError) as error:
        desk.say("not_tidied", f"{what} could not be looked after: {error}")
