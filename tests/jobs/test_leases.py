"""A machine rented by the hour is stopped after use, after an error, after Ctrl-C, and after a kill -9."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from orchestrator.errors import BudgetRefused, InDoubt, TunewrightError
from orchestrator.jobs.janitor import stop, sweep
from orchestrator.jobs.leases import DEFAULT_HOURS, LeaseWish, leased, start, want
from orchestrator.jobs.submit import submit
from orchestrator.jobs.watch import watch
from orchestrator.ledger import LeaseStage
from providers.errors import CannotTell, ProviderError
from providers.records import LeaseState, Message, Sampling
from providers.sandbox import Clock, Sandbox, serve
from providers.sandbox.serving import INSTANCES

pytestmark = pytest.mark.anyio

CENTS = Decimal("0.0001")
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


class Late:
    """The account, with a listing of leases that lags, or a platform that cannot list at all."""

    def __init__(self, account: Any) -> None:
        self._account = account
        self.listed: bool | None = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._account, name)

    async def find_leases(self, tag_prefix: str) -> Any:
        if self.listed is None:
            raise CannotTell("no way to list")
        return await self._account.find_leases(tag_prefix) if self.listed else ()


class Slow(Late):
    """The account, with machines that take their time to stop."""

    ended = False

    async def find_leases(self, tag_prefix: str) -> Any:
        return await self._account.find_leases(tag_prefix)

    async def lease(self, lease_id: str) -> Any:
        if self.torn_down and not self.ended:
            return replace(self.torn_down, state=LeaseState.STOPPING)
        return await self._account.lease(lease_id)

    torn_down: Any = None

    async def teardown(self, lease_id: str) -> Any:
        self.torn_down = await self._account.lease(lease_id) if self.torn_down is None else self.torn_down
        return await self._account.teardown(lease_id)


class Landing(Late):
    """The account, and a machine that lands under its name in the moment after that name was first looked at."""

    def __init__(self, account: Any, land: Any) -> None:
        super().__init__(account)
        self._land, self.listed = land, True

    async def lease(self, lease_id: str) -> Any:
        seen = await self._account.lease(lease_id)
        if self._land is not None:
            self._land, land = None, self._land
            land(lease_id)
        return seen


class Meddled(Late):
    """The account, with something that happens just before the answer to the renting comes."""

    def __init__(self, account: Any, meanwhile: Any) -> None:
        super().__init__(account)
        self._meanwhile, self.listed = meanwhile, True

    async def serve(self, *wanted: Any) -> Any:
        await self._meanwhile()
        return await self._account.serve(*wanted)


def start_lessee(place: Any, home: Path, model: str, ledger: dict[str, str]) -> subprocess.Popen[str]:
    command = [sys.executable, str(LESSEE), str(home), model]
    return subprocess.Popen(command, env=place.running.environ | ledger, text=True, stdout=subprocess.PIPE)


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


@pytest.mark.parametrize("fault", ["lost_reply", "truncated"])
async def test_a_machine_whose_answer_was_lost_is_found_by_its_tag_and_used(
    place: Any, account: Any, bench: Any, wish: LeaseWish, fault: str
) -> None:
    place.fault(fault, path=DEPLOY)
    async with leased(bench.desk, account, wish) as lease:
        assert (lease.state, len(billing(place))) == (LeaseState.READY, 1)
    kinds = [entry.kind for entry in bench.ledger.leases.history(bench.ledger.leases.all()[0].id)]
    assert kinds == ["wanted", "starting", "in_doubt", "adopted", "stopping", "teardown", "stopped"]
    assert (billing(place), place.count("POST", "/deployments")) == ([], 1)


@pytest.mark.parametrize("fault", ["bad_gateway", "html", "server_error"])
async def test_a_renting_without_a_clear_answer_holds_the_money_and_is_not_asked_for_again(
    place: Any, account: Any, bench: Any, wish: LeaseWish, fault: str
) -> None:
    place.fault(fault, path=DEPLOY)
    with pytest.raises(InDoubt):
        async with leased(bench.desk, account, wish):
            pass
    (row,) = bench.ledger.leases.all()
    assert (row.stage, row.owner, hosting(bench)) == (LeaseStage.IN_DOUBT, None, [("reserved", Decimal(5))])
    assert (billing(place), place.count("POST", "/deployments")) == ([], 1)


async def test_a_renting_that_never_turns_up_is_proved_absent_and_its_money_is_free(
    place: Any, account: Any, bench: Any, wish: LeaseWish, clock: Any
) -> None:
    place.fault("html", path=DEPLOY)
    with pytest.raises(InDoubt):
        async with leased(bench.desk, account, wish):
            pass
    row = await stop(bench.desk, account, bench.ledger.leases.all()[0], wait=True)
    assert (row.stage, hosting(bench)) == (LeaseStage.STOPPED, [("released", Decimal(0))])
    assert await account.find_leases("tw-") == ()  # nor is an empty name left
    assert (clock.now() - row.started_at).total_seconds() >= account.platform.settling().window_s


async def test_a_machine_that_is_listed_late_is_torn_down_when_it_turns_up(
    place: Any, account: Any, bench: Any, wish: LeaseWish, clock: Any
) -> None:
    late = Late(account)
    place.fault("lost_reply", path=DEPLOY)
    with pytest.raises(InDoubt):
        async with leased(bench.desk, late, wish):
            pass
    assert len(billing(place)) == 1
    late.listed = True
    await clock.sleep(600)
    assert await sweep(bench.desk, late, "here") == 1
    assert (billing(place), [state for state, _ in hosting(bench)]) == ([], ["settled"])


async def test_a_machine_that_lands_after_its_name_was_looked_at_is_ended_with_it_and_known(
    place: Any, account: Any, bench: Any, wish: LeaseWish
) -> None:
    """A name without a machine is taken away at once, so that a request still under way finds nothing to land at."""

    def land(name: str) -> None:
        request = {"model": wish.model, "instance": next(iter(INSTANCES)), "request": {}, "replicas": 1}
        place.sandbox.serving.deploy(place.sandbox.serving.endpoints.get(name), "late", **request)

    place.fault("reset", path=DEPLOY)
    with pytest.raises(InDoubt):
        async with leased(bench.desk, Landing(account, land), wish):
            pass
    (row,) = bench.ledger.leases.all()
    assert (row.stage, row.remote_id is None) == (LeaseStage.STOPPED, False)
    assert ([state for state, _ in hosting(bench)], billing(place)) == (["settled"], [])
    assert place.sandbox.serving.endpoints.all() == []


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
    place: Any,
    account: Any,
    bench: Any,
    wish: LeaseWish,
    until: Any,
    place_of_death: str,
    tmp_path: Path,
    environ_of: Callable[[Path], dict[str, str]],
) -> None:
    if place_of_death == "asked for":
        place.fault("slow", path=DEPLOY, seconds=1.0)
    lessee = start_lessee(place, tmp_path / "home", wish.model, environ_of(tmp_path / "home"))
    until(lambda: place.count("POST", "/deployments"))
    if place_of_death == "in use":
        until(lambda: bench.ledger.leases.all()[0].stage is LeaseStage.SERVING)
    lessee.kill()
    lessee.communicate()
    until(lambda: billing(place))
    assert await sweep(bench.desk, account, "here") == 1
    assert (billing(place), bench.ledger.leases.all(open_only=True)) == ([], ())


async def test_a_machine_past_its_deadline_is_stopped_though_its_process_lives_or_is_on_another_host(
    place: Any, account: Any, bench: Any, wish: LeaseWish, clock: Any
) -> None:
    for owner in (bench.desk.owner, "elsewhere:1:1"):
        desk = replace(bench.desk, owner=owner)
        row = await start(desk, account, await want(desk, account, wish), wish)
        await clock.sleep((row.deadline - clock.now()).total_seconds() - 1)
        assert await sweep(bench.desk, account, "here") == 0
        clock.pass_by(1)
        assert await sweep(bench.desk, account, "here") == 1
        assert (billing(place), bench.ledger.leases.all(open_only=True)) == ([], ())


async def test_the_deadline_is_as_long_as_what_was_reserved_lasts_at_the_price_that_the_platform_tells(
    account: Any, bench: Any, wish: LeaseWish
) -> None:
    async with leased(bench.desk, account, wish):
        (row,) = bench.ledger.leases.all()
    assert (row.deadline - row.started_at) / timedelta(hours=1) == pytest.approx(5 / 3.99)


async def test_the_user_may_say_how_long_a_machine_is_rented_at_the_most(
    account: Any, bench: Any, wish: LeaseWish
) -> None:
    async with leased(bench.desk, account, replace(wish, max_hours=Decimal("0.5"))):
        (row,) = bench.ledger.leases.all()
    assert row.deadline - row.started_at == timedelta(minutes=30)


async def test_without_a_price_or_a_reservation_a_stated_default_bounds_it() -> None:
    wish = LeaseWish(model="m", account="here", reserve_usd=Decimal(8), sandbox=False)
    assert replace(wish, reserve_usd=Decimal(0)).hours(Decimal(4)) == wish.hours(None) == DEFAULT_HOURS
    assert wish.hours(Decimal(4)) == 2


async def test_its_own_process_ends_the_use_at_the_deadline(
    place: Any, account: Any, bench: Any, wish: LeaseWish, clock: Any
) -> None:
    async def asks_for_ever() -> None:
        async with leased(bench.desk, account, wish, look_s=0.01):
            clock.pass_by(7200)
            await anyio.sleep_forever()

    with pytest.raises(TunewrightError, match="stopped at its deadline"):
        await asks_for_ever()
    assert (billing(place), bench.ledger.leases.all(open_only=True)) == ([], ())


async def test_a_machine_that_does_not_get_ready_before_its_deadline_is_stopped(
    place: Any, account: Any, bench: Any, wish: LeaseWish
) -> None:
    with pytest.raises(TunewrightError, match="stopped at its deadline"):
        async with leased(bench.desk, account, replace(wish, max_hours=Decimal("0.001"))):
            pass
    assert billing(place) == []


async def test_the_row_says_stopping_until_the_platform_says_stopped(
    place: Any, account: Any, bench: Any, wish: LeaseWish, clock: Any
) -> None:
    slow = Slow(account)
    async with leased(bench.desk, slow, wish):
        began = clock.now()
    (row,) = bench.ledger.leases.all()
    assert (row.stage, row.owner, hosting(bench)) == (LeaseStage.STOPPING, None, [("reserved", Decimal(5))])
    clock.pass_by(60)
    slow.ended = True
    await sweep(bench.desk, slow, "here")
    (row,) = bench.ledger.leases.all()
    assert (row.stage, hosting(bench)[0][0]) == (LeaseStage.STOPPED, "settled")
    assert row.stopped_at >= began + timedelta(seconds=60)


async def test_a_teardown_whose_answer_was_lost_is_checked_by_reading_again(
    place: Any, account: Any, bench: Any, wish: LeaseWish
) -> None:
    async with leased(bench.desk, account, wish):
        place.fault("lost_reply", method="", path=r"/endpoints/[^/]+$")
    (row,) = bench.ledger.leases.all()
    assert (row.stage, billing(place), hosting(bench)[0][0]) == (LeaseStage.STOPPED, [], "settled")


async def test_a_machine_that_had_stopped_by_itself_is_not_billed_for_the_days_since(
    place: Any, account: Any, bench: Any, wish: LeaseWish, clock: Any
) -> None:
    desk = replace(bench.desk, alive=lambda owner: False)
    row = await start(desk, account, await want(desk, account, wish), wish)
    await clock.sleep(7 * 86_400)
    await sweep(desk, account, "here")
    longest = row.deadline - row.started_at + timedelta(seconds=row.idle_timeout_s)
    assert hosting(bench) == [("settled", (Decimal(longest / timedelta(hours=1)) * row.usd_per_hour).quantize(CENTS))]
    assert place.sandbox.serving.bill_usd() <= hosting(bench)[0][1]


async def test_only_a_person_can_tell_where_the_platform_cannot_list(
    place: Any, account: Any, bench: Any, wish: LeaseWish
) -> None:
    blind = Late(account)
    place.fault("html", path=DEPLOY)
    with pytest.raises(InDoubt):
        async with leased(bench.desk, blind, wish):
            blind.listed = None
    blind.listed = None
    await sweep(bench.desk, blind, "here")
    (row,) = bench.ledger.leases.all()
    assert (row.stage, hosting(bench)) == (LeaseStage.NEEDS_HUMAN, [("reserved", Decimal(5))])


async def test_a_machine_stopped_by_somebody_while_it_started_is_not_used(
    place: Any, account: Any, bench: Any, wish: LeaseWish
) -> None:
    async def stop_meanwhile() -> None:
        (row,) = bench.ledger.leases.all()
        assert (await stop(bench.desk, account, row)).stage is LeaseStage.IN_DOUBT

    with pytest.raises(TunewrightError, match="was stopped while it started"):
        async with leased(bench.desk, Meddled(account, stop_meanwhile), wish):
            pass
    assert (billing(place), bench.ledger.leases.all()[0].stage) == ([], LeaseStage.STOPPED)


async def test_a_sleeper_whose_lease_was_proved_absent_asks_for_nothing(
    place: Any, account: Any, bench: Any, wish: LeaseWish, clock: Any
) -> None:
    slept = replace(bench.desk, tell=lambda notice: clock.pass_by(6 * (notice.kind == "serving")))
    with pytest.raises(TunewrightError, match="nothing was sent"):
        async with leased(slept, account, wish):
            pass
    assert (place.count("POST", "/deployments"), hosting(bench)) == (0, [("released", Decimal(0))])


async def test_the_bill_of_the_platform_is_not_above_what_we_settled(
    place: Any, account: Any, bench: Any, wish: LeaseWish, clock: Any
) -> None:
    async with leased(bench.desk, account, wish):
        await clock.sleep(3600)
    billed = place.sandbox.serving.bill_usd()
    assert 0 < billed <= hosting(bench)[0][1]
