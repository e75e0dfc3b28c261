"""Submitting a paid job exactly once: the write-ahead protocol, from a plan to a job bound in the ledger.

Order is everything here: the intent is durable before anything is sent, the platform is asked for our tag before the
first POST, CREATING is committed before the first byte, and then there is exactly one POST. What cannot be proved
absent is in doubt, and `recover` never sends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import anyio

from providers.contract import Provider
from providers.errors import Billing, CannotTell, ProviderError
from providers.records import JsonObject, Plan, ProviderFile, RemoteJob

from ..canonical import intent_id, tag_of
from ..errors import TunewrightError
from ..ledger import UNRESOLVED, UNSENT, UNSETTLED, Intent, IntentState, Reservation, training_spending
from .desk import Desk
from .failpoints import reach
from .patience import patiently
from .recover import look, to_human
from .uploading import upload

__all__ = ["Order", "new_intent", "submit"]

_MAX_STALL_S = 5.0
_WINNER_POLL_S = 1.0
_WINNER_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to buy and how much may be held for it. `run_cap` is the user's --max-usd.

    `then_usd`: what the same run needs afterwards, which must fit under every cap too. `basis`: how `reserve_usd` came
    about, in words.
    """

    plan: Plan
    files: Sequence[ProviderFile]
    reserve_usd: Decimal
    run_id: str | None = None
    run_cap: Decimal | None = None
    sandbox: bool = False
    then_usd: Decimal = Decimal(0)
    basis: str | None = None


def new_intent(plan: Plan, now: datetime, *, sandbox: bool) -> Intent:
    """The intent of a plan, as a record not yet written."""
    name = intent_id(plan)
    return Intent(
        id=name,
        tag=tag_of(name),
        plan=plan,
        account=plan.account,
        state=IntentState.PLANNED,
        sandbox=sandbox,
        created_at=now,
        updated_at=now,
    )


async def submit(desk: Desk, provider: Provider, order: Order) -> Intent:
    """Take the order to a bound job; the same order again answers the same job, whatever became of it.

    Raises `BudgetRefused`, `DataRefused`, `InDoubt`, or the platform's own `ProviderError` when it refused.
    """
    reach("before_intent")
    intent = await desk.db(desk.ledger.intents.plan, new_intent(order.plan, desk.clock.now(), sandbox=order.sandbox))
    reach("after_intent")
    if intent.state in UNRESOLVED:
        intent = await look(desk, provider, intent)
    if intent.job_id is not None:
        desk.say("job_known", f"this plan already has its job: {intent.job_id}", job=intent.job_id)
        return intent
    if not await _approve(desk, intent, order, order.reserve_usd):
        return await _follow_winner(desk, provider, intent)
    reach("after_approve")
    try:
        return await _upload_and_create(desk, provider, intent, order)
    except BaseException:
        # Money is held while in doubt, and freed when nothing was sent; also when Ctrl-C ended it.
        reach("before_release")
        with anyio.CancelScope(shield=True):
            await desk.db(desk.ledger.intents.release_unsent, intent.id, desk.clock.now())
        raise


async def _approve(desk: Desk, intent: Intent, order: Order, usd: Decimal, basis: str | None = None) -> bool:
    """Reserve and approve, idempotently. False when another process has sent the paid request meanwhile."""
    wish = Reservation(
        id=training_spending(intent.id),
        usd=usd,
        kind="training",
        provider=order.plan.provider,
        account=order.plan.account,
        sandbox=order.sandbox,
        run_id=order.run_id,
        run_cap=order.run_cap,
        then_usd=order.then_usd,
        basis=basis or order.basis,
    )
    return await desk.db(desk.ledger.intents.approve, intent.id, wish, desk.clock.now())


async def _upload_and_create(desk: Desk, provider: Provider, intent: Intent, order: Order) -> Intent:
    ids: dict[str, str] = {file.role: await upload(desk, provider, intent, file) for file in order.files}
    await desk.db(
        desk.ledger.intents.move,
        intent.id,
        (IntentState.APPROVED,),
        IntentState.UPLOADED,
        desk.clock.now(),
        data={"files": ids},
    )
    reach("after_upload")
    await _gate_on_remote_estimate(desk, provider, intent, order, ids)
    known = await _known_by_tag(desk, provider, intent)
    if known is not None:
        return known
    return await _create(desk, provider, intent, order, ids)


async def _gate_on_remote_estimate(
    desk: Desk, provider: Provider, intent: Intent, order: Order, ids: dict[str, str]
) -> None:
    """Where the platform itself quotes an uploaded file, its word counts: refuse, or hold the larger sum."""
    estimate = await patiently(desk, provider, lambda: provider.estimate(order.plan, ids))
    if estimate is None:
        return
    if not estimate.allowed_to_proceed:
        raise Billing(
            f"the platform would not let this job proceed: {estimate.detail or 'not enough credit'}",
            provider=order.plan.provider,
            operation="estimate",
            nothing_created=True,
            fix="add credit or raise the limit in the platform's console",
        )
    if estimate.detail:
        desk.say("estimate", estimate.detail)
    if estimate.usd is not None and estimate.usd > order.reserve_usd:
        desk.say("estimate", f"the platform's own estimate is ${estimate.usd:.2f}, above our quote", usd=estimate.usd)
        await _approve(desk, intent, order, estimate.usd, "the platform's own estimate")


async def _known_by_tag(desk: Desk, provider: Provider, intent: Intent) -> Intent | None:
    """Ask for our tag before the first POST, so that a fresh checkout with an empty ledger adopts the job."""
    try:
        found = await patiently(desk, provider, lambda: provider.find(intent.tag))
    except CannotTell:
        return None
    if len(found) > 1:
        raise await to_human(desk, intent, "several jobs carry the tag", found)
    if not found:
        return None
    reach("found_before_sending")
    await desk.db(desk.ledger.intents.record_job, intent.id, found[0], desk.clock.now(), "adopted")
    desk.say("adopted", f"the platform already has this job: {found[0].id}", job=found[0].id)
    return await desk.db(desk.ledger.intents.get, intent.id)


async def _create(desk: Desk, provider: Provider, intent: Intent, order: Order, ids: dict[str, str]) -> Intent:
    """The paid request. Whoever wins the compare-and-set may send, once."""
    reach("before_creating")
    began = desk.clock.now()
    body = paid_body(provider, order, intent.tag, ids)
    attempt = await desk.db(desk.ledger.intents.begin_create, intent.id, began, body)
    if attempt is None:
        return await _follow_winner(desk, provider, intent)
    reach("after_creating")
    if desk.clock.now() > began + timedelta(seconds=_MAX_STALL_S):
        # This process slept between its claim and now; somebody may already have looked and found nothing.
        await _proved_absent(desk, intent, attempt, "stalled before sending")
        raise TunewrightError("the machine stalled before the paid request; nothing was sent", fix="start it again")
    try:
        job = await provider.create(order.plan, ids, intent.tag)
    except ProviderError as error:
        return await _classify(desk, provider, intent, attempt, error)
    reach("after_create_answer")
    return await _record(desk, intent, job)


def paid_body(provider: Provider, order: Order, tag: str, ids: Mapping[str, str]) -> JsonObject | None:
    """The body of the one paid request, exactly as it goes out; None where a platform cannot tell it beforehand."""
    planned = provider.platform.requests(order.plan, order.files, tag, provider.connection.base_url, ids)
    body = next((request.body for request in planned if request.paid), None)
    return body if isinstance(body, Mapping) else None


async def _record(desk: Desk, intent: Intent, job: RemoteJob) -> Intent:
    bound = await desk.db(desk.ledger.intents.record_job, intent.id, job, desk.clock.now(), "created")
    reach("after_record")
    current = await desk.db(desk.ledger.intents.get, intent.id)
    if not bound:
        raise TunewrightError(
            f"the platform created job {job.id}, while the ledger already holds {current.job_id} for this plan",
            where=f"{intent.provider}, tag {intent.tag}",
            fix="look at both in the platform's console, and cancel the one you do not want",
        )
    desk.say("submitted", f"submitted: job {job.id}", job=job.id)
    return current


async def _follow_winner(desk: Desk, provider: Provider, intent: Intent) -> Intent:
    """Another process is sending this very request: wait for its answer in the ledger, then look."""
    deadline = desk.clock.now() + timedelta(seconds=_WINNER_S)
    current = await desk.db(desk.ledger.intents.get, intent.id)
    while current.state is IntentState.CREATING and desk.clock.now() < deadline:
        await desk.clock.sleep(_WINNER_POLL_S)
        current = await desk.db(desk.ledger.intents.get, intent.id)
    if current.state in UNSENT:
        raise TunewrightError(
            f"another process tried this very job and was refused: {current.last_error or 'it gave up before sending'}",
            where=f"intent {intent.id}",
            fix="start it again",
        )
    return await look(desk, provider, current) if current.job_id is None else current


async def _classify(desk: Desk, provider: Provider, intent: Intent, attempt: int, error: ProviderError) -> Intent:
    """A refusal that proves nothing was bought goes back; everything else is in doubt, and only looked for."""
    if error.nothing_created:
        reach("before_refused")
        await _proved_absent(desk, intent, attempt, str(error))
        reach("after_refused")
        raise error
    reach("before_in_doubt")
    await desk.db(
        desk.ledger.intents.move,
        intent.id,
        (IntentState.CREATING,),
        IntentState.IN_DOUBT,
        desk.clock.now(),
        data={"error": str(error)},
        attempt=attempt,
        last_error=str(error),
    )
    reach("after_in_doubt")
    desk.say("in_doubt", f"{error}. The job may or may not have been created; looking for it")
    return await look(desk, provider, await desk.db(desk.ledger.intents.get, intent.id))


async def _proved_absent(desk: Desk, intent: Intent, attempt: int, why: str) -> None:
    # Only for this very attempt: a later one of another process is not ours to take back.
    now = desk.clock.now()
    await desk.db(
        desk.ledger.intents.proved_absent, intent.id, UNSETTLED, now, kind="refused", why=why, attempt=attempt
    )
