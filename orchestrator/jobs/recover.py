"""Finding out what became of a paid request whose answer was lost. Never sends a create.

One hit by tag is adopted, two need a person. None: wait out the platform's settling window with three spaced empty
looks, then ask the person, unless the user allowed re-sending or the platform has a key of its own.
"""

from __future__ import annotations

from datetime import timedelta

from providers.contract import Provider
from providers.errors import CannotTell
from providers.records import Capability, RemoteJob

from ..errors import InDoubt
from ..ledger import UNSETTLED, Intent, IntentState
from .desk import Desk
from .patience import patiently

__all__ = ["EMPTY_LOOKS_NEEDED", "look", "needs_human", "recover"]

EMPTY_LOOKS_NEEDED = 3
_QUICK_LOOKS = (0.0, 1.0, 3.0)


async def look(desk: Desk, provider: Provider, intent: Intent) -> Intent:
    """Look a few times in quick succession, right after a lost answer. Raises `InDoubt` when nothing is found yet."""
    for pause_s in _QUICK_LOOKS:
        await desk.clock.sleep(pause_s)
        intent = await _look_once(desk, provider, intent)
        if intent.state not in UNSETTLED:
            return _bound(intent)
    raise _in_doubt(provider, intent)


async def recover(
    desk: Desk, provider: Provider, intent: Intent, *, resubmit: bool = False, wait: bool = False
) -> Intent:
    """Settle one intent that is CREATING or IN_DOUBT. `wait`: stay until the settling window has passed.

    Answers the intent as it now stands: CREATED (adopted), UPLOADED (proved absent, `resubmit` allowed), NEEDS_HUMAN,
    or still IN_DOUBT.
    """
    while intent.state in UNSETTLED:
        intent = await _look_once(desk, provider, intent)
        if intent.state not in UNSETTLED:
            break
        remaining_s = _remaining_s(desk, provider, intent)
        if remaining_s <= 0 and intent.empty_looks >= EMPTY_LOOKS_NEEDED:
            return await _proved_absent(desk, provider, intent, resubmit)
        if not wait:
            break
        window_s = provider.platform.settling().window_s
        await desk.clock.sleep(max(min(remaining_s, window_s / EMPTY_LOOKS_NEEDED), 0.2))
    return intent


async def _look_once(desk: Desk, provider: Provider, intent: Intent) -> Intent:
    try:
        found = await patiently(desk, provider, lambda: provider.find(intent.tag))
    except CannotTell as error:
        await _to_human(desk, intent, f"the platform cannot be asked for a job by tag: {error.message}", ())
        return await desk.db(desk.ledger.intents.get, intent.id)
    if len(found) > 1:
        await _to_human(desk, intent, "several jobs carry the tag", found)
    elif found:
        await desk.db(desk.ledger.intents.record_job, intent.id, found[0], desk.clock.now(), "adopted")
        desk.say("adopted", f"found it: job {found[0].id}", job=found[0].id)
    elif _may_count(desk, provider, intent):
        await desk.db(desk.ledger.intents.looked, intent.id, desk.clock.now())
    current = await desk.db(desk.ledger.intents.get, intent.id)
    if current.state is IntentState.CREATING:
        await desk.db(
            desk.ledger.intents.move, intent.id, (IntentState.CREATING,), IntentState.IN_DOUBT, desk.clock.now()
        )
        current = await desk.db(desk.ledger.intents.get, intent.id)
    return current


def _may_count(desk: Desk, provider: Provider, intent: Intent) -> bool:
    """Empty looks prove something only when spaced over the window; a burst of them is one."""
    if intent.looked_at is None:
        return True
    spacing = timedelta(seconds=provider.platform.settling().window_s / (EMPTY_LOOKS_NEEDED + 1))
    return desk.clock.now() - intent.looked_at >= spacing


def _remaining_s(desk: Desk, provider: Provider, intent: Intent) -> float:
    sent_at = intent.sent_at or intent.created_at
    window = timedelta(seconds=provider.platform.settling().window_s)
    return (sent_at + window - desk.clock.now()).total_seconds()


async def _proved_absent(desk: Desk, provider: Provider, intent: Intent, resubmit: bool) -> Intent:
    """The window has passed with empty looks: nothing was bought, as far as any client can know."""
    now = desk.clock.now()
    server_key = provider.platform.capabilities(now.date())[Capability.SERVER_SIDE_KEY]
    if not (resubmit or server_key):
        await _to_human(desk, intent, "no job carries the tag, and the settling window has passed", ())
        return await desk.db(desk.ledger.intents.get, intent.id)
    await desk.db(desk.ledger.intents.move, intent.id, UNSETTLED, IntentState.UPLOADED, now, kind="proved_absent")
    await desk.db(desk.ledger.budget.release, f"training:{intent.id}", now)
    return await desk.db(desk.ledger.intents.get, intent.id)


async def _to_human(desk: Desk, intent: Intent, why: str, found: tuple[RemoteJob, ...]) -> None:
    jobs = [job.id for job in found]
    detail = f"{why}: {', '.join(jobs)}" if jobs else why
    await desk.db(
        desk.ledger.intents.move,
        intent.id,
        UNSETTLED,
        IntentState.NEEDS_HUMAN,
        desk.clock.now(),
        data={"why": why, "jobs": jobs},
        last_error=detail,
    )


def _bound(intent: Intent) -> Intent:
    if intent.state is IntentState.NEEDS_HUMAN:
        raise needs_human(intent)
    return intent


def _in_doubt(provider: Provider, intent: Intent) -> InDoubt:
    settling = provider.platform.settling()
    return InDoubt(
        f"the paid request of intent {intent.id} got no clear answer ({intent.last_error}), and the platform does not "
        f"list the job yet. Nothing is sent again; the money stays reserved",
        where=f"{intent.provider}, tag {intent.tag}",
        fix=f"run `tunewright jobs recover` now and after {settling.window_s / 60:.0f} min ({settling.reason})",
    )


def needs_human(intent: Intent) -> InDoubt:
    """The error that asks a person to decide."""
    return InDoubt(
        f"intent {intent.id} needs your decision: {intent.last_error}",
        where=f"{intent.provider}, tag {intent.tag}",
        fix=f"look at the platform's console, then `tunewright jobs resolve {intent.id} --job JOB_ID` to bind a job, "
        f"or `tunewright jobs resolve {intent.id} --none` if there is none",
    )
