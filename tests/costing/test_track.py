"""What earlier bills do to the next quote: ends move out, never in, and a record does not feed on itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.costing import PastBill, Quote, job_ends, quote
from providers.records import PriceItem

RATIOS = st.decimals(min_value="0.01", max_value=20, places=3)


def bills(*ratios: str, model: str = "m") -> list[PastBill]:
    return [PastBill(model, Decimal(ratio)) for ratio in ratios]


def ends(told: Quote) -> tuple[Decimal, Decimal]:
    found = job_ends(told.lines)
    assert found is not None
    return found


def test_without_a_record_a_quote_is_what_it_was(desk: Any) -> None:
    assert quote(desk.ask()).track is None


def test_two_bills_say_nothing_yet(desk: Any) -> None:
    told = quote(desk.ask(past=bills("3", "3")))
    assert (told.track, ends(told)) == (None, ends(quote(desk.ask())))


def test_bills_above_the_quote_open_its_high_end(desk: Any) -> None:
    before, told = ends(quote(desk.ask())), quote(desk.ask(past=bills("1.5", "1.1", "1.3")))
    middle = (before[0] + before[1]) / 2
    assert ends(told)[0] == before[0]
    assert 0 <= ends(told)[1] - middle * Decimal("1.5") < Decimal("0.000001")


def test_bills_below_the_quote_open_its_low_end_alone(desk: Any) -> None:
    before, told = ends(quote(desk.ask())), quote(desk.ask(past=bills("0.5", "0.6", "0.7")))
    assert ends(told)[0] < before[0]
    assert ends(told)[1] == before[1]


def test_the_total_holds_what_the_record_opened(desk: Any) -> None:
    plain, told = quote(desk.ask()), quote(desk.ask(past=bills("2", "2", "2")))
    assert told.high_usd - plain.high_usd == ends(told)[1] - ends(plain)[1] > 0


def test_the_record_is_said_with_its_ends_rounded_outwards(desk: Any) -> None:
    told = quote(desk.ask(past=bills("0.979", "1.031", "1", model="another")))
    assert told.track is not None
    assert told.track.text.startswith("your last 3 jobs here were billed 0.97 to 1.04 of the quoted middle")


def test_three_bills_of_the_model_outweigh_those_of_the_platform(desk: Any) -> None:
    told = quote(desk.ask(past=[*bills("9", "9", "9", model="another"), *bills("1", "1", "1")]))
    assert told.track is not None
    assert (told.track.of, told.track.high_ratio) == ("model", 1)


def test_only_the_newest_ten_count(desk: Any) -> None:
    told = quote(desk.ask(past=bills(*["1"] * 10, "9")))
    assert told.track is not None
    assert (told.track.bills, told.track.high_ratio) == (10, 1)


def test_a_record_keeps_the_range_from_before_it_was_opened(desk: Any) -> None:
    plain, told = quote(desk.ask()), quote(desk.ask(past=bills("2", "2", "2")))
    assert told.track is not None
    assert (told.track.low_usd, told.track.high_usd) == ends(plain)


def test_an_unknown_training_price_stays_unknown(desk: Any) -> None:
    told = quote(desk.ask(platform=desk.platform().without(PriceItem.TRAIN), past=bills("2", "2", "2")))
    assert "training" in told.unknown
    assert told.track is None


@given(ratios=st.lists(RATIOS, min_size=3, max_size=12), low=st.decimals("0.1", "1", places=2))
@settings(max_examples=30, deadline=None)
def test_a_quote_is_never_narrower_than_its_prices_allow_and_holds_every_ratio(
    desk: Any, ratios: list[Decimal], low: Decimal
) -> None:
    rows = (desk.price(PriceItem.TRAIN, "5.00", low=str(low)), *desk.platform().rows[1:])
    ask = desk.ask(platform=desk.platform(rows=rows))
    before, after = ends(quote(ask)), ends(quote(replace(ask, past=[PastBill("m", r) for r in ratios])))
    middle = (before[0] + before[1]) / 2
    assert after[0] <= before[0] <= before[1] <= after[1]
    assert all(after[0] <= middle * ratio <= after[1] for ratio in ratios[:10])


@pytest.mark.parametrize(("own_host", "dates"), [(True, 2), (False, 0)])
def test_our_dates_hold_at_the_platforms_own_host_alone(desk: Any, own_host: bool, dates: int) -> None:
    platform = desk.platform()
    facts = replace(platform.facts, jobs_close=date(2027, 1, 6), shutdown=date(2027, 1, 14))
    told = quote(desk.ask(platform=replace(platform, facts=facts), own_host=own_host))
    assert len(told.dates) == dates


@pytest.mark.parametrize(("day", "word"), [(14, False), (15, True)])
def test_a_model_that_ends_within_thirty_days_is_said_to_need_a_word(desk: Any, day: int, word: bool) -> None:
    platform = desk.platform()
    facts = replace(platform.facts, shutdown=date(2027, 1, 14))
    told = quote(desk.ask(platform=replace(platform, facts=facts), on=date(2026, 12, day)))
    assert told.dates[0].needs_word is word
    assert any("--accept-sunset" in warning for warning in told.warnings) is word
