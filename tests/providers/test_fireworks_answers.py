"""What Fireworks answers, read without its SDK's help: states, money, names, lines of a log that it does not keep."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest

from providers import facts
from providers.errors import CannotTell, NotFound, PlatformFault
from providers.fireworks import answers
from providers.fireworks.leases import DEPLOYMENT_STATES, deployment_body, lease_of, unused_id
from providers.fireworks.listing import every
from providers.fireworks.metrics import points
from providers.fireworks.names import job_name, model_parts
from providers.records import TERMINAL_STATES, JobState, LeaseState, Method

FACTS = Path(__file__).parents[2] / "../shared/facts/status_map.json"
CONTRACT = Path(__file__).parents[2] / "../shared/contracts/fireworks-finetune.yaml"
TAG = "tw-a2b3c4d5e6f7g2h3"
JOB = {
    "name": f"accounts/me/supervisedFineTuningJobs/{TAG}",
    "state": "JOB_STATE_COMPLETED",
    "createTime": "2026-11-26T04:00:00Z",
    "completedTime": "2026-11-26T05:00:00Z",
    "dataset": "accounts/me/datasets/tw-rows",
    "evaluationDataset": "accounts/me/datasets/tw-held",
    "baseModel": "accounts/fireworks/models/qwen3-8b",
    "outputModel": f"accounts/me/models/mine-{TAG}",
    "epochs": 3,
    "loraRank": 8,
    "estimatedCost": {"currencyCode": "USD", "units": "12", "nanos": 340_000_000},
}


# ── states ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_state_of_the_sdk_stands_in_the_table_once() -> None:
    types = pytest.importorskip("fireworks.types")
    known = {word for model in (types.SupervisedFineTuningJob, types.DpoJob) for word in _words(model, "state")}
    assert set(answers.JOB_STATES) == known - {"JOB_STATE_UNSPECIFIED"} | {"JOB_STATE_DELETED"}
    assert set(answers.DATASET_STATES) == _words(types.Dataset, "state") - {"STATE_UNSPECIFIED"}
    assert set(DEPLOYMENT_STATES) == _words(types.Deployment, "state") - {"STATE_UNSPECIFIED"}


def _words(model: Any, field: str) -> set[str]:
    found: list[Any] = [model.model_fields[field].annotation]
    while any(get_args(one) for one in found):
        found = [inner for one in found for inner in (get_args(one) or (one,))]
    return {one for one in found if isinstance(one, str)}


@pytest.mark.skipif(not FACTS.exists(), reason="the shared facts are not here")
def test_the_table_says_what_the_facts_say() -> None:
    told = json.loads(FACTS.read_text())["fireworks"]
    assert {name: answers.JOB_STATES[name].value for name in told} == told


@pytest.mark.skipif(not CONTRACT.exists(), reason="the shared contracts are not here")
def test_every_state_of_the_contract_stands_in_the_table() -> None:
    yaml = pytest.importorskip("yaml")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    schemas = yaml.load(CONTRACT.read_text(), Loader=loader)["components"]["schemas"]
    assert set(answers.JOB_STATES) == set(schemas["gatewayJobState"]["enum"]) - {"JOB_STATE_UNSPECIFIED"}


@pytest.mark.parametrize("state", ["JOB_STATE_UNSPECIFIED", "JOB_STATE_NEW", "", None])
def test_a_state_that_is_not_known_stays_visible(state: str | None) -> None:
    found = answers.job({**JOB, "state": state}, "me")
    assert found.state is JobState.UNKNOWN
    assert found.label == f"unknown({state or ''})"


# ── jobs ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_job_is_read_whole() -> None:
    found = answers.job(JOB, "me")
    assert (found.id, found.tag, found.method) == (TAG, TAG, Method.SFT)
    assert found.tuned_model == f"accounts/me/models/mine-{TAG}"
    assert found.billed_usd == Decimal("12.34")
    assert found.files == {"train": "tw-rows", "validation": "tw-held"}
    assert (found.trained.epochs, found.trained.lora) == (3, True)


def test_a_preference_job_has_its_settings_one_floor_below() -> None:
    config = {"baseModel": "accounts/fireworks/models/qwen3-8b", "epochs": 2, "loraRank": 0}
    raw = {"name": f"accounts/me/dpoJobs/{TAG}", "state": "JOB_STATE_EARLY_STOPPED", "trainingConfig": config}
    found = answers.job(raw, "me")
    assert (found.id, found.method, found.model) == (f"dpoJobs/{TAG}", Method.DPO, config["baseModel"])
    assert (found.state, found.tuned_model) == (JobState.SUCCEEDED, f"accounts/me/models/{TAG}")
    assert (found.trained.lora, found.billed_usd) == (False, None)


def test_an_output_model_that_is_told_by_its_id_alone_is_this_accounts() -> None:
    assert answers.job({**JOB, "outputModel": "mine"}, "me").tuned_model == "accounts/me/models/mine"


@pytest.mark.parametrize("state", [name for name, state in answers.JOB_STATES.items() if state in TERMINAL_STATES])
def test_only_of_a_job_that_succeeded_a_price_and_a_model_are_told(state: str) -> None:
    found = answers.job({**JOB, "state": state}, "me")
    succeeded = found.state is JobState.SUCCEEDED
    assert (found.billed_usd is not None, found.tuned_model is not None) == (succeeded, succeeded)


def test_a_failed_job_says_why_and_without_words_its_state() -> None:
    failed = {**JOB, "state": "JOB_STATE_FAILED"}
    told = answers.job({**failed, "status": {"code": "INVALID_ARGUMENT", "message": "row 3 is torn"}}, "me")
    assert (told.error, told.error_code) == ("row 3 is torn", "INVALID_ARGUMENT")
    assert answers.job(failed, "me").error == "state JOB_STATE_FAILED"


def test_an_answer_without_a_name_is_no_job() -> None:
    with pytest.raises(PlatformFault, match="names no job"):
        answers.job({"state": "JOB_STATE_RUNNING"}, "me")


@pytest.mark.parametrize(
    ("told", "usd"),
    [
        ({"currencyCode": "USD", "units": "3", "nanos": 5}, Decimal("3.000000005")),
        ({"units": "0", "nanos": 70_000_000}, Decimal("0.07")),
        ({"currencyCode": "USD", "nanos": 1}, Decimal("1E-9")),
        ({"currencyCode": "EUR", "units": "3"}, None),
        ({"currencyCode": "USD"}, None),
        ({"units": "three"}, None),
        (None, None),
        ("3", None),
    ],
)
def test_money_is_units_and_nanos_of_dollars_or_not_known(told: Any, usd: Decimal | None) -> None:
    assert answers.usd_of(told) == usd


# ── the log that is not kept ────────────────────────────────────────────────────────────────────────────────────────


def test_the_lines_of_a_log_are_made_of_what_the_record_says() -> None:
    raw = {**JOB, "state": "JOB_STATE_RUNNING", "completedTime": None, "updateTime": "2026-11-26T04:30:00Z"}
    first = answers.events({**raw, "jobProgress": {"percent": 40, "epoch": 1}}, None)
    assert [event.message for event in first] == ["the job was made", "running, 40 %, epoch 1"]
    same = answers.events({**raw, "jobProgress": {"percent": 40, "epoch": 1}}, first[-1].id)
    more = answers.events({**raw, "jobProgress": {"percent": 55, "epoch": 1}}, first[-1].id)
    assert (same, [event.message for event in more]) == ((), ["running, 55 %, epoch 1"])


def test_the_line_of_a_failure_is_an_error_with_its_reason() -> None:
    raw = {**JOB, "state": "JOB_STATE_FAILED", "status": {"code": "INTERNAL", "message": "out of memory"}}
    last = answers.events(raw, "created")[-1]
    assert (last.level, last.message) == ("error", "failed: out of memory")


# ── metrics ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _lines(*rows: Mapping[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_metrics_are_read_in_both_forms_that_users_have_seen() -> None:
    older = {"timestamp": 1.0, "step": 1, "data": {"train/epoch": 0, "train/loss": 0.9}}
    newer = {"step": 2, "train/step": 2, "train/loss": 0.5, "train/lr": 1e-4}
    one, two = points(_lines(older, newer), preference=False)
    assert (one.step, one.train_loss, one.epoch) == (1, 0.9, 0)
    assert (two.step, two.train_loss, two.learning_rate) == (2, 0.5, 1e-4)


def test_torn_lines_and_rows_without_a_step_are_passed_over() -> None:
    text = '{"step": 1, "train/loss": 0.5}\nnot json\n[1]\n{"train/loss": 3}\n{"step": 2, "train'
    assert [point.step for point in points(text, preference=False)] == [1]


def test_what_an_attempt_that_was_started_over_told_is_no_part_of_the_curve() -> None:
    told = [(1, 0.9), (2, 0.8), (3, 0.7), (2, 0.6)]
    found = points(_lines(*({"step": step, "train/loss": loss} for step, loss in told)), preference=False)
    assert [(point.step, point.train_loss) for point in found] == [(1, 0.9), (2, 0.6)]


def test_a_loss_that_is_no_number_is_kept_for_it_tells_of_a_divergence() -> None:
    (point,) = points('{"step": 1, "train/loss": NaN}\n', preference=False)
    assert point.train_loss is not None
    assert point.train_loss != point.train_loss


def test_the_margin_and_accuracy_of_a_preference_job_are_its_rewards() -> None:
    row = {"step": 4, "train/dpo_loss": 0.3, "train/margin": 1.5, "train/accuracy": 0.75}
    (point,) = points(_lines(row), preference=True)
    assert (point.train_loss, point.reward_margin, point.reward_accuracy) == (0.3, 1.5, 0.75)
    assert point.train_accuracy is None


# ── deployments ─────────────────────────────────────────────────────────────────────────────────────────────────────

READY = {
    "name": f"accounts/me/deployments/{TAG}",
    "baseModel": "accounts/me/models/mine",
    "state": "READY",
    "replicaCount": 1,
    "acceleratorType": "NVIDIA_B200_180GB",
    "acceleratorCount": 2,
    "autoscalingPolicy": {"scaleToZeroWindow": "900s"},
}


def test_a_deployment_is_a_lease_at_the_price_of_its_hardware() -> None:
    lease = lease_of(READY, "fireworks")
    assert (lease.id, lease.tag, lease.state) == (TAG, TAG, LeaseState.READY)
    assert lease.model == f"accounts/me/models/mine#accounts/me/deployments/{TAG}"
    assert (lease.usd_per_hour, lease.idle_timeout_s) == (Decimal(20), 900)


@pytest.mark.parametrize("gpu", ["NVIDIA_A100_80GB", "", None, "source"])
def test_hardware_without_a_known_price_has_none(gpu: str | None) -> None:
    assert lease_of({**READY, "acceleratorType": gpu}, "fireworks").usd_per_hour is None


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"replicaCount": 0, "desiredReplicaCount": 0}, LeaseState.STOPPED),
        ({"replicaCount": 0, "desiredReplicaCount": 1}, LeaseState.STARTING),
        ({"replicaCount": None}, LeaseState.READY),
        ({"state": "A_NEW_ONE"}, LeaseState.STARTING),
        ({"state": "FAILED"}, LeaseState.FAILED),
        ({"state": "DELETED", "replicaCount": 0}, LeaseState.STOPPED),
    ],
)
def test_a_deployment_is_called_only_while_it_is_up(changes: dict[str, Any], state: LeaseState) -> None:
    assert lease_of({**READY, **changes}, "fireworks").state is state


def test_what_is_rented_always_sleeps_when_nobody_asks() -> None:
    body = deployment_body("m", TAG, 60, "NVIDIA_H200_141GB")
    assert (body["minReplicaCount"], body["autoscalingPolicy"]) == (0, {"scaleToZeroWindow": "300s"})
    assert body["acceleratorType"] == "NVIDIA_H200_141GB"


def test_a_machine_kept_up_by_hand_has_no_idle_time() -> None:
    assert lease_of({**READY, "minReplicaCount": 1}, "fireworks").idle_timeout_s is None


def test_an_id_that_was_used_is_not_used_again() -> None:
    known = [{"name": f"accounts/me/deployments/{id}"} for id in (TAG, f"{TAG}-2")]
    assert [unused_id(TAG, known[:count]) for count in range(3)] == [TAG, f"{TAG}-2", f"{TAG}-3"]


def test_the_hours_of_the_facts_are_those_that_were_found() -> None:
    hours = {gpu: facts.gpu_hour_usd("fireworks", gpu) for gpu in ("NVIDIA_H100_80GB", "NVIDIA_B300_288GB", "other")}
    assert hours == {"NVIDIA_H100_80GB": Decimal(7), "NVIDIA_B300_288GB": Decimal(12), "other": None}
    assert facts.gpu_hour_usd("together", "NVIDIA_H100_80GB") is None


# ── names, models, lists ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "collection", "id", "told"),
    [
        ("abc", "supervisedFineTuningJobs", "abc", False),
        ("dpoJobs/abc", "dpoJobs", "abc", True),
        ("accounts/me/dpoJobs/abc", "dpoJobs", "abc", True),
        ("accounts/me/supervisedFineTuningJobs/abc", "supervisedFineTuningJobs", "abc", True),
    ],
)
def test_a_job_is_known_by_any_of_its_names(text: str, collection: str, id: str, told: bool) -> None:
    assert job_name(text) == (collection, id, told)


@pytest.mark.parametrize("name", ["qwen3-8b", "org/model", "accounts/me/models/x#y", "accounts//models/x", ""])
def test_what_is_no_models_name_is_not_asked_for(name: str) -> None:
    with pytest.raises(NotFound, match="accounts/ACCOUNT/models/MODEL"):
        model_parts(name)


def test_a_model_tells_its_base_and_its_last_day() -> None:
    raw = {
        "name": "accounts/me/models/mine",
        "kind": "HF_PEFT_ADDON",
        "peftDetails": {"baseModel": "accounts/fireworks/models/qwen3-8b"},
        "deprecationDate": {"year": 2027, "month": 1, "day": 14},
    }
    found = answers.model(raw)
    assert (found.tuned, found.base) == (True, "accounts/fireworks/models/qwen3-8b")
    assert found.shutdown == date(2027, 1, 14)
    assert answers.shutdown({"deprecationDate": {"year": 2027}}) is None


@pytest.mark.anyio
async def test_a_list_that_does_not_end_is_never_taken_for_a_whole_one() -> None:
    count = iter(range(10_000))

    async def page(token: str | None) -> dict[str, Any]:
        return {"jobs": [{"id": token}], "nextPageToken": str(next(count))}

    with pytest.raises(CannotTell):
        _ = [row async for row in every(page, "jobs")]


@pytest.mark.anyio
@pytest.mark.parametrize("answer", [{"message": "later"}, {"jobs": "none"}])
async def test_what_is_no_list_is_not_an_empty_one(answer: dict[str, Any]) -> None:
    async def page(token: str | None) -> dict[str, Any]:
        return answer

    with pytest.raises(PlatformFault, match="not a listing"):
        _ = [row async for row in every(page, "jobs")]


@pytest.mark.anyio
async def test_an_empty_list_may_come_without_its_key() -> None:
    async def page(token: str | None) -> dict[str, Any]:
        return {"totalSize": 0}

    assert [row async for row in every(page, "jobs")] == []
