"""A job made elsewhere becomes a run: what the platform tells of it, and the pairs that only its owner can give.

The held-out set of an adopted run holds only what the job is known never to have seen: pairs given as such, or the
split-off side of pairs whose training side is, to the byte, as long as the file that the job was trained on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from providers.contract import Provider
from providers.errors import NotFound
from providers.records import Hyperparameters, Method, Plan, ProviderFile, RemoteJob

from ..canonical import plain, run_id, sha256_of
from ..clock import today
from ..dataset.normal import question_key
from ..dataset.records import Dataset, Split
from ..errors import BudgetRefused, DataRefused, UsageError
from ..jobs.patience import patiently
from ..jobs.submit import new_intent
from ..ledger import Intent, Reservation, Run, training_spending
from ..settings import RunSettings, Target
from .comparing import unseen
from .pairs import load_pairs
from .prepare import FILES, archive, upload_files
from .quoting import quote_for, refuse_over, reserve_usd
from .remembering import input_numbers
from .session import Account, Session

__all__ = ["Adoption", "adopt"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """What the user says. `settings` None: the job is only to be watched. `trained_on`: the pairs it learned from."""

    provider: str
    job_id: str
    account: str | None = None
    settings: RunSettings | None = None
    trained_on: Path | None = None
    count_spending: bool = False


async def adopt(session: Session, wish: Adoption) -> Run:
    """The run. Raises `UsageError` for a job that this ledger knows, `DataRefused` where nothing is known unseen."""
    account, desk = session.account(wish.provider, wish.account), session.desk
    async with session.open(account) as provider:
        job = await patiently(desk, provider, lambda: provider.job(wish.job_id))
        half_known = await _refuse_known(session, account, job, wish)
        record, dataset = await _record(session, provider, account, job, wish)
    intent = await _bound(session, account, job)
    now = desk.clock.now()
    if half_known is not None:
        run = await desk.db(desk.ledger.runs.update, half_known.id, now, **record)
    else:
        run = Run(
            id=run_id(),
            created_at=now,
            stage="training",
            provider=wish.provider,
            model=job.model,
            intent_id=intent.id,
            project=session.project or None,
            record=record,
        )
        await desk.db(desk.ledger.runs.start, run)
    if dataset is not None and dataset.split.train:
        inputs = input_numbers(dataset.split.train)
        await desk.db(desk.ledger.training_sets.remember, intent.id, run.id, dataset.sha256, inputs, now)
    if wish.count_spending:
        await _count(session, account, intent, run)
    desk.say("job", "", run=run.id, job=job.id)
    return run


async def _refuse_known(session: Session, account: Account, job: RemoteJob, wish: Adoption) -> Run | None:
    """Raises `UsageError` for a job of this ledger; one adopted without its pairs may be given them now."""
    ledger, db = session.desk.ledger, session.desk.db
    for intent in await db(ledger.intents.all):
        if (intent.provider, intent.account) != (wish.provider, account.ref):
            continue
        if intent.job_id is None and job.tag is not None and intent.tag == job.tag:
            raise UsageError(
                f"job {job.id} carries the tag of intent {intent.id} of this ledger, which is {intent.state.value}",
                fix="tunewright jobs recover",
            )
        if intent.job_id == job.id:
            return _half_known(job, await db(ledger.runs.of_intent, intent.id), wish)
    return None


def _half_known(job: RemoteJob, runs: tuple[Run, ...], wish: Adoption) -> Run | None:
    for run in runs:
        if wish.settings is not None and "adopted" in run.record and "settings" not in run.record:
            return run
        raise UsageError(f"job {job.id} is in this ledger already, as run {run.id}", fix=f"tunewright watch {run.id}")
    return None


async def _bound(session: Session, account: Account, job: RemoteJob) -> Intent:
    """The intent that holds the job: the one that is there, or one made of what the platform tells."""
    ledger, db, now = session.desk.ledger, session.desk.db, session.desk.clock.now()
    plan = Plan(
        provider=account.platform.name,
        account=account.ref,
        model=job.model,
        method=job.method or Method.SFT,
        hyperparameters=job.trained,
        train_sha256=f"unknown, job {job.id}",
        validation_sha256=None,
    )
    for found in await db(ledger.intents.all):
        if (found.provider, found.account, found.job_id) == (account.platform.name, account.ref, job.id):
            return found
    intent = await db(ledger.intents.plan, new_intent(plan, now, sandbox=account.sandbox))
    await db(ledger.intents.record_job, intent.id, job, now, "adopted")
    return await db(ledger.intents.get, intent.id)


async def _record(
    session: Session, provider: Provider, account: Account, job: RemoteJob, wish: Adoption
) -> tuple[dict[str, Any], Dataset | None]:
    """What the run keeps, and the pairs that it will be judged by."""
    record: dict[str, Any] = {
        "adopted": job.id,
        "account": wish.account,
        "accounts": {account.platform.name: account.ref},
        "remote_files": dict(job.files),
        "spending_counted": wish.count_spending,
    }
    if wish.settings is None:
        return record, None
    settings = _told(wish.settings, account, job)
    dataset = await _dataset(session, provider, account, job, settings, wish.trained_on)
    usd = _agreed(session, account, settings, dataset)
    archive(session, dataset)
    told = {"settings": plain(settings), "dataset": dataset.sha256, "asking_usd": str(usd)}
    return {**record, **told}, dataset


def _told(settings: RunSettings, account: Account, job: RemoteJob) -> RunSettings:
    """The settings as the platform tells of them: base model, method and hyperparameters were chosen elsewhere.

    Base and tuned are asked once each; whoever else is wanted is quoted by `evaluate RUN --also`.
    """
    return replace(
        settings,
        also=(),
        also_prompts=(),
        also_shots=0,
        samples=1,
        to=(Target(account.platform.name, job.model),),
        method=job.method or Method.SFT,
        hyperparameters=job.trained,
    )


async def _dataset(
    session: Session,
    provider: Provider,
    account: Account,
    job: RemoteJob,
    settings: RunSettings,
    trained_on: Path | None,
) -> Dataset:
    if settings.test is None:
        dataset = load_pairs(settings)
        dialect = account.platform.dialect_for(settings.target.model, settings.method)
        files = upload_files(dataset, dialect, settings.method, session.home / FILES)
        await _refuse_other_training_file(session, provider, job, files)
        return dataset
    # A row that the job has seen is no test of it: unlike before a training, it is the held-out side that gives way.
    held_out = load_pairs(replace(settings, pairs=settings.test, test=None, validation=None))
    if trained_on is None:
        return unseen(session, held_out, frozenset())
    trained = load_pairs(replace(settings, pairs=trained_on, test=None, validation=None))
    rows = tuple(trained.rows)
    kept = unseen(session, held_out, frozenset(question_key(row.example) for row in rows))
    split = Split(rows, (), kept.split.test, {"train": len(rows), "test": len(kept.split.test)})
    name = sha256_of([trained.sha256, kept.sha256])
    sources = (*trained.sources, *kept.sources)
    return replace(kept, rows=(*rows, *kept.split.test), split=split, sources=sources, sha256=name)


async def _refuse_other_training_file(
    session: Session, provider: Provider, job: RemoteJob, files: tuple[ProviderFile, ...]
) -> None:
    """Splitting the pairs here says something only if the job was trained on the training side of that very split."""
    ours = next(file.size for file in files if file.role == "train")
    theirs = None
    if "train" in job.files:
        try:
            theirs = (await patiently(session.desk, provider, lambda: provider.file(job.files["train"]))).size
        except NotFound:
            session.desk.say("warning", f"the training file of job {job.id} is gone from the platform")
    if theirs != ours:
        at_platform = "is not known" if theirs is None else f"has {theirs:,} bytes"
        raise DataRefused(
            f"which of these pairs the job was trained on cannot be told: its training file {at_platform}, and the "
            f"training side of these pairs has {ours:,}",
            fix="give pairs that it never saw with --test FILE",
        )


def _agreed(session: Session, account: Account, settings: RunSettings, dataset: Dataset) -> Decimal:
    """The most that asking base and tuned may cost, within the user's cap. Raises `BudgetRefused` without one."""
    on, target = today(session.desk.clock), settings.target
    # What trained it cannot be quoted again: the platform's own words need not be settings that it takes.
    asked = replace(settings, hyperparameters=Hyperparameters())
    quoted = quote_for(asked, dataset, target, environ=session.environ, home=session.home, on=on)
    quoted = replace(quoted, lines=tuple(line for line in quoted.lines if line.item in ("evaluation", "hosting")))
    most = reserve_usd(quoted, "evaluation", "hosting")
    if settings.max_usd is None and not account.sandbox:
        raise BudgetRefused(
            f"asking base and tuned {len(dataset.split.test)} prompts may cost up to ${most:.2f}; nobody has agreed",
            fix="say the most it may cost with --max-usd; nothing is asked before `tunewright evaluate`",
        )
    refuse_over(quoted, settings)
    return reserve_usd(quoted, "evaluation")


async def _count(session: Session, account: Account, intent: Intent, run: Run) -> None:
    """Nothing was held for it: a place for its bill, which is settled when the job is read as ended."""
    bill_to_come = Reservation(
        id=training_spending(intent.id),
        usd=Decimal(0),
        kind="training",
        provider=account.platform.name,
        account=account.ref,
        sandbox=account.sandbox,
        run_id=run.id,
        project=session.project or None,
    )
    await session.desk.db(session.desk.ledger.budget.adopt, bill_to_come, session.desk.clock.now())
