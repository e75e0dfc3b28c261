"""Several workers on one ledger, in real processes: killed, put to sleep past their lease, and started again.

No job starves, and no look is written by a worker whose job another has claimed since. The same harness, run with
workers that write past the fence, must find them out.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fleet import PROVIDER, Fleet, Job, connection, fill, serving

import providers
from orchestrator.clock import ShiftedClock, SystemClock
from orchestrator.errors import TunewrightError
from orchestrator.jobs.desk import Desk
from orchestrator.jobs.work import Worker
from orchestrator.ledger import Ledger
from orchestrator.ledger.schema import watched as table

WORKMAN = Path(__file__).with_name("workman.py")
SUPPORT = Path(__file__).parents[1] / "support"
DAY = 86400.0


@dataclass
class Crew:
    """Workers on one ledger whose jobs are all made due again and again, as by a storm of webhooks."""

    ledger: Ledger
    folder: Path
    environ: dict[str, str]
    url: str
    arguments: tuple[str, ...] = ()
    running: list[subprocess.Popen[str]] = field(default_factory=list)
    stormed_at: float = 0.0

    def until(self, happened: Callable[[], object]) -> None:
        """Wait for what other processes do; a busy machine is given a minute and a half."""
        deadline, tick = time.monotonic() + 90, threading.Event()
        while not happened():
            assert time.monotonic() < deadline, "it never happened"
            assert all(worker.poll() in (None, -signal.SIGKILL) for worker in self.running), "a worker has ended"
            tick.wait(0.05)

    def start(self, count: int) -> None:
        for _ in range(count):
            command = [sys.executable, str(WORKMAN), str(self.folder), self.url, str(self.folder / "log")]
            started = subprocess.Popen([*command, *self.arguments], env=self.environ, text=True, stdout=subprocess.PIPE)
            self.running.append(started)

    def storm(self) -> bool:
        """Make everything due, a few times a second."""
        if time.monotonic() < self.stormed_at + 0.3:
            return True
        self.stormed_at = time.monotonic()
        with self.ledger._engine.begin() as connection:
            connection.execute(table.update().values(next_at=datetime.now(UTC).isoformat(timespec="microseconds")))
        return True

    def polls(self) -> list[int]:
        return [row.polls for row in self.ledger.watched.rows().values()]

    def held_by(self, worker: subprocess.Popen[str]) -> list[str]:
        rows = self.ledger.watched.rows().values()
        return [row.intent_id for row in rows if row.owner and f":{worker.pid}:" in row.owner]

    def writable(self) -> bool:
        """Whether nobody was put to sleep in the middle of a transaction: its locks would hold up everybody."""
        patience = {"sqlite": "PRAGMA busy_timeout=500", "postgresql": "SET lock_timeout='500ms'"}
        with self.ledger._engine.connect() as connection:
            connection.exec_driver_sql(patience[connection.dialect.name])
            try:
                connection.execute(table.update().values(polls=table.c.polls))
            except TunewrightError:
                return False
            finally:
                connection.rollback()
                connection.invalidate()
        return True

    def strike(self, number: int) -> subprocess.Popen[str]:
        """Send a worker a signal while it holds claims, and no lock of the database; else it goes on, and another."""
        while True:
            worker = next(w for w in self.running if w.poll() is None)
            self.running.remove(worker)
            self.running.append(worker)
            self.until(lambda w=worker: self.storm() and self.held_by(w))
            os.kill(worker.pid, number)
            if number == signal.SIGKILL:
                worker.wait()
            if number == signal.SIGKILL or (self.held_by(worker) and self.writable()):
                return worker
            os.kill(worker.pid, signal.SIGCONT)

    def looked_at_again(self, least: int) -> None:
        """Everybody is looked at so often from now on."""
        before = {row.intent_id: row.polls for row in self.ledger.watched.rows().values()}
        self.until(
            lambda: (
                self.storm()
                and all(row.polls >= before[row.intent_id] + least for row in self.ledger.watched.rows().values())
            )
        )

    def log(self) -> list[tuple[int, str, str, int]]:
        rows = [line.split() for line in (self.folder / "log").read_text().splitlines()]
        return [(int(at), what, intent, int(fence)) for at, what, intent, fence in rows]

    def refused(self) -> int:
        return sum(what == "refused" for _, what, _, _ in self.log())

    def kept_past_the_fence(self) -> int:
        """Looks whose writing began after another had claimed the job, and that were kept all the same."""
        claims = [(at, intent, fence) for at, what, intent, fence in self.log() if what == "claimed"]
        kept = [(at, intent, fence) for at, what, intent, fence in self.log() if what == "kept"]
        return sum(
            any(when < at and name == intent and higher > fence for when, name, higher in claims)
            for at, intent, fence in kept
        )

    def end(self) -> None:
        """Stop everybody as a service manager does; each says what it has done."""
        for worker in self.running:
            if worker.poll() is None:
                worker.terminate()
        for worker in self.running:
            worker.communicate(timeout=60)


@pytest.fixture
def crew(
    tmp_path: Path, environ_of: Callable[[Path], dict[str, str]], request: pytest.FixtureRequest
) -> Iterator[Crew]:
    now = time.time()
    count = getattr(request, "param", 60)
    fleet = Fleet([Job(f"job-{n:04d}", now - DAY - n, now + DAY) for n in range(count)], time.time, delay_s=0.05)
    environ = {"PATH": "", "HOME": str(tmp_path), "PYTHONPATH": str(SUPPORT), **environ_of(tmp_path)}
    (tmp_path / "log").touch()
    ledger = Ledger.open(tmp_path, environ)
    fill(ledger, fleet.jobs, datetime.now(UTC), account="a", seen_s=0)
    with serving(fleet):
        made = Crew(ledger, tmp_path, environ, fleet.url)
        yield made
        for worker in made.running:
            if worker.poll() is None:
                worker.kill()
                worker.communicate()
    ledger.close()


def sleep_past_the_lease(crew: Crew) -> None:
    """Stop a worker that holds claims until others have taken them all, let it go on, and wait for it to be refused."""
    refused = crew.refused()
    asleep = crew.strike(signal.SIGSTOP)
    crew.until(lambda: crew.storm() and not crew.held_by(asleep))
    os.kill(asleep.pid, signal.SIGCONT)
    crew.until(lambda: crew.refused() > refused or crew.kept_past_the_fence())


@pytest.mark.parametrize(
    ("database", "workers", "crew"),
    [("sqlite", 2, 60), ("postgresql", 4, 120)],
    indirect=["database", "crew"],
    ids=["sqlite", "postgresql"],
)
def test_killed_and_sleeping_workers_starve_no_job_and_write_nothing_late(crew: Crew, workers: int) -> None:
    crew.start(workers)
    crew.looked_at_again(2)
    crew.strike(signal.SIGKILL)
    crew.start(1)
    crew.looked_at_again(2)
    sleep_past_the_lease(crew)
    crew.looked_at_again(2)
    crew.end()
    polls, refused, late = crew.polls(), crew.refused(), crew.kept_past_the_fence()
    print(
        f"{len(polls)} jobs, {sum(polls)} looks, {min(polls)}-{max(polls)} a job, {refused} refused, {late} kept late"
    )
    assert late == 0
    assert refused > 0
    assert max(polls) <= 3 * min(polls)
    assert {row.owner for row in crew.ledger.watched.rows().values()} == {None}


def test_the_harness_finds_workers_that_write_past_the_fence(crew: Crew) -> None:
    crew.arguments = ("unfenced",)
    crew.start(2)
    for _ in range(4):  # a sleep that falls between two looks shows nothing
        sleep_past_the_lease(crew)
        if crew.kept_past_the_fence() > 0:
            return
    pytest.fail("workers without a fence were never caught writing late")


@pytest.mark.anyio
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.parametrize("wrong_s", [-3600.0, 3600.0], ids=["an hour slow", "an hour fast"])
async def test_hosts_whose_clocks_are_wrong_go_by_the_databases(crew: Crew, wrong_s: float) -> None:
    """By its own clock one host would find nothing due, and the other would put the next look an hour off."""
    platform, host = providers.platform(PROVIDER), ShiftedClock(SystemClock(), wrong_s)
    desk = Desk(ledger=crew.ledger, clock=host)
    tally = await Worker(desk, lambda _key: platform.open(connection(crew.url))).run(once=True)
    assert tally.looks == 60
    due_s = [(row.next_at - datetime.now(UTC)).total_seconds() for row in crew.ledger.watched.rows().values()]
    assert 0 < min(due_s) <= max(due_s) <= 720
