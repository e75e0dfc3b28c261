"""The audit finds every job and machine with our tag that the ledger does not hold, and the reverse, and says what to
do; what it could not ask, it says too."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from orchestrator.errors import InDoubt
from orchestrator.jobs.audit import Audit, audit
from orchestrator.jobs.leases import LeaseWish, start, want
from orchestrator.jobs.submit import Order, submit
from orchestrator.ledger import LeaseStage
from providers.errors import CannotTell

pytestmark = pytest.mark.anyio

Make = Callable[..., Order]
WISH = LeaseWish(model="Qwen/Qwen3-8B", account="here", reserve_usd=Decimal(5), sandbox=True)


@pytest.fixture
async def together(world: Any) -> AsyncIterator[Any]:
    async with world.open("together") as provider:
        yield provider
        for lease in await provider.find_leases("tw-"):
            await provider.teardown(lease.id)


def told(found: Audit, world: Any) -> Audit:
    """Without the jobs of tests before: they share one sandbox."""
    return replace(found, unknown=tuple(job for job in found.unknown if job.id in world.jobs()))


async def test_a_ledger_and_a_platform_that_agree_differ_in_nothing(
    world: Any, bench: Any, make_order: Make, name: str
) -> None:
    async with world.open(name) as provider:
        await submit(bench.desk, provider, make_order(name))
        found = told(await audit(bench.desk, provider, "here"), world)
    assert (found.differences, found.not_asked) == ((), ())


async def test_a_job_of_ours_that_this_ledger_never_saw_may_be_adopted(
    world: Any, bench: Any, make_bench: Any, make_order: Make, name: str
) -> None:
    async with world.open(name) as provider:
        job = (await submit(make_bench("elsewhere").desk, provider, make_order(name))).job_id
        found = told(await audit(bench.desk, provider, "here"), world)
    assert [unknown.id for unknown in found.unknown] == [job]
    assert f"jobs adopt {name}:{job}" in found.differences[0].fix


async def test_every_page_is_read(world: Any, bench: Any, make_bench: Any, make_order: Make) -> None:
    elsewhere = make_bench("elsewhere")
    async with world.open("openai") as provider:
        order = make_order()
        for generation in range(103):
            plan = replace(order.plan, generation=generation)
            await provider.create(plan, {"train": await _file(elsewhere, provider, order)}, f"tw-{'a' * 16}")
        found = told(await audit(bench.desk, provider, "here"), world)
    assert len(found.unknown) == 103


async def _file(bench: Any, provider: Any, order: Order) -> str:
    known = await provider.find_file(order.files[0]) or await provider.upload(order.files[0])
    return str(known.id)


async def test_a_live_job_that_the_platform_does_not_know_is_missing(
    world: Any, bench: Any, make_order: Make, name: str
) -> None:
    async with world.open(name) as provider:
        job = (await submit(bench.desk, provider, make_order(name))).job_id
        world.sandbox.delete_job(job)
        found = told(await audit(bench.desk, provider, "here"), world)
    assert [intent.job_id for intent in found.missing] == [job]


async def test_a_job_that_a_list_does_not_show_yet_is_not_missing(world: Any, bench: Any, make_order: Make) -> None:
    world.fault("list_lag", seconds=1000)
    async with world.open("openai") as provider:
        await submit(bench.desk, provider, make_order())
        found = told(await audit(bench.desk, provider, "here"), world)
    assert found.differences == ()


async def test_what_is_in_doubt_is_to_be_recovered(world: Any, bench: Any, make_order: Make) -> None:
    world.fault("html")
    async with world.open("openai") as provider:
        with pytest.raises(InDoubt):
            await submit(bench.desk, provider, make_order())
        found = told(await audit(bench.desk, provider, "here"), world)
    assert [difference.fix for difference in found.differences] == ["tunewright jobs recover"]


async def test_a_machine_of_ours_that_this_ledger_never_saw_bills(
    world: Any, bench: Any, make_bench: Any, together: Any
) -> None:
    other = make_bench("elsewhere").desk
    lease = await start(other, together, await want(other, together, WISH), WISH)
    found = told(await audit(bench.desk, together, "here"), world)
    assert [unknown.id for unknown in found.unknown_leases] == [lease.remote_id]
    assert f"leases stop together:{lease.remote_id}" in found.differences[0].fix


async def test_a_machine_that_the_ledger_takes_for_stopped_and_that_bills_is_told(
    world: Any, bench: Any, together: Any, clock: Any
) -> None:
    row = await start(bench.desk, together, await want(bench.desk, together, WISH), WISH)
    bench.ledger.leases.move(row.id, (LeaseStage.SERVING,), LeaseStage.STOPPED, clock.now())
    found = told(await audit(bench.desk, together, "here"), world)
    assert [unknown.id for unknown in found.unknown_leases] == [row.remote_id]


async def test_a_lease_of_which_nothing_runs_any_more_is_missing(world: Any, bench: Any, together: Any) -> None:
    row = await start(bench.desk, together, await want(bench.desk, together, WISH), WISH)
    assert (await audit(bench.desk, together, "here")).missing_leases == ()
    await together.teardown(row.remote_id)
    found = told(await audit(bench.desk, together, "here"), world)
    assert [missing.id for missing in found.missing_leases] == [row.id]


class Partly:
    """An account of which not everything can be asked."""

    def __init__(self, account: Any, *without: str) -> None:
        self._account, self._without = account, without

    def __getattr__(self, name: str) -> Any:
        return self._refuse if name in self._without else getattr(self._account, name)

    async def _refuse(self, *_: Any, **__: Any) -> Any:
        raise CannotTell("the listing does not end")


async def test_what_could_not_be_asked_is_said_and_not_taken_for_none(
    world: Any, bench: Any, make_order: Make, together: Any
) -> None:
    job = (await submit(bench.desk, together, make_order("together"))).job_id
    world.sandbox.delete_job(job)
    found = told(await audit(bench.desk, Partly(together, "jobs"), "here"), world)
    assert found.missing == ()
    assert len(found.not_asked) == 1
    assert "does not end" in found.not_asked[0]


async def test_where_nothing_can_be_asked_there_is_no_audit(bench: Any, together: Any) -> None:
    with pytest.raises(CannotTell):
        await audit(bench.desk, Partly(together, "jobs", "find_leases"), "here")


async def test_an_outage_is_waited_out(world: Any, bench: Any, clock: Any) -> None:
    world.fault("server_error", method="GET", path=r"/fine_tuning/jobs$", count=2)
    began = clock.now()
    async with world.open("openai") as provider:
        assert (await audit(bench.desk, provider, "here")).not_asked == ()
    assert clock.now() - began > timedelta(0)
