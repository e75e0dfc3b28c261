"""The user's own price file: it replaces our rows, names itself as the source, and refuses what it does not know."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orchestrator.costing import Overrides, load_overrides, quote
from orchestrator.errors import UsageError
from providers.records import Method, PriceItem

TRAIN = '[[price]]\nitem = "train"\nusd = "9.00"\nas_of = 2026-11-20\n'


def load(tmp_path: Path, text: str) -> Overrides:
    path = tmp_path / "prices.toml"
    path.write_text(text, encoding="utf-8")
    return load_overrides(path)


def refusal(tmp_path: Path, text: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        load(tmp_path, text)
    return caught.value


def test_a_row_replaces_ours_and_names_the_file_as_its_source(desk: Any, tmp_path: Path) -> None:
    told = quote(desk.ask(overrides=load(tmp_path, TRAIN)))
    line = next(line for line in told.lines if line.item == "training")
    assert line.source == f"user: {tmp_path / 'prices.toml'}"
    assert line.low_usd == told.train_tokens.tokens * 3 * Decimal(9) / 1_000_000


def test_a_row_completes_a_quote_whose_price_was_unverified(desk: Any, tmp_path: Path) -> None:
    platform = desk.platform().without(PriceItem.TRAIN)
    assert not quote(desk.ask(platform=platform)).complete
    assert quote(desk.ask(platform=platform, overrides=load(tmp_path, TRAIN))).complete


@pytest.mark.parametrize(
    ("limit", "applies"),
    [
        ('provider = "desk"', True),
        ('provider = "other"', False),
        ('model = "m"', True),
        ('model = "n"', False),
        ('method = "sft"', True),
        ('method = "dpo"', False),
    ],
)
def test_a_row_holds_only_for_what_it_names(tmp_path: Path, limit: str, applies: bool) -> None:
    found = load(tmp_path, TRAIN + limit).apply((), "desk", "m", Method.SFT)
    assert bool(found) is applies


def test_a_row_may_be_about_several_items(tmp_path: Path) -> None:
    found = load(tmp_path, TRAIN.replace('"train"', '["train", "hosting"]')).apply((), "desk", "m", Method.SFT)
    assert [(price.item, price.per, price.usd) for price in found] == [
        (PriceItem.TRAIN, "mtok", Decimal("9.00")),
        (PriceItem.HOSTING, "hour", Decimal("9.00")),
    ]


@pytest.mark.parametrize(
    ("items", "said", "fix"),
    [('["train", "hostin"]', "item is 'hostin'", "did you mean 'hosting'?"), ("[]", "item is empty", "or a list")],
)
def test_a_list_of_items_that_holds_none_is_refused(tmp_path: Path, items: str, said: str, fix: str) -> None:
    refused = refusal(tmp_path, TRAIN.replace('"train"', items))
    assert (str(refused), fix in str(refused.fix)) == (said, True)


def test_the_last_matching_row_wins(tmp_path: Path) -> None:
    found = load(tmp_path, TRAIN + TRAIN.replace("9.00", "8.00")).apply((), "desk", "m", Method.SFT)
    assert [price.usd for price in found] == [Decimal("8.00")]


def test_a_minimum_per_job_can_be_given_beside_the_token_price(tmp_path: Path) -> None:
    found = load(tmp_path, TRAIN + TRAIN + 'per = "job"').apply((), "desk", "m", Method.SFT)
    assert [price.per for price in found] == ["mtok", "job"]


def test_hosting_is_per_hour_unless_told(tmp_path: Path) -> None:
    found = load(tmp_path, TRAIN.replace('"train"', '"hosting"')).apply((), "desk", "m", Method.SFT)
    assert found[0].per == "hour"


def test_people_are_taken_from_the_file_unless_given(desk: Any, tmp_path: Path) -> None:
    overrides = load(tmp_path, 'people_usd = "1500"')
    told, given = quote(desk.ask(overrides=overrides)), quote(desk.ask(overrides=overrides, people_usd=Decimal(7)))
    assert [line.high_usd for line in told.lines if line.item == "people"] == [1500]
    assert [line.high_usd for line in given.lines if line.item == "people"] == [7]


@pytest.mark.parametrize("usd", ['"1.5"', "1.5", '"1.50"'])
def test_dollars_may_be_written_as_text_or_number(tmp_path: Path, usd: str) -> None:
    found = load(tmp_path, TRAIN.replace('"9.00"', usd)).apply((), "desk", "m", Method.SFT)
    assert found[0].usd == Decimal("1.5")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("prices = 1", "price"),
        (TRAIN + 'modle = "m"', "model"),
        (TRAIN.replace('"train"', '"trian"'), "train"),
        (TRAIN + 'per = "hours"', "hour"),
        (TRAIN + 'method = "stf"', "sft"),
    ],
)
def test_an_unknown_key_or_word_is_refused_with_the_nearest(tmp_path: Path, text: str, hint: str) -> None:
    assert hint in refusal(tmp_path, text).fix


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("price = 3", "list of tables"),
        ("not toml at all", "not a TOML file"),
        (TRAIN.replace("9.00", "cheap"), "not an amount"),
        (TRAIN.replace("9.00", "-1"), "not an amount"),
        (TRAIN.replace("9.00", "NaN"), "not an amount"),
        (TRAIN.replace('"9.00"', "true"), "not an amount"),
        (TRAIN + 'low_usd = "9.01"', "above usd"),
        (TRAIN.replace("as_of = 2026-11-20", ""), "as_of"),
        (TRAIN.replace("2026-11-20", '"2026-11-20"'), "as_of"),
        (TRAIN.replace('usd = "9.00"', ""), "usd is missing"),
        (TRAIN + "model = 3", "not text"),
    ],
)
def test_a_row_that_cannot_be_read_is_refused_by_name(tmp_path: Path, text: str, what: str) -> None:
    assert what in refusal(tmp_path, text).what


def test_the_row_number_is_told(tmp_path: Path) -> None:
    assert "price row 2" in refusal(tmp_path, TRAIN + TRAIN + "colour = 1").where


def test_a_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        load_overrides(tmp_path / "absent.toml")
