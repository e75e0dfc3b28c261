"""All candidates under the same held-out questions: with prices, and leases where serving bills by the hour."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from providers.contract import Platform, Provider
from providers.errors import NotFound, ProviderError
from providers.records import PriceItem

from ..errors import TunewrightError
from ..evaluation.ask import ask, await_model, stored
from ..evaluation.decide import Rule
from ..evaluation.questions import Answer, Candidate, Question, Spec
from ..jobs.leases import LeaseWish, leased
from ..ledger import Reservation, evaluation_spending
from ..ledger.codec import dump, load
from ..ledger.spending import exact_sum
from ..settings import RunSettings, Target
from .batching import Batching, ask_in_batches, in_flight
from .pricing import price_rows
from .quoting import hours_of_hosting
from .session import Account, Session

__all__ = [
    "Evaluated",
    "Served",
    "already",
    "base_candidate",
    "evaluate",
    "payer",
    "paying",
    "spec_for",
    "tuned_candidate",
]

_READY_WITHIN_S = 900.0
_Key = tuple[str, str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A candidate and the account that answers for it. `hosting_usd`: to hold where serving bills by the hour, at the
    quoted `usd_per_hour`. `counts_as`: the base model by which its tokens are counted. `may_appear`: tuned a moment
    ago, it may not be served yet. `recorded`: (question key, sample) → answer, where they stand in a file and nobody is
    asked."""

    candidate: Candidate
    account: Account
    dedicated: bool = False
    hosting_usd: Decimal = Decimal(0)
    usd_per_hour: Decimal | None = None
    counts_as: str = ""
    may_appear: bool = False
    recorded: Mapping[tuple[str, int], Answer] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """Everything asked and answered, not yet graded."""

    spec: Spec
    questions: tuple[Question, ...]
    answers: dict[tuple[str, str, int], Answer]
    rule: Rule

    def of(self, candidate: str) -> list[Answer]:
        """The candidate's first answers in the order of the questions; a question never answered is an error."""
        return [answers[0] for answers in self.samples_of(candidate)]

    def samples_of(self, candidate: str) -> list[tuple[Answer, ...]]:
        """All of the candidate's answers to each question: one, or as many as samples were asked for."""
        missing = Answer(text="", error="not asked")
        samples = range(self.spec.samples)
        return [
            tuple(self.answers.get((candidate, question.key, sample), missing) for sample in samples)
            for question in self.questions
        ]


def base_candidate(settings: RunSettings, account: Account, target: Target) -> Served:
    """The model as the platform serves it to everybody."""
    into, out = _prices(settings, account.platform, target.model, PriceItem.INPUT, PriceItem.OUTPUT)
    candidate = Candidate(
        name="base",
        provider=target.provider,
        model=target.model,
        label=str(target),
        serving="serverless",
        input_usd_per_mtok=into,
        output_usd_per_mtok=out,
    )
    return Served(candidate=candidate, account=account, counts_as=target.model)


def tuned_candidate(
    settings: RunSettings, account: Account, base_model: str, tuned_model: str, name: str = "tuned"
) -> Served:
    """A tuned model, with its own prices; a lease where the platform serves it on a machine by the hour."""
    platform = account.platform
    into, out = _prices(settings, platform, base_model, PriceItem.TUNED_INPUT, PriceItem.TUNED_OUTPUT)
    dedicated = _serving(platform, base_model) == "dedicated"
    (hosting,) = _prices(settings, platform, base_model, PriceItem.HOSTING)
    candidate = Candidate(
        name=name,
        provider=platform.name,
        model=tuned_model,
        label=str(Target(platform.name, tuned_model)),
        serving="dedicated" if dedicated else "serverless",
        input_usd_per_mtok=into,
        output_usd_per_mtok=out,
    )
    return Served(
        candidate=candidate,
        account=account,
        dedicated=dedicated,
        hosting_usd=(hosting or Decimal(0)) * hours_of_hosting(settings) if dedicated else Decimal(0),
        usd_per_hour=hosting if dedicated else None,
        counts_as=base_model,
        may_appear=True,
    )


def _serving(platform: Platform, base_model: str) -> str:
    try:
        return platform.model(base_model).tuned_serving
    except NotFound:
        return "unknown"


def _prices(settings: RunSettings, platform: Platform, model: str, *items: PriceItem) -> tuple[Decimal | None, ...]:
    """Prices in the order of `items`; None where nobody gives one."""
    rows = {row.item: row.usd for row in price_rows(settings, platform, model)}
    return tuple(rows.get(item) for item in items)


async def evaluate(
    session: Session,
    settings: RunSettings,
    served: Sequence[Served],
    asked: tuple[Question, ...],
    *,
    run_id: str,
    reserve_usd: Decimal,
    progress: Callable[[int, int], None],
    unknown: bool = False,
    before: str | None = None,
    until: datetime | None = None,
) -> Evaluated:
    """Record the rule, hold the money, ask what is missing, settle with what the answers cost.

    Where nothing is missing nothing is held and nobody is asked. `unknown`: some answers have no known price.
    `before`: an earlier evaluation, whose answers to the same questions by the same models are taken over. `until`:
    when to stop waiting for batches.
    """
    desk = session.desk
    spec = spec_for(settings, served, asked)
    rule = Rule(**await desk.db(desk.ledger.answers.begin, spec.id, spec, settings.rule, desk.clock.now()))
    known = await _keep_known(session, spec, served, asked, before)
    asking = [item for item in served if item.recorded is None]
    wanting = [item for item in asking if _open(item, spec, asked, known)]
    if wanting or await in_flight(session, spec.id):
        wish = _wish(settings, wanting or asking, spec.id, run_id, reserve_usd, unknown)
        await desk.db(desk.ledger.budget.hold, wish, desk.clock.now())
        batching = Batching(settings=settings, spec=spec, asked=asked, wish=wish, progress=progress, until=until)
        try:
            in_batches = await ask_in_batches(session, asking, batching)
        except (TunewrightError, ProviderError):
            await _settle(session, spec, served, await stored(desk, spec.id))
            raise
        left = [item for item in wanting if item.candidate.name not in in_batches]
        if left:
            names = {item.candidate.name for item in left}
            others = sum(name not in names for name, _, _ in known)

            def counted(done: int, total: int) -> None:
                progress(done + others, total + others)

            await _ask_one_by_one(session, settings, left, spec, asked, run_id, counted)
    answers = await stored(desk, spec.id)
    await _settle(session, spec, served, answers)
    return Evaluated(spec=spec, questions=asked, answers=answers, rule=rule)


def _open(item: Served, spec: Spec, asked: Sequence[Question], known: Mapping[_Key, Answer]) -> bool:
    """Whether this candidate has still something to answer."""
    return any((item.candidate.name, q.key, sample) not in known for q in asked for sample in range(spec.samples))


class Known(NamedTuple):
    """What nobody need be asked any more. `fresh`: what of it does not stand under this evaluation yet."""

    answers: dict[_Key, Answer]
    fresh: dict[_Key, Answer]


async def _keep_known(
    session: Session, spec: Spec, served: Sequence[Served], asked: Sequence[Question], before: str | None
) -> dict[_Key, Answer]:
    """Known answers, with those of an earlier evaluation and of files written beside what was answered here."""
    known, fresh = await already(session, spec, before)
    for item in served:
        for key, answer in _from_file(item, spec, asked):
            if key not in known:
                fresh[key] = answer
    if fresh:
        rows = [(*key, dump(answer)) for key, answer in fresh.items()]
        await session.desk.db(session.desk.ledger.answers.put, spec.id, rows)
    return {key: answer for key, answer in (known | fresh).items() if answer.error is None}


def _from_file(item: Served, spec: Spec, asked: Sequence[Question]) -> Iterator[tuple[_Key, Answer]]:
    """Every answer that the file should hold; what it lacks is an error, and counts as missing."""
    absent = Answer(text="", error="not in the file of recorded answers")
    for question in asked if item.recorded is not None else ():
        for sample in range(spec.samples):
            answer = (item.recorded or {}).get((question.key, sample), absent)
            yield (item.candidate.name, question.key, sample), answer


async def already(session: Session, spec: Spec, before: str | None) -> Known:
    """(candidate, question key, sample) → answer, for what was answered under this spec, or under `before` by the same
    models, asked in the same words."""
    desk = session.desk
    known = Known({key: answer for key, answer in (await stored(desk, spec.id)).items() if answer.error is None}, {})
    text = None if before in (None, spec.id) else await desk.db(desk.ledger.answers.spec, before)
    if before is None or text is None:
        return known
    earlier = load(Spec, text)
    if earlier.sampling != spec.sampling:
        return known
    roles = {candidate.identity: candidate.name for candidate in spec.candidates}
    mine = {c.name: roles[c.identity] for c in earlier.candidates if c.identity in roles}
    asked = set(spec.questions)
    for (name, key, sample), answer in (await stored(desk, before)).items():
        place = (mine.get(name, ""), key, sample)
        wanted = name in mine and key in asked and sample < spec.samples and place not in known.answers
        if wanted and answer.error is None:
            known.fresh[place] = replace(answer, paid_by=answer.paid_by or before)
    return Known(known.answers | known.fresh, known.fresh)


async def _ask_one_by_one(
    session: Session,
    settings: RunSettings,
    served: Sequence[Served],
    spec: Spec,
    asked: tuple[Question, ...],
    run_id: str,
    progress: Callable[[int, int], None],
) -> None:
    async with _opened(session, settings, served, run_id) as (opened, live):
        await _await_all(session, settings, opened, live)
        concrete = replace(spec, candidates=tuple(item.candidate for item in live))
        await ask(
            session.desk,
            opened,
            concrete,
            asked,
            spec_id=spec.id,
            concurrency=settings.concurrency,
            progress=progress,
        )


def spec_for(settings: RunSettings, served: Sequence[Served], asked: Sequence[Question]) -> Spec:
    """What will be asked of whom; its hash names the evaluation."""
    return Spec(
        candidates=tuple(item.candidate for item in served),
        questions=tuple(question.key for question in asked),
        sampling=settings.sampling,
        samples=settings.samples,
    )


@asynccontextmanager
async def _opened(
    session: Session, settings: RunSettings, served: Sequence[Served], run_id: str
) -> AsyncIterator[tuple[dict[str, Provider], list[Served]]]:
    """Every account opened once and every dedicated model leased; the leases end with the block."""
    async with AsyncExitStack() as stack:
        accounts: dict[str, Provider] = {}
        opened: dict[str, Provider] = {}
        live: list[Served] = []
        for item in served:
            key = f"{item.account.platform.name} {item.account.ref}"
            if key not in accounts:
                accounts[key] = await stack.enter_async_context(session.open(item.account))
            opened[item.candidate.name] = accounts[key]
            if item.dedicated:
                wish = LeaseWish(
                    model=item.candidate.model,
                    account=item.account.ref,
                    reserve_usd=item.hosting_usd,
                    sandbox=item.account.sandbox,
                    run_id=run_id,
                    run_cap=settings.max_usd,
                    usd_per_hour=item.usd_per_hour,
                    max_hours=settings.max_hosting_hours,
                )
                lease = await stack.enter_async_context(leased(session.desk, accounts[key], wish))
                item = replace(item, candidate=replace(item.candidate, model=lease.model))
            live.append(item)
        yield opened, live


async def _await_all(
    session: Session, settings: RunSettings, opened: dict[str, Provider], live: Sequence[Served]
) -> None:
    """Only what was tuned here may be about to appear; another that is not there was misspelt."""
    for item in live:
        name, within_s = item.candidate.name, _READY_WITHIN_S if item.may_appear else 0.0
        await await_model(session.desk, opened[name], item.candidate.model, settings.sampling, within_s)


def payer(served: Sequence[Served]) -> Account:
    """Whose budget it is: a real account before a sandbox, so that real money never counts as none."""
    return min((item.account for item in served), key=lambda account: account.sandbox)


def paying(served: Sequence[Served]) -> list[Served]:
    """Whose answers are on the bill: none of a file's, and beside a real account none of a sandbox's."""
    asked = [item for item in served if item.recorded is None]
    return [item for item in asked if not item.account.sandbox] or asked


def _wish(
    settings: RunSettings,
    served: Sequence[Served],
    spec_id: str,
    run_id: str,
    usd: Decimal,
    unknown: bool,
) -> Reservation:
    """The answers' money; what is rented for them must fit beside it, before anything is."""
    account = payer(served)
    return Reservation(
        id=evaluation_spending(spec_id),
        usd=usd,
        kind="evaluation",
        provider=account.platform.name,
        account=account.ref,
        sandbox=account.sandbox,
        run_id=run_id,
        run_cap=settings.max_usd,
        then_usd=sum((item.hosting_usd for item in served), Decimal(0)),
        unknown=unknown,
    )


async def _settle(session: Session, spec: Spec, served: Sequence[Served], answers: Mapping[_Key, Answer]) -> None:
    """The bill of an evaluation is the sum of its answers; one without a price leaves the money reserved, and so does a
    batch that is under way. What a rented machine answers is billed by the hour, with its lease."""
    if await in_flight(session, spec.id):
        return
    by_answer = {item.candidate.name: item for item in paying(served) if not item.dedicated}
    paid = [
        Decimal(0) if answer.usd is None and by_answer[name].account.sandbox else answer.usd
        for (name, _, _), answer in answers.items()
        if name in by_answer and answer.error is None and answer.paid_by is None
    ]
    if all(usd is not None for usd in paid):
        total = exact_sum(usd for usd in paid if usd is not None)
        ledger, now = session.desk.ledger, session.desk.clock.now()
        basis = f"sum of {len(paid):,} answers"
        await session.desk.db(ledger.budget.settle, evaluation_spending(spec.id), total, now, basis=basis)
