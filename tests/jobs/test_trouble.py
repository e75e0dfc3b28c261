"""Trouble acted upon over real HTTP: recorded first, done once per job, whoever watches it and whatever restarts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.jobs.health import Diagnosis, Policy
from orchestrator.jobs.submit import Order, submit
from orchestrator.jobs.trouble import attend, stopped_because
from orchestrator.jobs.watch import Reading, read_once
from providers.records import JobState
from providers.sandbox import Clock, Sandbox, serve

pytestmark = pytest.mark.anyio

ILL = (Diagnosis("overfitting", "validation loss rose from 0.5 to 0.7", "use fewer epochs", 40),)


@pytest.fixture
def endless(world: Any, tmp_path: Any, clock: Any) -> Any:
    """A platform whose job trains for as long as nobody moves the clock."""
    stopped = Clock(clock.now().timestamp(), running=False)
    with Sandbox(None, clock=stopped, pace_s=600.0) as sandbox, serve(sandbox) as running:
        clock.then = lambda: sandbox.advance(clock.slept[-1])
        yield type(world)(sandbox, running, tmp_path)


@pytest.fixture
async def account(endless: Any, name: str) -> AsyncIterator[Any]:
    async with endless.open(name) as provider:
        yield provider


@pytest.fixture
async def running(bench: Any, account: Any, endless: Any, make_order: Callable[..., Order], name: str) -> Any:
    """The bench with its one job in training."""
    await submit(bench.desk, account, make_order(name))
    endless.sandbox.trainer.settle()
    endless.sandbox.advance(300)
    return bench


async def look(bench: Any, provider: Any, *diagnoses: Diagnosis) -> Reading:
    reading = await read_once(bench.desk, provider, bench.intent)
    return replace(reading, diagnoses=diagnoses)


async def attended(bench: Any, provider: Any, action: Any, *diagnoses: Diagnosis) -> Any:
    reading = await look(bench, provider, *(diagnoses or ILL))
    return await attend(bench.desk, provider, bench.intent, reading, Policy.all(action))


def kinds(bench: Any) -> list[str]:
    return [entry.kind for entry in bench.ledger.intents.history(bench.intent.id)]


async def test_a_warning_is_recorded_once_and_nothing_is_asked(running: Any, account: Any, endless: Any) -> None:
    for _ in range(3):
        await attended(running, account, "warn")
    assert kinds(running).count("diagnosed") == 1
    assert endless.count("POST", "/cancel") + endless.count("POST", "/pause") == 0


async def test_a_cancelled_job_is_cancelled_once_with_the_reason_in_the_ledger(
    running: Any, account: Any, endless: Any
) -> None:
    for _ in range(3):
        health = await attended(running, account, "cancel")
    assert endless.count("POST", "/cancel") == 1
    ours = stopped_because(health)
    assert ours is not None
    assert (ours.action, "0.5 to 0.7" in ours.reason) == ("cancel", True)
    assert [kind for kind in kinds(running) if kind in ("diagnosed", "trouble", "acted")] == [
        "diagnosed", "trouble", "acted",
    ]  # fmt: skip


async def test_the_person_hears_that_what_was_trained_is_billed(running: Any, account: Any) -> None:
    await attended(running, account, "cancel")
    assert any("what was trained until now is billed" in notice.text for notice in running.told)


async def test_a_crash_between_the_decision_and_the_platform_is_made_good_at_the_next_look(
    running: Any, account: Any, endless: Any, make_bench: Any
) -> None:
    decided = {"known": ["overfitting"], "act": {"action": "cancel", "reason": "overfitting: it rose"}}
    running.ledger.intents.keep_health(running.intent.id, {}, decided, running.desk.clock.now())
    again = make_bench()
    health = await attended(again, account, "warn")
    assert (endless.count("POST", "/cancel"), "asked" in health["act"]["outcome"]) == (1, True)


async def test_a_pause_is_asked_for_where_there_is_one_else_said(
    running: Any, account: Any, endless: Any, name: str
) -> None:
    health = await attended(running, account, "pause")
    can = name == "openai"
    assert (endless.count("POST", "/pause"), "act" in health) == (int(can), can)
    assert can or any("cannot be paused here" in notice.text for notice in running.told)


async def test_a_job_that_a_person_resumed_is_not_paused_again(
    running: Any, account: Any, endless: Any, name: str
) -> None:
    if name != "openai":
        pytest.skip("only one of the two has a pause")
    await attended(running, account, "pause")
    await account.resume(running.intent.job_id)
    await attended(running, account, "pause")
    assert (await account.job(running.intent.job_id)).state is JobState.RUNNING


async def test_a_platform_that_refuses_is_told_and_the_watch_goes_on(running: Any, account: Any, endless: Any) -> None:
    reading = await look(running, account, *ILL)
    endless.sandbox.delete_job(running.intent.job_id)
    health = await attend(running.desk, account, running.intent, reading, Policy.all("cancel"))
    assert health["act"]["outcome"].startswith("refused by the platform")


async def test_a_platform_that_is_down_is_asked_again_at_the_next_look(
    running: Any, account: Any, endless: Any
) -> None:
    endless.sandbox.faults.set("server_error", method="POST", path="cancel$", count=99)
    first = await attended(running, account, "cancel")
    endless.sandbox.faults.clear()
    second = await attended(running, account, "cancel")
    assert ("outcome" in first["act"], "outcome" in second["act"]) == (False, True)


async def test_a_healthy_job_writes_nothing(running: Any, account: Any) -> None:
    reading = await look(running, account)
    before = kinds(running)
    assert await attend(running.desk, account, running.intent, reading, Policy.all("cancel")) == {}
    assert kinds(running) == before
