"""Where the ledger and an account disagree: jobs and machines with our tag that it does not hold, and the reverse.

Reads only. Everything that is listed is read through; what could not be asked is said, never taken for "none".
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from providers.contract import Provider
from providers.errors import NotFound, ProviderError
from providers.records import Lease, LeaseState, RemoteJob
from providers.tags import TAG_PREFIX

from ..ledger import LEASE_SENT, UNRESOLVED, Intent, IntentState, LeaseRow, LeaseStage
from .desk import Desk
from .patience import patiently

__all__ = ["Audit", "Difference", "audit"]

T = TypeVar("T")
_ENDED = (LeaseState.STOPPED, LeaseState.FAILED)
_HELD_LIVE = (LeaseStage.SERVING, LeaseStage.STOPPING)


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing on which both disagree: what, and what to do about it."""

    what: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """Where the ledger and one account disagree.

    `unknown`: remote jobs with our tag that the ledger does not hold; `missing`: jobs that it holds as live and the
    platform does not know; `unresolved`: paid requests of which nobody knows what became. The same for leases; of
    `unknown_leases` only those that bill. `not_asked`: what could not be asked, and why.
    """

    provider: str
    account: str = ""
    unknown: tuple[RemoteJob, ...] = ()
    missing: tuple[Intent, ...] = ()
    unresolved: tuple[Intent, ...] = ()
    unknown_leases: tuple[Lease, ...] = ()
    missing_leases: tuple[LeaseRow, ...] = ()
    unresolved_leases: tuple[LeaseRow, ...] = ()
    not_asked: tuple[str, ...] = ()

    @property
    def differences(self) -> tuple[Difference, ...]:
        """Each with what to do about it, in the order of the fields."""
        return (
            *(self._unknown_job(job) for job in self.unknown),
            *(self._missing_job(intent) for intent in self.missing),
            *(self._unresolved_job(intent) for intent in self.unresolved),
            *(self._unknown_lease(lease) for lease in self.unknown_leases),
            *(self._missing_lease(row) for row in self.missing_leases),
            *(self._unresolved_lease(row) for row in self.unresolved_leases),
        )

    def _unknown_job(self, job: RemoteJob) -> Difference:
        adopt = f"tunewright jobs adopt {self.provider}:{job.id}"
        if any(intent.tag == job.tag for intent in self.unresolved):
            return Difference(f"job {job.id} ({job.tag}, {job.label}) is not bound yet", "tunewright jobs recover")
        return Difference(
            f"job {job.id} ({job.tag}, {job.label}) is not in this ledger",
            f"{adopt} takes it in, to be watched or cancelled; leave it if another project bought it",
        )

    def _missing_job(self, intent: Intent) -> Difference:
        return Difference(
            f"job {intent.job_id} ({intent.tag}) is live in this ledger, and the platform does not know it",
            f"tunewright jobs show {intent.id} records that it is gone; it may have been deleted in the console",
        )

    def _unresolved_job(self, intent: Intent) -> Difference:
        if intent.state is IntentState.NEEDS_HUMAN:
            fix = f"look at the console, then tunewright jobs resolve {intent.id} --job JOB_ID, or --none"
        else:
            fix = "tunewright jobs recover"
        return Difference(f"intent {intent.id} ({intent.tag}) is {intent.state.value}", fix)

    def _unknown_lease(self, lease: Lease) -> Difference:
        return Difference(
            f"machine {lease.id} ({lease.tag}, {lease.state.value}) bills, and this ledger does not hold it as running",
            f"tunewright leases stop {self.provider}:{lease.id}, unless another project uses it",
        )

    def _missing_lease(self, row: LeaseRow) -> Difference:
        return Difference(
            f"lease {row.id} ({row.tag}) is {row.stage.value} in this ledger, and at the platform nothing of it runs",
            f"tunewright leases stop {row.id} settles its bill",
        )

    def _unresolved_lease(self, row: LeaseRow) -> Difference:
        if row.stage is LeaseStage.NEEDS_HUMAN:
            fix = f"look at the console, then tunewright leases resolve {row.id} --remote ID, or --none"
        else:
            fix = f"tunewright leases stop {row.id} --wait"
        return Difference(f"lease {row.id} ({row.tag}) is {row.stage.value}", fix)


async def audit(desk: Desk, provider: Provider, account: str) -> Audit:
    """Compare everything. Raises `ProviderError` where neither jobs nor machines can be asked for."""
    name, not_asked = provider.platform.name, list[str]()
    intents = [i for i in await desk.db(desk.ledger.intents.all) if (i.provider, i.account) == (name, account)]
    rows = [r for r in await desk.db(desk.ledger.leases.all) if (r.provider, r.account) == (name, account)]
    failures: list[ProviderError] = []

    async def asked(what: str, call: Callable[[], Awaitable[tuple[T, ...]]]) -> tuple[T, ...] | None:
        try:
            return await patiently(desk, provider, call)
        except ProviderError as error:
            failures.append(error)
            not_asked.append(f"{what}: {error}")
            return None

    jobs = await asked("jobs", lambda: provider.jobs(limit=sys.maxsize))
    leases = await asked("machines", lambda: provider.find_leases(TAG_PREFIX))
    if jobs is None and leases is None:
        raise failures[0]
    return Audit(
        provider=name,
        account=account,
        unknown=_unknown_jobs(jobs or (), intents),
        missing=() if jobs is None else await _missing_jobs(desk, provider, jobs, intents),
        unresolved=tuple(intent for intent in intents if intent.state in UNRESOLVED),
        unknown_leases=_unknown_leases(leases or (), rows),
        missing_leases=() if leases is None else await _missing_leases(desk, provider, leases, rows),
        unresolved_leases=tuple(row for row in rows if row.stage in LEASE_SENT),
        not_asked=tuple(not_asked),
    )


def _unknown_jobs(remote: Sequence[RemoteJob], intents: Sequence[Intent]) -> tuple[RemoteJob, ...]:
    known = {intent.job_id for intent in intents}
    return tuple(job for job in remote if job.tag and job.id not in known)


async def _missing_jobs(
    desk: Desk, provider: Provider, remote: Sequence[RemoteJob], intents: Sequence[Intent]
) -> tuple[Intent, ...]:
    """Live here, and neither listed nor known by its id: a list may lag, and none goes back for ever."""
    listed = {job.id for job in remote}
    live = [intent for intent in intents if intent.state is IntentState.CREATED and intent.job_id not in listed]
    return tuple([i for i in live if await _gone(desk, provider, provider.job, i.job_id or "")])


def _unknown_leases(remote: Sequence[Lease], rows: Sequence[LeaseRow]) -> tuple[Lease, ...]:
    """What bills, and that no open row of ours accounts for: unknown, or thought to be stopped."""
    open_tags = {row.tag for row in rows if row.stage is not LeaseStage.STOPPED}
    return tuple(lease for lease in remote if lease.tag not in open_tags and lease.state not in _ENDED)


async def _missing_leases(
    desk: Desk, provider: Provider, remote: Sequence[Lease], rows: Sequence[LeaseRow]
) -> tuple[LeaseRow, ...]:
    running = {lease.id for lease in remote if lease.state not in _ENDED}
    held = [row for row in rows if row.stage in _HELD_LIVE and row.remote_id not in running]
    return tuple([row for row in held if await _gone(desk, provider, provider.lease, row.remote_id or "")])


async def _gone(
    desk: Desk, provider: Provider, read: Callable[[str], Awaitable[RemoteJob | Lease]], remote_id: str
) -> bool:
    """Whether it is not there when asked for by its id, or there and over."""
    try:
        found = await patiently(desk, provider, lambda: read(remote_id))
    except NotFound:
        return True
    return found.state in _ENDED
