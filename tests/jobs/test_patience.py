"""Repeating what is safe to repeat: as long as agreed, at the server's word, and not a second longer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

import providers
from orchestrator.jobs.patience import patiently
from providers.errors import Auth, PlatformFault, RateLimited, Unreachable

pytestmark = pytest.mark.anyio

LIST = {"method": "GET", "path": "/fine_tuning/jobs$", "count": None}


@pytest.fixture
async def account(world: Any) -> AsyncIterator[Any]:
    async with world.open("openai") as provider:
        yield provider


async def test_a_passing_fault_is_not_seen_by_the_caller(world: Any, bench: Any, account: Any) -> None:
    world.fault("server_error", **{**LIST, "count": 3})
    assert isinstance(await patiently(bench.desk, account, account.jobs), tuple)


async def test_a_fault_that_stays_is_raised_when_patience_ends(
    world: Any, bench: Any, account: Any, clock: Any
) -> None:
    world.fault("server_error", **LIST)
    with pytest.raises(PlatformFault):
        await patiently(bench.desk, account, account.jobs, patience_s=60)
    assert sum(clock.slept) == pytest.approx(60, abs=1)


async def test_the_servers_own_hint_is_waited_out(world: Any, bench: Any, account: Any, clock: Any) -> None:
    world.fault("rate_limit", **{**LIST, "count": 1}, seconds=42)
    await patiently(bench.desk, account, account.jobs, patience_s=60)
    assert clock.slept == [42]


async def test_a_hint_beyond_patience_is_raised_at_once(world: Any, bench: Any, account: Any, clock: Any) -> None:
    world.fault("rate_limit", **LIST, seconds=3600)
    with pytest.raises(RateLimited):
        await patiently(bench.desk, account, account.jobs, patience_s=60)
    assert clock.slept == []


async def test_a_refusal_is_not_repeated(world: Any, bench: Any, clock: Any) -> None:
    platform = providers.platform("openai")
    connection = platform.connection({**world.running.environ, "OPENAI_API_KEY": "wrong"}, None, world.home)
    async with platform.open(connection) as provider:
        with pytest.raises(Auth):
            await patiently(bench.desk, provider, provider.jobs)
    assert (clock.slept, world.count("GET", "/fine_tuning/jobs")) == ([], 1)


async def test_an_outage_may_be_waited_for_longer_than_a_fault(world: Any, bench: Any, clock: Any) -> None:
    platform = providers.platform("openai")
    connection = platform.connection(
        {**world.running.environ, "OPENAI_BASE_URL": "http://127.0.0.1:9"}, None, world.home
    )
    async with platform.open(connection) as provider:
        with pytest.raises(Unreachable):
            await patiently(bench.desk, provider, provider.jobs, patience_s=10, outage_s=300)
    assert sum(clock.slept) == pytest.approx(300, abs=2)


async def test_no_patience_asks_once(world: Any, bench: Any, account: Any, clock: Any) -> None:
    world.fault("server_error", **LIST)
    with pytest.raises(PlatformFault):
        await patiently(bench.desk, account, account.jobs, patience_s=0)
    assert (clock.slept, world.count("GET", "/fine_tuning/jobs")) == ([], 1)


async def test_every_wait_is_told(world: Any, bench: Any, account: Any) -> None:
    world.fault("server_error", **{**LIST, "count": 2})
    await patiently(bench.desk, account, account.jobs)
    assert [notice.kind for notice in bench.told] == ["retrying", "retrying"]
