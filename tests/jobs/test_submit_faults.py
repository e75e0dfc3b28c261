"""Every way in which the paid request can go wrong: one POST, the right state, and the money where it belongs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.errors import InDoubt
from orchestrator.jobs.recover import recover
from orchestrator.jobs.submit import Order, submit
from orchestrator.ledger import IntentState
from providers.errors import Billing, Closed, RateLimited, Unreachable

pytestmark = pytest.mark.anyio

Make = Callable[..., Order]
ARRIVED = [
    {"name": "lost_reply"},
    {"name": "truncated", "value": "framed"},
    {"name": "truncated", "value": "cut"},
]
UNCLEAR = [{"name": "reset"}, {"name": "html"}, {"name": "server_error"}, {"name": "bad_gateway"}]
CREATE = r"/(fine_tuning/jobs|fine-tunes)$"
REFUSED = {"rate_limit": RateLimited, "training_not_available": Closed, "insufficient_quota": Billing}


def ids(fault: dict[str, Any]) -> str:
    return "-".join(fault.values())


async def test_a_plan_becomes_one_job_whose_id_is_recorded(world: Any, bench: Any, make_order: Make, name: str) -> None:
    async with world.open(name) as provider:
        await submit(bench.desk, provider, make_order(name))
    assert (bench.intent.state, [bench.intent.job_id], world.posts) == (IntentState.CREATED, world.jobs(), 1)


async def test_the_same_plan_again_is_the_same_job(world: Any, bench: Any, make_order: Make, name: str) -> None:
    async with world.open(name) as provider:
        first = await submit(bench.desk, provider, make_order(name))
        second = await submit(bench.desk, provider, make_order(name))
    assert (second.job_id, world.posts) == (first.job_id, 1)


async def test_another_generation_of_the_plan_is_another_job(world: Any, bench: Any, make_order: Make) -> None:
    order = make_order()
    async with world.open("openai") as provider:
        await submit(bench.desk, provider, order)
        await submit(bench.desk, provider, replace(order, plan=replace(order.plan, generation=1)))
    assert len(world.jobs()) == 2


@pytest.mark.parametrize("fault", ARRIVED, ids=ids)
async def test_a_job_whose_answer_was_lost_is_found_and_adopted(
    world: Any, bench: Any, make_order: Make, name: str, fault: dict[str, Any]
) -> None:
    world.fault(**fault)
    async with world.open(name) as provider:
        intent = await submit(bench.desk, provider, make_order(name))
    assert ([intent.job_id], world.posts, list(bench.money)) == (world.jobs(), 1, ["reserved"])


@pytest.mark.parametrize("fault", UNCLEAR, ids=ids)
async def test_an_unclear_answer_is_in_doubt_and_keeps_the_money_held(
    world: Any, bench: Any, make_order: Make, name: str, fault: dict[str, Any]
) -> None:
    world.fault(**fault)
    async with world.open(name) as provider:
        with pytest.raises(InDoubt):
            await submit(bench.desk, provider, make_order(name))
    assert (bench.intent.state, world.posts, list(bench.money)) == (IntentState.IN_DOUBT, 1, ["reserved"])


@pytest.mark.parametrize("fault", UNCLEAR, ids=ids)
async def test_what_is_in_doubt_is_never_sent_again(
    world: Any, bench: Any, make_order: Make, name: str, fault: dict[str, Any]
) -> None:
    world.fault(**fault)
    async with world.open(name) as provider:
        for _ in range(3):
            with pytest.raises(InDoubt):
                await submit(bench.desk, provider, make_order(name))
    assert (world.posts, world.jobs()) == (1, [])


@pytest.mark.parametrize("fault", REFUSED)
async def test_a_refusal_goes_back_and_frees_the_money(
    world: Any, bench: Any, make_order: Make, name: str, fault: str
) -> None:
    world.fault(fault)
    async with world.open(name) as provider:
        with pytest.raises(REFUSED[fault]):
            await submit(bench.desk, provider, make_order(name))
    assert (bench.intent.state, world.posts, bench.money) == (IntentState.UPLOADED, 1, {"released": 0})


async def test_after_a_refusal_the_same_order_buys_once(world: Any, bench: Any, make_order: Make, name: str) -> None:
    world.fault("rate_limit")
    async with world.open(name) as provider:
        with pytest.raises(RateLimited):
            await submit(bench.desk, provider, make_order(name))
        intent = await submit(bench.desk, provider, make_order(name))
    assert (intent.attempt, [intent.job_id], list(bench.money)) == (2, world.jobs(), ["reserved"])


async def test_a_refused_attempt_says_why_in_the_history(world: Any, bench: Any, make_order: Make) -> None:
    world.fault("training_not_available")
    async with world.open("openai") as provider:
        with pytest.raises(Closed):
            await submit(bench.desk, provider, make_order())
    kinds = [entry.kind for entry in bench.ledger.intents.history(bench.intent.id)]
    assert kinds == ["planned", "approved", "uploaded", "creating", "refused"]


async def test_a_job_that_the_list_shows_late_is_waited_for_and_adopted(
    world: Any, bench: Any, make_order: Make, name: str, clock: Any
) -> None:
    world.fault("list_lag", seconds=300)
    world.fault("lost_reply")
    clock.then = lambda: world.sandbox.advance(clock.slept[-1])
    async with world.open(name) as provider:
        with pytest.raises(InDoubt):
            await submit(bench.desk, provider, make_order(name))
        intent = await recover(bench.desk, provider, bench.intent, wait=True)
    assert ([intent.job_id], world.posts) == (world.jobs(), 1)


async def test_a_request_that_the_server_takes_up_after_our_time_out_is_adopted(
    world: Any, bench: Any, make_order: Make, name: str, until: Any
) -> None:
    world.fault("slow", seconds=0.6)
    async with world.open(name, read_timeout_s="0.1") as provider:
        with pytest.raises(InDoubt):
            await submit(bench.desk, provider, make_order(name))
        until(world.jobs)
        intent = await recover(bench.desk, provider, bench.intent)
    assert ([intent.job_id], world.posts) == (world.jobs(), 1)


async def test_a_server_down_before_anything_is_sent_buys_nothing_and_holds_nothing(
    world: Any, bench: Any, make_order: Make, name: str
) -> None:
    world.fault("reset", path="", method="", count=None)
    async with world.open(name) as provider:
        with pytest.raises(Unreachable):
            await submit(bench.desk, provider, make_order(name))
    assert (bench.intent.state, world.posts, bench.money) == (IntentState.APPROVED, 0, {"released": 0})


async def test_a_platform_that_goes_away_just_after_the_request_leaves_it_in_doubt(
    world: Any, bench: Any, make_order: Make, name: str
) -> None:
    world.fault("lost_reply")
    away = {"in_doubt": lambda: world.fault("server_error", method="GET", path=CREATE, count=None)}
    desk = replace(bench.desk, tell=lambda notice: away.get(notice.kind, lambda: None)())
    async with world.open(name) as provider:
        with pytest.raises(InDoubt) as told:
            await submit(desk, provider, make_order(name))
    assert (bench.intent.state, list(bench.money)) == (IntentState.IN_DOUBT, ["reserved"])
    assert "HTTP 500" in str(told.value.__cause__)


async def test_a_second_ledger_that_is_not_shown_the_job_yet_buys_its_own(
    world: Any, make_bench: Any, make_order: Make, name: str
) -> None:
    """What no client can promise, stated: only the platform's list could tell it, and that lags."""
    world.fault("list_lag", seconds=300)
    async with world.open(name) as provider:
        bought = [await submit(make_bench(place).desk, provider, make_order(name)) for place in ("one", "two")]
    assert sorted(intent.job_id or "" for intent in bought) == sorted(world.jobs())
    assert len(world.jobs()) == 2
