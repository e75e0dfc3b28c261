"""The curve that is kept when a job starts over, and what is known of its health when two processes look at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from math import nan
from typing import Any

import pytest

from orchestrator.ledger import Intent, IntentState, Ledger
from providers.records import MetricPoint


def points(losses: dict[int, float]) -> list[MetricPoint]:
    return [MetricPoint(step=step, train_loss=loss) for step, loss in losses.items()]


def steps(ledger: Ledger) -> list[int]:
    return [point.step for point in ledger.intents.metrics("i")]


def test_a_job_started_over_loses_the_steps_of_the_attempt_before(ledger: Ledger) -> None:
    ledger.intents.put_metrics("i", points({1: 2.0, 2: 1.5, 3: 1.0, 4: 0.9}))
    ledger.intents.put_metrics("i", points({1: 2.1, 2: 1.6}))
    assert steps(ledger) == [1, 2]


@pytest.mark.parametrize(("first", "rounded"), [(1.5, 1.50001), (nan, nan)])
def test_a_shorter_reading_of_the_same_attempt_loses_nothing(ledger: Ledger, first: float, rounded: float) -> None:
    ledger.intents.put_metrics("i", points({1: 2.0, 2: first, 3: 1.0, 4: 1.0}))
    ledger.intents.put_metrics("i", points({1: 2.0, 2: rounded}))
    assert steps(ledger) == [1, 2, 3, 4]


def test_the_body_of_the_paid_request_is_kept_with_the_claim(
    ledger: Ledger, make_intent: Callable[..., Intent], now: datetime
) -> None:
    intent = make_intent(state=IntentState.UPLOADED)
    ledger.intents.begin_create(intent.id, now, {"model": "m", "n": [1]})
    assert ledger.intents.get(intent.id).request == {"model": "m", "n": [1]}


def test_of_two_that_saw_the_same_health_one_may_write(
    ledger: Ledger, make_intent: Callable[..., Intent], now: datetime
) -> None:
    intent = make_intent()
    seen: dict[str, Any] = dict(ledger.intents.get(intent.id).health)
    first, second = ({"act": who} for who in ("first", "second"))
    assert ledger.intents.keep_health(intent.id, seen, first, now, [("trouble", first)])
    assert not ledger.intents.keep_health(intent.id, seen, second, now, [("trouble", second)])
    assert ledger.intents.get(intent.id).health == first
    assert [entry.kind for entry in ledger.intents.history(intent.id)] == ["planned", "trouble"]
