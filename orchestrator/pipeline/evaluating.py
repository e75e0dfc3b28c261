"""All candidates under the same held-out questions: with prices, and leases where serving bills by the hour."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from providers.contract import Provider
from providers.errors import ProviderError

from ..canonical import canonical_json
from ..errors import TunewrightError
from ..evaluation.ask import ask, await_model, stored
from ..evaluation.decide import Rule
from ..evaluation.questions import Answer, Question, Spec
from ..jobs.leases import LeaseWish, leased
from ..ledger.codec import dump, load
from ..settings import RunSettings
from .answering import Served
from .batching import Batching, ask_in_batches, in_flight
from .holding import Key, settle, wishes
from .session import Session

__all__ = ["Evaluated", "already", "evaluate", "spec_for"]

_READY_WITHIN_S = 900.0


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
        paid = {key: answer for key, answer in known.items() if answer.paid_by is not None}
        place = {"spec_id": spec.id, "run_id": run_id}
        held = wishes(settings, asking, asked, paid, **place, usd=reserve_usd, unknown=unknown)
        await desk.db(desk.ledger.budget.hold, held, desk.clock.now())
        batching = Batching(settings=settings, spec=spec, asked=asked, wishes=held, progress=progress, until=until)
        try:
            in_batches = await ask_in_batches(session, asking, batching)
        except (TunewrightError, ProviderError):
            await settle(session, spec, asking, await stored(desk, spec.id))
            raise
        left = [item for item in wanting if item.candidate.name not in in_batches]
        if left:
            names = {item.candidate.name for item in left}
            others = sum(name not in names for name, _, _ in known)

            def counted(done: int, total: int) -> None:
                progress(done + others, total + others)

            await _ask_one_by_one(session, settings, left, spec, asked, run_id, counted)
    answers = await stored(desk, spec.id)
    await settle(session, spec, asking, answers)
    return Evaluated(spec=spec, questions=asked, answers=answers, rule=rule)


def _open(item: Served, spec: Spec, asked: Sequence[Question], known: Mapping[Key, Answer]) -> bool:
    """Whether this candidate has still something to answer."""
    return any((item.candidate.name, q.key, sample) not in known for q in asked for sample in range(spec.samples))


class Known(NamedTuple):
    """What nobody need be asked any more. `fresh`: what of it does not stand under this evaluation yet."""

    answers: dict[Key, Answer]
    fresh: dict[Key, Answer]


async def _keep_known(
    session: Session, spec: Spec, served: Sequence[Served], asked: Sequence[Question], before: str | None
) -> dict[Key, Answer]:
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


def _from_file(item: Served, spec: Spec, asked: Sequence[Question]) -> Iterator[tuple[Key, Answer]]:
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
    roles = {canonical_json(candidate.identity): candidate.name for candidate in spec.candidates}
    them = {candidate.name: canonical_json(candidate.identity) for candidate in earlier.candidates}
    mine = {name: roles[identity] for name, identity in them.items() if identity in roles}
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
