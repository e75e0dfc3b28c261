"""Asking within an account's limits: told, configured or only felt; by one process or two; and when it is out."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import anyio
import pytest

from orchestrator.clock import SystemClock
from orchestrator.config import RateConfig
from orchestrator.ledger import Ledger
from providers.errors import PlatformFault, RateLimited

pytestmark = pytest.mark.anyio

PER_MIN = 900.0
EPISODE_S = 15


@pytest.fixture
def sandbox(served: Any, wire: Any) -> Iterator[Any]:
    """The sandbox, unlimited again at the end."""
    sandbox = served[1]
    sandbox.throttle.refused = 0
    yield sandbox
    sandbox.throttle.clear()
    sandbox.faults.clear()


@pytest.fixture
def hurried(asker: Any) -> Any:
    """The asker on the machine's own clock."""
    return replace(asker, desk=replace(asker.desk, clock=SystemClock()))


def missing(answers: dict[Any, Any]) -> int:
    return sum(answer.missing for answer in answers.values())


async def test_limits_that_the_platform_tells_are_kept_after_the_first_answers(
    hurried: Any, account: Any, sandbox: Any
) -> None:
    sandbox.throttle.set(requests_per_min=PER_MIN, burst_s=1)
    async with account() as provider:
        await hurried.run(provider, concurrency=4)
    assert (len(await hurried.answers()), missing(await hurried.answers())) == (40, 0)
    assert sandbox.throttle.refused <= 2
    rows = hurried.desk.ledger.buckets.all(SystemClock().now())
    assert {row.per_s for row in rows if row.key.kind == "requests"} == {PER_MIN / 60}


async def test_limits_that_nobody_tells_are_felt_and_no_answer_is_missing(
    hurried: Any, account: Any, sandbox: Any, wire: Any
) -> None:
    sandbox.throttle.set(requests_per_min=PER_MIN, burst_s=0.3, silent=True)
    began = SystemClock().now()
    async with account() as provider:
        await hurried.run(provider, concurrency=64)
    episodes = 1 + (SystemClock().now() - began).total_seconds() // EPISODE_S
    cuts = {row.cuts for row in hurried.desk.ledger.buckets.all(SystemClock().now()) if row.key.kind == "requests"}
    assert (len(await hurried.answers()), missing(await hurried.answers())) == (40, 0)
    assert sandbox.throttle.refused > 0
    assert 1 <= sum(cuts) <= episodes
    assert [notice.kind for notice in hurried.told].count("retrying") == 1


async def test_a_configured_limit_is_never_exceeded(hurried: Any, account: Any, sandbox: Any) -> None:
    sandbox.throttle.set(requests_per_min=PER_MIN, burst_s=0.6, silent=True)
    hurried.desk = replace(hurried.desk, rates={"openai": RateConfig(requests_per_min=0.8 * PER_MIN)})
    async with account() as provider:
        await hurried.run(provider, concurrency=64)
    assert (len(await hurried.answers()), sandbox.throttle.refused) == (40, 0)


async def test_two_processes_of_a_ledger_keep_to_one_limit(
    hurried: Any, account: Any, sandbox: Any, tmp_path: Any
) -> None:
    sandbox.throttle.set(requests_per_min=PER_MIN, burst_s=0.8, silent=True)
    rates = {"openai": RateConfig(requests_per_min=0.8 * PER_MIN)}
    other = Ledger.open(tmp_path / "home", {})
    desks = [replace(hurried.desk, ledger=ledger, rates=rates, lines={}) for ledger in (hurried.desk.ledger, other)]
    async with account() as one, account() as two, anyio.create_task_group() as group:
        for number, provider in enumerate((one, two)):
            spec = replace(hurried.spec, extra={"process": str(number)})
            group.start_soon(replace(hurried, desk=desks[number], spec=spec).run, provider, 16)
    other.close()
    assert sandbox.throttle.refused == 0


async def test_tokens_are_reserved_at_their_most_and_given_back(hurried: Any, account: Any, sandbox: Any) -> None:
    """Forty answers of 20 + 1000 tokens at 10,000 a second would take four seconds; what is used takes a tenth."""
    sampling = replace(hurried.spec.sampling, max_tokens=1000)
    hurried.spec = replace(hurried.spec, sampling=sampling)
    hurried.desk = replace(hurried.desk, rates={"openai": RateConfig(tokens_per_min=600_000)})
    before = SystemClock().now()
    async with account() as provider:
        await hurried.run(provider, concurrency=4)
    rows = hurried.desk.ledger.buckets.all(before)
    assert {row.key.kind for row in rows if row.per_s} == {"tokens"}
    assert sum(row.slept_s for row in rows) < 1


async def test_every_wait_for_a_rate_is_logged_without_keys(
    hurried: Any, account: Any, sandbox: Any, caplog: pytest.LogCaptureFixture, environ: dict[str, str]
) -> None:
    hurried.desk = replace(hurried.desk, rates={"openai": RateConfig(requests_per_min=PER_MIN)})
    with caplog.at_level(logging.DEBUG, "orchestrator"):
        async with account() as provider:
            await hurried.run(provider, concurrency=16)
    assert any("for the rate of" in line for line in caplog.messages)
    assert environ["OPENAI_API_KEY"] not in caplog.text


async def test_a_pause_beyond_a_quarter_of_an_hour_stops_the_asking(
    asker: Any, account: Any, sandbox: Any, wire: Any, clock: Any
) -> None:
    sandbox.faults.set("rate_limit", path="chat/completions", seconds=3600, count=None)
    async with account() as provider:
        with pytest.raises(RateLimited):
            await asker.run(provider, concurrency=1)
    assert (clock.slept, await asker.answers()) == ([], {})


async def test_a_platform_that_only_fails_stops_the_asking_with_few_answers_missing(
    asker: Any, account: Any, wire: Any
) -> None:
    wire.refuse = lambda _model, _text: (503, {"message": "down"})
    async with account() as provider:
        with pytest.raises(PlatformFault):
            await asker.run(provider, concurrency=1)
    assert len(await asker.answers()) < 8
    assert len(wire.asked) < 100


async def test_questions_that_the_platform_chokes_on_are_missing_and_stop_nothing(
    asker: Any, account: Any, wire: Any
) -> None:
    """However many: a question of no content tells them from an outage."""
    wire.refuse = lambda _model, text: (500, {"message": "cannot"}) if text != "ping" and int(text[-1]) > 6 else None
    async with account() as provider:
        await asker.run(provider, concurrency=4)
    assert (len(await asker.answers()), missing(await asker.answers())) == (40, 12)


async def test_an_outage_that_ends_leaves_nothing_missing(asker: Any, account: Any, wire: Any, clock: Any) -> None:
    up_at = clock.now() + timedelta(seconds=100)
    wire.refuse = lambda _model, _text: (503, {"message": "down"}) if clock.now() < up_at else None
    async with account() as provider:
        await asker.run(provider, concurrency=1)
    assert (len(await asker.answers()), missing(await asker.answers())) == (40, 0)
