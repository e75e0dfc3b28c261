"""Webhooks make their job due once and set no state; the end of a job is told by one process."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from orchestrator.ledger import Arrival, Found, Intent, IntentState, Ledger, Progress, schema
from providers.records import JobState, WebhookNews

Make = Callable[..., Intent]


def news(id: str = "msg_1", job: str = "job-1") -> WebhookNews:
    return WebhookNews(id=id, kind="fine_tuning.job.succeeded", job_id=job)


def watched(ledger: Ledger) -> list[Any]:
    with ledger._engine.connect() as connection:
        return list(connection.execute(sa.select(schema.watched).order_by(schema.watched.c.intent_id)))


def kinds(ledger: Ledger, intent: Intent) -> list[str]:
    return [entry.kind for entry in ledger.intents.history(intent.id)]


@pytest.fixture
def running(ledger: Ledger, make_intent: Make, job: Any, now: datetime) -> Intent:
    intent = make_intent(state=IntentState.CREATING)
    ledger.intents.record_job(intent.id, job(), now, "created")
    return ledger.intents.get(intent.id)


@pytest.fixture
def ended(ledger: Ledger, running: Intent, job: Any, now: datetime) -> Intent:
    ledger.intents.observe(running.id, job(state=JobState.SUCCEEDED), now)
    return ledger.intents.get(running.id)


def test_a_webhook_makes_its_job_due_at_once(ledger: Ledger, running: Intent, now: datetime) -> None:
    later = now + timedelta(minutes=9)
    assert ledger.deliveries.arrived("openai", news("msg_0"), now) is Arrival.LOOKING
    assert ledger.deliveries.arrived("openai", news(), later) is Arrival.LOOKING
    assert [row.next_at for row in watched(ledger)] == [later.isoformat(timespec="microseconds")]


def test_a_webhook_sets_no_state(ledger: Ledger, running: Intent, now: datetime) -> None:
    ledger.deliveries.arrived("openai", news(), now)
    assert ledger.intents.get(running.id) == running


def test_a_webhook_takes_no_lease_and_passes_no_fence(ledger: Ledger, running: Intent, now: datetime) -> None:
    ledger.deliveries.arrived("openai", news("msg_0"), now)
    with ledger._engine.begin() as connection:
        connection.execute(schema.watched.update().values(fence=3, lease_until="9", owner="somebody"))
    ledger.deliveries.arrived("openai", news(), now)
    assert [(row.fence, row.lease_until, row.owner) for row in watched(ledger)] == [(3, "9", "somebody")]


def test_a_webhook_that_comes_while_somebody_looks_is_not_lost(ledger: Ledger, running: Intent, now: datetime) -> None:
    claim = ledger.watched.take(running.id, now, "me", lease_s=60)
    later = now + timedelta(seconds=1)
    ledger.deliveries.arrived("openai", news(), later)
    asked_before = Found(claim=claim, next_at=now + timedelta(minutes=9), progress=Progress(), progressed_at=None)
    assert not ledger.watched.keep([asked_before], later).fenced
    assert [again.due_at for again in ledger.watched.claim(later, "me", limit=9, lease_s=60)] == [later]


def test_a_repeated_webhook_changes_nothing(ledger: Ledger, running: Intent, now: datetime) -> None:
    ledger.deliveries.arrived("openai", news(), now)
    before = (watched(ledger), kinds(ledger, running))
    assert ledger.deliveries.arrived("openai", news(), now + timedelta(hours=1)) is Arrival.REPEATED
    assert (watched(ledger), kinds(ledger, running)) == before


@pytest.mark.parametrize(("provider", "name"), [("openai", "job-2"), ("together", "job-1")])
def test_a_webhook_about_a_job_that_is_not_ours_leaves_nothing(
    ledger: Ledger, running: Intent, now: datetime, provider: str, name: str
) -> None:
    before = watched(ledger)
    assert ledger.deliveries.arrived(provider, news(job=name), now) is Arrival.UNKNOWN
    assert (ledger.deliveries.count(), watched(ledger)) == (0, before)


def test_a_webhook_about_a_job_that_has_ended_wakes_nobody(ledger: Ledger, ended: Intent, now: datetime) -> None:
    before = (watched(ledger), kinds(ledger, ended))
    assert ledger.deliveries.arrived("openai", news(), now) is Arrival.ENDED
    assert (watched(ledger), kinds(ledger, ended)) == before


def test_deliveries_are_forgotten_after_a_month(ledger: Ledger, running: Intent, now: datetime) -> None:
    ledger.deliveries.arrived("openai", news(), now)
    ledger.deliveries.arrived("openai", news("msg_2"), now + timedelta(days=31))
    assert ledger.deliveries.count() == 1


@pytest.mark.slow
def test_two_processes_that_get_the_same_webhooks_take_each_in_once(
    ledger: Ledger, make_intent: Make, job: Any, now: datetime, workers: Any
) -> None:
    names = [f"job-{number}" for number in range(25)]
    for number, name in enumerate(names):
        intent = make_intent(str(number), IntentState.CREATING)
        ledger.intents.record_job(intent.id, job(name), now, "created")
    assert sum(int(words) for words in workers("deliver", *names)) == 25


# ── telling that a job has ended ────────────────────────────────────────────────────────────────────────────────────


def test_the_end_of_a_job_is_told_by_one_caller(ledger: Ledger, ended: Intent, now: datetime) -> None:
    assert [ledger.notices.claim(ended.id, now) for _ in range(3)] == [True, False, False]
    assert kinds(ledger, ended)[-1] == "notifying"


def test_nobody_tells_of_a_job_that_runs(ledger: Ledger, running: Intent, now: datetime) -> None:
    assert not ledger.notices.claim(running.id, now)
    ledger.deliveries.arrived("openai", news(), now)
    assert not ledger.notices.claim(running.id, now)


def test_how_the_telling_went_stands_in_the_history(ledger: Ledger, ended: Intent, now: datetime) -> None:
    ledger.notices.told(ended.id, None, now)
    ledger.notices.told(ended.id, "exit code 1", now)
    last = ledger.intents.history(ended.id)[-2:]
    assert [(entry.kind, dict(entry.data)) for entry in last] == [
        ("notified", {}),
        ("notify_failed", {"error": "exit code 1"}),
    ]


@pytest.mark.slow
def test_two_processes_tell_of_each_end_once(
    ledger: Ledger, make_intent: Make, job: Any, now: datetime, workers: Any
) -> None:
    names = [make_intent(str(number), IntentState.CREATING).id for number in range(25)]
    for number, name in enumerate(names):
        ledger.intents.record_job(name, job(f"job-{number}"), now, "created")
        ledger.intents.observe(name, job(f"job-{number}", JobState.FAILED), now)
    assert sum(int(words) for words in workers("tell", *names)) == 25
