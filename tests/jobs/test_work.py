"""Workers over real HTTP: every job on time, few requests, troubles kept apart, ends settled, claims given back."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import pytest
from fleet import PROVIDER, Fleet, Job, connection, fill, serving

import providers
from orchestrator.jobs.desk import Desk, Notice
from orchestrator.jobs.looking import mean_spacing_s
from orchestrator.jobs.work import Pace, Tally, Worker
from orchestrator.ledger import Claim, IntentState, Ledger
from providers.contract import Provider
from providers.errors import Auth
from providers.records import RemoteJob

pytestmark = pytest.mark.anyio

HOUR, DAY = 3600.0, 86400.0
_NOTICE_S = 15.0


class TurnClock:
    """Time that passes only while nobody has anything to do."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC)
        self.busy: Callable[[], bool] = lambda: False

    def now(self) -> datetime:
        return self.at

    @property
    def seconds(self) -> float:
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        while self.busy():  # noqa: ASYNC110
            await anyio.sleep(0.001)
        await anyio.sleep(0.001)  # whoever was busy is heard first
        self.at += timedelta(seconds=seconds)


class Yard:
    """A ledger, its fleets by account, and what workers did on it."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.clock = ledger, TurnClock()
        self.fleets: dict[str, Fleet] = {}
        self.told: list[Notice] = []
        self.looks: dict[str, list[tuple[Claim, datetime]]] = {}
        self.ended: list[str] = []

    def jobs(
        self,
        count: int,
        account: str = "a",
        *,
        ages_s: float = DAY,
        youngest_s: float = 0.0,
        runs_s: float = DAY,
        **more: Any,
    ) -> Fleet:
        """So many jobs of that account, begun evenly between `youngest_s` and `ages_s` ago, to run `runs_s` more."""
        now = self.clock.seconds
        made = [
            Job(
                f"{account}-{number:04d}",
                now - youngest_s - (ages_s - youngest_s) * number / count,
                now + runs_s,
                **more,
            )
            for number in range(count)
        ]
        self.fleets[account] = Fleet(made, lambda: self.clock.seconds)
        return self.fleets[account]

    def bought(self, account: str = "a", **given: Any) -> None:
        fill(self.ledger, self.fleets[account].jobs, self.clock.now(), account=account, **given)

    @asynccontextmanager
    async def opens(self, key: tuple[str, str]) -> AsyncIterator[Provider]:
        if key[1] not in self.fleets:
            raise Auth("no key for this account")
        async with providers.platform(PROVIDER).open(connection(self.fleets[key[1]].url)) as provider:
            yield provider

    async def end(self, _provider: Provider, _claim: Claim, job: RemoteJob) -> None:
        self.ended.append(job.id)

    def looked(self, claim: Claim, now: datetime) -> None:
        self.looks.setdefault(claim.job_id, []).append((claim, now))

    def worker(self, **pace: Any) -> Worker:
        desk = Desk(ledger=self.ledger, clock=self.clock, tell=self.told.append, patience_s=0.0)
        worker = Worker(
            desk, self.opens, pace=Pace(**{"notice_s": _NOTICE_S, **pace}), end=self.end, looked=self.looked
        )
        self.clock.busy = lambda: worker.busy
        return worker

    async def work(self, hours: float, **pace: Any) -> Tally:
        """One worker for that long, with every fleet on the air."""
        with self.on_the_air():
            return await self.worker(**pace).run(for_s=hours * HOUR)

    def on_the_air(self) -> Any:
        from contextlib import ExitStack

        stack = ExitStack()
        for fleet in self.fleets.values():
            stack.enter_context(serving(fleet))
        return stack

    def said(self, kind: str) -> list[str]:
        return [notice.text for notice in self.told if notice.kind == kind]


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    random.seed(7)
    ledger = Ledger.open(tmp_path, {})
    yield Yard(ledger)
    ledger.close()


def gaps_s(looks: list[tuple[Claim, datetime]]) -> list[float]:
    times = [at for _, at in looks]
    return [(b - a).total_seconds() for a, b in pairwise(times)]


def ideal_lists(fleet: Fleet, now: float, seconds: float) -> float:
    """Least list requests: each page as often as its youngest job, the neediest, is to be looked at."""
    youngest = sorted(now - job.began for job in fleet.jobs)[::100]
    return sum(1 + seconds / mean_spacing_s(age_s) for age_s in youngest)


async def test_a_thousand_jobs_are_looked_at_on_time_with_few_requests(yard: Yard) -> None:
    fleet = yard.jobs(1000, youngest_s=2 * HOUR, step_s=DAY)
    ideal = ideal_lists(fleet, yard.clock.seconds, 0.5 * HOUR)
    yard.bought(seen_s=0)
    tally = await yard.work(0.5)
    late = [(at - claim.due_at).total_seconds() for looks in yard.looks.values() for claim, at in looks]
    longest = max(gap for looks in yard.looks.values() for gap in gaps_s(looks))
    print(f"{tally.looks} looks, at most {max(late):.1f} s late, {fleet.asked} requests, ideal {ideal:.0f} lists")
    assert len(yard.looks) == 1000
    assert max(late) <= 1.0
    assert longest <= 1.2 * 600 + _NOTICE_S
    assert fleet.asked["list"] <= 1.5 * ideal
    assert fleet.asked["job"] + fleet.asked["events"] <= 100


async def test_jobs_that_end_are_settled_once_and_leave_the_watch(yard: Yard) -> None:
    yard.jobs(8, ages_s=HOUR, runs_s=HOUR / 6)
    yard.bought()
    tally = await yard.work(0.3)
    assert sorted(yard.ended) == sorted(job.id for job in yard.fleets["a"].jobs)
    assert tally.ended == 8
    assert {intent.state for intent in yard.ledger.intents.all()} == {IntentState.ENDED}
    assert yard.ledger.watched.accounts(yard.clock.now()) == ()


async def test_an_outage_of_one_platform_delays_nobody_elses_jobs(yard: Yard) -> None:
    yard.jobs(4, "down", ages_s=HOUR).out = True
    yard.jobs(4, "up", ages_s=HOUR)
    yard.bought("down")
    yard.bought("up")
    await yard.work(0.4)
    assert not any(name.startswith("down") for name in yard.looks)
    up = [gap for looks in yard.looks.values() for gap in gaps_s(looks)]
    assert max(up) <= 1.2 * mean_spacing_s(1.5 * HOUR) + _NOTICE_S
    assert yard.fleets["down"].asked.total() < 15


async def test_an_outage_is_told_once_and_its_end_too(yard: Yard) -> None:
    fleet = yard.jobs(5, ages_s=HOUR)
    fleet.out = True
    yard.bought()
    with yard.on_the_air():
        worker = yard.worker()
        await worker.run(for_s=0.3 * HOUR)
        fleet.out = False
        await worker.run(for_s=0.5 * HOUR)
    assert (len(yard.said("unavailable")), len(yard.said("back"))) == (1, 1)
    assert len(yard.looks) == 5


async def test_jobs_without_a_key_are_left_to_others_and_said_once(yard: Yard) -> None:
    yard.jobs(3, "here")
    yard.bought("here")
    yard.jobs(3, "elsewhere")
    yard.bought("elsewhere")
    del yard.fleets["elsewhere"]
    await yard.work(0.2)
    assert len(yard.said("skipped")) == 1
    assert {row.failures for row in yard.ledger.watched.rows().values()} == {0}
    assert {name.split("-")[0] for name in yard.looks} == {"here"}


async def test_a_word_we_do_not_know_is_shown_and_the_job_watched_on(yard: Yard) -> None:
    fleet = yard.jobs(4, ages_s=HOUR)
    yard.bought()
    fleet.jobs = [Job(job.id, job.began, job.ends, word="reticulating") for job in fleet.jobs]
    fleet.__post_init__()
    tally = await yard.work(0.3)
    assert len(yard.said("changed")) == 4
    assert all("unknown(reticulating)" in text for text in yard.said("changed"))
    assert tally.ended == 0
    assert min(len(looks) for looks in yard.looks.values()) > 2


async def test_a_job_that_the_platform_forgot_ends_as_gone(yard: Yard) -> None:
    fleet = yard.jobs(3, ages_s=HOUR)
    yard.bought()
    fleet.jobs = fleet.jobs[1:]
    fleet.__post_init__()
    await yard.work(0.1)
    assert yard.ended == ["a-0000"]


async def test_once_looks_at_what_is_due_and_comes_back(yard: Yard) -> None:
    yard.jobs(30)
    yard.bought()
    began = yard.clock.now()
    with yard.on_the_air():
        tally = await yard.worker(batch=7).run(once=True)
    assert tally.looks == 30
    assert yard.clock.now() - began < timedelta(seconds=5)


async def test_a_worker_that_is_stopped_gives_its_claims_back(yard: Yard) -> None:
    yard.jobs(40, ages_s=HOUR)
    yard.bought()
    with yard.on_the_air():
        worker = yard.worker()
        async with anyio.create_task_group() as group:
            group.start_soon(worker.run)
            while not worker.busy:  # noqa: ASYNC110
                await anyio.sleep(0.001)
            worker.stop()
    assert yard.ledger.watched.rows().keys()
    assert {row.owner for row in yard.ledger.watched.rows().values()} == {None}


async def test_a_person_and_a_worker_may_watch_the_same_job(yard: Yard) -> None:
    """Whoever claims last may write; the other's look is told as refused, and nothing of it is kept."""
    yard.jobs(1, ages_s=HOUR)
    yard.bought()
    (intent,) = yard.ledger.intents.all()
    with yard.on_the_air():
        worker = yard.worker()
        stolen = yard.ledger.watched.keep

        def steal_first(found: Any, now: datetime) -> Any:
            yard.ledger.watched.take(intent.id, now, "a person", lease_s=60)
            return stolen(found, now)

        yard.ledger.watched.keep = steal_first  # type: ignore[method-assign]
        tally = await worker.run(once=True)
    assert (tally.refused, tally.looks) == (1, 0)
    assert yard.ledger.intents.events(intent.id) == ()


async def test_a_silent_job_is_told_as_stuck_once_and_again_when_it_gets_on(yard: Yard) -> None:
    now = yard.clock.seconds
    yard.jobs(1, ages_s=20 * HOUR, silent_from=now, step_s=HOUR)
    yard.bought()
    with yard.on_the_air():
        worker = yard.worker()
        await worker.run(for_s=4 * HOUR)
    assert len(yard.said("stuck")) == 1
    (intent,) = yard.ledger.intents.all()
    kinds = [entry.kind for entry in yard.ledger.intents.history(intent.id)]
    assert kinds.count("stuck") == 1
    assert intent.state is IntentState.CREATED
