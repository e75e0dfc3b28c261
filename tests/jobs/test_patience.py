"""Repeating what is safe to repeat: as long as agreed, at the server's word, and not a second longer."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

import providers
from orchestrator.jobs.patience import patiently
from orchestrator.ledger import BucketKey
from providers.errors import Auth, Billing, PlatformFault, RateLimited, Unreachable

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


async def test_an_episode_of_failures_is_told_once(world: Any, bench: Any, account: Any, clock: Any) -> None:
    for _ in range(2):
        world.fault("server_error", **{**LIST, "count": 3})
        await patiently(bench.desk, account, account.jobs)
        await patiently(bench.desk, account, account.jobs)
        clock.pass_by(60)
    assert [notice.kind for notice in bench.told] == ["retrying", "retrying"]


async def test_what_lasted_is_told_to_be_over(world: Any, bench: Any, account: Any, clock: Any) -> None:
    world.fault("rate_limit", **{**LIST, "count": 3}, seconds=50)
    await patiently(bench.desk, account, account.jobs, patience_s=600)
    assert [notice.kind for notice in bench.told] == ["retrying", "recovered"]


async def test_no_credit_is_never_asked_for_twice(world: Any, bench: Any, account: Any, clock: Any) -> None:
    world.fault("insufficient_quota", **LIST)
    with pytest.raises(Billing):
        await patiently(bench.desk, account, account.jobs, patience_s=3600)
    assert (clock.slept, world.count("GET", "/fine_tuning/jobs")) == ([], 1)


async def test_every_wait_is_logged_with_its_reason_and_without_the_key(
    world: Any, bench: Any, account: Any, caplog: pytest.LogCaptureFixture
) -> None:
    world.fault("server_error", **{**LIST, "count": 2})
    with caplog.at_level(logging.DEBUG, "orchestrator"):
        await patiently(bench.desk, account, account.jobs)
    waits = [line for line in caplog.messages if line.startswith("waiting")]
    assert len(waits) == 2
    assert all("HTTP 500" in line and account.connection.api_key.reveal() not in line for line in waits)


async def test_when_retries_are_used_up_a_short_call_fails_at_once_and_says_so(
    world: Any, bench: Any, account: Any, clock: Any
) -> None:
    used_up(bench, account, clock)
    world.fault("server_error", **LIST)
    with pytest.raises(PlatformFault, match="retries are used up") as failed:
        await patiently(bench.desk, account, account.jobs, patience_s=60)
    assert (clock.slept, world.count("GET", "/fine_tuning/jobs")) == ([], 1)
    assert "doctor" in (failed.value.fix or "")


async def test_a_waiter_gives_up_in_time_with_the_last_failure(world: Any, bench: Any, account: Any) -> None:
    used_up(bench, account, bench.desk.clock)
    world.fault("server_error", **LIST)
    with pytest.raises(PlatformFault, match="HTTP 500"):
        await patiently(bench.desk, account, account.jobs, patience_s=300)
    assert world.count("GET", "/fine_tuning/jobs") < 20


async def test_retries_used_up_yesterday_are_there_again_today(
    world: Any, bench: Any, account: Any, clock: Any
) -> None:
    used_up(bench, account, clock)
    clock.pass_by(3600)
    world.fault("server_error", **{**LIST, "count": 2})
    assert isinstance(await patiently(bench.desk, account, account.jobs), tuple)


def used_up(bench: Any, account: Any, clock: Any) -> None:
    """Other processes of this ledger have spent the whole budget just now."""
    key = BucketKey("openai", account.connection.ref, "*", "retries")
    assert bench.ledger.buckets.spend(key, 495.0, 0.0, 0.0, clock.now())
