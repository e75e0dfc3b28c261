"""Sixty-four callers at once and a platform that is down: what is sent, counted, in time that jumps when all wait.

The platform is simulated by when it answers; retry, budget, turns and ledger are the real ones.
"""

from __future__ import annotations

import asyncio
import contextlib
import selectors
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import pytest
from tenacity import AsyncRetrying, retry_if_exception_type, wait_random_exponential

from orchestrator.jobs.desk import Desk, Notice
from orchestrator.jobs.patience import patiently
from orchestrator.ledger import Ledger
from providers.errors import PlatformFault, ProviderError, RateLimited, Unreachable

pytestmark = pytest.mark.anyio

CALLERS = 64
TAKES_S = 0.2


class Jumping(selectors.DefaultSelector):
    """Waits for what is under way for real, and lets time jump when there is nothing but timers."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead_s = 0.0
        self.busy: Callable[[], bool] = lambda: False

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None or timeout <= 0 or self.busy():
            return super().select(timeout if timeout is None or timeout <= 0 else None)
        found = super().select(0)
        if not found:
            self.ahead_s += timeout
        return found


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop on such time."""

    def __init__(self) -> None:
        self.jumping = Jumping()
        super().__init__(self.jumping)

    def time(self) -> float:
        return self.jumping.ahead_s


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"loop_factory": JumpingLoop}


class LoopClock:
    """The jumping loop's time as a clock."""

    began = datetime(2026, 11, 22, tzinfo=UTC)

    def now(self) -> datetime:
        return self.began + timedelta(seconds=asyncio.get_running_loop().time())

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)


@dataclass
class Platform:
    """Down until `up_at` (seconds), with that error; every request takes a fifth of a second."""

    clock: LoopClock
    up_at: float
    error: Callable[[], ProviderError] = lambda: PlatformFault("down", status=503)
    sent: list[float] = field(default_factory=list)
    now: int = 0
    most_while_out: int = 0

    async def call(self) -> str:
        at = asyncio.get_running_loop().time()
        self.sent.append(at)
        await anyio.sleep(TAKES_S)
        if at < self.up_at:
            raise self.error()
        return "answer"


@dataclass
class Place:
    desk: Desk
    told: list[Notice]
    account: Any
    clock: LoopClock

    def platform(self, up_at: float, **more: Any) -> Platform:
        return Platform(self.clock, up_at, **more)


@pytest.fixture
async def place(world: Any, tmp_path: Path) -> AsyncIterator[Place]:
    told: list[Notice] = []
    desk = Desk(ledger=Ledger.open(tmp_path / "home", {}), clock=LoopClock(), tell=told.append)
    loop = asyncio.get_running_loop()
    assert isinstance(loop, JumpingLoop)
    loop.jumping.busy = lambda: bool(desk._one.borrowed_tokens)
    async with world.open("openai") as account:
        yield Place(desk, told, account, LoopClock())
    desk.ledger.close()


async def all_call(calls: int, once: Callable[[], Awaitable[object]]) -> list[ProviderError]:
    """So many calls by sixty-four callers, each its next one when the last has ended; what failed."""
    failed: list[ProviderError] = []
    work = iter(range(calls))

    async def caller() -> None:
        for _ in work:
            try:
                await once()
            except ProviderError as error:
                failed.append(error)

    async with anyio.create_task_group() as group:
        for _ in range(CALLERS):
            group.start_soon(caller)
    return failed


async def naive(call: Callable[[], Awaitable[object]]) -> object:
    """What everybody writes: the same spacing for the same minute, and no budget."""
    policy = AsyncRetrying(
        retry=retry_if_exception_type(ProviderError),
        wait=wait_random_exponential(multiplier=0.5, max=60),
        stop=lambda state: state.idle_for >= 60,
        sleep=anyio.sleep,
        reraise=True,
    )

    async def once() -> object:
        return await call()

    return await policy(once)


async def test_an_outage_is_not_multiplied(place: Place, record_property: Callable[[str, object], None]) -> None:
    plain, ours, careless = (place.platform(up_at=1e9) for _ in range(3))
    await all_call(1000, plain.call)
    failed = await all_call(1000, partial(patiently, place.desk, place.account, ours.call, patience_s=60))
    await all_call(200, partial(naive, careless.call))
    ratios = {"ours": len(ours.sent) / len(plain.sent), "naive retries": len(careless.sent) / 200}
    print("\nrequests into an outage by 64 callers, to each without retries:", ratios)
    record_property("requests", ratios)
    assert len(failed) == 1000
    assert ratios["ours"] <= 1.05
    assert ratios["naive retries"] >= 4


async def test_long_waiters_probe_singly_and_lose_nothing(place: Place) -> None:
    down = place.platform(up_at=300)
    failed = await all_call(1000, partial(patiently, place.desk, place.account, down.call, patience_s=900))
    during = [at for at in down.sent if at < 300]
    probes = [at for at in during if at > 60]
    print(f"\n1,000 calls, 300 s of outage: {len(during)} requests into it, {len(probes)} of them after a minute")
    assert failed == []
    assert len(during) <= CALLERS + 500 / 14 + 20
    assert all(later - earlier > 5 for earlier, later in pairwise(probes))
    assert len(down.sent) == len(during) + 1000


async def test_after_the_outage_all_go_on_at_once(place: Place) -> None:
    down = place.platform(up_at=100)
    await all_call(CALLERS, partial(patiently, place.desk, place.account, down.call, patience_s=900))
    after = [at for at in down.sent if at >= 100]
    assert len(after) == CALLERS
    assert max(after) - min(after) <= 2 * TAKES_S


async def test_a_waiter_that_is_cancelled_leaves_the_turn_to_another(place: Place) -> None:
    down = place.platform(up_at=200)
    once = partial(patiently, place.desk, place.account, down.call, patience_s=900)
    with anyio.move_on_after(50):
        await all_call(CALLERS, once)
    assert await all_call(CALLERS, once) == []


async def test_turns_go_round_so_that_a_call_the_platform_chokes_on_keeps_nobody_out(place: Place) -> None:
    down, choking = place.platform(up_at=60), place.platform(up_at=1e9)
    answers: list[object] = []

    async def wait_for(call: Callable[[], Awaitable[object]]) -> None:
        with contextlib.suppress(PlatformFault):
            answers.append(await patiently(place.desk, place.account, call, patience_s=120, outage_s=900))

    async with anyio.create_task_group() as group:
        for call in [choking.call] * 40 + [down.call] * 2:
            group.start_soon(wait_for, call)
    assert answers == ["answer", "answer"]


async def test_a_storm_of_sixty_four_makes_one_line(place: Place) -> None:
    full = place.platform(up_at=1, error=lambda: RateLimited("too many", status=429, retry_after_s=2))
    await all_call(CALLERS, partial(patiently, place.desk, place.account, full.call))
    assert len(full.sent) == 2 * CALLERS
    assert [notice.kind for notice in place.told] == ["retrying"]


async def test_an_outage_of_minutes_makes_three_lines(place: Place) -> None:
    gone = place.platform(up_at=300, error=lambda: Unreachable("no connection", nothing_created=True))
    await all_call(1000, partial(patiently, place.desk, place.account, gone.call, patience_s=120, outage_s=900))
    assert [notice.kind for notice in place.told] == ["retrying", "outage", "recovered"]


async def test_the_budget_is_full_again_after_enough_answers(place: Place) -> None:
    down = place.platform(up_at=30)
    await all_call(2000, partial(patiently, place.desk, place.account, down.call, patience_s=900))
    (row,) = place.desk.ledger.buckets.all(place.clock.now())
    assert (row.key.kind, row.left) == ("retries", 500)
    assert row.slept_s > 0
