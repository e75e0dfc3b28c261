"""Watching ten thousand jobs in one process on SQLite, in real time: lateness, requests against the least, memory, CPU.

The platform is a server of its own process on loopback, spoken to through the official SDK. Jobs are up to a day old
and begin unaligned, each somewhere between two looks. `--smoke` is short; the figures in docs/watching.md are of a
whole run.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from collections import Counter
from contextlib import AbstractAsyncContextManager, ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from random import Random

import anyio
import sqlalchemy as sa

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from fleet import PROVIDER, Fleet, Job, connection, fill, serving  # noqa: E402

import providers  # noqa: E402
from orchestrator.clock import SystemClock  # noqa: E402
from orchestrator.jobs.desk import Desk  # noqa: E402
from orchestrator.jobs.looking import mean_spacing_s  # noqa: E402
from orchestrator.jobs.work import Tally, Worker  # noqa: E402
from orchestrator.ledger import Claim, Ledger, schema  # noqa: E402
from orchestrator.ledger.history import iso  # noqa: E402
from providers.contract import Provider  # noqa: E402

DAY_S = 86400.0
PAGE = 100


@dataclass
class Watch:
    """What was seen of the looks. A job is on time within a tenth of its own spacing."""

    late_s: list[float] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    looks: Counter[str] = field(default_factory=Counter)

    def looked(self, claim: Claim, now: datetime) -> None:
        late_s = max((now - claim.due_at).total_seconds(), 0.0)
        self.late_s.append(late_s)
        self.shares.append(late_s / mean_spacing_s((now - claim.since).total_seconds()))
        self.looks[claim.intent_id] += 1


def made(count: int, account: str, random: Random) -> list[Job]:
    """Jobs that began within the past day and end within the next."""
    now = time.time()
    return [
        Job(f"{account}-{n:05d}", now - random.uniform(60, DAY_S), now + random.uniform(0, DAY_S)) for n in range(count)
    ]


def serve(fleets: dict[str, list[Job]], pipe: Pipe) -> None:
    """The platform's process: one server an account, until told to say what it was asked."""
    with ExitStack() as stack:
        served = {name: stack.enter_context(serving(Fleet(jobs, time.time))) for name, jobs in fleets.items()}
        pipe.send({name: fleet.url for name, fleet in served.items()})
        pipe.recv()
        pipe.send(sum((fleet.asked for fleet in served.values()), Counter()))


def between_two_looks(ledger: Ledger, random: Random) -> None:
    """Each job is due somewhere within its own spacing, as after a long watch by others."""
    now = datetime.now(UTC)
    with ledger._engine.begin() as connection:
        rows = connection.execute(sa.select(schema.intent.c.id, schema.intent.c.sent_at)).all()
        ages = {row.id: (now - datetime.fromisoformat(row.sent_at)).total_seconds() for row in rows}
        later = [
            {"named": name, "later": iso(now + timedelta(seconds=random.uniform(0, mean_spacing_s(age))))}
            for name, age in ages.items()
        ]
        statement = schema.watched.update().where(schema.watched.c.intent_id == sa.bindparam("named"))
        connection.execute(statement.values(next_at=sa.bindparam("later")), later)


def least_lists(fleets: dict[str, list[Job]], seconds: float) -> float:
    """Each page of a list as often as its youngest job, the neediest, is to be looked at."""
    now, least = time.time(), 0.0
    for jobs in fleets.values():
        youngest = sorted(now - job.began for job in jobs)[::PAGE]
        least += sum(max(seconds / mean_spacing_s(age), 1.0) for age in youngest)
    return least


async def work(ledger: Ledger, urls: dict[str, str], seconds: float, watch: Watch) -> Tally:
    platform = providers.platform(PROVIDER)

    def opens(key: tuple[str, str]) -> AbstractAsyncContextManager[Provider]:
        return platform.open(connection(urls[key[1]]))

    return await Worker(Desk(ledger=ledger, clock=SystemClock()), opens, looked=watch.looked).run(for_s=seconds)


def share(values: list[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(part * len(ordered)), len(ordered) - 1)]


def told(watch: Watch, tally: Tally, asked: Counter[str], least: float, jobs: int) -> list[str]:
    lists, singles = asked["list"], asked.total() - asked["list"]
    on_time = sum(part <= 0.1 for part in watch.shares) / len(watch.shares)
    late = [f"{name} {share(watch.late_s, part):.2f} s" for name, part in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))]
    return [
        f"looks        {tally.looks} at {len(watch.looks)} of {jobs} jobs; {tally.ended} ended",
        f"late         {', '.join(late)}; {on_time:.2%} within a tenth of their spacing",
        f"lists        {lists} requests; the least is {least:.0f} ({lists / least:.2f} x)",
        f"one by one   {singles} requests for {tally.reads} jobs: ends, changes and curves ({dict(asked)})",
        f"in all       {asked.total() / tally.looks:.3f} requests a look",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="400 jobs for ten seconds")
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--accounts", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=900.0)
    given = parser.parse_args()
    jobs, seconds = (400, 10.0) if given.smoke else (given.jobs, given.seconds)
    random, watch = Random(7), Watch()
    fleets = {f"account-{n}": made(jobs // given.accounts, f"a{n}", random) for n in range(given.accounts)}
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(fleets, theirs), daemon=True)
    server.start()
    urls = ours.recv()
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger.open(Path(folder), {})
        for account, made_jobs in fleets.items():
            fill(ledger, made_jobs, datetime.now(UTC), account=account, seen_s=3600.0)
        between_two_looks(ledger, random)
        before_mb, cpu = _peak_mb(), time.process_time()
        tally = anyio.run(work, ledger, urls, seconds, watch)
        cpu_s = time.process_time() - cpu
        ledger.close()
    ours.send("what were you asked?")
    asked = ours.recv()
    server.join()
    print(f"{jobs} jobs at {given.accounts} accounts for {seconds:.0f} s, one process on SQLite")
    print("\n".join(told(watch, tally, asked, least_lists(fleets, seconds), jobs)))
    print(f"cpu          {cpu_s:.1f} s, {cpu_s / seconds:.1%} of one core")
    print(f"memory       peak {_peak_mb():.0f} MB, {before_mb:.0f} MB of it before the first look")


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
