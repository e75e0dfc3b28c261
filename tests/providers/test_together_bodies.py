"""What is sent to Together: the SDK's own body, in one request, with nothing changed silently."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from together.lib.resources.fine_tuning import create_finetune_request
from together.types import FinetuneModelLimits

from providers.errors import Auth, Unsupported
from providers.records import Capability, Hyperparameters, Method, Plan, ProviderFile
from providers.together import PLATFORM
from providers.together.bodies import create_body, estimate_body
from providers.together.limits import breaches
from providers.together.weights import checkpoint_of

FILES = {"train": "file-1", "validation": "file-2"}
TRAIN = {"train": "file-1"}
TAG = "tw-" + "a2b3c4d5e6f7g2h3"
CONTRACT = Path(__file__).parents[2] / "../shared/contracts/together-finetune.yaml"
MODEL = "Qwen/Qwen3-8B"
LIMITS: dict[str, Any] = {
    "model_name": MODEL,
    "default_gradient_accumulation_steps": 1,
    "max_num_epochs": 20,
    "max_num_evals": 100,
    "max_num_checkpoints": 10,
    "min_learning_rate": 1e-8,
    "max_learning_rate": 0.01,
    "max_seq_length_sft": 32768,
    "max_seq_length_dpo": 8192,
    "min_max_seq_length": 512,
    "merge_output_lora": True,
    "supports_full_training": True,
    "supports_reasoning": False,
    "supports_tools": True,
    "supports_vision": False,
    "lora_training": {
        "default_rank": 8, "max_rank": 64, "min_batch_size": 8, "max_batch_size": 128, "max_batch_size_dpo": 64,
        "target_modules": ["k_proj", "q_proj"],
    },
    "full_training": {"min_batch_size": 8, "max_batch_size": 96, "max_batch_size_dpo": 48},
}  # fmt: skip

SDK_NAMES = {"epochs": "n_epochs", "seed": "random_seed"}


def sdk_body(settings: Hyperparameters, suffix: str, **method: Any) -> dict[str, Any]:
    """The body that the SDK's own helper would post."""
    core = {name: getattr(settings, name) for name in ("epochs", "learning_rate", "batch_size", "seed", "lora")}
    given = {
        SDK_NAMES.get(name, name): value for name, value in (core | dict(settings.extra)).items() if value is not None
    }
    limits = FinetuneModelLimits.construct(**LIMITS)
    how = method or {"train_on_inputs": "auto"}
    model = None if "from_checkpoint" in given else MODEL
    request, _, _ = create_finetune_request(
        limits, "file-1", model, validation_file="file-2", suffix=suffix, **how, **given
    )
    return request.model_dump(exclude_none=True)


@pytest.mark.parametrize(
    "settings",
    [
        Hyperparameters(epochs=3, extra={"n_evals": 3}),
        Hyperparameters(epochs=3, lora=False, learning_rate=2e-5, batch_size=16, seed=7, extra={"n_evals": 6}),
        Hyperparameters(
            epochs=2,
            lora=True,
            extra={"n_evals": 2, "lora_r": 16, "lora_dropout": 0.1, "lora_trainable_modules": "k_proj,q_proj"},
        ),
        Hyperparameters(
            epochs=4,
            extra={"n_evals": 8, "early_stopping_enabled": True, "early_stopping_patience": 3, "packing": False},
        ),
        Hyperparameters(epochs=1, extra={"n_evals": 1, "lr_scheduler_type": "linear", "warmup_ratio": 0.1}),
    ],
)
def test_our_body_is_the_one_that_the_sdk_would_post(
    settings: Hyperparameters, make_plan: Callable[..., Plan], tag: str
) -> None:
    plan = make_plan("together", MODEL, hyperparameters=settings, suffix="triage", validation_sha256="b" * 64)
    assert create_body(plan, FILES, tag) == sdk_body(settings, f"triage-{tag}")


@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"dpo_beta": 0.3},
        {"rpo_alpha": 0.5, "dpo_normalize_logratios_by_length": True},
        {"simpo_gamma": 0.7},
        {"from_checkpoint": "ft-1:20", "dpo_beta": 0.1},
    ],
)
def test_our_preference_body_is_the_one_that_the_sdk_would_post(
    extra: dict[str, Any], make_plan: Callable[..., Plan], tag: str
) -> None:
    settings = Hyperparameters(epochs=2, extra={"n_evals": 2, **extra})
    changes = {"hyperparameters": settings, "method": Method.DPO, "validation_sha256": "b" * 64}
    plan = make_plan("together", MODEL, **changes)
    assert create_body(plan, FILES, tag) == sdk_body(settings, tag, training_method="dpo")


def test_beta_goes_by_one_name_on_every_platform(make_plan: Callable[..., Plan], tag: str) -> None:
    plan = make_plan("together", MODEL, method=Method.DPO, hyperparameters=Hyperparameters(extra={"beta": 0.4}))
    assert create_body(plan, TRAIN, tag)["training_method"]["dpo_beta"] == 0.4


def test_the_estimate_is_asked_for_the_method_and_the_checkpoint(make_plan: Callable[..., Plan]) -> None:
    settings = Hyperparameters(extra={"from_checkpoint": "ft-1"})
    body = estimate_body(make_plan("together", MODEL, method=Method.DPO, hyperparameters=settings), TRAIN)
    assert (body["from_checkpoint"], body["training_method"]["method"]) == ("ft-1", "dpo")
    assert "model" not in body


@pytest.mark.parametrize(
    ("method", "extra", "named"),
    [
        (Method.DPO, {"train_on_inputs": True}, "train_on_inputs: preference training"),
        (Method.DPO, {"beta": 0.1, "dpo_beta": 0.1}, "dpo_beta: is the platform's own name for beta"),
        (Method.DPO, {"rpo_alpha": -1}, "rpo_alpha: -1 is below 0"),
        (Method.SFT, {"simpo_gamma": 0.5}, "simpo_gamma: only preference training"),
        (Method.SFT, {"dpo_beta": 0.5}, "dpo_beta: only preference training"),
    ],
)
def test_a_setting_of_the_other_method_is_refused_by_name(method: Method, extra: dict[str, Any], named: str) -> None:
    with pytest.raises(Unsupported, match=named):
        PLATFORM.recipe(MODEL, method, Hyperparameters(extra=extra), 1000, 0)


def test_weights_are_given_here() -> None:
    download = PLATFORM.capabilities(date(2026, 11, 22))[Capability.DOWNLOAD]
    assert (download.answer, "adapter or merged" in download.reason) == ("yes", True)


@pytest.mark.parametrize(
    ("training", "kind", "called"),
    [
        ({"type": "Lora"}, None, "merged"),
        ({"type": "Lora"}, "adapter", "adapter"),
        ({"type": "Full"}, None, "model_output_path"),
        (None, None, "merged"),
    ],
)
def test_a_form_of_the_weights_is_called_as_the_platform_calls_it(training: Any, kind: Any, called: str) -> None:
    assert checkpoint_of({"id": "ft-1", "training_type": training}, kind) == called


def test_a_fully_trained_model_has_no_adapter_to_give() -> None:
    with pytest.raises(Unsupported, match="no adapter form"):
        checkpoint_of({"id": "ft-1", "training_type": {"type": "Full"}}, "adapter")


PREFERENCE = Hyperparameters(epochs=2, extra={"beta": 0.2, "rpo_alpha": 0.1})


def paid_body(plan: Plan, files: dict[str, str]) -> dict[str, Any]:
    """What is posted, without the scheduler: the contract's two kinds of it both fit every scheduler there is."""
    return {name: value for name, value in create_body(plan, files, TAG).items() if name != "lr_scheduler"}


@pytest.mark.parametrize(("method", "settings"), [(Method.SFT, Hyperparameters(epochs=2)), (Method.DPO, PREFERENCE)])
@pytest.mark.parametrize(("path", "make"), [("", paid_body), ("/estimate-price", estimate_body)])
def test_the_bodies_satisfy_the_published_contract(
    method: Method, settings: Hyperparameters, path: str, make: Callable[..., Any], make_plan: Callable[..., Plan]
) -> None:
    jsonschema, yaml = pytest.importorskip("jsonschema"), pytest.importorskip("yaml")
    if not CONTRACT.exists():
        pytest.skip("the shared contracts are not here")
    doc = yaml.load(CONTRACT.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    body = make(make_plan("together", MODEL, method=method, hyperparameters=settings), TRAIN)
    posted = f"#/paths/~1fine-tunes{path.replace('/', '~1')}/post/requestBody/content/application~1json/schema"
    jsonschema.Draft202012Validator({**doc, "$ref": posted}).validate(body)


@pytest.mark.parametrize("rate", [1e-5, 1e-4, 3.3e-4, 1e-3])
def test_a_learning_rate_is_sent_as_given(rate: float, make_plan: Callable[..., Plan], tag: str) -> None:
    plan = make_plan("together", MODEL, hyperparameters=Hyperparameters(learning_rate=rate, lora=True))
    assert create_body(plan, TRAIN, tag)["learning_rate"] == rate


@pytest.mark.parametrize("settings", [Hyperparameters(), Hyperparameters(epochs=4)])
def test_a_validation_file_is_always_read(settings: Hyperparameters, make_plan: Callable[..., Plan], tag: str) -> None:
    plan = make_plan("together", MODEL, hyperparameters=settings, validation_sha256="b" * 64)
    body = create_body(plan, FILES, tag)
    assert body["n_evals"] == (settings.epochs or 1)


def test_without_a_validation_file_nothing_is_evaluated(make_plan: Callable[..., Plan], tag: str) -> None:
    body = create_body(make_plan("together", MODEL), {"train": "file-1"}, tag)
    assert body["n_evals"] == 0
    assert "validation_file" not in body


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        (Hyperparameters(extra={"learning_rate_multiplier": 2}), "learning_rate_multiplier"),
        (Hyperparameters(extra={"wandb_api_key": "x"}), "wandb_api_key"),
        (Hyperparameters(lora=False, extra={"lora_r": 8}), "lora_r"),
        (Hyperparameters(lora=True, extra={"lora_alpha": 8}), "lora_alpha"),
        (Hyperparameters(learning_rate=0), "learning_rate"),
        (Hyperparameters(extra={"warmup_ratio": 1.5}), "warmup_ratio"),
        (Hyperparameters(extra={"lr_scheduler_type": "step"}), "lr_scheduler_type"),
        (Hyperparameters(extra={"packing": "yes"}), "packing"),
    ],
)
def test_what_together_cannot_take_is_refused_by_name(settings: Hyperparameters, name: str) -> None:
    with pytest.raises(Unsupported, match=f"together: {name}:") as refused:
        PLATFORM.recipe(MODEL, Method.SFT, settings, 1000, 0)
    assert refused.value.nothing_created


@pytest.mark.parametrize(
    ("extra", "files", "name"),
    [
        ({"n_evals": 0}, FILES, "n_evals"),
        ({"n_evals": 2}, TRAIN, "n_evals"),
        ({"early_stopping_enabled": True}, TRAIN, "early_stopping_enabled"),
        ({"early_stopping_enabled": True, "n_evals": 3}, FILES, "early_stopping_enabled"),
        ({"early_stopping_patience": 3, "n_evals": 9}, FILES, "early_stopping_patience"),
    ],
)
def test_settings_that_contradict_the_files_are_refused_by_name(
    extra: dict[str, Any], files: dict[str, str], name: str, make_plan: Callable[..., Plan], tag: str
) -> None:
    with pytest.raises(Unsupported, match=f"{name}:"):
        create_body(
            make_plan(
                "together",
                MODEL,
                hyperparameters=Hyperparameters(extra=extra),
                validation_sha256="b" * 64 if "validation" in files else None,
            ),
            files,
            tag,
        )


@pytest.mark.parametrize(("length", "fits"), [(19, True), (20, False)])
def test_the_name_holds_the_suffix_and_the_tag(
    length: int, fits: bool, make_plan: Callable[..., Plan], tag: str
) -> None:
    plan = make_plan("together", MODEL, suffix="s" * length)
    if fits:
        assert len(create_body(plan, TRAIN, tag)["suffix"]) <= 40
    else:
        with pytest.raises(Unsupported, match="suffix"):
            create_body(plan, TRAIN, tag)
    assert PLATFORM.suffix_limit() == 19


def test_the_dry_run_prints_the_paid_body_and_the_estimate_that_are_sent(
    make_plan: Callable[..., Plan], make_file: Callable[..., ProviderFile], tag: str
) -> None:
    plan, file = make_plan("together", MODEL), make_file(PLATFORM)
    ids = {"train": f"<id of {file.remote_name}>"}
    printed = {request.url.rsplit("/", 1)[-1]: request for request in PLATFORM.requests(plan, [file], tag)}
    assert printed["fine-tunes"].body == create_body(plan, ids, tag)
    assert printed["estimate-price"].body == estimate_body(plan, ids)
    assert [request.paid for request in PLATFORM.requests(plan, [file], tag)].count(True) == 1


def given(**settings: Any) -> Hyperparameters:
    core = {name: settings.pop(name) for name in ("epochs", "learning_rate", "batch_size", "lora") if name in settings}
    return Hyperparameters(**core, extra=settings)


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        (given(epochs=20, learning_rate=0.01, batch_size=128, lora_r=64, max_seq_length=32768), []),
        (given(epochs=21), ["epochs"]),
        (given(learning_rate=0.02), ["learning_rate"]),
        (given(learning_rate=1e-9), ["learning_rate"]),
        (given(batch_size=4), ["batch_size"]),
        (given(lora=False, batch_size=97), ["batch_size"]),
        (given(lora_r=65, n_evals=101, n_checkpoints=11), ["lora_r", "n_evals", "n_checkpoints"]),
        (given(max_seq_length=256), ["max_seq_length"]),
        (given(lora_r=8, lora_trainable_modules="q_proj,w_up"), ["lora_trainable_modules"]),
        (given(batch_size="max"), []),
    ],
)
def test_each_breach_of_the_live_limits_is_named(
    settings: Hyperparameters, names: list[str], make_plan: Callable[..., Plan]
) -> None:
    found = breaches(make_plan("together", MODEL, hyperparameters=settings), LIMITS)
    assert [problem.split(":")[0] for problem in found] == names


def test_preference_jobs_have_limits_of_their_own(make_plan: Callable[..., Plan]) -> None:
    settings = given(batch_size=65, max_seq_length=8193)
    assert breaches(make_plan("together", MODEL, hyperparameters=settings), LIMITS) == ()
    found = breaches(make_plan("together", MODEL, method=Method.DPO, hyperparameters=settings), LIMITS)
    assert [problem.split(":")[0] for problem in found] == ["batch_size", "max_seq_length"]


@pytest.mark.parametrize("full", [{"full_training": None}, {"supports_full_training": False}])
def test_full_training_that_a_model_does_not_offer_is_named(
    full: dict[str, Any], make_plan: Callable[..., Plan]
) -> None:
    plan = make_plan("together", MODEL, hyperparameters=Hyperparameters(lora=False))
    assert breaches(plan, LIMITS | full) == ("lora: this model is not offered for full training; use --lora",)


def test_limits_that_are_not_told_refuse_nothing(make_plan: Callable[..., Plan]) -> None:
    assert breaches(make_plan("together", MODEL, hyperparameters=given(epochs=99, lora_r=999)), {}) == ()


def test_a_missing_key_is_named_with_the_way_out(tmp_path: Any) -> None:
    with pytest.raises(Auth, match="TOGETHER_API_KEY"):
        PLATFORM.connection({}, None, tmp_path)


@pytest.mark.parametrize(
    ("url", "base_url"),
    [("", None), ("https://api.together.ai/v1", None), ("http://127.0.0.1:8/v1/", "http://127.0.0.1:8")],
)
def test_a_base_url_may_end_as_other_clients_want_it(url: str, base_url: str | None, tmp_path: Any) -> None:
    environ = {"TOGETHER_API_KEY": "k", "TOGETHER_BASE_URL": url, "TOGETHER_PROJECT_ID": "proj-1"}
    connection = PLATFORM.connection(environ, None, tmp_path)
    assert (connection.base_url, connection.account) == (base_url, "proj-1")
