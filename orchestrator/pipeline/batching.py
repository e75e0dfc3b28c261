"""Large evaluations by the platforms' batches: what is missing is split into files, each bought once, waited for, and
its answers kept beside those that were asked one by one.

A start that finds batches under way goes on with them. What a batch does not answer counts as missing, and is asked
again by the next start. Nothing is rented here: what is served by the hour is left to be asked one by one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from providers.contract import Provider
from providers.errors import ProviderError
from providers.records import Capability, PriceItem

from ..canonical import intent_id, sha256_of, tag_of
from ..clock import today
from ..errors import TunewrightError
from ..evaluation.ask import await_model, stored
from ..evaluation.batch_lines import Key, Line, Prices, Wanted, split, write_file
from ..evaluation.questions import Candidate, Question, Spec
from ..folders import writable
from ..jobs.batch_recover import look_for_batch, recover_batch
from ..jobs.batch_submit import BatchOrder, submit_batch
from ..jobs.batch_wait import ended_batches
from ..jobs.desk import Desk
from ..ledger import BATCH_OPEN, BATCH_SENT, BatchRow, BatchStage, Reservation
from ..settings import RunSettings
from .collecting import collect, refuse_wholly_failed
from .pricing import price_rows
from .session import Account, Session

__all__ = ["Askable", "Batching", "ask_in_batches", "batch_prices_of", "in_flight"]

_FOLDER = "batches"
_READY_WITHIN_S = 900.0


class Askable(Protocol):
    """A candidate, the account that answers for it, and whether it is served on a machine of its own."""

    @property
    def candidate(self) -> Candidate: ...

    @property
    def account(self) -> Account: ...

    @property
    def dedicated(self) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Batching:
    """What an evaluation asks, and how each account's money is held. `until`: when to stop waiting; None: never."""

    settings: RunSettings
    spec: Spec
    asked: Sequence[Question]
    wishes: Sequence[Reservation]
    progress: Callable[[int, int], None]
    until: datetime | None = None

    @property
    def again(self) -> str:
        """The command that goes on."""
        return f"tunewright evaluate {self.run_id or ''}".strip()

    @property
    def run_id(self) -> str | None:
        """The run that it is of."""
        return self.wishes[0].run_id

    def wish_of(self, account: Account) -> Reservation:
        """The money of that account; of the one that pays, which is the last, where it has none of its own."""
        own = (wish for wish in self.wishes if (wish.provider, wish.account) == (account.platform.name, account.ref))
        return next(own, self.wishes[-1])


def batch_prices_of(settings: RunSettings, account: Account, model: str) -> Prices:
    """By the candidate's own name: a tuned one has its base's tuned prices. None where nobody gives one."""
    rows = {row.item: row.usd for row in price_rows(settings, account, model)}
    return Prices(rows.get(PriceItem.BATCH_INPUT), rows.get(PriceItem.BATCH_OUTPUT))


async def in_flight(session: Session, evaluation_id: str) -> bool:
    """Whether a batch of this evaluation is, or may be, under way: its money is held until that has ended."""
    return bool(await session.desk.db(session.desk.ledger.batches.of, evaluation_id, BATCH_OPEN))


async def ask_in_batches(session: Session, served: Sequence[Askable], work: Batching) -> frozenset[str]:
    """Ask what is missing by batches. Answers which candidates are done with for this start, none where none fits.

    Raises `StillRunning` at `until`, `InDoubt`, `BudgetRefused`, and what the platform refuses.
    """
    under_way = await session.desk.db(session.desk.ledger.batches.of, work.spec.id, BATCH_OPEN)
    wanted = work.settings.by_batches(len(work.asked) * work.spec.samples)
    fitting = frozenset(item.candidate.name for item in served if wanted and _fits(session, item))
    going = fitting | {row.candidate for row in under_way}
    if going:
        async with _opened(session, [item for item in served if item.candidate.name in going]) as sides:
            await _Start(session.desk, work, sides, writable(session.home / _FOLDER)).run(under_way, fitting)
    return fitting


def _fits(session: Session, item: Askable) -> bool:
    """Whether this candidate can be asked so; where not, why is told."""
    can = item.account.platform.capabilities(today(session.desk.clock))[Capability.BATCH]
    why = "it is served on a machine of its own" if item.dedicated else "" if can else can.reason
    if why:
        named = item.candidate.label or item.candidate.name
        session.desk.say("batch_not", f"{named} is asked one by one: {why}")
    return not why


@dataclass(frozen=True, slots=True)
class _Side:
    """One candidate, and the opened account that answers for it."""

    item: Askable
    provider: Provider

    @property
    def name(self) -> str:
        return self.item.candidate.name

    def prices(self, settings: RunSettings) -> Prices:
        return batch_prices_of(settings, self.item.account, self.item.candidate.model)


@asynccontextmanager
async def _opened(session: Session, items: Sequence[Askable]) -> AsyncIterator[dict[str, _Side]]:
    async with AsyncExitStack() as stack:
        sides = [_Side(item, await stack.enter_async_context(session.open(item.account))) for item in items]
        yield {side.name: side for side in sides}


class _Start:
    """One start's way through an evaluation's batches."""

    def __init__(self, desk: Desk, work: Batching, sides: dict[str, _Side], folder: Path) -> None:
        self._desk, self._work, self._sides, self._folder = desk, work, sides, folder
        self._asked_now: dict[str, set[Key]] = {name: set() for name in sides}
        self._failure: Exception | None = None

    async def run(self, under_way: Sequence[BatchRow], fitting: frozenset[str]) -> None:
        """What an earlier start has bought first; then what is missing still; then, what went wrong is raised."""
        recovered = [await self._recovered(row) for row in under_way]
        await self._collect([row for row in recovered if row.stage is BatchStage.CREATED])
        orders = [(name, order) for name in sorted(fitting) for order in await self._orders(self._sides[name])]
        if fitting:
            keep = {order.row.id for _, order in orders}
            batches, evaluation = self._desk.ledger.batches, self._work.spec.id
            await self._desk.db(batches.drop_unsent, evaluation, self._desk.clock.now(), keep)
        await self._collect(await self._bought(orders))
        if self._failure is not None:
            raise self._failure

    async def _recovered(self, row: BatchRow) -> BatchRow:
        """One whose paid request got no clear answer is looked for, as long as it takes to know."""
        if row.stage not in BATCH_SENT:
            return row
        provider, work = self._sides[row.candidate].provider, self._work
        patient = work.until is None
        row = await recover_batch(self._desk, provider, row, resubmit=work.settings.resubmit_after_settle, wait=patient)
        return await look_for_batch(self._desk, provider, row) if row.stage in BATCH_SENT else row

    async def _collect(self, rows: Sequence[BatchRow]) -> None:
        waiting = [(self._sides[row.candidate].provider, row) for row in rows]
        async for provider, row, batch in ended_batches(self._desk, waiting, self._work.until, self._work.again):
            prices = self._sides[row.candidate].prices(self._work.settings)
            answered = await self._answered(row.candidate)
            try:
                refuse_wholly_failed(row, batch)
            except TunewrightError as refused:
                self._failure = self._failure or refused
            asked = await collect(self._desk, provider, row, batch, prices, self._folder, answered)
            self._asked_now[row.candidate] |= asked
            self._work.progress(await self._good(), self._total)

    async def _orders(self, side: _Side) -> list[BatchOrder]:
        """Every file of what is missing."""
        missing = await self._missing(side.name) if self._failure is None else []
        if not missing:
            return []
        generation = await self._generation(side.name)
        orders = [self._order(side, chunk, generation) for chunk in self._chunks(side, missing)]
        named = side.item.candidate.label or side.name
        files = f"{len(orders)} batch{'es' if len(orders) > 1 else ''}"
        self._desk.say("batch_asking", f"asking {named} {len(missing):,} questions in {files}; it may take a day")
        return orders

    async def _bought(self, orders: Sequence[tuple[str, BatchOrder]]) -> list[BatchRow]:
        """Each, once. One that is refused ends it, and what is bought by then is waited for before that is raised."""
        bought: list[BatchRow] = []
        sampling, answering = self._work.spec.sampling, set[str]()
        for name, order in orders:
            provider = self._sides[name].provider
            try:
                if name not in answering:
                    await await_model(self._desk, provider, order.row.model, sampling, _READY_WITHIN_S)
                    answering.add(name)
                bought.append(await submit_batch(self._desk, provider, order))
            except ProviderError as refused:
                self._failure = refused
                break
        return bought

    def _chunks(self, side: _Side, missing: Sequence[Wanted]) -> list[tuple[Wanted, ...]]:
        limits = side.item.account.platform.batch_limits()
        assert limits is not None
        return list(split(missing, self._line(side), tag_of("x" * 16), limits))

    def _order(self, side: _Side, chunk: Sequence[Wanted], generation: int) -> BatchOrder:
        """The same questions of the same generation are the same batch, on any machine."""
        candidate, account, work = side.item.candidate, side.item.account, self._work
        told = {
            "evaluation": work.spec.id,
            "candidate": candidate.name,
            "provider": candidate.provider,
            "account": account.ref,
            "model": candidate.model,
            "asked": sha256_of([wanted.key for wanted in chunk]),
            "generation": generation,
        }
        batch_id = intent_id(told)
        file = write_file(chunk, self._line(side), tag_of(batch_id), self._folder)
        row = BatchRow(
            id=batch_id,
            evaluation_id=work.spec.id,
            candidate=candidate.name,
            run_id=work.run_id,
            provider=account.platform.name,
            account=account.ref,
            model=candidate.model,
            tag=tag_of(batch_id),
            stage=BatchStage.PLANNED,
            sandbox=account.sandbox,
            requests=len(chunk),
            sha256=file.sha256,
            created_at=self._desk.clock.now(),
        )
        return BatchOrder(row=row, file=file, wish=work.wish_of(account))

    def _line(self, side: _Side) -> Line:
        platform, candidate, spec = side.item.account.platform, side.item.candidate, self._work.spec

        def line(custom_id: str, wanted: Wanted) -> bytes:
            example = candidate.puts(wanted.question.row.example)
            return platform.batch_line(custom_id, candidate.model, example, spec.sampling_of(wanted.sample))

        return line

    async def _generation(self, name: str) -> int:
        """Rises with every batch whose answers were kept: what is missing then is asked anew."""
        batches = self._desk.ledger.batches
        ended = await self._desk.db(batches.of, self._work.spec.id, (BatchStage.COLLECTED,))
        return sum(row.candidate == name for row in ended)

    async def _missing(self, name: str) -> list[Wanted]:
        """What has no good answer, and was not asked of the platform by what this start has collected."""
        done = await self._answered(name) | self._asked_now[name]
        samples = range(self._work.spec.samples)
        every = (Wanted(question, sample) for sample in samples for question in self._work.asked)
        return [wanted for wanted in every if wanted.key not in done]

    async def _answered(self, name: str) -> set[Key]:
        known = await stored(self._desk, self._work.spec.id)
        return {Key(key, sample) for (who, key, sample), answer in known.items() if who == name and not answer.error}

    async def _good(self) -> int:
        known = await stored(self._desk, self._work.spec.id)
        return sum(answer.error is None for answer in known.values())

    @property
    def _total(self) -> int:
        return len(self._work.spec.candidates) * len(self._work.asked) * self._work.spec.samples
