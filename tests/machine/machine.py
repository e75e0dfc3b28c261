"""The state machine: what people, processes, the platform and time may do, in any order, and the promises in between.

Directory `a` has two workers on one ledger; directory `b` a worker on a second ledger of the same account.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from orchestrator.errors import InDoubt
from orchestrator.jobs.janitor import stop, sweep
from orchestrator.jobs.leases import LeaseWish, leased
from orchestrator.jobs.recover import recover
from orchestrator.jobs.submit import Order, submit
from orchestrator.jobs.watch import read_once
from orchestrator.ledger import UNRESOLVED, IntentState, Ledger
from orchestrator.pipeline.session import Session
from orchestrator.pipeline.training import settle
from providers.records import Hyperparameters, JobState, Method, Plan

from .checks import Watchman
from .platform import FATES, MOST_LAG_S, WINDOW_S, Book, Clock, FakePlatform, files_of
from .workers import TO_THE_END, Worker

__all__ = ["Directory", "PaidWork", "happenings"]

BEGAN = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TABLES = ("intent", "event", "upload", "spending", "cap", "metric", "job_event", "lease", "run")
PLACES = (
    "after_intent", "after_approve", "after_upload", "after_creating", "after_create_answer", "lease_after_want",
    "lease_after_starting", "lease_after_answer", "lease_before_teardown", "lease_after_teardown",
)  # fmt: skip


class Directory:
    """One ledger file, kept for all examples and emptied before each. In memory, where there is such a folder."""

    def __init__(self, kind: type[Ledger] = Ledger) -> None:
        shm = Path("/dev/shm")
        self.home = Path(tempfile.mkdtemp(prefix="tunewright-", dir=shm if shm.is_dir() else None))
        self.path = self.home / "ledger.sqlite3"
        self.ledger = kind.open(self.home, {})

    def empty(self) -> None:
        with sqlite3.connect(self.path) as db:
            for table in TABLES:
                db.execute(f"DELETE FROM {table}")
        db.close()

    def open(self) -> Ledger:
        return self.ledger

    def close(self) -> None:
        self.ledger.close()
        shutil.rmtree(self.home)


def plan_of(number: int) -> Plan:
    return Plan(
        provider="fake",
        account="here",
        model="base",
        method=Method.SFT,
        hyperparameters=Hyperparameters(epochs=2),
        train_sha256=f"{number}" * 64,
        validation_sha256=None,
    )


@dataclass(frozen=True)
class Works:
    """A process begins a piece of work, or goes on with what it was about, for so many boundaries."""

    name: str
    work: str
    fate: str
    steps: int


@dataclass(frozen=True)
class Dies:
    """At once, or when it comes to a place."""

    name: str
    place: str | None


@dataclass(frozen=True)
class TimePasses:
    seconds: float


@dataclass(frozen=True)
class PlatformChanges:
    """How long until what was made is listed, and how many reads from now on fail."""

    lag_s: float
    outage: int


@dataclass(frozen=True)
class JobMoves:
    number: int
    ends: str


@dataclass(frozen=True)
class CapIsSet:
    directory: str
    scope: str
    usd: int | None


@dataclass(frozen=True)
class PersonResolves:
    directory: str


WORK = (
    *("submit 0",) * 5, *("submit 1",) * 2, *("persist 0",) * 4, *("recover",) * 3, *("resubmit",) * 3, *("rent",) * 3,
    *("sweep",) * 2, *("read",) * 2, "stop", "wait_and_stop", "cancel",
)  # fmt: skip
FATE = st.one_of(st.just("ok"), st.sampled_from(FATES))
STEPS = st.one_of(st.just(TO_THE_END), st.integers(1, 14))
SECONDS = [1.0, 20.0, 59.0, WINDOW_S / 4, WINDOW_S / 4, 125.0, WINDOW_S, WINDOW_S, 3600.0, 7200.0, 86_400.0 * 10]
SCOPES = st.sampled_from(["month", "provider:fake"])


def happenings(
    work: Sequence[str] = WORK, workers: Sequence[str] = ("a1", "a1", "a2", "a2", "b1")
) -> st.SearchStrategy[Any]:
    """What may happen, each as often as it stands here.

    One strategy, not a rule each: Hypothesis leaves out about half of the rules of a machine in every example.
    """
    who, which = st.sampled_from(workers), st.sampled_from("ab")
    often: list[tuple[int, st.SearchStrategy[Any]]] = [
        (12, st.builds(Works, who, st.sampled_from(work), FATE, STEPS)),
        (2, st.builds(Dies, who, st.one_of(st.none(), st.sampled_from(PLACES)))),
        (4, st.builds(TimePasses, st.sampled_from(SECONDS))),
        (2, st.builds(PlatformChanges, st.sampled_from([0.0, 30.0, MOST_LAG_S]), st.sampled_from([0, 0, 1, 3]))),
        (1, st.builds(JobMoves, st.integers(0, 3), st.sampled_from(["succeeded", "failed", "dearer"]))),
        (1, st.builds(CapIsSet, which, SCOPES, st.sampled_from([None, None, 10, 14, 30]))),
        (1, st.builds(PersonResolves, which)),
    ]
    return st.sampled_from([kind for times, kind in often for _ in range(times)]).flatmap(lambda kind: kind)


class PaidWork(RuleBasedStateMachine):
    """Everything at once."""

    directories: ClassVar[dict[str, Directory]]
    window_s = WINDOW_S
    what_happens: ClassVar[st.SearchStrategy[Any]] = happenings()

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = Clock(BEGAN)
        self.book = Book(self.clock)
        self.watchmen: dict[str, Watchman] = {}
        living: set[str] = set()
        platform = FakePlatform(self.window_s)
        for name, directory in self.directories.items():
            directory.empty()
            self.watchmen[name] = Watchman(name, directory.path, self.book)
        self.living = living
        self.workers = {
            name: Worker(
                name, self.loop, self.book, platform, self.directories[name[0]].open, living, self._after(name[0])
            )
            for name in ("a1", "a2", "b1")
        }

    def _after(self, directory: str) -> Callable[[str], None]:
        def after(call: str) -> None:
            if call in ("approve", "want", "reserve"):
                self.watchmen[directory].after_a_reservation()

        return after

    def teardown(self) -> None:
        for worker in self.workers.values():
            worker.kill()
        for watchman in self.watchmen.values():
            watchman.close()
        self.loop.close()

    # ── processes ───────────────────────────────────────────────────────────────────────────────────────────────────

    @rule(what=st.runner().flatmap(lambda machine: machine.what_happens))
    def happens(self, what: Any) -> None:
        getattr(self, f"_{type(what).__name__}")(what)

    def _Works(self, what: Works) -> None:
        worker = self.workers[what.name]
        self.book.fates = [what.fate]
        if not worker.busy:
            verb, _, number = what.work.partition(" ")
            worker.begin(getattr(self, f"_{verb}")(worker, *([int(number)] if number else [])))
        worker.go(what.steps)

    def _Dies(self, what: Dies) -> None:
        if what.place is None:
            self.workers[what.name].kill()
        self.workers[what.name].die_at = what.place

    async def _submit(self, worker: Worker, number: int) -> None:
        plan = plan_of(number)
        order = Order(plan=plan, files=files_of(plan), reserve_usd=Decimal(5), run_id=f"run {number}")
        await submit(worker.desk, worker.account, order)

    async def _persist(self, worker: Worker, number: int) -> None:
        """What a person does who wants the job: the command, the way out that it names, the command again."""
        try:
            await self._submit(worker, number)
        except InDoubt:
            for intent in await worker.desk.db(worker.ledger.intents.all, UNRESOLVED):
                await recover(worker.desk, worker.account, intent, resubmit=True, wait=True)
            await self._submit(worker, number)

    async def _recover(self, worker: Worker, resubmit: bool = False) -> None:
        for intent in await worker.desk.db(worker.ledger.intents.all, UNRESOLVED):
            await recover(worker.desk, worker.account, intent, resubmit=resubmit)

    async def _resubmit(self, worker: Worker) -> None:
        await self._recover(worker, resubmit=True)

    async def _read(self, worker: Worker) -> None:
        session = Session(home=Path(), environ={}, desk=worker.desk)
        for intent in await worker.desk.db(worker.ledger.intents.all, (IntentState.CREATED, IntentState.ENDED)):
            reading = await read_once(worker.desk, worker.account, intent)
            if reading.ended:
                await settle(session, intent, reading.job, ())

    async def _cancel(self, worker: Worker) -> None:
        for intent in await worker.desk.db(worker.ledger.intents.all, (IntentState.CREATED,)):
            assert intent.job_id is not None
            await worker.account.cancel(intent.job_id)
            await read_once(worker.desk, worker.account, intent)

    async def _rent(self, worker: Worker) -> None:
        wish = LeaseWish(model="tuned", account="here", reserve_usd=Decimal(8), sandbox=False, run_id="run 0")
        async with leased(worker.desk, worker.account, wish, look_s=0):
            await worker.park()

    async def _sweep(self, worker: Worker) -> None:
        watchman = self.watchmen[worker.directory]
        left = watchman.left_behind(self.living)
        await sweep(worker.desk, worker.account, "here")
        watchman.none_bills(left)

    async def _stop(self, worker: Worker, wait: bool = False) -> None:
        for row in await worker.desk.db(worker.ledger.leases.all, open_only=True):
            await stop(worker.desk, worker.account, row, wait=wait)

    async def _wait_and_stop(self, worker: Worker) -> None:
        await self._stop(worker, wait=True)

    # ── the platform and time ───────────────────────────────────────────────────────────────────────────────────────

    def _PlatformChanges(self, what: PlatformChanges) -> None:
        self.book.lag_s, self.book.outage = what.lag_s, what.outage

    def _JobMoves(self, what: JobMoves) -> None:
        for job in self.book.jobs[what.number : what.number + 1]:
            if job.state is JobState.QUEUED:
                job.state = JobState.RUNNING
            elif job.state is JobState.RUNNING:
                job.state = JobState.FAILED if what.ends == "failed" else JobState.SUCCEEDED
                job.billed_usd = Decimal(7) if what.ends == "dearer" else Decimal(3)

    def _TimePasses(self, what: TimePasses) -> None:
        self.clock.pass_by(what.seconds)

    # ── people ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _CapIsSet(self, what: CapIsSet) -> None:
        ledger = self.directories[what.directory].ledger
        ledger.budget.set_cap(what.scope, None if what.usd is None else Decimal(what.usd), self.clock.now())

    def _PersonResolves(self, what: PersonResolves) -> None:
        """Somebody honest looks at the platform's console, once nothing can be under way any more."""
        intents, now = self.directories[what.directory].ledger.intents, self.clock.now()
        for intent in intents.all((IntentState.NEEDS_HUMAN,)):
            jobs = self.book.with_tag(intent.tag)
            if jobs:
                intents.record_job(intent.id, jobs[0].read(), now, "resolved")
            elif not self.clock.pending:
                intents.proved_absent(intent.id, UNRESOLVED, now, kind="resolved")

    @invariant()
    def every_promise_holds(self) -> None:
        for watchman in self.watchmen.values():
            watchman.look()
