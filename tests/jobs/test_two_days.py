"""A job of two days: ten outages, a reboot in the middle, a webhook that comes twice. One correct history at the end.

Processes, HTTP, databases and kills are real; the clock is the platform's, and moved.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import anyio
import pytest
from conductor import Conductor

import providers
from orchestrator.jobs.desk import Desk
from orchestrator.jobs.looking import mean_spacing_s
from orchestrator.jobs.submit import Order, submit
from orchestrator.ledger import Intent, IntentState, Ledger, Run
from orchestrator.pipeline.session import Account
from providers.contract import Provider
from providers.records import Hyperparameters, JobEvent, JobState, Method, MetricPoint, Plan, ProviderFile

pytestmark = pytest.mark.slow

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HOURS, EPOCHS = 48.0, 4
PACE_S = HOURS * 3600 / (EPOCHS + 3 * 0.2)  # validating, queued and finalizing each take a fifth of an epoch
OUTAGES = (
    (1.0, 1.5, "server_error"),
    (3.0, 5.0, "bad_gateway"),
    (7.0, 7.2, "reset"),
    (9.0, 12.0, "refused"),
    (15.0, 16.0, "rate_limit"),
    (20.0, 21.0, "html"),
    (28.0, 31.0, "server_error"),
    (34.0, 34.1, "reset"),
    (37.0, 40.0, "bad_gateway"),
    (44.0, 46.0, "refused"),
)
REBOOT_AT, DOWN = 24.0, 0.7
TELL = (
    "import os; open({!r}, 'a').write(' '.join(os.environ['TUNEWRIGHT_' + n] for n in ('RUN', 'JOB', 'STATE')) + '\\n')"
)


@dataclass(frozen=True)
class Story:
    """What two days left behind."""

    conductor: Conductor
    ledger: Ledger
    events: tuple[JobEvent, ...]
    curve: tuple[MetricPoint, ...]
    told: str
    ended_at: float

    @property
    def intent(self) -> Intent:
        (intent,) = self.ledger.intents.all()
        return intent

    def data(self, kind: str) -> list[Any]:
        """Every history entry of that kind."""
        return [entry for entry in self.ledger.intents.history(self.intent.id) if entry.kind == kind]


class _FixedClock:
    def __init__(self, at: float) -> None:
        self._at = datetime.fromtimestamp(at, UTC)

    def now(self) -> datetime:
        return self._at

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(f"nobody waits while it is bought, yet {seconds} s were asked for")


@asynccontextmanager
async def opened(conductor: Conductor) -> AsyncIterator[tuple[Account, Provider]]:
    platform = providers.platform("openai")
    account = Account(platform=platform, connection=platform.connection(conductor.environ, None, conductor.home))
    async with platform.open(account.connection) as provider:
        yield account, provider


async def buy(conductor: Conductor, ledger: Ledger, order: Order) -> None:
    """One job with money held for it, as a run of this ledger."""
    clock = _FixedClock(conductor.now)
    async with opened(conductor) as (account, provider):
        plan = replace(order.plan, account=account.ref)
        intent = await submit(Desk(ledger=ledger, clock=clock), provider, replace(order, plan=plan))
    ledger.runs.start(Run(id="run", created_at=clock.now(), stage="training", provider="openai", intent_id=intent.id))


def follow(conductor: Conductor, ledger: Ledger) -> None:
    """Let two days pass until the end was told."""
    deadline, tick = time.monotonic() + 500, threading.Event()
    (intent,) = ledger.intents.all()
    while not any(entry.kind.startswith("notif") and entry.kind != "notifying" for entry in _history(ledger, intent)):
        assert not conductor.problems, conductor.problems
        assert time.monotonic() < deadline, (conductor.folder / "worker.log").read_text()
        tick.wait(0.2)


def _history(ledger: Ledger, intent: Intent) -> Any:
    return ledger.intents.history(intent.id)


@pytest.fixture(scope="module")
def conductor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Conductor]:
    folder = tmp_path_factory.mktemp("two-days")
    command = [sys.executable, "-S", "-c", TELL.format(str(folder / "told"))]
    here = Conductor(folder, pace_s=PACE_S, secret=SECRET, command=command)
    yield here
    here.close()


@pytest.fixture(scope="module")
def story(conductor: Conductor) -> Story:
    """Lived through once, for every test here."""
    return anyio.run(live_through, conductor, order_of(conductor.folder))


def order_of(folder: Path) -> Order:
    """A small job: twenty-four rows."""
    turns = (("system", "Answer with one label: lost_card, refund"), ("user", "about {}"), ("assistant", "{}"))
    words = [("my lost card", "lost_card"), ("a refund please", "refund")] * 12
    rows = [
        {
            "messages": [
                {"role": role, "content": text.format(label if role == "assistant" else f"{about} {number}")}
                for role, text in turns
            ]
        }
        for number, (about, label) in enumerate(words)
    ]
    path = folder / "train.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = path.read_bytes()
    digest = sha256(data).hexdigest()
    plan = Plan(
        provider="openai",
        account="",
        model="gpt-4.1-mini-2025-04-14",
        method=Method.SFT,
        hyperparameters=Hyperparameters(epochs=EPOCHS, seed=7),
        train_sha256=digest,
        validation_sha256=None,
    )
    file = ProviderFile(path, digest, len(data), len(rows), "train", "openai_chat")
    return Order(plan=plan, files=[file], reserve_usd=Decimal(7), run_id="run", sandbox=False)


async def live_through(conductor: Conductor, order: Order) -> Story:
    conductor.start_platform()
    ledger = Ledger.open(conductor.home, {})
    await buy(conductor, ledger, order)
    conductor.admin("POST", "webhooks", {"url": conductor.start_receiver(), "secret": SECRET})
    for begins, ends, fault in OUTAGES:
        conductor.out(begins, ends, fault)
    conductor.at(REBOOT_AT, lambda: conductor.reboot(DOWN))
    conductor.at(HOURS - 1, lambda: conductor.admin("POST", "faults", {"name": "webhook_twice"}))
    conductor.at(HOURS + 0.001, conductor.await_delivery)
    conductor.start_worker()
    follow(conductor, ledger)
    async with opened(conductor) as (_, provider):
        (intent,) = ledger.intents.all()
        assert intent.job_id is not None
        events, curve = await provider.events(intent.job_id), await provider.metrics(intent.job_id)
    told = (conductor.folder / "told").read_text()
    return Story(conductor, ledger, events.items, curve, told, conductor.began + HOURS * 3600)


def test_each_event_of_the_platform_is_kept_once_and_in_its_order(story: Story) -> None:
    kept = story.ledger.intents.events(story.intent.id)
    assert len(kept) > 10
    assert [event.id for event in kept] == [event.id for event in story.events]


def test_the_curve_is_whole(story: Story) -> None:
    kept = story.ledger.intents.metrics(story.intent.id)
    assert [point.step for point in kept] == list(range(1, 24 * EPOCHS + 1))
    assert kept == story.curve


def test_states_only_go_forward_and_the_last_is_the_only_end(story: Story) -> None:
    order = ("queued", "running", "finalizing", "succeeded")
    states = [entry.data["state"] for entry in story.data("job")]
    assert [order.index(state) for state in states] == sorted({order.index(state) for state in states})
    assert (states[-1], story.intent.state) == ("succeeded", IntentState.ENDED)
    assert story.intent.job is not None
    assert story.intent.job.state is JobState.SUCCEEDED


def test_it_is_billed_once_with_what_the_platform_says(story: Story) -> None:
    (spending,) = story.ledger.budget.spendings()
    assert story.intent.job is not None
    assert story.intent.job.billed_tokens
    assert (spending.state, spending.usd) == (
        "settled",
        Decimal("5.00") * story.intent.job.billed_tokens / Decimal(1_000_000),
    )


def test_the_webhook_that_came_twice_counted_once_and_told_of_the_end_at_once(story: Story) -> None:
    assert story.conductor.admin("GET", "faults")["faults"] == []
    assert len(story.data("webhook")) == 1
    (last,) = [entry.at for entry in story.data("job") if entry.data["state"] == "succeeded"]
    assert 0 <= last.timestamp() - story.ended_at < 60


def test_the_end_is_told_once(story: Story) -> None:
    assert story.told.splitlines() == [f"run {story.intent.job_id} succeeded"]
    assert [len(story.data(kind)) for kind in ("notifying", "notified", "notify_failed")] == [1, 1, 0]


def test_all_of_it_happened(story: Story) -> None:
    assert story.conductor.started == {"platform": 4, "receiver": 2, "worker": 2}
    assert story.conductor.alive("worker")


def test_the_platform_was_asked_no_more_than_the_spacing_says(story: Story) -> None:
    age_s, ideal = 0.0, 0
    while age_s < HOURS * 3600:
        age_s, ideal = age_s + mean_spacing_s(age_s), ideal + 1
    looks, requests = story.ledger.watched.rows()[story.intent.id].polls, story.conductor.requests()
    print(f"\n{looks} looks in two days (the spacing alone makes {ideal}), {sum(requests.values())} requests in all")
    assert 0.6 * ideal < looks < 1.1 * ideal
    # A look is one request, and two to four more where events and curve are due as well.
    assert sum(requests.values()) < 5 * ideal
    assert requests["POST", "/openai/v1/fine_tuning/jobs"] == 1
