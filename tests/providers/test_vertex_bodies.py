"""The requests of a submission to Vertex AI: what is shown is sent, and what cannot be sent is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import providers
from providers.errors import Auth, Unsupported
from providers.records import Hyperparameters, Method, Plan, ProviderFile
from providers.tags import TAG_PREFIX, find_tag
from providers.vertex.bodies import ADAPTER_SIZES, LABEL, SUFFIX_LIMIT, create_body

PLATFORM = providers.platform("vertex")
MODEL = "gemini-3.5-flash"
FILES = {"train": "gs://box/tunewright/tw-rows.jsonl"}
ENVIRON = {"GOOGLE_CLOUD_PROJECT": "mine", "GOOGLE_CLOUD_LOCATION": "europe-west4"}


@pytest.fixture
def plan(make_plan: Callable[..., Plan]) -> Plan:
    return make_plan("vertex", MODEL, hyperparameters=Hyperparameters(epochs=3), account="mine/europe-west4")


def test_the_body_in_full(plan: Plan, tag: str) -> None:
    settings = {"learning_rate_multiplier": 0.5, "adapter_size": 16, "export_last_checkpoint_only": True}
    whole = replace(
        plan,
        suffix="Support bot",
        validation_sha256="b" * 64,
        hyperparameters=Hyperparameters(epochs=3, lora=True, extra=settings),
    )
    assert create_body(whole, {**FILES, "validation": "gs://box/held.jsonl"}, tag) == {
        "baseModel": MODEL,
        "supervisedTuningSpec": {
            "trainingDatasetUri": "gs://box/tunewright/tw-rows.jsonl",
            "validationDatasetUri": "gs://box/held.jsonl",
            "hyperParameters": {
                "epochCount": 3,
                "learningRateMultiplier": 0.5,
                "adapterSize": "ADAPTER_SIZE_SIXTEEN",
            },
            "exportLastCheckpointOnly": True,
        },
        "tunedModelDisplayName": f"Support bot-{tag}",
        "labels": {"tunewright": tag},
    }


def test_our_tag_is_a_labels_value_as_google_takes_one(tag: str) -> None:
    """At most 63 small letters, digits, dashes and underscores; so it needs no other spelling."""
    assert len(tag) <= 63
    assert set(tag) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_")
    assert tag.startswith(TAG_PREFIX)
    assert find_tag(tag) == tag
    assert LABEL.islower()


def test_every_adapter_size_of_ours_is_one_of_the_sdks() -> None:
    types = pytest.importorskip("google.genai.types")
    assert set(ADAPTER_SIZES.values()) <= {size.value for size in types.AdapterSize}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"seed": 7}, "takes none for Gemini"),
        ({"batch_size": 8}, "open models alone"),
        ({"learning_rate": 1e-4}, "learning_rate_multiplier"),
        ({"lora": False}, "adapters alone"),
        ({"extra": {"adapter_size": 3}}, "1, 2, 4, 8, 16"),
        ({"extra": {"adapter_size": 32}}, "32"),
        ({"extra": {"lora_rank": 8}}, "adapter_size"),
        ({"extra": {"learning_rate_multiplier": 0}}, "learning_rate_multiplier"),
        ({"extra": {"beta": 0.1}}, "preference"),
        ({"epochs": 0}, "epochs"),
    ],
)
def test_what_cannot_be_sent_is_refused_by_name(given: dict[str, Any], words: str) -> None:
    with pytest.raises(Unsupported, match=words) as refused:
        PLATFORM.recipe(MODEL, Method.SFT, Hyperparameters(**given), 100, 0)
    assert refused.value.nothing_created


def test_a_suffix_leaves_room_for_the_tag(plan: Plan, tag: str) -> None:
    longest = "x" * SUFFIX_LIMIT
    assert len(create_body(replace(plan, suffix=longest), FILES, tag)["tunedModelDisplayName"]) == 128
    with pytest.raises(Unsupported, match="suffix"):
        create_body(replace(plan, suffix=longest + "x"), FILES, tag)


def test_the_requests_are_shown_at_googles_own_hosts(
    plan: Plan, make_file: Callable[..., ProviderFile], tag: str
) -> None:
    file = make_file(PLATFORM)
    shown = PLATFORM.requests(plan, [file], tag)
    home = "https://europe-west4-aiplatform.googleapis.com/v1beta1/projects/mine/locations/europe-west4"
    assert [(one.method, one.paid) for one in shown] == [
        ("GET", False),
        ("GET", False),
        ("GET", False),
        ("GET", False),
        ("POST", False),
        ("GET", False),
        ("GET", False),
        ("POST", True),
    ]
    assert shown[1].url == f"https://aiplatform.googleapis.com/v1beta1/publishers/google/models/{MODEL}"
    assert shown[-3].url == f"{home}/tuningJobs?filter=labels.tunewright={tag}"
    assert shown[-1].url == f"{home}/tuningJobs"
    assert shown[4].url.startswith("https://storage.googleapis.com/upload/storage/v1/b/<TUNEWRIGHT_VERTEX_BUCKET>/o?")
    assert "ifGenerationMatch=0" in shown[4].url


# ── the connection ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_account_is_a_region_of_a_project(tmp_path: Path) -> None:
    connection = PLATFORM.connection(ENVIRON, None, tmp_path)
    assert (connection.account, connection.ref, connection.api_key) == ("mine/europe-west4", "mine/europe-west4", None)
    assert connection.is_own_host


@pytest.mark.parametrize("variable", ["GOOGLE_VERTEX_BASE_URL", "STORAGE_EMULATOR_HOST"])
def test_another_server_is_named_for_both_or_for_neither(variable: str, tmp_path: Path) -> None:
    """A job at Google cannot read what lies on loopback, and one on loopback must send nothing to Google."""
    with pytest.raises(Auth, match=variable):
        PLATFORM.connection(ENVIRON | {variable: "http://127.0.0.1:1/vertex"}, None, tmp_path)


@pytest.mark.parametrize("missing", ["GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_LOCATION"])
def test_project_and_region_must_be_said(missing: str, tmp_path: Path) -> None:
    """A region is where the rows are kept: it is nobody's to guess."""
    with pytest.raises(Auth, match=missing):
        PLATFORM.connection({name: value for name, value in ENVIRON.items() if name != missing}, None, tmp_path)


def test_a_token_is_a_secret(tmp_path: Path) -> None:
    connection = PLATFORM.connection(ENVIRON | {"GOOGLE_OAUTH_ACCESS_TOKEN": "ya29.canary"}, None, tmp_path)
    assert "canary" not in repr(connection)
