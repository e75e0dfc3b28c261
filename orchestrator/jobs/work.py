"""The worker: watches every job of the ledger until it is stopped. Several may work on one ledger at once.

Each account gets rounds of its own, so that a platform that is out, or slow, delays nobody else's jobs. Everything
that matters is in the ledger: a worker that is killed leaves claims that expire, and others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import replace
from datetime import datetime, timedelta

import anyio
from anyio.abc import TaskGroup

from providers.contract import Provider
from providers.errors import Auth, ProviderError
from providers.records import RemoteJob

from ..clock import ShiftedClock
from ..errors import UsageError
from ..ledger import Claim
from ..ledger.watched import Due
from .desk import Desk
from .looking import Reading, myself
from .rounds import End, Heed, Looked, Pace, Round, Tally

__all__ = ["Pace", "Tally", "Worker"]

_LEAST_REST_S = 0.02
_MEASURE_S = 60.0
_RELIST = timedelta(hours=1)

Opens = Callable[[tuple[str, str]], AbstractAsyncContextManager[Provider]]
"""Opens (platform, account) with the environment's key. Raises `Auth` or `UsageError` where there is none for it."""


async def _unheeded(_provider: Provider, _claim: Claim, _reading: Reading) -> None:
    return


async def _unsettled(_provider: Provider, _claim: Claim, _job: RemoteJob) -> None:
    return


def _unseen(_claim: Claim, _now: datetime) -> None:
    return


def _jobs_text(accounts: Sequence[Due]) -> str:
    jobs, count = sum(account.jobs for account in accounts), len(accounts)
    return f"{jobs} {'job' if jobs == 1 else 'jobs'} at {count} {'account' if count == 1 else 'accounts'}"


class Worker:
    """Looks at what is due until `stop`, or for a time, or (`once`) at what is due now.

    `end` settles a job that has ended, `heed` acts on what a reading shows, `looked` counts.
    """

    def __init__(
        self,
        desk: Desk,
        opens: Opens,
        *,
        pace: Pace | None = None,
        end: End = _unsettled,
        heed: Heed = _unheeded,
        looked: Looked = _unseen,
    ) -> None:
        # Hosts whose clocks differ agree on what is due by the clock of the database they share.
        self._host = desk.clock
        self._clock = ShiftedClock(desk.clock)
        self.desk = replace(desk, clock=self._clock)
        self.tally = Tally()
        self._opens, self._pace = opens, pace or Pace()
        self._end, self._heed, self._looked = end, heed, looked
        self._owner = myself()
        self._opened: dict[tuple[str, str], Provider] = {}
        self._busy: set[tuple[str, str]] = set()
        self._closed: set[tuple[str, str]] = set()
        self._not_before: dict[tuple[str, str], datetime] = {}
        self._unlisted: dict[tuple[str, str], datetime] = {}
        self._out: set[tuple[str, str]] = set()
        self._swept: set[tuple[str, str]] = set()
        self._once = False
        self._bell = anyio.Event()
        self._stopping = False
        self._measured_at: datetime | None = None

    @property
    def busy(self) -> bool:
        """Whether a round is under way."""
        return bool(self._busy)

    def stop(self) -> None:
        """End soon: nothing new is claimed, and what is claimed is given back."""
        self._stopping = True
        self._bell.set()

    def wake(self) -> None:
        """Look for due jobs at once: somebody has made one due."""
        self._bell.set()

    async def run(self, *, once: bool = False, for_s: float | None = None) -> Tally:
        """Work. Answers what was done. However it ends, every claim is given back first."""
        self._once = once
        await self._measure()
        desk = self.desk
        await desk.db(desk.ledger.watched.backfill, desk.clock.now())
        began = desk.clock.now()
        watched = await desk.db(desk.ledger.watched.accounts, began)
        self.desk.say("working", f"watching {_jobs_text(watched)}; stopping this worker stops no job")
        ends = None if for_s is None else began + timedelta(seconds=for_s)
        async with AsyncExitStack() as stack, anyio.create_task_group() as group:
            while not self._stopping and (ends is None or desk.clock.now() < ends):
                await self._measure()
                rest_s = await self._start_rounds(stack, group, began if once else desk.clock.now())
                if once and not self._busy:
                    break
                await self._rest(self._pace.notice_s if rest_s is None else rest_s, ends)
            group.cancel_scope.cancel()
        self._opened.clear()
        return self.tally

    # ── one turn ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _start_rounds(self, stack: AsyncExitStack, group: TaskGroup, due_by: datetime) -> float | None:
        """Start a round at every account that has due jobs and is free for one.

        Answers the seconds until there is more to do; None where nothing is known to come.
        """
        now, coming = self.desk.clock.now(), list[datetime]()
        for account in await self.desk.db(self.desk.ledger.watched.accounts, due_by):
            key = account.key
            if key in self._busy or key in self._closed:
                continue
            if now < self._not_before.get(key, now):
                coming.append(self._not_before[key])
            elif account.due and (provider := await self._open(stack, key)) is not None:
                self._busy.add(key)
                group.start_soon(self._round, key, provider, due_by)
            elif not account.due and account.next_at is not None:
                coming.append(account.next_at)
        return (min(coming) - now).total_seconds() if coming else None

    async def _open(self, stack: AsyncExitStack, key: tuple[str, str]) -> Provider | None:
        """The account, kept open; None, said once, where this environment has no key for it."""
        if key not in self._opened:
            try:
                self._opened[key] = await stack.enter_async_context(self._opens(key))
            except (Auth, UsageError) as error:
                self._closed.add(key)
                self.desk.say("skipped", f"jobs of {key[0]} account {key[1]} are left to others: {error}")
                return None
        return self._opened[key]

    async def _round(self, key: tuple[str, str], provider: Provider, due_by: datetime) -> None:
        now = self.desk.clock.now()
        turn = Round(
            desk=self.desk,
            provider=provider,
            key=key,
            owner=self._owner,
            pace=self._pace,
            tally=self.tally,
            heed=self._heed,
            end=self._end,
            looked=self._looked,
            listed=now >= self._unlisted.get(key, now),
            sweeps=not self._once and key not in self._swept,
        )
        self._swept.add(key)
        try:
            wait_s = await turn.go(due_by)
            self._learn(key, turn, wait_s)
        finally:
            self._busy.discard(key)
            self._bell.set()

    def _learn(self, key: tuple[str, str], turn: Round, wait_s: float) -> None:
        now = self.desk.clock.now()
        if not turn.listed and now >= self._unlisted.get(key, now):
            self._unlisted[key] = now + _RELIST
        if turn.failed is not None:
            self._not_before[key] = now + timedelta(seconds=wait_s)
            self._say_out(key, turn.failed, wait_s)
        elif key in self._out:
            self._out.discard(key)
            self.desk.say("back", f"{key[0]} account {key[1]} answers again")

    def _say_out(self, key: tuple[str, str], error: ProviderError, wait_s: float) -> None:
        """Once an episode."""
        if key not in self._out:
            self._out.add(key)
            text = f"{error}; its jobs go on, and are looked at again in {wait_s:.0f} s, then more rarely"
            self.desk.say("unavailable", text, provider=key[0])

    # ── waiting ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _rest(self, seconds: float, ends: datetime | None) -> None:
        """Until then, until a round ends, or until told to stop or to look."""
        if ends is not None:
            seconds = min(seconds, (ends - self.desk.clock.now()).total_seconds())
        seconds = min(max(seconds, _LEAST_REST_S), self._pace.notice_s)
        async with anyio.create_task_group() as group:

            async def sleep() -> None:
                await self.desk.clock.sleep(seconds)
                self._bell.set()

            group.start_soon(sleep)
            await self._bell.wait()
            group.cancel_scope.cancel()
        if not self._stopping:
            self._bell = anyio.Event()

    async def _measure(self) -> None:
        """How far the database's clock is ahead of this host's, now and then."""
        now = self._host.now()
        if self._measured_at is None or (now - self._measured_at).total_seconds() >= _MEASURE_S:
            self._measured_at = now
            ahead_s = await self.desk.db(self.desk.ledger.ahead_s, self._host.now)
            self._clock.ahead_s = ahead_s or 0.0
