"""Submitting a paid job exactly once: the write-ahead protocol, from a plan to a job bound in the ledger.

Order is everything here: the intent is durable before anything is sent, the platform is asked for our tag before the
first POST, CREATING is committed before the first byte, and then there is exactly one POST. What cannot be proved
absent is in doubt, and `recover` never sends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from providers.contract import Provider
from providers.errors import Billing, CannotTell, NotFound, ProviderError
from providers.records import Plan, ProviderFile, RemoteFile, RemoteJob

from ..canonical import intent_id, tag_of
from ..errors import DataRefused, TunewrightError
from ..ledger import Intent, IntentState
from .desk import Desk
from .failpoints import reach
from .patience import patiently
from .recover import look, needs_human

__all__ = ["Order", "new_intent", "submit"]

_MAX_STALL_S = 5.0
_FILE_POLL_S = 1.0
_WINNER_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to buy and how much may be held for it. `run_cap` is the user's --max-usd."""

    plan: Plan
    files: Sequence[ProviderFile]
    reserve_usd: Decimal
    run_id: str | None = None
    run_cap: Decimal | None = None
    sandbox: bool = False


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
    intent = await desk.db(desk.ledger.intents.plan, new_intent(order.plan, desk.clock.now(), sandbox=order.sandbox))
    reach("after_intent")
    if intent.state is IntentState.NEEDS_HUMAN:
        raise needs_human(intent)
    if intent.state in (IntentState.CREATING, IntentState.IN_DOUBT):
        intent = await look(desk, provider, intent)
    if intent.state in (IntentState.CREATED, IntentState.ENDED):
        desk.say("job_known", f"this plan already has its job: {intent.job_id}", job=intent.job_id)
        return intent
    await _approve(desk, intent, order)
    try:
        return await _upload_and_create(desk, provider, intent, order)
    except (ProviderError, TunewrightError):
        await _release_if_unsent(desk, intent)
        raise


async def _approve(desk: Desk, intent: Intent, order: Order) -> None:
    """Reserve the high end of the quote and approve; both are idempotent, keyed by the intent."""
    await _reserve(desk, order, order.reserve_usd)
    source = (IntentState.PLANNED, IntentState.APPROVED)
    await desk.db(
        desk.ledger.intents.move,
        intent.id,
        source,
        IntentState.APPROVED,
        desk.clock.now(),
        reserved_usd=order.reserve_usd,
    )
    reach("after_approve")


async def _reserve(desk: Desk, order: Order, usd: Decimal) -> None:
    await desk.db(
        desk.ledger.budget.reserve,
        f"training:{intent_id(order.plan)}",
        usd,
        desk.clock.now(),
        kind="training",
        provider=order.plan.provider,
        account=order.plan.account,
        sandbox=order.sandbox,
        run_id=order.run_id,
        run_cap=order.run_cap,
    )


async def _upload_and_create(desk: Desk, provider: Provider, intent: Intent, order: Order) -> Intent:
    ids: dict[str, str] = {file.role: await _upload(desk, provider, intent, file) for file in order.files}
    await desk.db(
        desk.ledger.intents.move,
        intent.id,
        (IntentState.APPROVED,),
        IntentState.UPLOADED,
        desk.clock.now(),
        data={"files": ids},
    )
    reach("after_upload")
    await _gate_on_remote_estimate(desk, provider, order, ids)
    known = await _known_by_tag(desk, provider, intent)
    if known is not None:
        return known
    return await _create(desk, provider, intent, order.plan, ids)


async def _upload(desk: Desk, provider: Provider, intent: Intent, file: ProviderFile) -> str:
    """Once per content hash: the ledger's id if it still stands, else the platform's own listing, else send."""
    known = await _known_file(desk, provider, intent, file)
    if known is None:
        desk.say("uploading", f"uploading {file.role} file, {file.rows} rows, {file.size:,} bytes", role=file.role)
        # Uploading is at-least-once by design: a second copy of the same bytes costs no training money.
        known = await patiently(desk, provider, lambda: provider.upload(file))
    await desk.db(
        desk.ledger.uploads.put,
        intent.provider,
        intent.account,
        file.sha256,
        known.id,
        file.size,
        desk.clock.now(),
    )
    return await _ready(desk, provider, known, file)


async def _ready(desk: Desk, provider: Provider, remote: RemoteFile, file: ProviderFile) -> str:
    """Wait until the platform has read the file; its refusal is ours, before anything is paid."""
    file_id = remote.id
    while remote.state == "processing":
        await desk.clock.sleep(_FILE_POLL_S)
        remote = await patiently(desk, provider, lambda: provider.file(file_id))
    if remote.state == "refused":
        raise DataRefused(
            f"the platform refuses the {file.role} file: {remote.detail or 'no reason given'}",
            where=str(file.path),
            fix="run `tunewright check` on the pairs, mend the rows it names, and submit again",
        )
    return file_id


async def _known_file(desk: Desk, provider: Provider, intent: Intent, file: ProviderFile) -> RemoteFile | None:
    remembered = await desk.db(desk.ledger.uploads.get, intent.provider, intent.account, file.sha256)
    if remembered is not None:
        try:
            return await patiently(desk, provider, lambda: provider.file(remembered))
        except NotFound:
            desk.say("file_gone", f"the {file.role} file uploaded before is gone; sending it again")
    return await patiently(desk, provider, lambda: provider.find_file(file))


async def _gate_on_remote_estimate(desk: Desk, provider: Provider, order: Order, ids: dict[str, str]) -> None:
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
    if estimate.usd is not None and estimate.usd > order.reserve_usd:
        desk.say("estimate", f"the platform's own estimate is ${estimate.usd:.2f}, above our quote", usd=estimate.usd)
        await _reserve(desk, order, estimate.usd)


async def _known_by_tag(desk: Desk, provider: Provider, intent: Intent) -> Intent | None:
    """Ask for our tag before the first POST, so that a fresh checkout with an empty ledger adopts the job."""
    try:
        found = await patiently(desk, provider, lambda: provider.find(intent.tag))
    except CannotTell:
        return None
    if not found:
        return None
    if len(found) > 1:
        await _ask_human(desk, intent, found)
    await desk.db(desk.ledger.intents.record_job, intent.id, found[0], desk.clock.now(), "adopted")
    desk.say("adopted", f"the platform already has this job: {found[0].id}", job=found[0].id)
    return await desk.db(desk.ledger.intents.get, intent.id)


async def _ask_human(desk: Desk, intent: Intent, found: Sequence[RemoteJob]) -> None:
    jobs = [job.id for job in found]
    await desk.db(
        desk.ledger.intents.move,
        intent.id,
        (intent.state, IntentState.UPLOADED, IntentState.CREATING, IntentState.IN_DOUBT),
        IntentState.NEEDS_HUMAN,
        desk.clock.now(),
        data={"jobs": jobs},
        last_error=f"several jobs carry the tag: {', '.join(jobs)}",
    )
    raise needs_human(await desk.db(desk.ledger.intents.get, intent.id))


async def _create(desk: Desk, provider: Provider, intent: Intent, plan: Plan, ids: dict[str, str]) -> Intent:
    """The paid request. Whoever wins the compare-and-set may send, once."""
    began = desk.clock.now()
    if not await desk.db(desk.ledger.intents.begin_create, intent.id, began):
        return await _follow_winner(desk, provider, intent)
    reach("after_creating")
    if desk.clock.now() > began + timedelta(seconds=_MAX_STALL_S):
        # This process slept between its claim and now; somebody may already have looked and found nothing.
        await _back_to_uploaded(desk, intent, "stalled before sending")
        raise TunewrightError("the machine stalled before the paid request; nothing was sent", fix="start it again")
    try:
        job = await provider.create(plan, ids, intent.tag)
    except ProviderError as error:
        return await _classify(desk, provider, intent, error)
    reach("after_create_answer")
    await desk.db(desk.ledger.intents.record_job, intent.id, job, desk.clock.now(), "created")
    desk.say("submitted", f"submitted: job {job.id}", job=job.id)
    return await desk.db(desk.ledger.intents.get, intent.id)


async def _follow_winner(desk: Desk, provider: Provider, intent: Intent) -> Intent:
    """Another process is sending this very request: wait for its answer in the ledger, then look."""
    deadline = desk.clock.now() + timedelta(seconds=_WINNER_S)
    current = await desk.db(desk.ledger.intents.get, intent.id)
    while current.state is IntentState.CREATING and desk.clock.now() < deadline:
        await desk.clock.sleep(_FILE_POLL_S)
        current = await desk.db(desk.ledger.intents.get, intent.id)
    if current.state is IntentState.UPLOADED:
        raise TunewrightError("another process tried this very job and was refused", where=current.last_error or "")
    return await look(desk, provider, current) if current.job_id is None else current


async def _classify(desk: Desk, provider: Provider, intent: Intent, error: ProviderError) -> Intent:
    """A refusal that proves nothing was bought goes back; everything else is in doubt, and only looked for."""
    if error.nothing_created:
        await _back_to_uploaded(desk, intent, str(error))
        raise error
    await desk.db(
        desk.ledger.intents.move,
        intent.id,
        (IntentState.CREATING,),
        IntentState.IN_DOUBT,
        desk.clock.now(),
        data={"error": str(error)},
        last_error=str(error),
    )
    desk.say("in_doubt", f"{error}. The job may or may not have been created; looking for it")
    return await look(desk, provider, await desk.db(desk.ledger.intents.get, intent.id))


async def _back_to_uploaded(desk: Desk, intent: Intent, why: str) -> None:
    await desk.db(
        desk.ledger.intents.move,
        intent.id,
        (IntentState.CREATING,),
        IntentState.UPLOADED,
        desk.clock.now(),
        kind="refused",
        data={"error": why},
        last_error=why,
    )


async def _release_if_unsent(desk: Desk, intent: Intent) -> None:
    """Money is held while in doubt, and freed when nothing was bought."""
    current = await desk.db(desk.ledger.intents.get, intent.id)
    if current.state in (IntentState.PLANNED, IntentState.APPROVED, IntentState.UPLOADED):
        await desk.db(desk.ledger.budget.release, f"training:{intent.id}", desk.clock.now())
