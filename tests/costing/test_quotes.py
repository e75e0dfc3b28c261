"""Quotes: every component, both ends, and never a partial sum shown as a total."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.costing import Quote, QuoteLine, band_for, compare_table, quote, usd_limit, usd_span, usd_text
from providers.records import Hyperparameters, Method, PriceItem, Sampling, TokenRules

MILLION = Decimal(1_000_000)


def line(told: Quote, name: str) -> QuoteLine:
    return next(found for found in told.lines if found.name == name)


def test_training_is_tokens_times_epochs_times_price(desk: Any) -> None:
    told = quote(desk.ask())
    assert line(told, "training").low_usd == told.train_tokens.tokens * 3 * Decimal("5.00") / MILLION
    assert told.complete


def test_validation_is_tokens_times_passes_times_price(desk: Any) -> None:
    told = quote(desk.ask())
    assert line(told, "validation").high_usd == told.validation_tokens.tokens * 2 * Decimal("5.00") / MILLION
    assert told.billed_tokens == told.train_tokens.tokens * 3 + told.validation_tokens.tokens * 2


def test_without_a_validation_file_there_is_no_validation_line(desk: Any) -> None:
    assert "validation" not in [found.name for found in quote(desk.ask(validation=[])).lines]


def test_validation_that_nobody_knows_to_be_billed_is_unknown(desk: Any) -> None:
    told = quote(desk.ask(platform=desk.platform(rules=TokenRules(validation_billed=None))))
    assert (told.complete, told.unknown) == (False, ("validation",))


def test_evaluation_output_runs_from_the_references_to_max_tokens(desk: Any) -> None:
    told = quote(desk.ask(sampling=Sampling(max_tokens=50)))
    test, base = told.test_tokens, line(told, "evaluation (base)")
    prompt = test.prompt_tokens * Decimal("0.40")
    assert base.low_usd == (prompt + test.answer_tokens * Decimal("1.60")) / MILLION
    assert base.high_usd == (prompt + 2 * 50 * Decimal("1.60")) / MILLION


def test_references_longer_than_max_tokens_do_not_push_the_low_end_above_the_high_end(desk: Any) -> None:
    told = quote(desk.ask(test=[desk.pair("q", "word " * 500)], sampling=Sampling(max_tokens=5)))
    base = line(told, "evaluation (base)")
    assert base.low_usd == base.high_usd


def test_the_tuned_model_is_asked_at_tuned_prices(desk: Any) -> None:
    told = quote(desk.ask())
    assert line(told, "evaluation (tuned)").high_usd == 2 * (line(told, "evaluation (base)").high_usd or 0)


@pytest.mark.parametrize("item", [PriceItem.TRAIN, PriceItem.INPUT, PriceItem.OUTPUT, PriceItem.TUNED_OUTPUT])
def test_any_unverified_price_makes_the_total_at_least(desk: Any, item: PriceItem) -> None:
    told = quote(desk.ask(platform=desk.platform().without(item)))
    assert not told.complete
    assert told.total_text.startswith("at least $")
    assert "plus unknown" in told.total_text


def test_a_price_that_is_not_listed_at_all_is_unknown_too(desk: Any) -> None:
    told = quote(desk.ask(platform=desk.platform(rows=())))
    assert told.unknown == ("training", "validation", "evaluation (base)", "evaluation (tuned)")
    assert told.total_text == "unknown (training, validation, evaluation (base), evaluation (tuned))"


@given(missing=st.sets(st.sampled_from([row.value for row in PriceItem])))
@settings(max_examples=40, deadline=None)
def test_a_partial_sum_is_never_a_total(desk: Any, missing: set[str]) -> None:
    platform = desk.platform()
    for item in missing:
        platform = platform.without(PriceItem(item))
    told = quote(desk.ask(platform=platform))
    assert told.complete == missing.isdisjoint(row.item.value for row in desk.platform().rows)
    assert told.complete == all(found.known for found in told.lines if found.item != "people")
    assert told.complete != told.total_text.startswith("at least" if told.low_usd else "unknown (")


def test_a_range_of_prices_gives_a_range_of_dollars(desk: Any) -> None:
    rows = (desk.price(PriceItem.TRAIN, "0.20", low="0.10"),)
    told = line(quote(desk.ask(platform=desk.platform(rows=rows))), "training")
    assert told.high_usd == 2 * (told.low_usd or 0)


def test_a_minimum_per_job_lifts_the_line_and_is_named(desk: Any) -> None:
    rows = (desk.price(PriceItem.TRAIN, "5.00"), desk.price(PriceItem.TRAIN, "4", "job", low="0"))
    told = line(quote(desk.ask(platform=desk.platform(rows=rows))), "training")
    assert told.high_usd == 4
    assert told.low_usd is not None
    assert told.low_usd < 1
    assert "minimum" in told.source


def test_an_unverified_minimum_leaves_only_the_low_end_known(desk: Any) -> None:
    rows = (*desk.platform().rows, desk.price(PriceItem.TRAIN, None, "job"))
    told = quote(desk.ask(platform=desk.platform(rows=rows)))
    assert line(told, "training").low_usd is not None
    assert line(told, "training").high_usd is None
    assert told.unknown == ("training",)


def test_epochs_left_to_the_platform_make_training_unknown(desk: Any) -> None:
    assert "training" in quote(desk.ask(platform=desk.platform(epochs=None))).unknown


def test_epochs_given_by_the_user_are_quoted(desk: Any) -> None:
    one, two = (quote(desk.ask(hyperparameters=Hyperparameters(epochs=n))) for n in (1, 2))
    assert line(two, "training").low_usd == 2 * (line(one, "training").low_usd or 0)


# ── hosting ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def dedicated(desk: Any, usd: str | None, *, by_tokens_too: bool = False) -> Any:
    platform = desk.platform()
    tuned = () if by_tokens_too else (PriceItem.TUNED_INPUT, PriceItem.TUNED_OUTPUT)
    kept = [row for row in platform.rows if row.item not in tuned]
    rows = (*kept, desk.price(PriceItem.HOSTING, usd, "hour"))
    return replace(platform, rows=rows, facts=replace(platform.facts, tuned_serving="dedicated"))


def test_hosting_is_hours_times_price_and_replaces_tuned_tokens(desk: Any) -> None:
    told = quote(desk.ask(platform=dedicated(desk, "6.49"), hosting_hours=Decimal("1.5")))
    assert line(told, "hosting").high_usd == Decimal("9.735")
    assert line(told, "evaluation (tuned)").high_usd == 0


def test_hosting_comes_beside_tuned_tokens_where_the_platform_has_a_price_for_both(desk: Any) -> None:
    told = quote(desk.ask(platform=dedicated(desk, "6.49", by_tokens_too=True), hosting_hours=Decimal("1.5")))
    assert line(told, "hosting").high_usd == Decimal("9.735")
    assert line(told, "evaluation (tuned)").high_usd > 0


def test_at_another_host_every_price_is_unknown_and_says_why(desk: Any) -> None:
    told = quote(desk.ask(own_host=False))
    assert line(told, "training").high_usd is None
    assert "another host" in line(told, "training").note


def test_hosting_by_the_hour_without_hours_is_unknown_not_free(desk: Any) -> None:
    assert "hosting" in quote(desk.ask(platform=dedicated(desk, "6.49"))).unknown


def test_hosting_at_an_unverified_price_is_unknown(desk: Any) -> None:
    assert "hosting" in quote(desk.ask(platform=dedicated(desk, None), hosting_hours=Decimal(2))).unknown


def test_hosting_costs_nothing_where_tuned_models_are_billed_by_the_token(desk: Any) -> None:
    assert line(quote(desk.ask(hosting_hours=Decimal(2))), "hosting").high_usd == 0


# ── people, bands, upkeep ────────────────────────────────────────────────────────────────────────────────────────────


def test_people_are_unknown_unless_given_and_stay_out_of_the_platforms_bill(desk: Any) -> None:
    without, with_people = quote(desk.ask()), quote(desk.ask(people_usd=Decimal(1500)))
    assert line(without, "people").high_usd is None
    assert without.project_high_usd is None
    assert with_people.high_usd == without.high_usd
    assert with_people.project_high_usd == without.high_usd + 1500


@pytest.mark.parametrize(
    ("rows", "name"),
    [(0, None), (499, None), (500, "small"), (1000, "small"), (1001, "medium"), (5000, "medium"), (5001, "large")],
)
def test_bands_have_both_sides_of_each_limit(rows: int, name: str | None) -> None:
    band = band_for(rows)
    assert (band.name if band else None) == name


def test_the_bands_are_the_documents() -> None:
    told = [band.text for band in map(band_for, (500, 5000, 5001)) if band]
    assert told == ["$500-$5,000, 1-2 h", "$2,000-$20,000, 2-8 h", "$10,000-$100,000+, 8-48 h"]


def test_the_band_is_counted_on_cleaned_rows_and_explained(desk: Any) -> None:
    told = quote(desk.ask(rows_cleaned=700))
    assert told.band is not None
    assert told.band.name == "small"
    assert told.hours == (Decimal(1), Decimal(2))
    assert "far below" in told.band_text


def test_under_500_rows_there_is_no_band_and_no_hours(desk: Any) -> None:
    told = quote(desk.ask(rows_cleaned=499))
    assert (told.band, told.hours) == (None, None)
    assert "collect" in told.band_text


def test_a_year_is_two_to_four_retrains_without_the_hosting(desk: Any) -> None:
    told = quote(desk.ask(platform=dedicated(desk, "6.49"), hosting_hours=Decimal(1)))
    repeated = told.low_usd - (line(told, "hosting").low_usd or 0)
    assert told.maintenance.retrains == (2, 4)
    assert told.maintenance.low_usd == 2 * repeated


def test_a_year_without_a_price_is_unknown_and_with_some_at_least(desk: Any) -> None:
    whole = quote(desk.ask()).maintenance
    assert whole.text.startswith("$")
    assert replace(whole, complete=False).text.startswith("at least $")
    assert replace(whole, complete=False, low_usd=Decimal(0)).text == "unknown"
    assert replace(whole, low_usd=Decimal(0), high_usd=Decimal(0)).text == "$0.00"


# ── dates ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def closing(desk: Any) -> Any:
    platform = desk.platform()
    facts = replace(platform.facts, jobs_close=date(2027, 1, 6), shutdown=date(2027, 1, 14))
    return replace(platform, facts=facts)


@pytest.mark.parametrize(
    ("on", "warn"), [(date(2026, 10, 8), False), (date(2026, 10, 9), True), (date(2027, 2, 1), True)]
)
def test_an_end_under_ninety_days_away_warns(desk: Any, on: date, warn: bool) -> None:
    first = quote(desk.ask(platform=closing(desk), on=on)).dates[0]
    assert (first.kind, first.warn) == ("jobs_close", warn)


def test_upkeep_says_that_no_retrain_fits_before_the_platform_closes(desk: Any) -> None:
    told = quote(desk.ask(platform=closing(desk)))
    assert told.maintenance.possible_here == (0, 0)
    assert "2027-01-06" in told.maintenance.note


def test_dates_do_not_apply_at_a_sandbox(desk: Any) -> None:
    told = quote(desk.ask(platform=closing(desk), sandbox=True))
    assert told.dates == ()
    assert told.total_text.startswith("play money")


# ── the record and the table ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_json_has_decimals_as_plain_strings_and_the_total_in_words(desk: Any) -> None:
    told = quote(desk.ask())
    document = json.loads(json.dumps(told.to_json()))
    assert Decimal(document["low_usd"]) == told.low_usd
    assert document["total"] == told.total_text
    assert document["lines"][0]["as_of"] == "2026-11-01"


@given(st.decimals(min_value=0, max_value=10**6, places=8, allow_nan=False))
def test_a_price_above_nothing_is_never_shown_as_nothing(usd: Decimal) -> None:
    assert (usd == 0) == (usd_text(usd) == "$0.00")


USD = st.decimals(min_value=0, max_value=10**6, places=8, allow_nan=False)


@given(USD, USD)
def test_a_span_holds_the_true_bill_with_equal_digits(one: Decimal, other: Decimal) -> None:
    low, high = sorted((one, other))
    ends = usd_span(low, high).removeprefix("up to ").split(" to ")
    told = [Decimal(end.lstrip("$").replace(",", "")) for end in ends]
    assert len(told) == 1 or told[0] <= low
    assert told[-1] >= high
    assert told[0].as_tuple().exponent == told[-1].as_tuple().exponent


def test_a_low_end_too_small_for_the_digits_is_not_shown_as_nothing() -> None:
    assert usd_span(Decimal("0.000053"), Decimal("0.23")) == "up to $0.23"


def test_a_small_quote_shows_two_digits_of_its_high_end() -> None:
    assert usd_span(Decimal("0.0098"), Decimal("0.01456")) == "$0.009 to $0.015"


@pytest.mark.parametrize(("usd", "text"), [("0.012", "$0.012"), ("5", "$5.00"), ("1E+30", f"${10**30:,}.00")])
def test_a_cap_is_shown_as_it_was_set(usd: str, text: str) -> None:
    assert usd_limit(Decimal(usd)) == text


def test_the_cheapest_is_named_only_among_complete_quotes(desk: Any) -> None:
    cheap = desk.platform(rows=tuple(replace(row, usd=Decimal("0.01")) for row in desk.platform().rows))
    quotes = [quote(desk.ask()), quote(desk.ask(platform=cheap))]
    assert [row.cheapest for row in compare_table(quotes)] == [False, True]
    partial = quote(desk.ask(platform=cheap.without(PriceItem.TRAIN)))
    assert not any(row.cheapest for row in compare_table([quotes[0], partial]))


def test_the_table_helps_to_choose(desk: Any) -> None:
    row = compare_table([quote(desk.ask(platform=closing(desk)))])[0]
    assert row.target == "desk:m"
    assert (row.closes_to_jobs, row.ends) == (date(2027, 1, 6), date(2027, 1, 14))
    assert "LoRA" in row.customisation
    assert "token" in row.serving


@given(usd=st.decimals(min_value="0.01", max_value=100, places=2), epochs=st.integers(1, 50))
@settings(max_examples=25, deadline=None)
def test_money_is_exact_decimal_arithmetic(desk: Any, usd: Decimal, epochs: int) -> None:
    platform = desk.platform(rows=(desk.price(PriceItem.TRAIN, str(usd)),))
    told = quote(desk.ask(platform=platform, hyperparameters=Hyperparameters(epochs=epochs)))
    assert (line(told, "training").low_usd or 0) * MILLION == told.train_tokens.tokens * epochs * usd


# ── our own facts ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_quote_for_openai_is_exact_but_incomplete_while_validation_billing_is_unknown(desk: Any) -> None:
    platform = desk.facts_platform(name="openai")
    told = quote(desk.ask(platform=platform, model="gpt-4.1-mini-2025-04-14"))
    assert told.train_tokens.exact
    assert told.unknown == ("validation",)
    assert [note.on for note in told.dates] == [date(2027, 1, 6), date(2027, 1, 14)]
    assert all(found.source for found in told.lines if found.item != "people")


@pytest.mark.parametrize("method", Method)
def test_a_quote_for_together_is_bounded_and_names_the_base_it_cannot_price(desk: Any, method: Method) -> None:
    platform = desk.facts_platform(name="together")
    told = quote(desk.ask(platform=platform, model="Qwen/Qwen3-8B", method=method, hosting_hours=Decimal(1)))
    assert not told.train_tokens.exact
    assert told.unknown == ("evaluation (base)",)


def test_the_sandbox_is_quoted_in_full_and_in_play_money(desk: Any) -> None:
    told = quote(desk.ask(platform=desk.facts_platform(name="sandbox"), model="small", sandbox=True))
    assert told.complete
    assert all("not money" in found.source for found in told.lines if found.item != "people")


def test_a_model_shut_down_is_warned_about(desk: Any) -> None:
    platform = desk.facts_platform(name="openai")
    told = quote(desk.ask(platform=platform, model="gpt-4.1-nano-2025-04-14"))
    assert any("cannot be tuned" in warning for warning in told.warnings)


def test_importing_costing_loads_nothing_heavy() -> None:
    code = "import sys, orchestrator.costing; print([m for m in ('tiktoken', 'openai', 'scipy') if m in sys.modules])"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout == "[]\n"


def test_tokens_are_counted_with_sockets_disabled(tmp_path: Path) -> None:
    code = (
        "import socket; socket.socket = None\n"
        "from orchestrator.costing import count\n"
        "from providers import facts\n"
        "from providers.records import Example, Message\n"
        "rows = [Example((Message('user', 'hi'), Message('assistant', 'ok')))]\n"
        "rules = facts.token_rules('openai', 'gpt-4.1-mini-2025-04-14')\n"
        "print(count(rows, rules, facts.model('openai', 'gpt-4.1-mini-2025-04-14')).exact)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={"XDG_CACHE_HOME": str(tmp_path)}
    )
    assert (done.stdout, done.stderr) == ("True\n", "")
