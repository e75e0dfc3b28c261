"""What Together answers, odd fields included, as our records."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from providers.errors import PlatformFault
from providers.records import JobState, LeaseState
from providers.together import answers
from providers.together.leases import Offer, all_stopped, cheapest, current, idle_minutes, lease_of

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def job(**fields: Any) -> Any:
    return answers.job({"id": "ft-1", "status": "running", "model": "m", **fields}, NOW)


def test_a_bill_in_nano_dollars_is_exact() -> None:
    done = job(status="completed", total_price=4_123_456_789, token_count=1000)
    assert (done.billed_usd, done.billed_tokens) == (Decimal("4.123456789"), 1000)


def test_a_running_job_has_no_bill_yet() -> None:
    assert job(total_price=4_000_000_000).billed_usd is None


@pytest.mark.parametrize(
    "fields",
    [{"suffix": "triage-tw-" + "a" * 16}, {"model_output_name": "me/Qwen3-8B-triage-tw-" + "a" * 16 + "-1a2b"}],
)
def test_our_tag_is_found_in_the_suffix_or_the_output_name(fields: dict[str, str]) -> None:
    assert job(**fields).tag == "tw-" + "a" * 16


def test_a_job_of_somebody_else_has_no_tag() -> None:
    assert job(suffix="theirs", model_output_name="me/theirs").tag is None


def test_the_seconds_left_become_an_hour() -> None:
    running = job(progress={"estimate_available": True, "seconds_remaining": 90})
    assert running.estimated_finish == NOW + timedelta(seconds=90)
    assert job(progress={"estimate_available": False, "seconds_remaining": 0}).estimated_finish is None


def test_a_failure_says_what_the_log_says() -> None:
    log = [
        {"created_at": "2026-11-22T10:00:00Z", "type": "job_start", "message": "go", "level": "info"},
        {"created_at": "2026-11-22T11:00:00Z", "type": "billing_limit", "message": "out of credit", "level": "error"},
    ]
    failed = job(status="error", events=log)
    assert (failed.state, failed.error, failed.error_code) == (JobState.FAILED, "out of credit", "billing_limit")


@pytest.mark.parametrize("events", [None, [], ["a string"], {}])
def test_a_failure_without_a_log_says_its_status(events: Any) -> None:
    assert job(status="user_error", events=events).error == "status user_error"


def test_a_model_has_a_name_only_when_it_is_done() -> None:
    assert job(model_output_name="me/x").tuned_model is None
    assert job(status="completed", model_output_name="me/x").tuned_model == "me/x"


def test_an_answer_without_an_id_is_in_doubt() -> None:
    with pytest.raises(PlatformFault):
        answers.job({"data": []}, NOW)


def test_events_are_put_in_order_and_the_same_words_twice_are_two_events() -> None:
    row = {"created_at": "2026-11-22T11:00:00Z", "type": "WARNING", "message": "slow", "level": "legacy_iwarning"}
    early = {**row, "created_at": "2026-11-22T10:00:00Z", "message": "start"}
    found = answers.events([row, row, early])
    assert [event.message for event in found] == ["start", "slow", "slow"]
    assert len({event.id for event in found}) == 3
    assert {(event.level, event.type) for event in found} == {("warning", "warning")}


def test_training_and_evaluation_rows_of_one_step_are_one_point() -> None:
    rows: list[dict[str, float]] = [
        {"train/global_step": 2, "train/loss": 1.5, "train/learning_rate": 1e-4},
        {"train/global_step": 1, "train/loss": 2.5},
        {"global_step": 2, "eval/loss": 1.9},
        {"logged_at": 7},
    ]
    points = answers.metrics(rows)
    assert [(point.step, point.train_loss, point.valid_loss) for point in points] == [(1, 2.5, None), (2, 1.5, 1.9)]


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, "ready"),
        ({"processing_status": "PENDING"}, "processing"),
        ({"processing_status": "COMPLETED", "validation_report": {"valid": True}}, "ready"),
        ({"processing_status": "COMPLETED", "validation_report": {"valid": False, "error": "line 3"}}, "refused"),
        ({"processing_status": "INVALID_FORMAT"}, "refused"),
        ({"processing_status": "SOMETHING_NEW"}, "processing"),
    ],
)
def test_a_file_is_as_far_as_the_platform_says(fields: dict[str, Any], state: str) -> None:
    assert answers.stored_file({"id": "f", **fields}).state == state


def test_a_refused_file_carries_the_reports_words() -> None:
    report = {"valid": False, "error": "line 3: no role"}
    refused = answers.stored_file({"id": "f", "processing_status": "INVALID_FORMAT", "validation_report": report})
    assert refused.detail == "line 3: no role"


def test_an_estimate_that_the_account_may_not_afford_is_reported() -> None:
    raw = {"estimation_available": True, "estimated_total_price": 12.3, "allowed_to_proceed": False, "user_limit": 5}
    found = answers.estimate(raw)
    assert (found.usd, found.allowed_to_proceed) == (Decimal("12.3"), False)
    assert "5" in str(found.detail)


def test_no_estimate_says_why() -> None:
    found = answers.estimate({"estimation_available": False, "unavailable_reason": "train_file_not_validated"})
    assert (found.usd, found.detail, found.allowed_to_proceed) == (None, "train_file_not_validated", True)


@pytest.mark.parametrize(("asked_s", "minutes"), [(0, 30), (1800, 30), (1801, 31), (86_400, 1440), (10**6, 1440)])
def test_an_idle_time_out_is_always_set_and_within_what_together_takes(asked_s: int, minutes: int) -> None:
    assert idle_minutes(asked_s) == minutes


@pytest.mark.parametrize(
    ("deployment", "state"),
    [
        (None, LeaseState.STOPPED),
        ({"name": "p/e/d", "state": "DEPLOYMENT_STATE_READY"}, LeaseState.READY),
        ({"name": "p/e/d", "status": {"state": "DEPLOYMENT_STATE_STOPPED"}}, LeaseState.STOPPED),
        ({"name": "p/e/d", "state": "DEPLOYMENT_STATE_OF_TOMORROW"}, LeaseState.STARTING),
    ],
)
def test_a_lease_is_as_its_deployment_and_an_unknown_state_may_bill(
    deployment: dict[str, Any] | None, state: LeaseState
) -> None:
    lease = lease_of({"id": "ep_1", "name": "proj/tw-" + "a" * 16}, deployment, Decimal("3.99"))
    assert (lease.state, lease.tag) == (state, "tw-" + "a" * 16)


def deployed(*states: str) -> dict[str, Any]:
    return {"deployments": [{"id": str(n), "state": f"DEPLOYMENT_STATE_{state}"} for n, state in enumerate(states)]}


@pytest.mark.parametrize(
    ("states", "counting"),
    [((), None), (("STOPPED",), "0"), (("READY", "STOPPED"), "0"), (("STOPPED", "PROVISIONING"), "1")],
)
def test_of_several_deployments_the_one_that_may_bill_counts(states: tuple[str, ...], counting: str | None) -> None:
    found = current(deployed(*states))
    assert (found or {}).get("id") == counting


@pytest.mark.parametrize(
    ("states", "stopped"), [((), False), (("STOPPED", "STOPPING"), True), (("STOPPED", "READY"), False)]
)
def test_only_stopped_deployments_excuse_a_refused_deletion(states: tuple[str, ...], stopped: bool) -> None:
    assert all_stopped(deployed(*states)) is stopped


def test_the_cheapest_known_hour_is_chosen() -> None:
    offers = [Offer(None, "a", {}), Offer(Decimal(9), "b", {}), Offer(Decimal(4), "c", {})]
    assert cheapest(offers) == offers[2]
    assert cheapest(offers[:1]) == offers[0]
    assert cheapest([]) is None
