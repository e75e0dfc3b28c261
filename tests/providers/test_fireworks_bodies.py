"""The exact requests of a submission to Fireworks: what is sent, what is refused by name, what the contract says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import providers
from providers.errors import Auth, NotFound, Unsupported
from providers.fireworks.bodies import SUFFIX_LIMIT, check, create_body, dataset_body, planned_requests
from providers.fireworks.limits import breaches, warnings
from providers.records import Hyperparameters, Method, Plan, ProviderFile

CONTRACT = Path(__file__).parents[2] / "../shared/contracts/fireworks-finetune.yaml"
EIGHT = "accounts/fireworks/models/qwen3-8b"
FILES = {"train": "tw-rows"}
BOTH = {"train": "tw-rows", "validation": "tw-held"}


@pytest.fixture
def plan(make_plan: Callable[..., Plan]) -> Callable[..., Plan]:
    def make(extra: dict[str, Any] | None = None, **changes: Any) -> Plan:
        names = ("epochs", "learning_rate", "batch_size", "lora", "seed")
        core = {name: changes.pop(name) for name in names if name in changes}
        settings = Hyperparameters(**core, extra=extra or {})
        return make_plan("fireworks", EIGHT, hyperparameters=settings, **changes)

    return make


def test_what_is_not_given_is_left_to_the_platform_but_the_rank(plan: Any, tag: str) -> None:
    assert create_body(plan(), FILES, tag, "me") == {
        "displayName": tag,
        "dataset": "accounts/me/datasets/tw-rows",
        "baseModel": EIGHT,
        "loraRank": 8,  # left out, it may be read as 0: full training
    }


def test_every_setting_goes_by_the_wires_own_name(plan: Any, tag: str) -> None:
    given = {"lora_rank": 16, "max_context_length": 4096, "early_stop": True, "batch_size_tokens": 32768}
    made = plan(given, epochs=3, learning_rate=1e-4, batch_size=8, lora=True, validation_sha256="b" * 64)
    body = create_body(made, BOTH, tag, "me")
    wire = {"epochs": 3, "learningRate": 1e-4, "batchSizeSamples": 8, "loraRank": 16, "maxContextLength": 4096}
    assert body.items() >= (wire | {"earlyStop": True, "batchSize": 32768}).items()
    assert body["evaluationDataset"] == "accounts/me/datasets/tw-held"


def test_full_training_is_rank_zero(plan: Any, tag: str) -> None:
    assert create_body(plan(lora=False), FILES, tag, "me")["loraRank"] == 0


def test_the_users_suffix_stands_before_our_tag_in_the_tuned_models_id(plan: Any, tag: str) -> None:
    assert create_body(plan(suffix="support-v2"), FILES, tag, "me")["outputModel"] == f"support-v2-{tag}"


@pytest.mark.parametrize("suffix", ["Support", "2nd", "a_b", "x" * (SUFFIX_LIMIT + 1), "-a"])
def test_a_suffix_that_can_be_no_id_is_refused_by_name(plan: Any, tag: str, suffix: str) -> None:
    with pytest.raises(Unsupported, match="suffix"):
        create_body(plan(suffix=suffix), FILES, tag, "me")


def test_the_longest_suffix_still_fits(plan: Any, tag: str) -> None:
    assert len(create_body(plan(suffix="x" * SUFFIX_LIMIT), FILES, tag, "me")["outputModel"]) == 63


def test_a_preference_job_has_its_settings_one_floor_below(plan: Any, tag: str) -> None:
    body = create_body(plan({"beta": 0.3, "lora_alpha": 32}, epochs=2, method=Method.DPO), FILES, tag, "me")
    assert body["trainingConfig"] == {"baseModel": EIGHT, "epochs": 2, "loraRank": 8, "loraAlpha": 32}
    assert body["lossConfig"] == {"method": "DPO", "dpo": {"beta": 0.3}}


def test_a_job_goes_on_from_a_model_or_begins_at_a_base_but_not_both(plan: Any, tag: str) -> None:
    warm = {"warm_start_from": "accounts/me/models/first"}
    body = create_body(plan(warm), FILES, tag, "me")
    assert body["warmStartFrom"] == warm["warm_start_from"]
    assert "baseModel" not in body


@pytest.mark.parametrize(
    ("method", "given", "named"),
    [
        (Method.SFT, Hyperparameters(seed=7), "seed"),
        (Method.SFT, Hyperparameters(epochs=0), "epochs"),
        (Method.SFT, Hyperparameters(extra={"learning_rate_multiplier": 2}), "learning_rate_multiplier"),
        (Method.SFT, Hyperparameters(extra={"beta": 0.1}), "beta: only preference training"),
        (Method.SFT, Hyperparameters(lora=False, extra={"lora_rank": 8}), "lora_rank: means nothing"),
        (Method.SFT, Hyperparameters(extra={"max_context_length": 1000}), "divisible by 16"),
        (Method.SFT, Hyperparameters(extra={"lora_r": 8}), "lora_rank here"),
        (Method.SFT, Hyperparameters(extra={"wandb_api_key": "k"}), "keys are never part of a plan"),
        (Method.DPO, Hyperparameters(extra={"early_stop": True}), "early_stop"),
        (Method.DPO, Hyperparameters(extra={"beta": 0}), "beta"),
    ],
)
def test_what_cannot_be_sent_is_refused_by_name(method: Method, given: Hyperparameters, named: str) -> None:
    with pytest.raises(Unsupported, match=named):
        check(method, given, "fireworks")


def test_stopping_early_needs_rows_to_stop_by(plan: Any, tag: str) -> None:
    with pytest.raises(Unsupported, match="early_stop: needs validation rows"):
        create_body(plan({"early_stop": True}), FILES, tag, "me")


@pytest.mark.parametrize("files", [{}, BOTH])
def test_a_plan_is_not_bought_with_other_files_than_its_own(plan: Any, tag: str, files: dict[str, str]) -> None:
    with pytest.raises(Unsupported):
        create_body(plan(), files, tag, "me")


# ── the requests in order ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("method", "jobs", "parameter"),
    [(Method.SFT, "supervisedFineTuningJobs", "supervisedFineTuningJobId"), (Method.DPO, "dpoJobs", "dpoJobId")],
)
def test_the_paid_request_names_our_tag_as_the_jobs_id(
    plan: Any, make_file: Any, tag: str, method: Method, jobs: str, parameter: str
) -> None:
    file = make_file(providers.platform("fireworks"), method=method)
    made = planned_requests(plan(method=method), [file], tag, "https://api.fireworks.ai", "me")
    assert [request.url for request in made if request.paid] == [
        f"https://api.fireworks.ai/v1/accounts/me/{jobs}?{parameter}={tag}"
    ]
    assert made[-2].url.endswith(f"/{jobs}/{tag}")
    assert any(request.url.endswith(":estimateCost") for request in made) is (method is Method.SFT)


@pytest.mark.parametrize(
    ("account", "shown"), [("me", "me"), ("me@http://127.0.0.1:1", "me"), ("default", "<account>"), ("", "<account>")]
)
def test_a_dry_run_shows_the_account_where_it_is_known(
    plan: Any, make_file: Any, tag: str, account: str, shown: str
) -> None:
    platform = providers.platform("fireworks")
    made = platform.requests(plan(account=account), [make_file(platform)], tag)
    assert f"/v1/accounts/{shown}/" in made[-1].url


@pytest.mark.skipif(not CONTRACT.exists(), reason="the shared contracts are not here")
def test_everything_that_is_sent_satisfies_the_contract_and_names_nothing_it_does_not_know(
    plan: Any, make_file: Callable[..., ProviderFile], tag: str
) -> None:
    yaml, jsonschema = pytest.importorskip("yaml"), pytest.importorskip("jsonschema")
    doc = yaml.load(CONTRACT.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))

    def hold(schema: str, body: dict[str, Any]) -> None:
        jsonschema.Draft202012Validator({**doc, "$ref": f"#/components/schemas/{schema}"}).validate(body)
        assert set(body) <= set(doc["components"]["schemas"][schema]["properties"])

    both = {"lora_rank": 16, "max_context_length": 4096, "batch_size_tokens": 32768, "gradient_accumulation_steps": 2,
            "learning_rate_warmup_steps": 10, "optimizer_weight_decay": 0.1}  # fmt: skip
    core = {"epochs": 2, "learning_rate": 1e-4, "batch_size": 8, "suffix": "mine"}
    supervised = plan(both | {"early_stop": True}, validation_sha256="b" * 64, **core)
    hold("gatewaySupervisedFineTuningJob", create_body(supervised, BOTH, tag, "me"))
    prefers = plan(both | {"beta": 0.3, "lora_alpha": 32, "lora_dropout": 0.1}, method=Method.DPO, **core)
    body = create_body(prefers, FILES, tag, "me")
    hold("gatewayDpoJob", body)
    hold("gatewayBaseTrainingConfig", body["trainingConfig"])
    hold("GatewayCreateDatasetBody", dataset_body(make_file(providers.platform("fireworks"))))


# ── against what is said of the base ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("lora", "told", "named"),
    [
        (True, {"supervisedLoraTunable": False, "tunable": False}, "cannot be tuned here"),
        (True, {"supervisedLoraTunable": False, "tunable": True}, None),
        (True, {}, None),
        (False, {"supervisedLoraTunable": True, "supervisedFullParameterTunable": False}, "in full; use --lora"),
        (False, {"supervisedFullParameterTunable": True}, None),
        (None, {"trainingContextLength": 2048}, "max_context_length: 4096 is above this model's 2048"),
    ],
)
def test_a_base_that_cannot_be_trained_so_is_named(
    plan: Any, lora: bool | None, told: dict[str, Any], named: str | None
) -> None:
    found = breaches(plan({"max_context_length": 4096}, lora=lora), told)
    assert [named in problem for problem in found] == ([True] if named else [])


def test_a_base_that_is_not_served_to_everybody_is_told_before_anything_is_bought(plan: Any) -> None:
    (said,) = warnings(plan(), {"supportsServerless": False})
    assert EIGHT in said
    assert "evaluate --base" in said
    (until,) = warnings(plan(), {"deprecationDate": {"year": 2027, "month": 1, "day": 14}})
    assert "only until 2027-01-14" in until
    assert warnings(plan(), {"supportsServerless": True}) == warnings(plan(), {}) == ()


# ── the connection ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_without_a_key_the_variable_is_named(tmp_path: Path) -> None:
    with pytest.raises(Auth, match="FIREWORKS_API_KEY"):
        providers.platform("fireworks").connection({}, None, tmp_path)


@pytest.mark.parametrize(
    ("url", "base_url"),
    [
        ("", None),
        ("https://api.fireworks.ai", None),
        ("https://api.fireworks.ai/inference/v1", None),
        ("http://127.0.0.1:8/fireworks", "http://127.0.0.1:8/fireworks"),
        ("http://127.0.0.1:8/fireworks/inference/v1/", "http://127.0.0.1:8/fireworks"),
    ],
)
def test_the_root_is_meant_also_where_the_place_of_questions_is_given(
    tmp_path: Path, url: str, base_url: str | None
) -> None:
    environ = {"FIREWORKS_API_KEY": "k", "FIREWORKS_BASE_URL": url, "FIREWORKS_ACCOUNT_ID": "me"}
    found = providers.platform("fireworks").connection(environ, None, tmp_path)
    assert (found.base_url, found.project) == (base_url, "me")


def test_a_short_name_is_not_taken_for_a_model_and_the_whole_one_is_named() -> None:
    """Two spellings of one model would be two plans, and two jobs."""
    platform = providers.platform("fireworks")
    with pytest.raises(NotFound) as unknown:
        platform.model("qwen3-8b")
    assert EIGHT in str(unknown.value.fix)


def test_a_model_that_is_not_listed_is_asked_for_with_no_price_and_a_machine_of_its_own() -> None:
    known = providers.platform("fireworks").model("accounts/me/models/another")
    assert (known.tunable.answer, known.tuned_serving) == ("unknown", "dedicated")


def test_equal_settings_make_equal_bodies(plan: Any, tag: str) -> None:
    one = plan(epochs=2)
    assert create_body(one, FILES, tag, "me") == create_body(replace(one), FILES, tag, "me")
