"""Finding out what became of a paid request whose answer was lost. Never sends a create.

One hit by tag is adopted, two need a person. None: wait out the platform's settling window with three spaced empty
looks, then ask the person, unless the user allowed re-sending or the platform has a key of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from providers.contract import Provider
from providers.errors import CannotTell, ProviderError
from providers.records import Capability, RemoteJob

from ..errors import InDoubt
from ..ledger import UNRESOLVED, UNSENT, UNSETTLED, Intent, IntentState
from .desk import Desk
from .failpoints import reach
from .patience import patiently
from .settling import Doubt

__all__ = ["QUICK_LOOKS_S", "look", "recover", "to_human"]

QUICK_LOOKS_S = (0.0, 1.0, 3.0)


async def look(desk: Desk, provider: Provider, intent: Intent) -> Intent:
    """Look a few times in quick succession, as right after a lost answer. Raises `InDoubt` unless a job is found."""
    for pause_s in QUICK_LOOKS_S:
        await desk.clock.sleep(pause_s)
        try:
            intent = await _look_once(desk, provider, intent)
        except ProviderError as error:
            raise _in_doubt(provider, intent) from error
        if intent.state not in UNSETTLED:
            break
    if intent.state is IntentState.NEEDS_HUMAN:
        raise _needs_human(intent)
    if intent.state in UNSETTLED:
        raise _in_doubt(provider, intent)
    return intent


async def recover(
    desk: Desk, provider: Provider, intent: Intent, *, resubmit: bool = False, wait: bool = False
) -> Intent:
    """Settle one intent that is CREATING, IN_DOUBT or NEEDS_HUMAN. `wait`: until the settling window has passed.

    Answers the intent as it now stands: CREATED (adopted), UPLOADED (proved absent, `resubmit` allowed), NEEDS_HUMAN,
    or still IN_DOUBT.
    """
    while intent.state in UNRESOLVED:
        asked_at = desk.clock.now()
        intent = await _look_once(desk, provider, intent)
        if intent.state not in UNSETTLED:
            break
        # As of the question: a listing may be old by the time it is answered.
        if _doubt(provider, intent).absent(asked_at):
            return await _proved_absent(desk, provider, intent, resubmit)
        if not wait:
            break
        await desk.clock.sleep(_doubt(provider, intent).pause_s(desk.clock.now()))
    return intent


async def _look_once(desk: Desk, provider: Provider, intent: Intent) -> Intent:
    reach("before_look")
    asked_at = desk.clock.now()
    try:
        found = await patiently(desk, provider, lambda: provider.find(intent.tag))
    except CannotTell as error:
        await to_human(desk, intent, f"the platform cannot be asked for a job by tag: {error.message}", ())
        return await desk.db(desk.ledger.intents.get, intent.id)
    now = desk.clock.now()
    if len(found) > 1:
        await to_human(desk, intent, "several jobs carry the tag", found)
    elif found:
        reach("before_adopt")
        await desk.db(desk.ledger.intents.record_job, intent.id, found[0], now, "adopted")
        reach("after_adopt")
        desk.say("adopted", f"found it: job {found[0].id}", job=found[0].id)
    elif intent.state in UNSETTLED:
        reach("before_empty_look")
        if _doubt(provider, intent).counts(asked_at):
            await desk.db(desk.ledger.intents.looked, intent.id, asked_at, intent.attempt)
        reach("during_empty_look")
        creating, doubt = (IntentState.CREATING,), IntentState.IN_DOUBT
        await desk.db(desk.ledger.intents.move, intent.id, creating, doubt, now, attempt=intent.attempt)
        reach("after_empty_look")
    return await desk.db(desk.ledger.intents.get, intent.id)


def _doubt(provider: Provider, intent: Intent) -> Doubt:
    sent_at = intent.sent_at or intent.created_at
    return Doubt(sent_at, intent.empty_looks, intent.looked_at, provider.platform.settling())


async def _proved_absent(desk: Desk, provider: Provider, intent: Intent, resubmit: bool) -> Intent:
    """The window has passed with empty looks: nothing was bought, as far as any client can know."""
    now = desk.clock.now()
    server_key = provider.platform.capabilities(now.date())[Capability.SERVER_SIDE_KEY]
    reach("before_absent")
    if resubmit or server_key:
        await desk.db(
            desk.ledger.intents.proved_absent,
            intent.id,
            UNSETTLED,
            now,
            kind="proved_absent",
            attempt=intent.attempt,
        )
        reach("after_absent")
    else:
        await to_human(desk, intent, "no job carries the tag, and the settling window has passed", ())
    return await desk.db(desk.ledger.intents.get, intent.id)


async def to_human(desk: Desk, intent: Intent, why: str, found: Sequence[RemoteJob]) -> InDoubt:
    """Only a person can tell now; answers the error that asks. What was held stays held."""
    jobs = [job.id for job in found]
    reach("before_needs_human")
    await desk.db(
        desk.ledger.intents.move,
        intent.id,
        (*UNSENT, *UNSETTLED),
        IntentState.NEEDS_HUMAN,
        desk.clock.now(),
        data={"why": why, "jobs": jobs},
        last_error=f"{why}: {', '.join(jobs)}" if jobs else why,
    )
    reach("after_needs_human")
    return _needs_human(await desk.db(desk.ledger.intents.get, intent.id))


def _in_doubt(provider: Provider, intent: Intent) -> InDoubt:
    settling = provider.platform.settling()
    error = f" ({intent.last_error})" if intent.last_error else ""
    return InDoubt(
        f"the paid request of intent {intent.id} got no clear answer{error}, and no job is found under its tag yet. "
        "Nothing is sent again; the money stays reserved",
        where=f"{intent.provider}, tag {intent.tag}",
        fix=f"run `tunewright jobs recover` now and after {settling.window_s / 60:.0f} min ({settling.reason})",
    )


def _needs_human(intent: Intent) -> InDoubt:
    """The error that asks a person to decide."""
    return InDoubt(
        f"intent {intent.id} needs your decision: {intent.last_error}",
        where=f"{intent.provider}, tag {intent.tag}",
        fix=f"look at the platform's console, then `tunewright jobs resolve {intent.id} --job JOB_ID` to bind a job, "
        f"or `tunewright jobs resolve {intent.id} --none` if there is none",
    )
