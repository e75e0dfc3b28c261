"""The candidates of a run as its record tells of them, each with the account that answers for it."""

from __future__ import annotations

from collections.abc import Mapping

from providers.records import Checkpoint, JobState

from ..canonical import canonical_json
from ..errors import UsageError
from ..evaluation.questions import questions
from ..ledger import Intent, Run
from ..ledger.codec import dump, load
from ..settings import Target
from .answering import Served, base_candidate, tuned_candidate
from .begun import Begun
from .candidates import Around, further, named_platforms, served_as
from .choosing import evaluated_model
from .keeping import RECORDED, tuned_of
from .session import Account, Session

__all__ = ["account_of", "candidates_of", "evaluated_before", "intent_of", "served_of", "tuned_bases"]


async def account_of(session: Session, run: Run, provider: str) -> Account:
    """The account that a run works with at this platform, as the run or its job recorded it.

    A run from before that record that bought nothing has only the environment's.
    """
    refs = run.record.get("accounts", {})
    if provider not in refs and run.intent_id is not None:
        intent = await intent_of(session, run)
        refs = {intent.provider: intent.account}
    if provider in refs:
        return Account.recorded(provider, refs[provider])
    return session.account(provider, (run.record.get("settings") or run.record).get("account"))


async def intent_of(session: Session, run: Run) -> Intent:
    """What the run bought. Raises `UsageError` where that is nothing."""
    if run.intent_id is None:
        run = await session.desk.db(session.desk.ledger.runs.get, run.id)
    if run.intent_id is None:
        raise UsageError(f"run {run.id} has bought no job", fix="tunewright submit, or tunewright run")
    return await session.desk.db(session.desk.ledger.intents.get, run.intent_id)


async def evaluated_before(session: Session, run: Run) -> str | None:
    """The last evaluation of this run, else of another run with the same job: what was answered there is not asked."""
    if run.evaluation_id is not None:
        return run.evaluation_id
    runs = session.desk.ledger.runs
    bought = (await session.desk.db(runs.get, run.id)).intent_id
    others = () if bought is None else await session.desk.db(runs.of_intent, bought)
    asked = [other for other in others if other.evaluation_id is not None]
    return max(asked, key=lambda other: other.created_at).evaluation_id if asked else None


async def tuned_bases(session: Session) -> Mapping[str, str]:
    """Tuned model → its base, for every job of this ledger."""
    intents = await session.desk.db(session.desk.ledger.intents.all)
    return {item.job.tuned_model: item.plan.model for item in intents if item.job and item.job.tuned_model}


async def served_of(session: Session, begun: Begun) -> tuple[Served, ...]:
    """The base, the tuned model of this run or the two existing models that it compares, and the further ones."""
    settings, run = begun.settings, begun.run
    recorded = await session.desk.db(session.desk.ledger.runs.get, run.id)
    tuned = tuned_of(settings) or Target(settings.to[0].provider, await _trained(session, run, recorded))
    names = dict.fromkeys((settings.to[0].provider, tuned.provider, *named_platforms(settings)))
    accounts = {name: await account_of(session, run, name) for name in names}
    saved = recorded.record.get("checkpoints")
    around = Around(
        settings=settings,
        dataset=begun.dataset,
        asked=questions(begun.dataset.split.test),
        account=accounts.__getitem__,
        home=session.home,
        made=await tuned_bases(session),
        saved=tuple(load(Checkpoint, dump(item)) for item in saved or ()),
        tuned=tuned,
    )
    return candidates_of(around, tuned)


def candidates_of(around: Around, tuned: Target) -> tuple[Served, ...]:
    """All of them, in the order in which they are shown. Raises `UsageError` for one that is there twice."""
    served = (_base(around), _tuned(around, tuned), *further(around))
    seen: dict[object, str] = {}
    for item in served:
        told = item.candidate
        first = seen.setdefault(canonical_json(told.identity), told.name)
        if first != told.name:
            raise UsageError(f"{told.label or told.model} is asked twice, as {first} and {told.name}", where="--also")
    return served


def _base(around: Around) -> Served:
    """The base as everybody has it, or as a file recorded it."""
    if around.base.provider == RECORDED:
        return served_as(around, around.base, "base")
    return base_candidate(around.settings, around.account(around.base.provider), around.base)


def _tuned(around: Around, tuned: Target) -> Served:
    """The tuned model, priced as a child of its base; a recorded one, or one at a bare server, as it is."""
    account = around.account(tuned.provider)
    if not account.platform.models():
        return served_as(around, tuned, "tuned")
    child_of = around.settings.extra.get("tuned_base", around.base.model)
    return tuned_candidate(around.settings, account, child_of, tuned.model)


async def _trained(session: Session, run: Run, recorded: Run) -> str:
    """What is to be evaluated: it was recorded when training ended, after this run was opened."""
    intent = await intent_of(session, run)
    job = intent.job
    if job is None or job.state is not JobState.SUCCEEDED or not job.tuned_model:
        raise UsageError(f"run {run.id} has no tuned model yet", fix=f"tunewright watch {run.id}")
    return evaluated_model(recorded.record) or job.tuned_model
