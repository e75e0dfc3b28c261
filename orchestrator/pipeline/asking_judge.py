"""Asking the judge: money held as `judging`, each judgement stored as it comes under an evaluation of its own.

A judging that was killed goes on where it stopped, and nothing is judged, or paid, twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal

from ..costing import usd_limit, usd_text
from ..errors import BudgetRefused, UsageError
from ..evaluation.ask import ask, await_model, stored
from ..evaluation.judge_graders import Answers, PairJudge, ScoreJudge
from ..evaluation.judge_prompt import JUDGING
from ..evaluation.questions import Answer, Question, Spec
from ..ledger import Reservation
from ..ledger.spending import exact_sum
from ..settings import RunSettings
from .answering import Served, base_candidate
from .asking import line_of
from .evaluating import Evaluated
from .grading import JudgeGrader, answers_of, graders_of, judging_spec
from .session import Account, Session

__all__ = [
    "greet_judge",
    "judge_account",
    "judge_answers",
    "judging_bound",
    "judging_spendings",
    "refuse_unjudged",
    "tell_judging",
    "unjudged",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judging:
    spec: Spec
    served: Served
    tasks: tuple[Question, ...]
    most: Decimal | None


def judge_account(session: Session, settings: RunSettings) -> Account | None:
    """Whose key asks the judge; None where no judge is asked. Raises `Auth` naming the variable that is missing."""
    return None if settings.judge is None else session.account(settings.judge.provider, settings.account)


async def greet_judge(session: Session, settings: RunSettings, account: Account) -> None:
    """Raises `NotFound`, `Auth` or `Billing` where the judge would not answer: before anything else is paid for."""
    if settings.judge is not None:
        async with session.open(account) as provider:
            await await_model(session.desk, provider, settings.judge.model, JUDGING, 0)


async def judge_answers(
    session: Session,
    settings: RunSettings,
    evaluated: Evaluated,
    account: Account,
    *,
    run_id: str,
    progress: Callable[[int, int], None],
) -> None:
    """Ask for every judgement that is missing, and settle with what they cost. Raises `BudgetRefused`."""
    desk = session.desk
    for grader in _judges(settings, evaluated.questions):
        judging = _planned(settings, grader, evaluated, account)
        await desk.db(
            desk.ledger.answers.begin, judging.spec.id, judging.spec, {"judges": evaluated.spec.id}, desk.clock.now()
        )
        known = await stored(desk, judging.spec.id)
        done = {key for (_, key, _), answer in known.items() if answer.error is None}
        if any(task.key not in done for task in judging.tasks):
            await _hold(session, settings, judging, run_id)
            _tell(session, grader, judging, len(done))
            async with session.open(account) as provider:
                await greet_judge(session, settings, account)
                await ask(
                    desk,
                    {"judge": provider},
                    judging.spec,
                    judging.tasks,
                    spec_id=judging.spec.id,
                    concurrency=settings.concurrency,
                    progress=progress,
                )
        await _settle(session, judging)


def judging_bound(
    settings: RunSettings, account: Account, asked: Sequence[Question], candidates: Sequence[str]
) -> Decimal | None:
    """About the most that judging may cost, before any answer is there: every answer as long as it may be. None: a
    price is not known."""
    length = settings.sampling.max_tokens
    blank: Answers = {
        name: [(Answer(text=f"{chr(97 + place % 26)} " * length),)] * len(asked)
        for place, name in enumerate(candidates)
    }
    prices = [_most(settings, grader.tasks(asked, blank), account) for grader in _judges(settings, asked)]
    return None if None in prices else exact_sum(usd for usd in prices if usd is not None)


def tell_judging(
    session: Session,
    settings: RunSettings,
    account: Account,
    asked: Sequence[Question],
    candidates: Sequence[str],
    besides: Decimal | None,
) -> Decimal | None:
    """Say before anything is agreed to what judging may cost, and to whom the answers go. `besides`: what the rest of
    the run may cost. Raises `BudgetRefused` where both do not fit under the cap, or nothing bounds the judging."""
    most, cap = judging_bound(settings, account, asked, candidates), settings.max_usd
    told = "not known" if most is None else f"about {usd_text(most, rounding=ROUND_CEILING)} at most"
    session.desk.say(
        "quote",
        f"judging by {settings.judge}: {told}; it is sent the {len(asked)} held-out prompts with their expected "
        "answers and what the models answer",
        usd=most,
    )
    if settings.judge in settings.to:
        session.desk.say("warning", f"{settings.judge} judges its own answers: a judge favours what it would have said")
    if most is None and cap is None and not (account.sandbox or settings.accept_unknown):
        raise BudgetRefused(
            "the price of judging is not known, so no budget can be held for it",
            fix="give --max-usd, your own price file with --prices, or --accept-unknown",
        )
    if most is not None and cap is not None and most + (besides or 0) > cap:
        both = usd_text(most + (besides or 0), rounding=ROUND_CEILING)
        raise BudgetRefused(
            f"with judging it may cost up to {both}, and --max-usd is {usd_limit(cap)}",
            fix="raise --max-usd, or judge less: fewer pairs, one rubric, a cheaper judge",
        )
    return most


def unjudged(graders: Sequence[object], evaluated: Evaluated) -> JudgeGrader | None:
    """The first whose judge has judged none of these answers yet, though there is something to judge."""
    answers = answers_of(evaluated)
    judges = (each for each in graders if isinstance(each, ScoreJudge | PairJudge) and not each.judgements)
    return next((each for each in judges if each.tasks(evaluated.questions, answers)), None)


def refuse_unjudged(graders: Sequence[object], evaluated: Evaluated) -> None:
    """Raises `UsageError` where a judge was never asked: deciding again asks nobody."""
    grader = unjudged(graders, evaluated)
    if grader is not None:
        fix = "tunewright evaluate RUN with the same --grader and --judge asks it, and pays for it"
        raise UsageError(f"{grader.judge} has judged none of these answers yet", where=grader.name, fix=fix)


async def judging_spendings(session: Session, run_id: str) -> Decimal | None:
    """What this run's judging was billed; None while a part is not known."""
    held = await session.desk.db(session.desk.ledger.budget.spendings, run_id)
    mine = [item for item in held if item.kind == "judging"]
    return None if any(item.state == "reserved" for item in mine) else exact_sum(item.billed_usd for item in mine)


def _judges(settings: RunSettings, asked: Sequence[Question]) -> list[JudgeGrader]:
    return [each for each in graders_of(settings, asked) if isinstance(each, ScoreJudge | PairJudge)]


def _planned(settings: RunSettings, grader: JudgeGrader, evaluated: Evaluated, account: Account) -> _Judging:
    assert settings.judge is not None
    served = base_candidate(settings, account, settings.judge)
    spec = judging_spec(settings, grader, evaluated)
    priced = replace(served.candidate, name="judge")
    tasks = grader.tasks(evaluated.questions, answers_of(evaluated))
    return _Judging(
        spec=replace(spec, candidates=(priced,)), served=served, tasks=tasks, most=_most(settings, tasks, account)
    )


def _most(settings: RunSettings, tasks: Sequence[Question], account: Account) -> Decimal | None:
    assert settings.judge is not None
    asking = replace(settings, sampling=JUDGING, samples=1)
    return line_of(asking, base_candidate(settings, account, settings.judge), tasks).usd


async def _hold(session: Session, settings: RunSettings, judging: _Judging, run_id: str) -> None:
    account, desk = judging.served.account, session.desk
    bounded = settings.max_usd if judging.most is None else judging.most
    wish = Reservation(
        id=f"judging:{judging.spec.id}",
        usd=bounded or Decimal(0),
        kind="judging",
        provider=account.platform.name,
        account=account.ref,
        sandbox=account.sandbox,
        run_id=run_id,
        run_cap=settings.max_usd,
        unknown=judging.most is None,
        basis=f"{len(judging.tasks):,} judgements, each answer as long as it may be",
    )
    await desk.db(desk.ledger.budget.hold, wish, desk.clock.now())


def _tell(session: Session, grader: JudgeGrader, judging: _Judging, done: int) -> None:
    most = "an unknown price" if judging.most is None else f"at most {usd_text(judging.most, rounding=ROUND_CEILING)}"
    before = f", {done:,} of them are there" if done else ""
    session.desk.say("judging", f"{grader.name}: {len(judging.tasks):,} judgements by {grader.judge}{before}; {most}")


async def _settle(session: Session, judging: _Judging) -> None:
    """The bill is the sum of the judgements; one without a price leaves the money reserved."""
    desk = session.desk
    paid = [each.usd for each in (await stored(desk, judging.spec.id)).values() if each.error is None]
    if all(usd is not None for usd in paid):
        total = exact_sum(usd for usd in paid if usd is not None)
        basis = f"sum of {len(paid):,} judgements"
        await desk.db(desk.ledger.budget.settle, f"judging:{judging.spec.id}", total, desk.clock.now(), basis=basis)
