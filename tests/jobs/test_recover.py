"""Recovering what is in doubt: never a POST, empty looks spaced over the window, and a person where nobody can tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from orchestrator.errors import InDoubt, TunewrightError
from orchestrator.jobs.recover import recover
from orchestrator.jobs.settling import EMPTY_LOOKS_NEEDED
from orchestrator.jobs.submit import Order, submit
from orchestrator.ledger import IntentState
from providers.facts import settling

pytestmark = pytest.mark.anyio

WINDOW_S = settling("openai").window_s


@pytest.fixture
async def doubt(world: Any, bench: Any, make_order: Callable[..., Order]) -> Any:
    """An intent in doubt whose job was never made, and the provider to ask."""
    world.fault("html")
    async with world.open("openai") as provider:
        with pytest.raises(InDoubt):
            await submit(bench.desk, provider, make_order())
        yield provider


async def test_nothing_found_through_the_window_asks_the_person(doubt: Any, bench: Any, world: Any) -> None:
    intent = await recover(bench.desk, doubt, bench.intent, wait=True)
    assert (intent.state, world.posts, list(bench.money)) == (IntentState.NEEDS_HUMAN, 1, ["reserved"])


async def test_where_re_sending_is_allowed_it_is_proved_absent_and_the_money_is_free(doubt: Any, bench: Any) -> None:
    intent = await recover(bench.desk, doubt, bench.intent, wait=True, resubmit=True)
    assert (intent.state, bench.money) == (IntentState.UPLOADED, {"released": 0})


async def test_recover_never_sends_a_create(doubt: Any, bench: Any, world: Any) -> None:
    await recover(bench.desk, doubt, bench.intent, wait=True, resubmit=True)
    assert world.posts == 1


async def test_absence_takes_the_whole_window(doubt: Any, bench: Any, clock: Any) -> None:
    sent_at = bench.intent.sent_at
    await recover(bench.desk, doubt, bench.intent, wait=True)
    assert (clock.now() - sent_at).total_seconds() >= WINDOW_S


async def test_a_burst_of_empty_looks_counts_as_one(doubt: Any, bench: Any, clock: Any) -> None:
    for _ in range(5):
        await recover(bench.desk, doubt, bench.intent)
    assert bench.intent.empty_looks == 1


async def test_after_the_window_one_look_does_not_prove_absence(doubt: Any, bench: Any, clock: Any) -> None:
    clock.pass_by(100 * WINDOW_S)
    intent = await recover(bench.desk, doubt, bench.intent)
    assert (intent.state, intent.empty_looks) == (IntentState.IN_DOUBT, 2)


async def test_waiting_asks_the_platform_a_handful_of_times(doubt: Any, bench: Any, world: Any) -> None:
    before = world.count("GET", "/fine_tuning/jobs")
    await recover(bench.desk, doubt, bench.intent, wait=True)
    assert world.count("GET", "/fine_tuning/jobs") - before <= 2 * EMPTY_LOOKS_NEEDED


async def test_waiting_long_after_the_window_is_no_busy_loop(doubt: Any, bench: Any, world: Any, clock: Any) -> None:
    clock.pass_by(100 * WINDOW_S)
    before = world.count("GET", "/fine_tuning/jobs")
    await recover(bench.desk, doubt, bench.intent, wait=True)
    assert world.count("GET", "/fine_tuning/jobs") - before <= EMPTY_LOOKS_NEEDED


async def test_several_jobs_under_one_tag_ask_the_person_and_name_them(
    world: Any, bench: Any, make_order: Callable[..., Order], make_bench: Any, name: str
) -> None:
    world.fault("duplicate_delivery")
    async with world.open(name) as provider:
        await submit(bench.desk, provider, make_order(name))
        with pytest.raises(InDoubt) as asked:
            await submit(make_bench("fresh").desk, provider, make_order(name))
    assert all(job in str(asked.value) for job in world.jobs())


async def test_what_needed_a_person_is_adopted_when_its_job_turns_up_after_all(
    world: Any, bench: Any, make_order: Callable[..., Order], clock: Any
) -> None:
    world.fault("list_lag", seconds=10 * WINDOW_S)
    world.fault("lost_reply")
    async with world.open("openai") as provider:
        with pytest.raises(InDoubt):
            await submit(bench.desk, provider, make_order())
        assert (await recover(bench.desk, provider, bench.intent, wait=True)).state is IntentState.NEEDS_HUMAN
        world.sandbox.advance(10 * WINDOW_S)
        intent = await submit(bench.desk, provider, make_order())
    assert ([intent.job_id], world.posts) == (world.jobs(), 1)


async def test_a_machine_that_slept_after_its_claim_sends_nothing(
    world: Any, bench: Any, make_order: Callable[..., Order], clock: Any
) -> None:
    class Sleepy:
        """Six seconds pass between any two looks at it."""

        def now(self) -> datetime:
            clock.pass_by(6)
            at: datetime = clock.at
            return at

        sleep = clock.sleep

    async with world.open("openai") as provider:
        with pytest.raises(TunewrightError, match="stalled"):
            await submit(replace(bench.desk, clock=Sleepy()), provider, make_order())
    assert (bench.intent.state, world.posts, bench.money) == (IntentState.UPLOADED, 0, {"released": 0})


async def test_a_sleeper_cannot_take_back_a_later_attempt_of_somebody_else(doubt: Any, bench: Any, clock: Any) -> None:
    await recover(bench.desk, doubt, bench.intent, wait=True, resubmit=True)
    ledger, now = bench.ledger, clock.now()
    wish = bench.ledger.budget.spendings()[0]
    ledger.budget.reserve(
        wish.id, wish.usd, now, kind="training", provider="openai", account="here", sandbox=True, run_id="run"
    )
    assert ledger.intents.begin_create(bench.intent.id, now) == 2
    unsettled = (IntentState.CREATING, IntentState.IN_DOUBT)
    assert not ledger.intents.proved_absent(bench.intent.id, unsettled, now, kind="refused", attempt=1)
    assert bench.intent.state is IntentState.CREATING


async def test_without_money_held_nobody_may_send(world: Any, bench: Any, make_order: Callable[..., Order]) -> None:
    world.fault("rate_limit")
    async with world.open("openai") as provider:
        with pytest.raises(Exception, match="Rate limit"):
            await submit(bench.desk, provider, make_order())
    assert bench.ledger.intents.begin_create(bench.intent.id, bench.desk.clock.now()) is None


async def test_a_listing_asked_for_before_the_windows_end_proves_nothing_however_late_it_is_answered(
    doubt: Any, bench: Any, clock: Any
) -> None:
    class SlowToAnswer:
        """Tells what was listed when it was asked."""

        late_s = 0.0

        def __getattr__(self, name: str) -> Any:
            return getattr(doubt, name)

        async def find(self, tag: str) -> Any:
            found = await doubt.find(tag)
            clock.pass_by(self.late_s)
            return found

    provider = SlowToAnswer()
    for provider.late_s in (0.1 * WINDOW_S, 0.4 * WINDOW_S):  # the last is asked before the end, and answered after it
        clock.pass_by(0.3 * WINDOW_S)
        intent = await recover(bench.desk, provider, bench.intent, resubmit=True)
    assert (clock.now() - intent.sent_at).total_seconds() > WINDOW_S
    assert (intent.state, intent.empty_looks) == (IntentState.IN_DOUBT, EMPTY_LOOKS_NEEDED)
