"""What is sent to OpenAI, and that the dry run prints exactly that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from providers.errors import Auth, Unsupported
from providers.openai import PLATFORM
from providers.openai.bodies import create_body
from providers.records import Capability, Hyperparameters, Method, Plan, ProviderFile

CONTRACT = Path(__file__).parents[2] / "../shared/contracts/openai-finetune.yaml"
MINI = "gpt-4.1-mini-2025-04-14"
FILES = {"train": "file-1", "validation": "file-2"}
TRAIN = {"train": "file-1"}


def test_the_body_says_everything_and_nothing_else(make_plan: Callable[..., Plan], tag: str) -> None:
    settings = Hyperparameters(epochs=3, batch_size=8, seed=7, extra={"learning_rate_multiplier": 0.5})
    plan = make_plan(hyperparameters=settings, suffix="triage", validation_sha256="b" * 64)
    assert create_body(plan, FILES, tag) == {
        "model": "gpt-4.1-mini-2025-04-14",
        "training_file": "file-1",
        "validation_file": "file-2",
        "method": {
            "type": "supervised",
            "supervised": {"hyperparameters": {"n_epochs": 3, "batch_size": 8, "learning_rate_multiplier": 0.5}},
        },
        "metadata": {"tunewright": tag, "tunewright_data": "a" * 64},
        "suffix": "triage",
        "seed": 7,
    }


def test_what_was_not_given_is_not_sent(make_plan: Callable[..., Plan], tag: str) -> None:
    body = create_body(make_plan(hyperparameters=Hyperparameters()), {"train": "file-1"}, tag)
    assert body["method"]["supervised"]["hyperparameters"] == {}
    assert not {"seed", "suffix", "validation_file"} & set(body)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        (Hyperparameters(learning_rate=1e-4), "learning_rate"),
        (Hyperparameters(lora=True), "lora"),
        (Hyperparameters(epochs=51), "epochs"),
        (Hyperparameters(batch_size=257), "batch_size"),
        (Hyperparameters(extra={"n_epochs": 3}), "n_epochs"),
        (Hyperparameters(extra={"learning_rate_multiplier": 0}), "learning_rate_multiplier"),
    ],
)
def test_what_openai_cannot_take_is_refused_by_name(settings: Hyperparameters, name: str) -> None:
    with pytest.raises(Unsupported, match=f"openai: {name}:") as refused:
        PLATFORM.recipe("gpt-4.1-mini-2025-04-14", Method.SFT, settings, 1000, 0)
    assert refused.value.nothing_created


def test_a_preference_job_says_so_with_its_beta(make_plan: Callable[..., Plan], tag: str) -> None:
    settings = Hyperparameters(epochs=2, extra={"beta": 0.2})
    body = create_body(make_plan(method=Method.DPO, hyperparameters=settings), TRAIN, tag)
    assert body["method"] == {"type": "dpo", "dpo": {"hyperparameters": {"n_epochs": 2, "beta": 0.2}}}


@pytest.mark.parametrize(("method", "extra"), [(Method.SFT, {}), (Method.DPO, {}), (Method.DPO, {"beta": 2})])
def test_the_body_satisfies_the_published_contract(
    method: Method, extra: dict[str, Any], make_plan: Callable[..., Plan], tag: str
) -> None:
    jsonschema, yaml = pytest.importorskip("jsonschema"), pytest.importorskip("yaml")
    if not CONTRACT.exists():
        pytest.skip("the shared contracts are not here")
    doc = yaml.load(CONTRACT.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    body = create_body(make_plan(method=method, hyperparameters=Hyperparameters(epochs=2, extra=extra)), TRAIN, tag)
    schema = {**doc, "$ref": "#/components/schemas/CreateFineTuningJobRequest"}
    jsonschema.Draft202012Validator(schema).validate(body)


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        ({"beta": 0}, "beta: 0 is not above 0"),
        ({"beta": 2.1}, "beta: 2.1 is above 2"),
        ({"dpo_beta": 0.1}, "OpenAI calls it beta"),
        ({"from_checkpoint": "ftjob-1"}, "goes on from a tuned model by its name"),
    ],
)
def test_what_openai_cannot_prefer_by_is_refused_by_name(extra: dict[str, Any], named: str) -> None:
    with pytest.raises(Unsupported, match=named):
        PLATFORM.recipe(MINI, Method.DPO, Hyperparameters(extra=extra), 1000, 0)


def test_a_model_that_does_not_take_a_method_is_refused_with_those_that_do() -> None:
    with pytest.raises(
        Unsupported, match=r"gpt-4o-mini-2024-07-18 does not train by it; these do: gpt-4\.1"
    ) as refused:
        PLATFORM.recipe("gpt-4o-mini-2024-07-18", Method.DPO, Hyperparameters(), 1000, 0)
    assert refused.value.fix == "choose one of those models, or use --method sft"


def test_preference_training_goes_on_from_a_tuned_model(make_plan: Callable[..., Plan], tag: str) -> None:
    tuned = f"ft:{MINI}:acme:triage:abc123"
    recipe = PLATFORM.recipe(tuned, Method.DPO, Hyperparameters(), 1000, 0)
    plan = make_plan(model=tuned, method=Method.DPO, hyperparameters=recipe.hyperparameters)
    assert create_body(plan, TRAIN, tag)["model"] == tuned


@pytest.mark.parametrize(("length", "fits"), [(64, True), (65, False)])
def test_a_suffix_has_its_limit(length: int, fits: bool, make_plan: Callable[..., Plan], tag: str) -> None:
    plan = make_plan(suffix="s" * length)
    if fits:
        assert create_body(plan, TRAIN, tag)["suffix"] == "s" * 64
    else:
        with pytest.raises(Unsupported, match="suffix"):
            create_body(plan, TRAIN, tag)


def test_the_dry_run_prints_the_paid_body_that_is_sent(
    make_plan: Callable[..., Plan], make_file: Callable[..., ProviderFile], tag: str
) -> None:
    plan, file = make_plan(), make_file(PLATFORM)
    paid = PLATFORM.requests(plan, [file], tag)[-1]
    assert paid.paid
    assert paid.body == create_body(plan, {"train": f"<id of {file.remote_name}>"}, tag)
    assert paid.url == "https://api.openai.com/v1/fine_tuning/jobs"


def test_a_missing_key_is_named_with_the_way_out(tmp_path: object) -> None:
    with pytest.raises(Auth, match="OPENAI_API_KEY") as missing:
        PLATFORM.connection({"OPENAI_API_KEY": "  "}, None, tmp_path)  # type: ignore[arg-type]
    assert "sandbox:small" in str(missing.value.fix)


@pytest.mark.parametrize(
    ("environ", "account"),
    [
        ({}, "default"),
        ({"OPENAI_ORG_ID": "org-1"}, "org-1"),
        ({"OPENAI_ORG_ID": "org-1", "OPENAI_PROJECT_ID": "proj-1"}, "proj-1"),
        ({"OPENAI_BASE_URL": "http://127.0.0.1:8/v1/"}, "http://127.0.0.1:8/v1#default"),
        ({"OPENAI_BASE_URL": "https://api.openai.com/v1/"}, "default"),
    ],
)
def test_an_account_is_the_platforms_id_or_the_url_and_never_the_key(
    environ: dict[str, str], account: str, tmp_path: object
) -> None:
    for key in ("sk-one", "sk-two"):
        connection = PLATFORM.connection({**environ, "OPENAI_API_KEY": key}, None, tmp_path)  # type: ignore[arg-type]
        assert connection.account == account


def test_a_plan_for_the_sandbox_is_checked_under_its_own_name(make_plan: Callable[..., Plan], tag: str) -> None:
    with pytest.raises(Unsupported) as refused:
        create_body(replace(make_plan("sandbox", "small"), hyperparameters=Hyperparameters(lora=True)), TRAIN, tag)
    assert refused.value.provider == "sandbox"


@pytest.mark.parametrize(
    ("validation_sha256", "files"), [("b" * 64, TRAIN), (None, FILES), (None, {}), (None, {"validation": "file-2"})]
)
def test_a_plan_is_not_bought_with_other_files_than_it_speaks_of(
    validation_sha256: str | None, files: dict[str, str], make_plan: Callable[..., Plan], tag: str
) -> None:
    with pytest.raises(Unsupported) as refused:
        create_body(make_plan(validation_sha256=validation_sha256), files, tag)
    assert refused.value.nothing_created


@pytest.mark.parametrize(("on", "answer"), [(date(2027, 1, 5), "yes"), (date(2027, 1, 6), "no")])
def test_preference_training_ends_with_the_platforms_jobs(on: date, answer: str) -> None:
    assert PLATFORM.capabilities(on)[Capability.DPO].answer == answer
