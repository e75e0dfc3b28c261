"""One round at one account: its due jobs claimed, read by one list where that is cheaper, and what changed kept.

A list shows a hundred jobs a request, so it takes along the jobs of that account that come due soon. Only those whose
word changed, that the list did not show, or whose curve is due again are asked for one by one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import anyio

from providers.contract import Provider
from providers.errors import Auth, CannotTell, ProviderError, RateLimited, Unreachable, Unsupported
from providers.records import TERMINAL_STATES, RemoteJob

from ..ledger import Claim, Found
from ..ledger.claims import AT_ONCE
from ..ledger.watched import Resting
from .desk import Desk
from .looking import Answer, Reading, fetch, found, jitter, mean_spacing_s, reading_due
from .patience import patiently
from .watch import keep

__all__ = ["Pace", "Round", "Tally"]

PAGE = 100
"""Jobs that a platform shows a request, at most; where it shows all at once, a list is cheaper still."""

_CURVES_S = 3.0
"""How long a round reads curves that are merely due: the next jobs of the account wait for its end."""

_SKEW = timedelta(minutes=1)
"""By which a platform's clock may differ from ours."""

_AUTH_WAIT_S = 600.0
_FIRST_WAIT_S, _MOST_WAIT_S = 15.0, 600.0
_WHOLE_ACCOUNT = (Auth, RateLimited, Unreachable)
"""Failures that the next job of the account would meet as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How a worker takes its share. `batch`: jobs a claim; `most`: jobs a round; `reads`: jobs asked for at once;
    `curves`: most jobs a round of which the curve is read for no other reason than that it is due.

    `lease_s`: how long a claim holds when its worker is not heard of again. `notice_s`: how soon a job that another
    process has made due, or added, is seen.
    """

    batch: int = 50
    most: int = 20_000
    lease_s: float = 120.0
    reads: int = 8
    curves: int = 50
    notice_s: float = 2.0


@dataclass(slots=True)
class Tally:
    """What a worker has done so far. `refused`: looks that the fence kept out. `late_s`: the worst delay of a look."""

    looks: int = 0
    lists: int = 0
    reads: int = 0
    changes: int = 0
    ended: int = 0
    failures: int = 0
    refused: int = 0
    stuck: int = 0
    late_s: float = 0.0


Heed = Callable[[Provider, Claim, Reading], Awaitable[None]]
"""Called with each whole reading that the ledger took: where a policy acts on what the curve shows."""

End = Callable[[Provider, Claim, RemoteJob], Awaitable[None]]
"""Called when a job has ended and before it leaves the watch: settles its money. Called again after a crash."""

Looked = Callable[[Claim, datetime], None]
"""Called for each look that was kept, with when it was."""


@dataclass(slots=True, kw_only=True)
class Round:
    """One account's round. `listed`: lists are worth their requests here. `sweeps`: take along every job, however it
    rests: the first round of a worker, after which the account's jobs come to be due at once.
    """

    desk: Desk
    provider: Provider
    key: tuple[str, str]
    owner: str
    pace: Pace
    tally: Tally
    heed: Heed
    end: End
    looked: Looked
    listed: bool = True
    sweeps: bool = False
    failed: ProviderError | None = None
    _open: dict[str, Claim] = field(default_factory=dict)
    _stretch: float = field(default_factory=jitter)

    async def go(self, due_by: datetime) -> float:
        """Look at everything due. Answers how many seconds to leave the account alone, 0 when it answered.

        Whatever happens, what was claimed and not looked at is given back.
        """
        try:
            await self._claim(due_by)
            await self._look()
        except ProviderError as error:
            self.failed = error
            return await self._put_off(list(self._open.values()), error)
        finally:
            with anyio.CancelScope(shield=True):
                await self.desk.db(self.desk.ledger.watched.give_back, list(self._open.values()))
        return 0.0

    # ── claiming ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _claim(self, due_by: datetime) -> None:
        watched, pace = self.desk.ledger.watched, self.pace
        while len(self._open) < pace.most:
            claims = await self.desk.db(
                watched.claim, due_by, self.owner, limit=pace.batch, lease_s=pace.lease_s, account=self.key
            )
            self._open.update({claim.intent_id: claim for claim in claims})
            if len(claims) < pace.batch:
                break
        if self._open and self.listed:
            await self._take_along(due_by)

    async def _take_along(self, now: datetime) -> None:
        """What the list shows anyhow is looked at now, at no request more.

        So the jobs of one account come to be due at once, and a round of lists serves them all.
        """
        watched, until = self.desk.ledger.watched, now + timedelta(seconds=2 * _MOST_WAIT_S)
        resting = await self.desk.db(watched.resting, self.key, now, until)
        oldest = _shown_since([claim.since for claim in self._open.values()], [job.since for job in resting])
        soon = [job.intent_id for job in resting if self.sweeps or _worth_taking(job, now, oldest)]
        room = soon[: max(self.pace.most - len(self._open), 0)]
        claims = await self.desk.db(watched.claim_these, room, now, self.owner, lease_s=self.pace.lease_s)
        self._open.update({claim.intent_id: claim for claim in claims})

    async def _hold_on(self) -> None:
        """Past half of the lease, hold on to what is not looked at yet."""
        now = self.desk.clock.now()
        half = timedelta(seconds=self.pace.lease_s / 2)
        waning = [claim for claim in self._open.values() if claim.lease_until - now < half]
        if waning:
            until = now + timedelta(seconds=self.pace.lease_s)
            await self.desk.db(self.desk.ledger.watched.renew, waning, until)

    # ── looking ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _look(self) -> None:
        shown = await self._list() if len(self._open) > 1 and self.listed else {}
        alike = [c for c in self._open.values() if c.job_id in shown and _unchanged(c, shown[c.job_id])]
        now = self.desk.clock.now()
        unread = sorted((c for c in alike if reading_due(c, now)), key=lambda c: c.progress.read_at or c.since)
        curves = {claim.intent_id: claim for claim in unread[: self.pace.curves]}
        await self._keep_all_alike([claim for claim in alike if claim.intent_id not in curves], shown)
        await self._read_each([c for c in self._open.values() if c.intent_id not in curves], shown)
        enough = self.desk.clock.now() + timedelta(seconds=_CURVES_S)
        await self._read_each(list(curves.values()), shown, enough)
        await self._keep_all_alike(list(self._open.values()), shown)

    async def _list(self) -> dict[str, RemoteJob]:
        """The account's jobs as a list shows them, no further back than the oldest that is due.

        A list is given up where it takes half of the requests that asking one by one would.
        """
        since = min(claim.since for claim in self._open.values()) - _SKEW
        limit = PAGE * max(len(self._open) // 2, 1)
        try:
            jobs = await patiently(
                self.desk, self.provider, lambda: self.provider.jobs(limit=limit, since=since), patience_s=0.0
            )
        except (CannotTell, Unsupported):
            self.listed = False
            return {}
        self.tally.lists += 1
        shown = {job.id: job for job in jobs}
        served = sum(claim.job_id in shown for claim in self._open.values())
        # Among very many jobs of others, ours are read one by one.
        self.listed = served * PAGE >= len(jobs)
        return shown

    async def _keep_all_alike(self, claims: Sequence[Claim], shown: dict[str, RemoteJob]) -> None:
        for at in range(0, len(claims), AT_ONCE):
            await self._keep_alike(claims[at : at + AT_ONCE], shown)
            await self._hold_on()

    async def _keep_alike(self, claims: Sequence[Claim], shown: dict[str, RemoteJob]) -> None:
        """Those of which a list says what was known: one short transaction for many."""
        now = self.desk.clock.now()
        looks = [
            await found(claim, Answer(job=shown[claim.job_id]), now, quoted_hours=_unquoted, stretch=self._stretch)
            for claim in claims
        ]
        kept = await self.desk.db(self.desk.ledger.watched.keep, [look.found for look in looks], now)
        for claim in claims:
            self._done(claim, now, refused=claim.intent_id in kept.fenced)

    async def _read_each(
        self, claims: Sequence[Claim], shown: dict[str, RemoteJob], enough: datetime | None = None
    ) -> None:
        """Ask for each by itself, some at once; none is begun after `enough`."""
        limiter = anyio.CapacityLimiter(self.pace.reads)
        trouble: list[ProviderError] = []

        async def read(claim: Claim) -> None:
            async with limiter:
                if trouble or (enough is not None and self.desk.clock.now() > enough):
                    return
                try:
                    await self._read(claim, shown.get(claim.job_id))
                except ProviderError as error:
                    if isinstance(error, _WHOLE_ACCOUNT):
                        trouble.append(error)
                    else:
                        await self._put_off([claim], error)

        async with anyio.create_task_group() as group:
            for claim in claims:
                group.start_soon(read, claim)
        if trouble:
            raise trouble[0]

    async def _read(self, claim: Claim, shown: RemoteJob | None) -> None:
        await self._hold_on()
        self.tally.reads += 1
        whole = reading_due(claim, self.desk.clock.now())
        answer = await fetch(self.desk, self.provider, claim, shown=shown, whole=whole, patience_s=0.0)
        reading = await keep(self.desk, claim, answer, keeps_lease=True, stretch=self._stretch)
        if not reading.refused:
            self._tell(claim, reading)
            if answer.events is not None:
                # Where a policy acts on the diagnoses: pausing or cancelling a job that only gets worse.
                await self.heed(self.provider, claim, reading)
            if reading.ended:
                await self._end(claim, reading.job)
        self._done(claim, self.desk.clock.now(), refused=reading.refused)

    async def _end(self, claim: Claim, job: RemoteJob) -> None:
        """Settled first, then out of the watch: after a crash in between, it is looked at and settled again."""
        await self.end(self.provider, claim, job)
        if await self.desk.db(self.desk.ledger.watched.conclude, claim, self.desk.clock.now()):
            self.tally.ended += 1

    def _tell(self, claim: Claim, reading: Reading) -> None:
        named = {"intent": claim.intent_id, "remote": claim.job_id, "provider": claim.provider}
        if reading.job.raw_status != claim.job_status or (reading.ended and not claim.ended):
            self.tally.changes += 1
            if not reading.ended:  # an end is told with its bill, once that is settled
                text = f"{claim.provider} job {claim.job_id}: {reading.job.label}"
                self.desk.say("changed", text, state=reading.job.label, **named)
        if reading.stuck is not None and claim.stuck_at is None:
            self.tally.stuck += 1
            self.desk.say("stuck", f"{claim.provider} job {claim.job_id}: {reading.stuck.text}", **named)

    def _done(self, claim: Claim, now: datetime, *, refused: bool) -> None:
        self._open.pop(claim.intent_id, None)
        if refused:
            self.tally.refused += 1
            self.desk.say("refused", f"job {claim.job_id}: another has looked meanwhile; this look was not kept")
            return
        self.tally.looks += 1
        self.tally.late_s = max(self.tally.late_s, (now - claim.due_at).total_seconds())
        self.looked(claim, now)

    # ── failing ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _put_off(self, claims: Sequence[Claim], error: ProviderError) -> float:
        """Look again later, and later each time; never sooner than the server asks for. Answers the seconds."""
        now, hint = self.desk.clock.now(), self.provider.decide(error).after_s
        worst = max((claim.failures for claim in claims), default=0)
        # A server that says "in a second" for an hour is not asked every second.
        wait_s = max(hint or 0.0, _AUTH_WAIT_S if isinstance(error, Auth) else _backoff_s(worst))
        looks = [_not_had(claim, now + timedelta(seconds=wait_s)) for claim in claims]
        for at in range(0, len(looks), AT_ONCE):
            await self.desk.db(self.desk.ledger.watched.keep, looks[at : at + AT_ONCE], now)
        for claim in claims:
            self._open.pop(claim.intent_id, None)
        self.tally.failures += 1
        return wait_s


def _shown_since(due: Sequence[datetime], resting: Sequence[datetime]) -> datetime:
    """How far back a list shows jobs that goes on to the oldest of `due`: its last page shows older ones too.

    A tenth of a page is left for jobs that are not ours.
    """
    newest_first = sorted([*due, *resting], reverse=True)
    pages = -(-(newest_first.index(min(due)) + 1) // PAGE)
    last = min(pages * PAGE - PAGE // 10, len(newest_first)) - 1
    return min(min(due), newest_first[last])


def _worth_taking(job: Resting, now: datetime, oldest: datetime) -> bool:
    """What the list shows anyhow; and what has rested for four fifths of its time, for which the list goes on."""
    spacing_s = mean_spacing_s((now - job.since).total_seconds())
    return job.since >= oldest or (job.next_at - now).total_seconds() <= spacing_s / 5


def _unchanged(claim: Claim, job: RemoteJob) -> bool:
    return job.raw_status == claim.job_status and job.state not in TERMINAL_STATES


def _backoff_s(failures: int) -> float:
    return min(_FIRST_WAIT_S * 2.0 ** min(failures, 10), _MOST_WAIT_S) * jitter()


def _not_had(claim: Claim, next_at: datetime) -> Found:
    return Found(
        claim=claim,
        next_at=next_at,
        progress=claim.progress,
        progressed_at=claim.progressed_at,
        stuck_at=claim.stuck_at,
        failures=claim.failures + 1,
    )


async def _unquoted() -> None:
    return None
