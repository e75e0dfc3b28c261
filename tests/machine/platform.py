"""A platform that behaves, in memory: what is asked takes effect, and is listed late, answered late, or not at all.

It keeps the bounds that a settling window is made of: a request is under way for at most `TIMEOUT_S`, a server may take
up to `LATE_S` more to do what it was asked, and what it did is listed at most `MOST_LAG_S` after that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from providers.contract import Connection
from providers.errors import NotFound, PlatformFault, ProviderError, RateLimited, Unreachable
from providers.records import (
    Capability,
    Decision,
    JobState,
    Lease,
    LeaseState,
    Page,
    Plan,
    PlannedRequest,
    ProviderFile,
    RemoteFile,
    RemoteJob,
    Settling,
    Support,
)

__all__ = ["FATES", "MOST_LAG_S", "WINDOW_S", "Book", "Clock", "FakeAccount", "FakePlatform", "files_of"]

TIMEOUT_S, LATE_S, MOST_LAG_S = 60.0, 60.0, 120.0
STALL_S = 5.0
WINDOW_S = STALL_S + TIMEOUT_S + LATE_S + MOST_LAG_S + 1
"""As short as these bounds allow."""

USD_PER_HOUR = Decimal(4)
IDLE_S = 1800
FATES = ("ok", "refused", "unsent", "reset", "fault", "lost", "unreadable", "late")


class Clock:
    """Time that passes only when told, or when somebody sleeps. What was to happen meanwhile happens on its way."""

    def __init__(self, at: datetime) -> None:
        self.at = at
        self._due: list[tuple[datetime, Callable[[], None]]] = []

    def now(self) -> datetime:
        return self.at

    def later(self, seconds: float, effect: Callable[[], None]) -> None:
        self._due.append((self.at + timedelta(seconds=seconds), effect))

    @property
    def pending(self) -> bool:
        return bool(self._due)

    def pass_by(self, seconds: float) -> None:
        end = self.at + timedelta(seconds=seconds)
        while ready := [item for item in self._due if item[0] <= end]:
            first = min(ready, key=lambda item: item[0])
            self._due.remove(first)
            self.at = first[0]
            first[1]()
        self.at = end


@dataclass
class Job:
    """A job that exists. `directory`: whose request made it."""

    id: str
    tag: str
    model: str
    directory: str
    created_at: datetime
    listed_at: datetime
    state: JobState = JobState.QUEUED
    billed_usd: Decimal | None = None

    def read(self) -> RemoteJob:
        return RemoteJob(
            id=self.id,
            state=self.state,
            raw_status=self.state.value,
            model=self.model,
            tag=self.tag,
            created_at=self.created_at,
            billed_usd=self.billed_usd,
        )


@dataclass
class Machine:
    """A rented machine. It bills until it is stopped, or has stopped by itself."""

    id: str
    tag: str
    model: str
    directory: str
    started_at: datetime
    listed_at: datetime
    stopped_at: datetime | None = None

    def billing(self, now: datetime) -> bool:
        idle_at = self.started_at + timedelta(seconds=IDLE_S)
        return self.stopped_at is None and now < idle_at

    def read(self, now: datetime) -> Lease:
        ready = now >= self.started_at + timedelta(seconds=10)
        up = LeaseState.READY if ready else LeaseState.STARTING
        return Lease(
            id=self.id,
            model=self.model,
            state=up if self.billing(now) else LeaseState.STOPPED,
            tag=self.tag,
            usd_per_hour=USD_PER_HOUR,
            idle_timeout_s=IDLE_S,
        )


@dataclass
class Book:
    """What the account really holds, whatever anybody thinks, and what will go wrong next."""

    clock: Clock
    jobs: list[Job] = field(default_factory=list)
    machines: list[Machine] = field(default_factory=list)
    fates: list[str] = field(default_factory=list)
    outage: int = 0
    lag_s: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def fate(self) -> str:
        return self.fates.pop(0) if self.fates else "ok"

    def add_job(self, directory: str, tag: str, model: str) -> Job:
        if any(job.tag == tag and job.directory == directory for job in self.jobs):
            self.wrong.append(f"{directory} bought {tag} twice")
        now = self.clock.now()
        listed_at = now + timedelta(seconds=self.lag_s)
        self.jobs.append(Job(f"job-{len(self.jobs)}", tag, model, directory, now, listed_at))
        return self.jobs[-1]

    def add_machine(self, directory: str, tag: str, model: str) -> Machine:
        if any(machine.tag == tag for machine in self.machines):
            self.wrong.append(f"{directory} rented {tag} twice")
        now = self.clock.now()
        listed_at = now + timedelta(seconds=self.lag_s)
        self.machines.append(Machine(f"ep-{len(self.machines)}", tag, model, directory, now, listed_at))
        return self.machines[-1]

    def listed(self, tag: str) -> list[Job]:
        return [job for job in self.jobs if job.tag == tag and job.listed_at <= self.clock.now()]

    def with_tag(self, tag: str) -> list[Job]:
        return [job for job in self.jobs if job.tag == tag]

    def job(self, job_id: str) -> Job:
        found = next((job for job in self.jobs if job.id == job_id), None)
        if found is None:
            raise NotFound(f"no job {job_id}")
        return found


class FakePlatform:
    """What the protocol asks of a platform without a key."""

    name = "fake"

    def requests(self, plan: Plan, files: Any, tag: str, base_url: Any = None, ids: Any = None) -> Any:
        return (PlannedRequest("POST", "fake:/jobs", {"model": plan.model, "tag": tag}, paid=True),)

    def __init__(self, window_s: float = WINDOW_S) -> None:
        self._window_s = window_s

    def settling(self) -> Settling:
        return Settling(window_s=self._window_s, reason="time-out + a slow server + listing lag")

    def capabilities(self, on: date) -> Mapping[Capability, Support]:
        return {capability: Support(answer="no") for capability in Capability}


Gate = Callable[[], Any]


class FakeAccount:
    """The one account, as one worker sees it: each request passes the worker's gate on its way there and back."""

    def __init__(self, platform: FakePlatform, book: Book, gate: Gate, directory: str) -> None:
        self.platform, self._book, self._gate, self._directory = platform, book, gate, directory
        self._looked: dict[str, tuple[datetime, bool]] = {}
        self.connection = Connection(api_key=None, account="account")

    # ── reads, and what costs nothing ───────────────────────────────────────────────────────────────────────────────

    async def _ask(self, answer: Callable[[], Any]) -> Any:
        """There, and back: an answer may be old by the time it comes, and one older than the time-out never comes."""
        asked_at = self._book.clock.now()
        await self._gate()
        if self._book.outage:
            self._book.outage -= 1
            raise Unreachable("the platform is away", nothing_created=True)
        told = answer()
        await self._gate()
        if self._book.clock.now() - asked_at > timedelta(seconds=TIMEOUT_S):
            raise Unreachable("timed out")
        return told

    async def find_file(self, file: ProviderFile) -> RemoteFile | None:
        found: RemoteFile = await self._ask(lambda: RemoteFile(id=f"file-{file.sha256}"))
        return found

    async def file(self, file_id: str) -> RemoteFile:
        return RemoteFile(id=file_id)

    async def estimate(self, plan: Plan, files: Mapping[str, str]) -> None:
        return None

    async def find(self, tag: str, since: datetime | None = None) -> tuple[RemoteJob, ...]:
        def listed() -> tuple[datetime, tuple[RemoteJob, ...]]:
            return self._book.clock.now(), tuple(job.read() for job in self._book.listed(tag))

        at, found = await self._ask(listed)
        self._looked[tag] = (at, bool(found))
        result: tuple[RemoteJob, ...] = found
        return result

    async def job(self, job_id: str) -> RemoteJob:
        job: RemoteJob = await self._ask(lambda: self._book.job(job_id).read())
        return job

    async def events(self, job_id: str, after: str | None = None) -> Page[Any]:
        return Page(())

    async def metrics(self, job_id: str) -> tuple[Any, ...]:
        return ()

    async def cancel(self, job_id: str) -> RemoteJob:
        def cancelled() -> RemoteJob:
            job = self._book.job(job_id)
            if job.state in (JobState.QUEUED, JobState.RUNNING):
                job.state, job.billed_usd = JobState.CANCELLED, Decimal(1)
            return job.read()

        job: RemoteJob = await self._ask(cancelled)
        return job

    async def lease(self, lease_id: str) -> Lease:
        def read() -> Lease:
            found = next((item for item in self._book.machines if item.id == lease_id), None)
            if found is None:
                raise NotFound(f"no lease {lease_id}")
            return found.read(self._book.clock.now())

        lease: Lease = await self._ask(read)
        return lease

    async def find_leases(self, tag_prefix: str) -> tuple[Lease, ...]:
        def listed() -> tuple[Lease, ...]:
            now = self._book.clock.now()
            ours = [m for m in self._book.machines if m.tag.startswith(tag_prefix) and m.listed_at <= now]
            return tuple(machine.read(now) for machine in ours)

        leases: tuple[Lease, ...] = await self._ask(listed)
        return leases

    async def teardown(self, lease_id: str) -> None:
        def stopped() -> None:
            for machine in self._book.machines:
                if machine.id == lease_id and machine.billing(self._book.clock.now()):
                    machine.stopped_at = self._book.clock.now()

        await self._ask(stopped)

    # ── what is paid for ────────────────────────────────────────────────────────────────────────────────────────────

    async def create(self, plan: Plan, files: Mapping[str, str], tag: str) -> RemoteJob:
        at, found = self._looked.get(tag, (None, False))
        if at is None or self._book.clock.now() - at > timedelta(seconds=TIMEOUT_S + STALL_S):
            self._book.wrong.append(f"{self._directory} asks for {tag} without having looked for it just before")
        if found:
            self._book.wrong.append(f"{self._directory} was shown a job under {tag}, and asks for another")
        job: Job = await self._pay(lambda: self._book.add_job(self._directory, tag, plan.model))
        return job.read()

    async def serve(self, model: str, tag: str, idle_timeout_s: int) -> Lease:
        machine: Machine = await self._pay(lambda: self._book.add_machine(self._directory, tag, model))
        return machine.read(self._book.clock.now())

    async def _pay(self, effect: Callable[[], Any]) -> Any:
        sent_at = self._book.clock.now()
        await self._gate()
        fate = self._book.fate()
        if self._book.clock.now() - sent_at > timedelta(seconds=TIMEOUT_S):
            raise Unreachable("timed out on its way")
        if fate == "late":
            left_s = TIMEOUT_S - (self._book.clock.now() - sent_at).total_seconds()
            self._book.clock.later(left_s + LATE_S, effect)
            self._book.clock.pass_by(left_s)
        if fate not in ("ok", "lost", "unreadable"):
            raise _NOTHING_YET[fate]()
        made = effect()
        await self._gate()
        if fate != "ok":
            raise Unreachable("the reply was lost") if fate == "lost" else PlatformFault("not JSON")
        return made

    def decide(self, error: Exception) -> Decision:
        passing = isinstance(error, Unreachable | PlatformFault)
        return Decision("transient" if passing else "no")


_NOTHING_YET: Mapping[str, Callable[[], ProviderError]] = {
    "refused": lambda: RateLimited("too many requests", nothing_created=True),
    "unsent": lambda: Unreachable("no connection", nothing_created=True),
    "reset": lambda: Unreachable("connection reset"),
    "fault": lambda: PlatformFault("HTTP 500", status=500),
    "late": lambda: Unreachable("timed out"),
}


def files_of(plan: Plan) -> Sequence[ProviderFile]:
    """The one file of a plan; nothing reads it, for the account holds it already."""
    return [ProviderFile(Path("unread.jsonl"), plan.train_sha256, 1, 1, "train", "fake")]
