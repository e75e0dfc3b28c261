"""What OpenAI answers, odd fields included, as our records."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import pytest

from providers.errors import PlatformFault
from providers.openai import answers
from providers.records import JobState

CSV = b"step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy\n1,2.5,0.4,,\n2,1.5,0.6,1.9,0.5\n"


def job(**fields: Any) -> Any:
    return answers.job({"id": "ftjob-1", "status": "running", "model": "m", **fields})


@pytest.mark.parametrize("error", [None, {}, {"code": None, "message": None}])
def test_an_empty_error_is_no_error(error: Any) -> None:
    assert job(error=error).error is None


def test_a_job_without_the_optional_fields_is_read() -> None:
    bare = answers.job({"id": "ftjob-1"})
    assert (bare.state, bare.finished_at, bare.billed_tokens, bare.tag) == (JobState.UNKNOWN, None, None, None)


def test_an_answer_without_an_id_is_in_doubt() -> None:
    with pytest.raises(PlatformFault) as unclear:
        answers.job({"object": "list", "data": []})
    assert unclear.value.nothing_created is False


def test_paused_is_known_although_the_sdk_does_not_name_it() -> None:
    assert job(status="paused").state is JobState.PAUSED


def test_a_status_of_tomorrow_is_shown_as_it_came() -> None:
    assert job(status="warming_up").label == "unknown(warming_up)"


@pytest.mark.parametrize(
    ("error", "state"),
    [
        ({"code": "content_policy_violation", "message": "x"}, JobState.BLOCKED),
        ({"message": "blocked by our safety evaluation: refusals_v3"}, JobState.BLOCKED),
        ({"code": "invalid_training_file", "message": "a safety note on line 3"}, JobState.FAILED),
        ({"code": "server_error", "message": "x"}, JobState.FAILED),
    ],
)
def test_a_safety_block_is_told_from_a_failure(error: dict[str, str], state: JobState) -> None:
    assert job(status="failed", error=error).state is state


def test_times_are_aware_utc() -> None:
    assert job(created_at=1_700_000_000).created_at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


@pytest.mark.parametrize("content", [CSV, base64.b64encode(CSV), b"\xef\xbb\xbf" + CSV, base64.encodebytes(CSV)])
def test_a_result_file_is_read_plain_or_encoded(content: bytes) -> None:
    points = answers.merged(answers.result_points(content))
    assert [point.step for point in points] == [1, 2]
    assert (points[1].train_loss, points[1].valid_loss, points[1].valid_accuracy) == (1.5, 1.9, 0.5)
    assert points[0].valid_loss is None


@pytest.mark.parametrize("content", [b"", b"\x00\xff", b"not a table", b"AAAA"])
def test_a_result_file_of_other_bytes_holds_no_rows(content: bytes) -> None:
    assert answers.result_points(content) == []


def test_the_whole_validation_set_makes_the_curve_where_it_is_measured() -> None:
    rows = [{"step": 1, "valid_loss": 9.0}, {"step": 2, "valid_loss": 8.0, "full_valid_loss": 1.0}]
    assert [point.valid_loss for point in answers.merged(rows)] == [None, 1.0]


def test_sources_of_one_step_are_joined_and_the_later_wins() -> None:
    points = answers.merged([{"step": 1, "train_loss": 3}, {"step": 1, "train_loss": 2, "valid_loss": 4}])
    assert [(point.train_loss, point.valid_loss) for point in points] == [(2, 4)]


def test_a_step_knows_its_epoch_when_the_whole_length_is_told() -> None:
    points = answers.merged([{"step": 5, "train_loss": 1, "total_steps": 20}], epochs=4)
    assert points[0].epoch == 1.0


@pytest.mark.parametrize("loss", [None, "", True, "n/a"])
def test_a_loss_that_is_no_number_is_missing(loss: Any) -> None:
    assert answers.merged([{"step": 1, "train_loss": loss}])[0].train_loss is None


def test_an_event_with_null_data_is_an_event() -> None:
    assert answers.event({"id": "e", "created_at": 1, "level": "warn", "message": "m", "data": None}).level == "warning"


@pytest.mark.parametrize(("status", "state"), [("uploaded", "ready"), (None, "ready"), ("error", "refused")])
def test_a_file_is_ready_unless_it_was_refused(status: str | None, state: str) -> None:
    assert answers.stored_file({"id": "f", "status": status}).state == state
