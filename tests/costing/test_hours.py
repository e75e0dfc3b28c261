"""Where machine hours are what is paid for: hours × the user's own rate, and unknown unless both are known."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from orchestrator.costing import Quote, QuoteLine, quote
from orchestrator.pipeline.settling import billing
from providers.records import Hyperparameters, JobState, PriceItem, RemoteJob, TokenRules

HOURS = (Decimal("0.5"), Decimal("2"))


def by_the_hour(desk: Any, usd: str | None, hours: tuple[Decimal, Decimal] | None = HOURS, **asked: Any) -> Quote:
    rows = tuple(desk.price(item, usd, "hour") for item in (PriceItem.TRAIN, PriceItem.HOSTING))
    facts = replace(desk.platform().facts, hours=hours, tuned_serving="dedicated", base_serving="beside_tuned")
    platform = desk.platform(rows=rows, facts=facts, rules=TokenRules(validation_billed=False))
    return quote(desk.ask(platform=platform, hosting_hours=Decimal(1), **asked))


def line(told: Quote, name: str) -> QuoteLine:
    return next(found for found in told.lines if found.name == name)


def test_training_is_hours_times_the_rate(desk: Any) -> None:
    told = by_the_hour(desk, "3.00")
    assert (line(told, "training").low_usd, line(told, "training").high_usd) == (Decimal("1.5"), Decimal(6))
    assert line(told, "hosting").high_usd == Decimal(3)
    assert told.complete


def test_without_a_rate_it_is_unknown_and_never_nothing(desk: Any) -> None:
    told = by_the_hour(desk, None)
    assert line(told, "training").low_usd is None
    assert {"training", "hosting"} <= set(told.unknown)


def test_without_hours_it_is_unknown_unless_an_hour_costs_nothing(desk: Any) -> None:
    assert line(by_the_hour(desk, "3.00", None), "training").high_usd is None
    assert line(by_the_hour(desk, "0", None), "training").high_usd == 0


def test_hours_at_which_a_training_ends_bound_it(desk: Any) -> None:
    bounded = Hyperparameters(epochs=3, extra={"max_hours": 1.5})
    told = line(by_the_hour(desk, "3.00", None, hyperparameters=bounded), "training")
    assert (told.low_usd, told.high_usd) == (0, Decimal("4.5"))


def test_a_base_that_answers_beside_the_tuned_model_costs_nothing_more(desk: Any) -> None:
    told = by_the_hour(desk, "3.00")
    assert line(told, "evaluation (base)").high_usd == 0
    assert "hours of hosting" in line(told, "evaluation (base)").basis


@pytest.mark.parametrize(("usd", "bill"), [("3.00", Decimal("0.75")), ("0", Decimal(0))])
def test_the_bill_is_the_hours_used_at_that_rate(desk: Any, usd: str, bill: Decimal) -> None:
    job = RemoteJob(id="j", state=JobState.SUCCEEDED, raw_status="", model="m", billed_hours=Decimal("0.25"))
    told = billing(job, [desk.price(PriceItem.TRAIN, usd, "hour")])
    assert told is not None
    assert told.usd == bill
    assert "0.25 h" in told.basis


def test_hours_without_a_rate_are_no_bill(desk: Any) -> None:
    job = RemoteJob(id="j", state=JobState.SUCCEEDED, raw_status="", model="m", billed_hours=Decimal("0.25"))
    assert billing(job, [desk.price(PriceItem.TRAIN, None, "hour")]) is None
    assert billing(job, ()) is None
