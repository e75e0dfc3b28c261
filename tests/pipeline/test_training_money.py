"""What a training cost: as the platform says, else by its tokens; unknown stays held, never silently nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orchestrator.canonical import intent_id, tag_of
from orchestrator.jobs.desk import Desk
from orchestrator.ledger import Intent, IntentState, Ledger, training_spending
from orchestrator.pipeline.session import Account, Session, platform_named
from orchestrator.pipeline.training import bill_usd, settle
from providers.contract import Connection
from providers.records import Hyperparameters, JobState, Method, MetricPoint, Plan, Price, PriceItem, RemoteJob

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 22, tzinfo=UTC)
PRICES = (Price(item=PriceItem.TRAIN, model="m", usd=Decimal(5), per="mtok", as_of=date(2026, 11, 1), source="s"),)


def job(state: JobState = JobState.SUCCEEDED, **changes: Any) -> RemoteJob:
    return RemoteJob(id="j", state=state, raw_status=state.value, model="m", **changes)


@pytest.fixture
def held(tmp_path: Path, clock: Any) -> Any:
    """A session whose one intent has nine dollars held."""
    ledger = Ledger.open(tmp_path / "home", {})
    plan = Plan(
        provider="openai",
        account="a",
        model="m",
        method=Method.SFT,
        hyperparameters=Hyperparameters(),
        train_sha256="x",
        validation_sha256=None,
    )
    name = intent_id(plan)
    intent = Intent(
        id=name,
        tag=tag_of(name),
        plan=plan,
        account="a",
        state=IntentState.PLANNED,
        sandbox=False,
        created_at=NOW,
        updated_at=NOW,
    )
    ledger.intents.plan(intent)
    ledger.budget.reserve(
        training_spending(name), Decimal(9), NOW, kind="training", provider="openai", account="a", sandbox=False
    )
    yield Session(home=tmp_path, environ={}, desk=Desk(ledger=ledger, clock=clock)), intent
    ledger.close()


def money(session: Session) -> list[tuple[str, Decimal]]:
    return [(item.state, item.usd) for item in session.desk.ledger.budget.spendings()]


@pytest.mark.parametrize(
    ("told", "usd"),
    [
        (job(billed_usd=Decimal("1.25"), billed_tokens=10**6), Decimal("1.25")),
        (job(billed_tokens=500_000), Decimal("2.5")),
        (job(billed_tokens=0), Decimal(0)),
        (job(), None),
    ],
)
def test_the_bill_is_the_platforms_word_then_its_tokens_then_unknown(told: RemoteJob, usd: Decimal | None) -> None:
    assert bill_usd(told, PRICES) == usd


def test_tokens_without_a_price_are_an_unknown_bill() -> None:
    assert bill_usd(job(billed_tokens=500_000), ()) is None


async def test_a_known_bill_settles_what_was_held(held: Any) -> None:
    await settle(held[0], held[1], job(billed_tokens=10**6), PRICES)
    assert money(held[0]) == [("settled", Decimal(5))]


@pytest.mark.parametrize("state", [JobState.SUCCEEDED, JobState.GONE])
async def test_an_unknown_bill_stays_held(held: Any, state: JobState) -> None:
    await settle(held[0], held[1], job(state), PRICES)
    assert money(held[0]) == [("reserved", Decimal(9))]


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.CANCELLED, JobState.BLOCKED])
async def test_a_job_that_ended_before_its_first_step_cost_nothing(held: Any, state: JobState) -> None:
    await settle(held[0], held[1], job(state), PRICES)
    assert money(held[0]) == [("settled", Decimal(0))]


async def test_a_job_that_failed_after_some_steps_may_have_cost_something(held: Any) -> None:
    held[0].desk.ledger.intents.put_metrics(held[1].id, [MetricPoint(step=1, train_loss=1.0)])
    await settle(held[0], held[1], job(JobState.FAILED), PRICES)
    assert money(held[0]) == [("reserved", Decimal(9))]


@pytest.mark.parametrize(
    ("account", "base_url", "ref"),
    [
        ("proj_1", None, "proj_1"),
        ("proj_1", "http://127.0.0.1:1/v1", "proj_1@http://127.0.0.1:1/v1"),
        ("http://127.0.0.1:1/v1#team", "http://127.0.0.1:1/v1", "team@http://127.0.0.1:1/v1"),
    ],
)
def test_an_account_is_named_once_and_by_its_server(account: str, base_url: str | None, ref: str) -> None:
    connection = Connection(api_key=None, base_url=base_url, account=account)
    assert Account(platform=platform_named("openai"), connection=connection).ref == ref


@pytest.mark.parametrize("name", [None, "team", "me@example.org"])
def test_an_account_is_opened_again_from_its_name_in_the_ledger(
    held: Any, environ: Callable[..., Any], name: str | None
) -> None:
    session = Session(home=held[0].home, environ=environ, desk=held[0].desk)  # type: ignore[arg-type]
    ref = session.account("openai", name).ref
    assert session.account_of("openai", ref, "job").ref == ref
