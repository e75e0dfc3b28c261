"""The paid part of a run: preflight, one submission, watching, and settling the reservation with the bill."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from providers.contract import Provider
from providers.errors import Closed
from providers.records import JobState, Plan, Preflight, Price, ProviderFile, Recipe, RemoteJob

from ..canonical import intent_id
from ..clock import today
from ..errors import JobFailed, UsageError
from ..jobs.health import Policy
from ..jobs.patience import patiently
from ..jobs.submit import Order, submit
from ..jobs.trouble import Stopped, attend, stopped_because
from ..jobs.watch import Reading, watch
from ..ledger import Intent, IntentState
from ..settings import RunSettings
from .lifespan import refuse_by_platform
from .session import Account, Session
from .settling import bill_usd, settle

__all__ = ["Training", "bill_usd", "is_bought", "make_plan", "preflight", "settle", "start_job", "watch_job"]

WARN = Policy()


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """One training to buy: what, where, and the most it may cost.

    `then_usd`: what the run needs after it. `basis`: how `reserve_usd` came about.
    """

    settings: RunSettings
    account: Account
    recipe: Recipe
    files: tuple[ProviderFile, ...]
    reserve_usd: Decimal
    run_id: str
    then_usd: Decimal = Decimal(0)
    basis: str | None = None

    @property
    def plan(self) -> Plan:
        """The canonical plan, from which the intent takes its name."""
        return make_plan(self.settings, self.account, self.recipe, self.files)

    @property
    def intent_id(self) -> str:
        """By which the ledger knows it."""
        return intent_id(self.plan)


def make_plan(settings: RunSettings, account: Account, recipe: Recipe, files: tuple[ProviderFile, ...]) -> Plan:
    """Everything that defines the paid job. Raises `UsageError` for a suffix that leaves no room for our tag."""
    limit = account.platform.suffix_limit()
    if settings.suffix and len(settings.suffix) > limit:
        raise UsageError(
            f"the suffix has {len(settings.suffix)} characters; {account.platform.title} leaves {limit} beside our tag",
            where="--suffix",
            fix="shorten it",
        )
    hashes = {file.role: file.sha256 for file in files}
    return Plan(
        provider=account.platform.name,
        account=account.ref,
        model=settings.target.model,
        method=settings.method,
        hyperparameters=recipe.hyperparameters,
        train_sha256=hashes["train"],
        validation_sha256=hashes.get("validation"),
        suffix=settings.suffix,
        generation=settings.generation,
    )


async def preflight(session: Session, provider: Provider, plan: Plan) -> Preflight:
    """Ask everything that can refuse before anything is uploaded. Raises the platform's refusal."""
    answer = await patiently(session.desk, provider, lambda: provider.preflight(plan))
    for warning in answer.warnings:
        session.desk.say("warning", warning)
    if answer.problems:
        raise Closed("; ".join(answer.problems), provider=plan.provider, operation="preflight", nothing_created=True)
    return answer


async def is_bought(session: Session, training: Training) -> bool:
    """Whether this plan has its job already: then nothing is bought, and nothing refuses it."""
    known = await session.desk.db(session.desk.ledger.intents.find, training.intent_id)
    return known is not None and known.state in (IntentState.CREATED, IntentState.ENDED)


async def start_job(session: Session, provider: Provider, training: Training) -> Intent:
    """Submit once. The same plan answers the job it already has, whatever became of it."""
    if not await is_bought(session, training):
        await _looked_ahead(session, provider, training)
    order = Order(
        plan=training.plan,
        files=training.files,
        reserve_usd=training.reserve_usd,
        run_id=training.run_id,
        run_cap=training.settings.max_usd,
        sandbox=training.account.sandbox,
        then_usd=training.then_usd,
        basis=training.basis,
    )
    return await submit(session.desk, provider, order)


async def _looked_ahead(session: Session, provider: Provider, training: Training) -> None:
    """Preflight, and the day on which the model ends, kept with the run. Raises what refuses."""
    plan, desk = training.plan, session.desk
    answer = await preflight(session, provider, plan)
    if answer.shutdown is None:
        return
    now = desk.clock.now()
    await desk.db(desk.ledger.runs.update, training.run_id, now, shutdown=answer.shutdown.isoformat())
    target, sandbox = f"{plan.provider}:{plan.model}", training.account.sandbox
    refuse_by_platform(target, answer.shutdown, training.settings, today(desk.clock), sandbox=sandbox)


async def watch_job(
    session: Session,
    provider: Provider,
    intent: Intent,
    prices: Sequence[Price],
    see: Callable[[Reading], None],
    policy: Policy = WARN,
) -> RemoteJob:
    """Watch to the end, act upon trouble, settle the money, answer the job. Raises `JobFailed` unless it succeeded."""
    desk, last, health = session.desk, None, intent.health
    async for reading in watch(desk, provider, intent, patience_s=desk.watch_patience_s):
        see(reading)
        last = reading
        health = await attend(desk, provider, intent, reading, policy)
    assert last is not None
    job = last.job
    await settle(session, intent, job, prices)
    await desk.db(desk.ledger.watched.conclude, last.claim, desk.clock.now())
    if job.state is not JobState.SUCCEEDED:
        ours = stopped_because(health)
        raise JobFailed(_how_it_ended(job, ours), where=f"{intent.provider} job {job.id}", fix=_after(job, ours))
    return job


def _how_it_ended(job: RemoteJob, ours: Stopped | None) -> str:
    ended = f"the job ended as {job.label}" + (f": {job.error}" if job.error else "")
    if ours is None or job.state is not JobState.CANCELLED or ours.action != "cancel":
        return ended
    return f"{ended}, because you asked to cancel on trouble and it showed {ours.reason}; what was trained is billed"


def _after(job: RemoteJob, ours: Stopped | None) -> str:
    if ours is not None and ours.action == "cancel" and job.state is JobState.CANCELLED:
        return (
            f"`tunewright jobs checkpoints {job.id}` lists what was saved; change the data or the settings and run "
            "again, or let it run to its end with --on-trouble keep --again"
        )
    if job.state is JobState.CANCELLED:
        return "it was cancelled at the platform; `--again` buys a new one"
    if job.state is JobState.GONE:
        return "the platform no longer knows it: deleted, or another key, project or organisation"
    return "`tunewright jobs events` shows what the platform said; mend the cause, then `--again` buys a new one"
