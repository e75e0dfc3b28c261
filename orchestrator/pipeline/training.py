"""The paid part of a run: preflight, one submission, watching, and settling the reservation with the bill."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from providers.contract import Provider
from providers.errors import Closed
from providers.records import JobState, Plan, Price, PriceItem, ProviderFile, Recipe, RemoteJob

from ..canonical import intent_id
from ..errors import JobFailed, UsageError
from ..jobs.failpoints import reach
from ..jobs.patience import patiently
from ..jobs.submit import Order, submit
from ..jobs.watch import Reading, watch
from ..ledger import Intent, IntentState, training_spending
from ..settings import RunSettings
from .session import Account, Session

__all__ = ["Training", "bill_usd", "make_plan", "preflight", "settle", "start_job", "watch_job"]

_UNTRAINED = (JobState.FAILED, JobState.CANCELLED, JobState.BLOCKED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """One training to buy: what, where, and the most it may cost."""

    settings: RunSettings
    account: Account
    recipe: Recipe
    files: tuple[ProviderFile, ...]
    reserve_usd: Decimal
    run_id: str

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


async def preflight(session: Session, provider: Provider, plan: Plan) -> None:
    """Ask everything that can refuse before anything is uploaded. Raises the platform's refusal."""
    answer = await patiently(session.desk, provider, lambda: provider.preflight(plan))
    for warning in answer.warnings:
        session.desk.say("warning", warning)
    if answer.problems:
        raise Closed("; ".join(answer.problems), provider=plan.provider, operation="preflight", nothing_created=True)


async def start_job(session: Session, provider: Provider, training: Training) -> Intent:
    """Submit once. The same plan answers the job it already has, whatever became of it."""
    known = await session.desk.db(session.desk.ledger.intents.find, training.intent_id)
    if known is None or known.state not in (IntentState.CREATED, IntentState.ENDED):
        await preflight(session, provider, training.plan)
    order = Order(
        plan=training.plan,
        files=training.files,
        reserve_usd=training.reserve_usd,
        run_id=training.run_id,
        run_cap=training.settings.max_usd,
        sandbox=training.account.sandbox,
    )
    return await submit(session.desk, provider, order)


async def watch_job(
    session: Session, provider: Provider, intent: Intent, prices: Sequence[Price], see: Callable[[Reading], None]
) -> RemoteJob:
    """Watch to the end, settle the money, answer the job. Raises `JobFailed` unless it succeeded."""
    job = intent.job
    async for reading in watch(session.desk, provider, intent, patience_s=session.desk.watch_patience_s):
        see(reading)
        job = reading.job
    assert job is not None
    await settle(session, intent, job, prices)
    if job.state is not JobState.SUCCEEDED:
        raise JobFailed(
            f"the job ended as {job.label}" + (f": {job.error}" if job.error else ""),
            where=f"{intent.provider} job {job.id}",
            fix=_after(job),
        )
    return job


def _after(job: RemoteJob) -> str:
    if job.state is JobState.CANCELLED:
        return "it was cancelled at the platform; `--again` buys a new one"
    if job.state is JobState.GONE:
        return "the platform no longer knows it: deleted, or another key, project or organisation"
    return "`tunewright jobs events` shows what the platform said; mend the cause, then `--again` buys a new one"


async def settle(session: Session, intent: Intent, job: RemoteJob, prices: Sequence[Price]) -> Decimal | None:
    """What was held becomes what was billed. None where the platform does not say; the money then stays reserved,
    unless the job failed before its first step, when nothing was trained."""
    ledger, now = session.desk.ledger, session.desk.clock.now()
    usd = bill_usd(job, prices)
    if usd is None and job.state in _UNTRAINED and not await session.desk.db(ledger.intents.metrics, intent.id):
        usd = Decimal(0)
    if usd is not None:
        reach("before_settle")
        await session.desk.db(ledger.budget.settle, training_spending(intent.id), usd, now)
        reach("after_settle")
    return usd


def bill_usd(job: RemoteJob, prices: Sequence[Price]) -> Decimal | None:
    """The bill: as the platform states it, else billed tokens × the training price; None when unknown."""
    if job.billed_usd is not None:
        return job.billed_usd
    price = next((row.usd for row in prices if row.item is PriceItem.TRAIN and row.per == "mtok"), None)
    if job.billed_tokens is None or price is None:
        return None
    return price * job.billed_tokens / Decimal(1_000_000)
