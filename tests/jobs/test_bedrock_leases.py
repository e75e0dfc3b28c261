"""What never stops by itself is stopped by us: after use, at the next start after a crash, at its deadline."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import InDoubt
from orchestrator.jobs.janitor import stop, sweep
from orchestrator.jobs.leases import LeaseWish, leased, start, want
from orchestrator.ledger import LeaseStage
from providers.records import Message, Method, Sampling
from providers.sandbox import Clock, Sandbox, serve
from tests.jobs.buyer import order_of
from tests.jobs.conftest import training_file

pytest.importorskip("boto3")

pytestmark = pytest.mark.anyio


@pytest.fixture
def place(world: Any, tmp_path: Path, clock: Any) -> Iterator[Any]:
    """A sandbox on the watcher's clock."""
    sandbox = Sandbox(None, clock=Clock(clock.now().timestamp(), running=False), pace_s=20)
    clock.then = lambda: sandbox.advance(clock.slept[-1])
    with sandbox, serve(sandbox) as running:
        yield type(world)(sandbox, running, tmp_path)


@pytest.fixture
async def account(place: Any) -> AsyncIterator[Any]:
    import providers

    platform = providers.platform("bedrock")
    async with platform.open(platform.connection(place.running.environ, None, place.home)) as provider:
        yield provider


@pytest.fixture
async def wish(place: Any, account: Any, tmp_path: Path) -> LeaseWish:
    order = order_of("bedrock", training_file(account.platform, tmp_path).path, Method.SFT)
    job = await account.create(order.plan, {"train": (await account.upload(order.files[0])).id}, "tw-" + "a" * 16)
    while (job := await account.job(job.id)).tuned_model is None:
        place.sandbox.advance(60)
    price = Decimal("20")
    return LeaseWish(
        model=job.tuned_model, account="here", reserve_usd=Decimal(10), sandbox=False, run_id="run", usd_per_hour=price
    )


def running(place: Any) -> int:
    throughput = place.sandbox.throughput
    return len([*throughput.all("custom-model-deployment"), *throughput.all("provisioned-model")])


async def test_it_answers_within_the_block_and_is_gone_after_it(
    place: Any, account: Any, bench: Any, wish: LeaseWish, clock: Any
) -> None:
    async with leased(bench.desk, account, wish) as lease:
        assert (await account.complete(lease.model, [Message("user", "my card is lost")], Sampling())).text
        (row,) = bench.ledger.leases.all()
        assert (row.idle_timeout_s, running(place)) == (0, 1)
        clock.pass_by(1200)  # longer than any usual idle time-out: it runs, and bills, all the same
    (row,) = bench.ledger.leases.all()
    assert (row.stage, running(place)) == (LeaseStage.STOPPED, 0)
    (hosting,) = [item.usd for item in bench.ledger.budget.spendings() if item.kind == "hosting"]
    assert hosting >= Decimal("20") * 1200 / 3600


async def test_what_a_crash_left_is_billed_until_it_was_stopped_and_not_until_an_idle_time_out(
    place: Any, account: Any, bench: Any, wish: LeaseWish, clock: Any
) -> None:
    row = await start(bench.desk, account, await want(bench.desk, account, wish), wish)
    clock.pass_by(20 * 3600)
    await stop(bench.desk, account, row)
    (hosting,) = [item.usd for item in bench.ledger.budget.spendings() if item.kind == "hosting"]
    assert (running(place), hosting >= 400) == (0, True)


async def test_one_past_its_deadline_is_swept_away(
    place: Any, account: Any, bench: Any, wish: LeaseWish, clock: Any
) -> None:
    row = await start(bench.desk, account, await want(bench.desk, account, wish), wish)
    assert row.deadline == row.started_at + timedelta(minutes=30)
    assert await sweep(bench.desk, account, "here") == 0
    clock.pass_by(1801)
    assert await sweep(bench.desk, account, "here") == 1
    assert running(place) == 0


@pytest.mark.parametrize("fault", ["lost_reply", "truncated"])
async def test_one_whose_answer_was_lost_is_adopted_and_bought_once(
    place: Any, account: Any, bench: Any, wish: LeaseWish, fault: str
) -> None:
    place.sandbox.faults.set(fault, method="POST", path="custom-model-deployments$")
    async with leased(bench.desk, account, wish) as lease:
        assert (running(place), place.count("POST", "custom-model-deployments")) == (1, 1)
        assert lease.tag
    assert running(place) == 0


async def test_one_that_lists_do_not_show_yet_is_found_and_stopped_later(
    place: Any, account: Any, bench: Any, wish: LeaseWish
) -> None:
    place.sandbox.faults.set("lease_lag", seconds=60)
    place.sandbox.faults.set("lost_reply", method="POST", path="custom-model-deployments$")
    row = await want(bench.desk, account, wish)
    with pytest.raises(InDoubt):
        await start(bench.desk, account, row, wish)
    assert running(place) == 1
    await stop(bench.desk, account, row, wait=True)
    assert running(place) == 0
