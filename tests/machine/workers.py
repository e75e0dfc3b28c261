"""Several processes played in one: each piece of work is a task that stops at every boundary until it is let through.

A boundary is a call of the ledger, and a request on its way there and on its way back. A killed worker goes no further:
whatever its handlers try after that reaches neither ledger nor platform, as after SIGKILL.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from orchestrator.errors import TunewrightError
from orchestrator.jobs.desk import Desk
from orchestrator.jobs.failpoints import acting
from orchestrator.ledger import Ledger
from providers.errors import ProviderError

from .platform import Book, FakeAccount, FakePlatform

__all__ = ["Worker"]

P = ParamSpec("P")
T = TypeVar("T")

TO_THE_END = 10_000


class Killed(BaseException):
    """This process is no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatedDesk(Desk):
    """A desk whose ledger calls are boundaries, and run on this very thread."""

    gate: Callable[[], Coroutine[Any, Any, None]]
    after: Callable[[str], None]

    async def db(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        await self.gate()
        result = call(*args, **kwargs)
        self.after(call.__name__)
        return result


class _WorkersClock:
    """The common clock; to sleep is a boundary."""

    def __init__(self, book: Book, gate: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._book, self._gate = book, gate
        self.now = book.clock.now

    async def sleep(self, seconds: float) -> None:
        await self._gate()
        self._book.clock.pass_by(seconds)


class Worker:
    """One process after another at one place: killed, it starts anew under another name."""

    def __init__(
        self,
        name: str,
        loop: asyncio.AbstractEventLoop,
        book: Book,
        platform: FakePlatform,
        open_ledger: Callable[[], Ledger],
        living: set[str],
        after: Callable[[str], None],
    ) -> None:
        self.name, self.directory = name, name[0]
        self._loop, self._book, self._platform, self._open, self._living = loop, book, platform, open_ledger, living
        self._after = after
        self._starts = 0
        self.tag: str | None = None
        self.start()

    def start(self) -> None:
        """A new process."""
        self._starts += 1
        self.owner = f"{self.name}#{self._starts}"
        self._living.add(self.owner)
        self.dead = False
        self.die_at: str | None = None
        self._allowed = 0
        self._parked: asyncio.Future[None] | None = None
        self.task: asyncio.Task[Any] | None = None
        self._still: asyncio.Future[None] | None = None
        self.ledger = self._open()
        self.desk = GatedDesk(
            ledger=self.ledger,
            clock=_WorkersClock(self._book, self.gate),
            patience_s=2.0,
            owner=self.owner,
            alive=self._living.__contains__,
            gate=self.gate,
            after=self._after,
        )
        self.account: Any = FakeAccount(self._platform, self._book, self.gate, self.directory)

    @property
    def busy(self) -> bool:
        return self.task is not None

    def begin(self, work: Coroutine[Any, Any, Any]) -> None:
        """Start a piece of work; it stops at its first boundary."""
        assert self.task is None
        with acting(self._reached):
            self.task = self._loop.create_task(work)
        self.task.add_done_callback(self._ended)

    def go(self, boundaries: int = TO_THE_END) -> None:
        """Let it through so many boundaries, or to the end; raises what is neither our error nor the platform's."""
        if self.task is None:
            return
        self._allowed = boundaries
        self._run()
        if self.dead:
            self._bury()
        elif self.task.done():
            task, self.task = self.task, None
            failure = task.exception()
            if failure is not None and not isinstance(failure, TunewrightError | ProviderError):
                raise failure

    def kill(self) -> None:
        """SIGKILL, wherever it stands; a new process takes its place."""
        self.dead = True
        if self.task is not None and not self.task.done():
            self._run()
        self._bury()

    async def gate(self) -> None:
        if self.dead:
            raise Killed
        if self._allowed == 0:
            await self.park()
        else:
            self._allowed -= 1

    async def park(self) -> None:
        """Stop here, whatever was allowed."""
        self._allowed = 0
        self._parked = self._loop.create_future()
        self._now_still()
        try:
            await self._parked
        finally:
            self._parked = None
        if self.dead:
            raise Killed
        self._allowed = max(self._allowed - 1, 0)

    def _run(self) -> None:
        self._still = self._loop.create_future()
        if self._parked is not None and not self._parked.done():
            self._parked.set_result(None)
        self._loop.run_until_complete(self._still)

    def _now_still(self) -> None:
        if self._still is not None and not self._still.done():
            self._still.set_result(None)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled():
            task.exception()  # looked at, so that nobody complains that it was not
        self._now_still()

    def _reached(self, place: str) -> None:
        if self.dead or place == self.die_at:
            self.dead = True
            raise Killed

    def _bury(self) -> None:
        self._living.discard(self.owner)
        self.ledger.close()
        self.start()
