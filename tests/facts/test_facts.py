"""The dated facts: every row says who says so, unverified prices carry no number, names and days are answered right."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers import facts
from providers.errors import NotFound
from providers.facts._models import tier_of
from providers.facts._tables import table, table_names
from providers.records import Capability, Hyperparameters, Method, Price, PriceItem

SHARED = Path(__file__).parents[2] / "../shared/facts"
PLATFORMS = ("bedrock", "fireworks", "openai", "replicate", "sandbox", "together", "vertex")
BATCHING = ("openai", "sandbox", "together")
TODAY = date(2026, 11, 22)
MINI = "gpt-4.1-mini-2025-04-14"
QWEN = "Qwen/Qwen3-8B"


def price(
    platform: str,
    model: str,
    item: PriceItem,
    per: str = "mtok",
    method: Method = Method.SFT,
    lora: bool | None = None,
) -> Price | None:
    found = facts.prices(platform, model, method, Hyperparameters(lora=lora))
    matching = [row for row in found if row.item is item and row.per == per]
    assert len(matching) < 2, "at most one row per item and unit"
    return matching[0] if matching else None


def usd(*args: Any, **options: Any) -> Decimal | None:
    row = price(*args, **options)
    assert row is not None
    return row.usd


def test_there_is_a_fact_file_for_each_platform() -> None:
    assert table_names() == PLATFORMS


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_price_model_and_capability_names_a_dated_source(platform: str) -> None:
    for model in facts.models(platform):
        assert model.source
        assert model.as_of
        for row in facts.prices(platform, model.name):
            assert row.source
            assert row.as_of <= TODAY
    told = {Capability(row["name"]) for row in table(platform)["capabilities"]}
    assert all(facts.capabilities(platform, TODAY)[capability].source for capability in told)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_model_names_are_listed_once(platform: str) -> None:
    names = [model.name for model in facts.models(platform)]
    assert len(names) == len(set(names))


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared facts are not here")
def test_openai_prices_equal_the_verified_file() -> None:
    verified = json.loads((SHARED / "openai_prices.json").read_text())["models"]
    for model in facts.models("openai"):
        tuned, base = verified.get(f"ft:{model.name}", {}), verified.get(model.name, {})
        keys = {"tuned_input": "input", "tuned_output": "output", "train": "train_per_1m"}
        keys |= {f"tuned_{key}": key for key in ("batch_input", "batch_output")}
        wanted = {ours: tuned[key] for ours, key in keys.items() if key in tuned}
        wanted |= {key: base[key] for key in ("input", "output") if key in base and model.name != "gpt-6-luna"}
        wanted |= {key: base[key] for key in ("batch_input", "batch_output") if key in base}
        for ours, value in wanted.items():
            assert usd("openai", model.name, PriceItem(ours)) == Decimal(str(value)), (model.name, ours)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared facts are not here")
def test_together_tiers_equal_the_verified_file() -> None:
    tiers = json.loads((SHARED / "together_prices.json").read_text())["tiers"]
    examples = {"<=16B": QWEN, "17-69B": "Qwen/Qwen3-32B", "70-100B": "Qwen/Qwen2.5-72B-Instruct"}
    for tier, model in examples.items():
        for method in Method:
            for lora, kind in ((True, "lora"), (False, "full")):
                found = usd("together", model, PriceItem.TRAIN, method=method, lora=lora)
                assert found == Decimal(str(tiers[tier][f"{method}_{kind}"]))


@pytest.mark.parametrize(
    ("billions", "tier"),
    [
        ("0.27", "up to 16B"),
        ("16", "up to 16B"),
        ("16.1", "17-69B"),
        ("69", "17-69B"),
        ("69.1", "70-100B"),
        ("100", "70-100B"),
        ("100.1", "over 100B"),
    ],
)
def test_size_classes_have_both_sides_of_each_limit(billions: str, tier: str) -> None:
    assert tier_of(table("together"), {"name": "org/name", "total_b": billions}) == tier


def test_mixture_of_experts_models_are_priced_by_their_total_size() -> None:
    assert usd("together", "Qwen/Qwen3-30B-A3B", PriceItem.TRAIN) == Decimal("1.50")
    assert usd("together", "mistralai/Mixtral-8x7B-Instruct-v0.1", PriceItem.TRAIN) == Decimal("1.50")


def test_models_over_100b_have_no_training_price_but_the_verified_one() -> None:
    assert usd("together", "deepseek-ai/DeepSeek-V3", PriceItem.TRAIN) is None
    assert usd("together", "Qwen/Qwen3-235B-A22B", PriceItem.TRAIN) == Decimal("6.00")
    assert usd("together", "Qwen/Qwen3-235B-A22B", PriceItem.TRAIN, method=Method.DPO) == Decimal("15.00")
    assert usd("together", "Qwen/Qwen3-235B-A22B", PriceItem.TRAIN, lora=False) is None
    assert usd("together", "Qwen/Qwen3-235B-A22B", PriceItem.TRAIN, "job") is None


@given(st.from_regex(r"[a-z]{1,8}/[A-Za-z0-9.-]{1,12}B", fullmatch=True))
def test_a_size_in_an_unlisted_name_is_never_taken_for_a_price(name: str) -> None:
    assert facts.model("together", name).tunable.answer == "unknown"
    assert usd("together", name, PriceItem.TRAIN) is None
    assert usd("together", name, PriceItem.HOSTING, "hour") is None


def test_lora_is_what_together_does_unless_told() -> None:
    assert usd("together", QWEN, PriceItem.TRAIN) == usd("together", QWEN, PriceItem.TRAIN, lora=True)


def test_an_unknown_openai_model_is_not_found_with_the_nearest_names() -> None:
    with pytest.raises(NotFound) as caught:
        facts.model("openai", "gpt-4.1-mini")
    assert MINI in (caught.value.fix or "")


def test_a_together_name_without_its_organisation_is_not_found_with_the_full_name() -> None:
    with pytest.raises(NotFound) as caught:
        facts.model("together", "Qwen3-8B")
    assert QWEN in (caught.value.fix or "")


def test_an_unlisted_together_name_says_which_listed_one_is_near() -> None:
    assert QWEN in facts.model("together", "qwen/qwen3-8b").tunable.reason


def test_facts_about_an_unknown_platform_are_not_found() -> None:
    with pytest.raises(NotFound, match="no facts"):
        facts.models("nowhere")


def test_a_tuned_openai_name_has_its_bases_facts_and_prices() -> None:
    tuned = f"ft:{MINI}:acme:support:abc123"
    assert facts.model("openai", tuned).shutdown == date(2027, 1, 14)
    assert usd("openai", tuned, PriceItem.TUNED_OUTPUT) == Decimal("3.20")


def test_models_shut_down_in_october_cannot_be_tuned() -> None:
    assert facts.model("openai", "gpt-4.1-nano-2025-04-14").tunable.answer == "no"


@pytest.mark.parametrize(("day", "answer"), [(date(2027, 1, 5), "yes"), (date(2027, 1, 6), "no")])
def test_openai_jobs_are_open_to_the_fifth_and_closed_on_the_sixth_of_january(day: date, answer: str) -> None:
    assert facts.capabilities("openai", day)[Capability.SFT].answer == answer


@pytest.mark.parametrize(("day", "answer"), [(date(2027, 1, 13), "yes"), (date(2027, 1, 14), "no")])
def test_openai_tuned_models_answer_until_the_day_before_shutdown(day: date, answer: str) -> None:
    assert facts.capabilities("openai", day)[Capability.SERVERLESS_TUNED].answer == answer


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_capability_is_answered_with_a_reason(platform: str) -> None:
    told = facts.capabilities(platform, TODAY)
    assert set(told) == set(Capability)
    assert all(support.reason for support in told.values())


@pytest.mark.parametrize(
    ("rows", "epochs"),
    [(0, 3), (1, 25), (4, 25), (10, 10), (33, 3), (34, 3), (8333, 3), (8334, 2), (25001, 1), (10**7, 1)],
)
def test_auto_epochs_follow_the_cookbooks_heuristic_on_both_sides_of_its_limits(rows: int, epochs: int) -> None:
    assert facts.auto_epochs("openai", rows).value == epochs


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("method", Method)
def test_every_preset_has_a_reason(platform: str, method: Method) -> None:
    found = facts.presets(platform, "any", method, 500, 50)
    assert found["epochs"].value == 3
    assert all(preset.reason for preset in found.values())


def test_together_evaluates_whenever_there_is_a_validation_file() -> None:
    assert facts.presets("together", QWEN, Method.SFT, 500, 50)["n_evals"].value == 4
    assert "n_evals" not in facts.presets("together", QWEN, Method.SFT, 500, 0)


def test_the_learning_rate_preset_follows_lora_and_method() -> None:
    def rate(method: Method, lora: bool | None) -> object:
        return facts.presets("together", QWEN, method, 500, 50, lora=lora)["learning_rate"].value

    assert (rate(Method.SFT, None), rate(Method.SFT, False)) == (1e-4, 1e-5)
    assert (rate(Method.DPO, True), rate(Method.DPO, False)) == (1e-5, 1e-6)


def test_openai_takes_no_absolute_learning_rate_preset() -> None:
    assert "learning_rate" not in facts.presets("openai", MINI, Method.SFT, 500, 50)


def test_together_rules_follow_the_hyperparameters() -> None:
    given_extra = Hyperparameters(extra={"n_evals": 4, "packing": False, "max_seq_length": 4096})
    rules = facts.token_rules("together", QWEN, Method.SFT, given_extra)
    assert (rules.validation_billed, rules.validation_passes) == (True, 4)
    assert (rules.pads_to_context, rules.truncate_at) == (True, 4096)


def test_nobody_knows_whether_openai_bills_validation_tokens() -> None:
    assert facts.token_rules("openai", MINI).validation_billed is None


def test_preference_jobs_are_not_truncated_at_the_supervised_length() -> None:
    assert facts.token_rules("together", QWEN, Method.SFT).truncate_at == 40960
    assert facts.token_rules("together", QWEN, Method.DPO).truncate_at is None


def test_sandbox_prices_say_that_they_are_not_money() -> None:
    rows = facts.prices("sandbox", "small")
    assert rows
    assert all("not money" in row.note and "not money" in row.source for row in rows)
    assert facts.model("sandbox", "small").shutdown is None


def test_lifecycle_rows_are_in_order_and_name_the_end() -> None:
    rows = facts.lifecycle("openai")
    assert [row.on for row in rows] == sorted(row.on for row in rows)
    assert rows[-1].on == date(2027, 1, 14)
    assert MINI in rows[-1].models


def test_what_has_no_batches_has_no_limits_of_them() -> None:
    without = {name for name in PLATFORMS if not facts.capabilities(name, TODAY)[Capability.BATCH]}
    assert without == {*PLATFORMS} - {*BATCHING}
    assert {facts.batch_limits(name) for name in without} == {None}


@pytest.mark.parametrize("platform", BATCHING)
def test_the_limits_of_a_batch_are_dated(platform: str) -> None:
    limits = facts.batch_limits(platform)
    assert limits is not None
    assert limits.source
    assert (limits.requests, limits.window_h, limits.as_of) == (50_000, 24, TODAY)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_settling_has_a_window_and_a_reason(platform: str) -> None:
    told = facts.settling(platform)
    assert told.window_s > 0
    assert told.reason


def test_nobody_publishes_how_a_rejected_answer_is_billed_but_us() -> None:
    told = {name: facts.token_rules(name, model, Method.DPO).counts_rejected for name, model in
            (("openai", MINI), ("together", QWEN), ("sandbox", "small"))}  # fmt: skip
    assert told == {"openai": "unknown", "together": "unknown", "sandbox": "with_prompt"}


def test_a_tuned_model_that_is_trained_further_is_asked_at_its_own_price() -> None:
    base = {row.item: row.usd for row in facts.prices("openai", MINI)}
    tuned = {row.item: row.usd for row in facts.prices("openai", f"ft:{MINI}:acme::abc")}
    assert tuned[PriceItem.INPUT] == base[PriceItem.TUNED_INPUT] != base[PriceItem.INPUT]
    assert tuned[PriceItem.TRAIN] == base[PriceItem.TRAIN]


def test_a_model_tuned_in_the_sandbox_is_found_by_its_servers_name() -> None:
    assert facts.model("sandbox", "ft:sandbox-small:sandbox::abc").methods == (Method.SFT, Method.DPO)
