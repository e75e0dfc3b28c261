"""What a moved model leaves behind: its job and its bill, and its answers in a file, taken while it still answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from providers.errors import NotFound
from providers.records import JobState

from ..errors import UsageError
from ..evaluation.questions import questions
from ..ledger import Run, evaluation_spending, training_spending
from . import run as steps
from .answering import Served
from .asking import AskQuote, ask_quote
from .comparing import agree, held
from .evaluating import Evaluated, already, evaluate, spec_for
from .keeping import save_answers
from .moved import OldModel
from .pricing import price_rows
from .serving import evaluated_before, intent_of, served_of
from .session import Session
from .settling import bill_usd

__all__ = ["keep_answers", "old_model"]

_FOLDER = "moved"
_TUNED = "tuned"


async def old_model(session: Session, run: Run, see: Callable[[Any], None]) -> OldModel:
    """The finished job of that run, watched to its end where it still trains. Raises `JobFailed`, `UsageError`."""
    begun = await steps.reopen(session, run)
    intent = await intent_of(session, run)
    if run.stage == "training" or intent.job is None or intent.job.state is not JobState.SUCCEEDED:
        await steps.follow(session, run, see)
        run = await session.desk.db(session.desk.ledger.runs.get, run.id)
        begun, intent = replace(begun, run=run), await intent_of(session, run)
    job = intent.job
    if job is None or not job.tuned_model:
        raise UsageError(f"run {run.id} has made no model", fix=f"tunewright watch {run.id}")
    spendings = {item.id: item for item in await session.desk.db(session.desk.ledger.budget.spendings)}
    spent = spendings.get(training_spending(intent.id))
    prices = price_rows(begun.settings, begun.account, intent.plan.model)
    usd = spent.usd if spent is not None and spent.state == "settled" else bill_usd(job, prices)
    return OldModel(begun=begun, intent=intent, billed_usd=usd, billed_tokens=job.billed_tokens)


async def keep_answers(
    session: Session,
    old: OldModel,
    consent: steps.Consent,
    progress: steps.Progress,
    max_usd: Decimal | None,
    *,
    accept_unknown: bool,
) -> tuple[Path, Decimal]:
    """The old model's answers to the held-out prompts in a file that outlives it, and what they cost now.

    What was answered before is neither asked nor paid again; nobody is asked where nothing is missing. Raises
    `UsageError` where the old model answers no more.
    """
    begun, desk = old.begun, session.desk
    cap = begun.settings.max_usd if max_usd is None else max_usd
    unknown = accept_unknown or begun.settings.accept_unknown
    settings = replace(begun.settings, max_usd=cap, accept_unknown=unknown, also=())
    asked = questions(begun.dataset.split.test)
    served = [item for item in await served_of(session, replace(begun, settings=settings)) if _is_tuned(item)]
    served = [replace(item, may_appear=item.dedicated) for item in served]  # it was there long ago, or is gone
    before = await evaluated_before(session, begun.run)
    spec = spec_for(settings, served, asked)
    known = await already(session, spec, before)
    quote = ask_quote(settings, served, asked, known.answers)
    if any(line.answers for line in quote.lines):
        desk.say("moving", f"first, what {old.name} answers is kept, so that it can be compared when it is gone")
        agree(session, quote, settings, consent)
    asking = replace(settings, max_usd=await _with_what_it_cost(session, begun.run, max_usd, cap))
    told = Decimal(held(quote, settings)["asking_usd"] or 0)
    try:
        evaluated = await evaluate(
            session,
            asking,
            served,
            asked,
            run_id=begun.run.id,
            reserve_usd=told,
            unknown=quote.usd is None,
            progress=progress,
            before=before,
        )
    except NotFound as error:
        raise _gone(old, error.message) from error
    _refuse_silent(old, evaluated)
    folder = session.home / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    path = save_answers(folder / f"{begun.run.id}-{spec.id[-12:]}.jsonl", spec, asked, evaluated.answers)
    desk.say("answers", f"kept: {len(asked):,} answers of {old.name} in {path}", file=str(path))
    return path, await _spent(session, old, evaluation_spending(spec.id), quote)


def _is_tuned(item: Served) -> bool:
    return item.candidate.name == _TUNED


async def _with_what_it_cost(
    session: Session, run: Run, max_usd: Decimal | None, cap: Decimal | None
) -> Decimal | None:
    """A cap on the move bounds what is spent now: what the old run has cost before stands beside it."""
    if max_usd is None or cap is None:
        return cap
    spendings = await session.desk.db(session.desk.ledger.budget.spendings)
    return cap + sum((item.usd for item in spendings if item.run_id == run.id and item.state == "settled"), Decimal(0))


async def _spent(session: Session, old: OldModel, spending: str, quote: AskQuote) -> Decimal:
    """What of the cap is gone: the bill of the answers, else the most they may cost; play money is none of it."""
    if old.begun.account.sandbox or not any(line.answers for line in quote.lines):
        return Decimal(0)
    found = {item.id: item for item in await session.desk.db(session.desk.ledger.budget.spendings)}.get(spending)
    billed = found.usd if found is not None and found.state == "settled" else quote.usd
    return (billed or Decimal(0)) + sum((line.hosting_usd for line in quote.lines), Decimal(0))


def _gone(old: OldModel, why: str) -> UsageError:
    return UsageError(
        f"{old.name} answers no more: {why}",
        fix="give its answers, if they were kept, with --answers FILE; else `tunewright run` trains there, to compare "
        "with the base",
    )


def _refuse_silent(old: OldModel, evaluated: Evaluated) -> None:
    answers = evaluated.of(_TUNED)
    if answers and all(answer.missing for answer in answers):
        raise _gone(old, answers[0].error or "every answer is empty")
