"""Base and tuned under the same held-out questions: candidates with prices, leases where serving bills by the hour."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal

from providers.contract import Platform, Provider
from providers.errors import NotFound
from providers.records import PriceItem

from ..evaluation.ask import ask, await_model, stored
from ..evaluation.decide import Rule
from ..evaluation.keeping import answered
from ..evaluation.questions import Answer, Candidate, Question, Spec
from ..jobs.leases import LeaseWish, leased
from ..ledger import Reservation
from ..ledger.spending import exact_sum
from ..settings import RunSettings, Target
from .pricing import price_rows
from .quoting import hours_of_hosting
from .session import Account, Session

__all__ = ["Evaluated", "Served", "base_candidate", "evaluate", "payer", "spec_for", "tuned_candidate"]

_READY_WITHIN_S = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A candidate and the account that answers for it. `hosting_usd`: to hold where serving bills by the hour, at the
    quoted `usd_per_hour`."""

    candidate: Candidate
    account: Account
    dedicated: bool = False
    hosting_usd: Decimal = Decimal(0)
    usd_per_hour: Decimal | None = None


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
    return Served(candidate=candidate, account=account)


def tuned_candidate(settings: RunSettings, account: Account, base_model: str, tuned_model: str) -> Served:
    """The tuned model, with its own prices; a lease where the platform serves it on a machine by the hour."""
    platform = account.platform
    into, out = _prices(settings, platform, base_model, PriceItem.TUNED_INPUT, PriceItem.TUNED_OUTPUT)
    dedicated = _serving(platform, base_model) == "dedicated"
    (hosting,) = _prices(settings, platform, base_model, PriceItem.HOSTING)
    candidate = Candidate(
        name="tuned",
        provider=platform.name,
        model=tuned_model,
        label=f"{platform.name}:{tuned_model}",
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
) -> Evaluated:
    """Record the rule, hold the money, ask what is missing, settle with what the answers cost.

    Where nothing is missing nothing is held and nobody is asked. `unknown`: some answers have no known price.
    """
    desk = session.desk
    spec = spec_for(settings, served, asked)
    rule = Rule(**await desk.db(desk.ledger.answers.begin, spec.id, spec, settings.rule, desk.clock.now()))
    known = sum([len(page) async for page in answered(desk, spec.id)])
    if known < len(served) * len(asked) * spec.samples:
        await _hold(session, settings, served, spec.id, run_id, reserve_usd, unknown)
        async with _opened(session, settings, served, run_id) as (opened, live):
            await _await_all(session, settings, opened, live)
            concrete = replace(spec, candidates=tuple(item.candidate for item in live))
            await ask(
                desk,
                opened,
                concrete,
                asked,
                spec_id=spec.id,
                concurrency=settings.concurrency,
                progress=progress,
            )
    answers = await stored(desk, spec.id)
    await _settle(session, spec, answers)
    return Evaluated(spec=spec, questions=asked, answers=answers, rule=rule)


def spec_for(settings: RunSettings, served: Sequence[Served], asked: Sequence[Question]) -> Spec:
    """What will be asked of whom; its hash names the evaluation."""
    return Spec(
        candidates=tuple(item.candidate for item in served),
        questions=tuple(question.key for question in asked),
        sampling=settings.sampling,
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
    for item in live:
        name = item.candidate.name
        await await_model(session.desk, opened[name], item.candidate.model, settings.sampling, _READY_WITHIN_S)


def payer(served: Sequence[Served]) -> Account:
    """Whose budget it is: a real account before a sandbox, so that real money never counts as none."""
    return min((item.account for item in served), key=lambda account: account.sandbox)


async def _hold(
    session: Session,
    settings: RunSettings,
    served: Sequence[Served],
    spec_id: str,
    run_id: str,
    usd: Decimal,
    unknown: bool,
) -> None:
    """The answers' money; what is rented for them must fit beside it, before anything is."""
    account, desk = payer(served), session.desk
    wish = Reservation(
        id=f"evaluation:{spec_id}",
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
    await desk.db(desk.ledger.budget.hold, wish, desk.clock.now())


async def _settle(session: Session, spec: Spec, answers: dict[tuple[str, str, int], Answer]) -> None:
    """The bill of an evaluation is the sum of its answers; one without a price leaves the money reserved. What a rented
    machine answers is billed by the hour, with its lease."""
    rented = {candidate.name for candidate in spec.candidates if candidate.serving == "dedicated"}
    paid = [answer.usd for (name, _, _), answer in answers.items() if answer.error is None and name not in rented]
    if all(usd is not None for usd in paid):
        total = exact_sum(usd for usd in paid if usd is not None)
        ledger, now = session.desk.ledger, session.desk.clock.now()
        basis = f"sum of {len(paid):,} answers"
        await session.desk.db(ledger.budget.settle, f"evaluation:{spec.id}", total, now, basis=basis)
