"""`leases ls`, `stop` and `resolve`, as the library says them: age, cost and deadline of what is rented; its end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orchestrator import AsyncOrchestrator
from orchestrator.errors import UsageError
from orchestrator.jobs.leases import LeaseWish, start, want
from orchestrator.ledger import LEASE_SENT, LeaseRow, LeaseStage
from providers.sandbox import Clock, Sandbox, serve

pytestmark = pytest.mark.anyio

BASE = "Qwen/Qwen3-8B"


@pytest.fixture
def place(world: Any, tmp_path: Path, clock: Any) -> Iterator[Any]:
    sandbox = Sandbox(None, clock=Clock(clock.now().timestamp(), running=False), pace_s=20)
    clock.then = lambda: sandbox.advance(clock.slept[-1])
    with sandbox, serve(sandbox) as running:
        yield type(world)(sandbox, running, tmp_path)


@pytest.fixture
async def library(place: Any, tmp_path: Path, clock: Any) -> AsyncIterator[AsyncOrchestrator]:
    made = AsyncOrchestrator(tmp_path / "home", environ=place.running.environ, clock=clock, patience_s=1)
    yield made
    made.session.desk.ledger.close()


@pytest.fixture
async def row(library: AsyncOrchestrator) -> LeaseRow:
    """A base model rented by a process that lives."""
    session = library.session
    account = session.account("together", None)
    wish = LeaseWish(model=BASE, account=account.ref, reserve_usd=Decimal(8), sandbox=True)
    async with session.open(account) as provider:
        return await start(session.desk, provider, await want(session.desk, provider, wish), wish)


async def test_a_listing_tells_age_cost_so_far_idle_time_out_and_deadline(
    library: AsyncOrchestrator, row: LeaseRow, clock: Any
) -> None:
    await clock.sleep(3600)
    (rented,) = await library.leases.ls()
    assert (rented.stage, rented.age_s, rented.so_far_usd) == (LeaseStage.SERVING, 3600, row.usd_per_hour)
    assert rented.idle_timeout_s == 30 * 60
    assert row.started_at is not None
    assert rented.deadline == row.started_at + timedelta(hours=float(Decimal(8) / row.usd_per_hour))


async def test_one_whose_process_lives_is_stopped_when_asked(
    library: AsyncOrchestrator, row: LeaseRow, place: Any
) -> None:
    (stopped,) = await library.leases.stop(row.tag)
    now = place.sandbox.clock.now()
    assert [d.state(now) for d in place.sandbox.serving.deployments.all() if not d.state(now).endswith("STOPPED")] == []
    assert (stopped.stage, (await library.leases.ls())[0].stage) == (LeaseStage.STOPPED, LeaseStage.STOPPED)


async def test_a_persons_word_that_there_is_none_frees_the_money(library: AsyncOrchestrator, row: LeaseRow) -> None:
    ledger = library.session.desk.ledger
    ledger.leases.move(row.id, (LeaseStage.SERVING,), LeaseStage.NEEDS_HUMAN, datetime.now(UTC), remote_id=None)
    resolved = await library.leases.resolve(row.id, None)
    assert (resolved.stage, [s.state for s in ledger.budget.spendings()]) == (LeaseStage.STOPPED, ["released"])


async def test_a_persons_word_where_it_is_stops_it(library: AsyncOrchestrator, row: LeaseRow) -> None:
    ledger = library.session.desk.ledger
    ledger.leases.move(row.id, (LeaseStage.SERVING,), LeaseStage.NEEDS_HUMAN, datetime.now(UTC), remote_id=None)
    resolved = await library.leases.resolve(row.id, row.remote_id)
    assert (resolved.stage, [s.state for s in ledger.budget.spendings()]) == (LeaseStage.STOPPED, ["settled"])


async def test_one_that_is_in_no_doubt_is_not_resolved(library: AsyncOrchestrator, row: LeaseRow) -> None:
    assert row.stage not in LEASE_SENT
    with pytest.raises(UsageError, match="in doubt"):
        await library.leases.resolve(row.id, None)
