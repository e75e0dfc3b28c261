"""Every start looks after what earlier ones left: lost jobs are found, abandoned machines stopped; else nobody asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import loopback
import pytest

from orchestrator import AsyncOrchestrator
from orchestrator.config import Config
from orchestrator.errors import InDoubt
from orchestrator.jobs.leases import LeaseWish, want
from orchestrator.ledger import IntentState, LeaseStage
from orchestrator.pipeline.tidying import tidy, tidy_all

pytestmark = pytest.mark.anyio

OPENAI, TOGETHER = "openai:gpt-4.1-mini-2025-04-14", "together:Qwen/Qwen3-8B"
CREATE = {"method": "POST", "path": r"/(fine_tuning/jobs|fine-tunes)$"}


@pytest.fixture
def platform(served: Any, wire: Any) -> Iterator[Any]:
    """The shared sandbox, its requests counted from now on."""
    loopback.delete(f"{served[2]}/_sandbox/requests")
    yield served[1]
    served[1].faults.clear()


@pytest.fixture
def asked(served: Any, platform: Any) -> Callable[[], int]:
    """How many requests there were, since the test began or this was asked last."""

    def count() -> int:
        rows = loopback.get(f"{served[2]}/_sandbox/requests").json()["requests"]
        loopback.delete(f"{served[2]}/_sandbox/requests")
        return sum(row["count"] for row in rows)

    return count


@pytest.fixture
def told() -> list[Any]:
    return []


@pytest.fixture
def made(environ: dict[str, str], tmp_path: Path, clock: Any, told: list[Any]) -> AsyncOrchestrator:
    home = tmp_path / "home"
    return AsyncOrchestrator(home, config=Config(), environ=environ, clock=clock, on_notice=told.append, patience_s=1)


async def lose(made: AsyncOrchestrator, pairs: Path, platform: Any, to: str = OPENAI) -> None:
    """A job that is bought, and whose answer and first looks are lost."""
    platform.faults.set("list_lag", seconds=10)
    platform.faults.set("lost_reply", **CREATE)
    with pytest.raises(InDoubt):
        await made.submit(pairs, to=(to,), epochs=2, max_usd=Decimal(500))
    platform.advance(20)


async def states(made: AsyncOrchestrator) -> list[IntentState]:
    return sorted(intent.state for intent in await made.jobs.ls())


async def test_watching_one_job_finds_another_that_was_lost(
    made: AsyncOrchestrator, pairs: Path, platform: Any
) -> None:
    run = await made.submit(pairs, to=(OPENAI,), max_usd=Decimal(500))
    await lose(made, pairs, platform)
    assert await states(made) == [IntentState.CREATED, IntentState.IN_DOUBT]
    await made.watch(run.id)
    assert await states(made) == [IntentState.CREATED, IntentState.ENDED]


async def test_where_nothing_is_open_nobody_is_asked(
    made: AsyncOrchestrator, pairs: Path, asked: Callable[[], int]
) -> None:
    await made.submit(pairs, to=(OPENAI,), max_usd=Decimal(500))
    asked()
    await tidy(made.session, made.session.account("openai", None))
    await tidy_all(made.session)
    assert asked() == 0


async def test_evaluating_stops_a_machine_that_a_dead_process_left(
    made: AsyncOrchestrator, pairs: Path, platform: Any
) -> None:
    run = await made.submit(pairs, to=(OPENAI,), max_usd=Decimal(500))
    await made.watch(run.id)
    session, desk = made.session, made.session.desk
    account = session.account("openai", None)
    wish = LeaseWish(model="m", account=account.ref, reserve_usd=Decimal(5), sandbox=True)
    async with session.open(account) as provider:
        row = await want(replace(desk, owner="gone"), provider, wish)
    await made.evaluate(run.id)
    assert desk.ledger.leases.get(row.id).stage is LeaseStage.STOPPED


async def test_every_account_is_looked_after_at_once(made: AsyncOrchestrator, pairs: Path, platform: Any) -> None:
    await lose(made, pairs, platform)
    await lose(made, pairs, platform, TOGETHER)
    await tidy_all(made.session)
    assert await states(made) == [IntentState.CREATED, IntentState.CREATED]


async def test_what_cannot_be_looked_after_is_told_and_the_watch_goes_on(
    made: AsyncOrchestrator, pairs: Path, platform: Any, told: list[Any]
) -> None:
    run = await made.submit(pairs, to=(OPENAI,), max_usd=Decimal(500))
    await lose(made, pairs, platform)
    platform.faults.set("server_error", method="GET", path=r"/fine_tuning/jobs$", count=None)
    assert (await made.watch(run.id)).label == "succeeded"
    assert [notice.kind for notice in told if notice.kind == "not_tidied"] == ["not_tidied"]
