"""A machine rented by the hour is stopped after use, after an error, after Ctrl-C, and after a kill -9."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from orchestrator.errors import BudgetRefused, TunewrightError
from orchestrator.jobs.leases import LeaseWish, leased, stop, sweep
from orchestrator.jobs.submit import submit
from orchestrator.jobs.watch import watch
from orchestrator.ledger import LeaseStage
from providers.errors import ProviderError
from providers.records import LeaseState, Message, Sampling
from providers.sandbox import Clock, Sandbox, serve

pytestmark = pytest.mark.anyio

DEPLOY = r"/deployments$"
LESSEE = Path(__file__).with_name("lessee.py")


@pytest.fixture
def place(world: Any, tmp_path: Path, clock: Any) -> Iterator[Any]:
    """A sandbox on the watcher's clock, with one base that can be rented."""
    sandbox = Sandbox(None, clock=Clock(clock.now().timestamp(), running=False), pace_s=20)
    clock.then = lambda: sandbox.advance(clock.slept[-1])
    with sandbox, serve(sandbox) as running:
        yield type(world)(sandbox, running, tmp_path)


@pytest.fixture
async def account(place: Any) -> AsyncIterator[Any]:
    async with place.open("together") as provider:
        yield provider


@pytest.fixture
async def model(place: Any, account: Any, bench: Any, make_order: Any) -> str:
    """A tuned model of this account."""
    intent = await submit(bench.desk, account, make_order("together", sandbox=False))
    readings = [reading async for reading in watch(bench.desk, account, intent, patience_s=60)]
    tuned = readings[-1].job.tuned_model
    assert tuned is not None
    return tuned


@pytest.fixture
def wish(model: str) -> LeaseWish:
    return LeaseWish(model=model, account="here", reserve_usd=Decimal(5), sandbox=False, run_id="run")


def billing(place: Any) -> list[str]:
    """Deployments that run now, whatever the ledger thinks."""
    now = place.sandbox.clock.now()
    return [d.id for d in place.sandbox.serving.deployments.all() if not d.state(now).endswith("STOPPED")]


def hosting(bench: Any) -> list[tuple[str, Decimal]]:
    return [(item.state, item.usd) for item in bench.ledger.budget.spendings() if item.kind == "hosting"]


def start_lessee(place: Any, home: Path, model: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(LESSEE), str(home), model]
    return subprocess.Popen(command, env=place.running.environ, text=True, stdout=subprocess.PIPE)


async def test_a_leased_model_answers_within_the_block(place: Any, account: Any, bench: Any, wish: LeaseWish) -> None:
    async with leased(bench.desk, account, wish) as lease:
        assert lease.state is LeaseState.READY
        answer = await account.complete(lease.model, [Message("user", "my card is lost")], Sampling())
    assert answer.text


async def test_after_use_nothing_bills_and_the_bill_is_settled(
    place: Any, account: Any, bench: Any, wish: LeaseWish, clock: Any
) -> None:
    async with leased(bench.desk, account, wish):
        assert len(billing(place)) == 1
        clock.pass_by(1800)
    (row,) = bench.ledger.leases.all()
    ((state, usd),) = hosting(bench)
    assert (billing(place), state) == ([], "settled")
    assert 0.5 <= usd / row.usd_per_hour < Decimal("0.52")  # half an hour, and the start


@pytest.mark.parametrize(("sandbox", "mark"), [(True, " (sandbox, not money)"), (False, "")])
async def test_what_is_said_of_a_lease_tells_play_money_from_money(
    account: Any, bench: Any, wish: LeaseWish, sandbox: bool, mark: str
) -> None:
    async with leased(bench.desk, account, replace(wish, sandbox=sandbox)):
        pass
    starting, stopped = (notice.text for notice in bench.told if notice.kind in ("serving", "lease_stopped"))
    assert starting.endswith(f"it bills by the hour until it is stopped{mark}")
    assert stopped.endswith(mark)
    assert stopped.removesuffix(mark)[-1].isdigit()


async def test_after_an_error_nothing_bills(place: Any, account: Any, bench: Any, wish: LeaseWish) -> None:
    with pytest.raises(RuntimeError, match="grader"):
        async with leased(bench.desk, account, wish):
            raise RuntimeError("grader")
    assert (billing(place), [row.stage for row in bench.ledger.leases.all()]) == ([], [LeaseStage.STOPPED])


async def test_after_a_cancellation_nothing_bills(place: Any, account: Any, bench: Any, wish: LeaseWish) -> None:
    with anyio.CancelScope() as scope:
        async with leased(bench.desk, account, wish):
            scope.cancel()
            await anyio.lowlevel.checkpoint()
    assert (scope.cancelled_caught, billing(place)) == (True, [])


async def test_an_idle_timeout_is_always_set(place: Any, account: Any, bench: Any, wish: LeaseWish) -> None:
    async with leased(bench.desk, account, wish):
        (deployment,) = place.sandbox.serving.deployments.all()
    assert 0 < deployment.inactive_timeout_min <= 60


async def test_a_lease_that_the_budget_cannot_hold_rents_nothing(
    place: Any, account: Any, bench: Any, wish: LeaseWish, clock: Any
) -> None:
    bench.ledger.budget.set_cap("month", Decimal(4), clock.now())
    with pytest.raises(BudgetRefused):
        async with leased(bench.desk, account, wish):
            pass
    assert (billing(place), bench.ledger.leases.all()) == ([], ())


@pytest.mark.parametrize("fault", ["lost_reply", "truncated", "bad_gateway", "html"])
async def test_an_unclear_answer_to_the_renting_leaves_nothing_billing(
    place: Any, account: Any, bench: Any, wish: LeaseWish, fault: str
) -> None:
    place.fault(fault, path=DEPLOY)
    with pytest.raises(ProviderError):
        async with leased(bench.desk, account, wish):
            pass
    assert (billing(place), place.count("POST", "/deployments")) == ([], 1)


async def test_a_refused_renting_frees_the_money(place: Any, account: Any, bench: Any, wish: LeaseWish) -> None:
    place.fault("rate_limit", path=DEPLOY)
    with pytest.raises(ProviderError):
        async with leased(bench.desk, account, wish):
            pass
    assert (billing(place), bench.ledger.leases.all(open_only=True)) == ([], ())
    assert [usd for _, usd in hosting(bench)] == [0]


async def test_two_leases_of_one_run_are_two_bills(
    place: Any, account: Any, bench: Any, wish: LeaseWish, clock: Any
) -> None:
    for _ in range(2):
        async with leased(bench.desk, account, wish):
            clock.pass_by(900)
    assert [state for state, _ in hosting(bench)] == ["settled", "settled"]
    assert all(usd > Decimal("0.9") for _, usd in hosting(bench))


async def test_a_machine_that_cannot_be_stopped_is_said_and_stays_open_in_the_ledger(
    place: Any, account: Any, bench: Any, wish: LeaseWish
) -> None:
    with pytest.raises(TunewrightError, match="may still bill"):
        async with leased(bench.desk, account, wish):
            place.fault("server_error", path="/endpoints", method="", count=None)
    (row,) = bench.ledger.leases.all(open_only=True)
    place.sandbox.faults.clear()
    await stop(bench.desk, account, row)
    assert (billing(place), bench.ledger.leases.all(open_only=True)) == ([], ())


async def test_what_a_living_process_uses_is_not_swept(place: Any, account: Any, bench: Any, wish: LeaseWish) -> None:
    async with leased(bench.desk, account, wish):
        assert await sweep(bench.desk, account, "here") == 0
        assert len(billing(place)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("place_of_death", ["in use", "asked for"])
async def test_a_lease_left_by_a_killed_process_is_stopped_at_the_next_start(
    place: Any, account: Any, bench: Any, wish: LeaseWish, until: Any, place_of_death: str, tmp_path: Path
) -> None:
    if place_of_death == "asked for":
        place.fault("slow", path=DEPLOY, seconds=1.0)
    lessee = start_lessee(place, tmp_path / "home", wish.model)
    until(lambda: place.count("POST", "/deployments"))
    if place_of_death == "in use":
        until(lambda: bench.ledger.leases.all()[0].stage is LeaseStage.SERVING)
    lessee.kill()
    lessee.communicate()
    until(lambda: billing(place))
    assert await sweep(bench.desk, account, "here") == 1
    assert (billing(place), bench.ledger.leases.all(open_only=True)) == ([], ())


async def test_the_bill_of_the_platform_is_not_above_what_we_settled(
    place: Any, account: Any, bench: Any, wish: LeaseWish, clock: Any
) -> None:
    async with leased(bench.desk, account, wish):
        await clock.sleep(3600)
    billed = place.sandbox.serving.bill_usd()
    assert 0 < billed <= hosting(bench)[0][1]
