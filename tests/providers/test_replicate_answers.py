"""What Replicate answers, read: every status, the bill, the log as events, and metrics only where a line is one."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.errors import InvalidData, PlatformFault
from providers.records import TERMINAL_STATES, JobState, MetricPoint
from providers.replicate import answers
from providers.replicate.logs import lines_of, metrics

BODY: dict[str, Any] = {
    "id": "zz4ibbonubfz7carwiefibzgga",
    "model": "acme/trainer",
    "version": "abc123",
    "status": "processing",
    "input": {"train_data": "https://api.replicate.com/v1/files/file-1", "num_train_epochs": 3, "lr": 0.1},
    "logs": "downloading\nstep=1 loss=0.5\nhalf a li",
    "created_at": "2026-11-26T04:00:00.000Z",
    "started_at": "2026-11-26T04:01:00.000Z",
}
DONE = BODY | {
    "status": "succeeded",
    "completed_at": "2026-11-26T04:21:00.500Z",
    "output": {"version": "acme/tuned:def456", "weights": "https://replicate.delivery/w.tar"},
    "metrics": {"predict_time": 1200.5, "total_time": 1260.5},
}


# ── trainings ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_table_of_statuses_holds_the_sdks_words_and_the_one_that_only_the_contract_knows() -> None:
    training = pytest.importorskip("replicate.training").Training
    words = set(get_args(training.__fields__["status"].outer_type_))
    assert len(words) == 5
    assert set(answers.JOB_STATES) == words | {"aborted"}


def test_the_sdk_itself_cannot_read_an_aborted_training() -> None:
    """Why answers are read as JSON here."""
    training = pytest.importorskip("replicate.training").Training
    with pytest.raises(ValueError, match="status"):
        training(**BODY | {"status": "aborted"})
    assert answers.job(BODY | {"status": "aborted"}).state is JobState.CANCELLED


@pytest.mark.parametrize("status", ["succeeded", "failed", "canceled", "aborted"])
def test_what_is_over_is_final(status: str) -> None:
    assert answers.job(BODY | {"status": status}).state in TERMINAL_STATES


def test_an_aborted_training_says_what_that_is() -> None:
    assert answers.job(BODY | {"status": "aborted"}).error == "ended by the platform before it began"


def test_a_training_in_our_own_words() -> None:
    job = answers.job(DONE)
    assert (job.model, job.tuned_model, job.tag) == ("acme/trainer:abc123", "acme/tuned:def456", None)
    assert (job.trained.epochs, job.trained.learning_rate, job.trained.seed) == (3, 0.1, None)
    assert job.files == {"train": "file-1"}


@pytest.mark.parametrize(
    ("output", "destination", "made"),
    [
        ({"version": "acme/tuned:def456"}, None, "acme/tuned:def456"),
        ({"version": "def456"}, "acme/tuned", "acme/tuned:def456"),
        ({"version": "def456"}, None, "def456"),
        ({}, "acme/tuned", None),
        (None, None, None),
        ("https://x/weights.tar", None, None),
    ],
)
def test_the_model_that_was_made(output: Any, destination: Any, made: str | None) -> None:
    assert answers.job(DONE | {"output": output, "destination": destination}).tuned_model == made


@pytest.mark.parametrize(
    ("told", "rate", "usd"),
    [
        ({"predict_time": 1200.5}, Decimal("0.001"), Decimal("1.2005")),
        ({"predict_time": 1200.5}, None, None),
        ({"total_time": 1260.5}, Decimal("0.001"), None),
        (None, Decimal("0.001"), None),
    ],
)
def test_the_bill_is_seconds_at_a_known_price_and_else_unknown(told: Any, rate: Any, usd: Any) -> None:
    assert answers.job(DONE | {"metrics": told}, rate).billed_usd == usd


def test_what_runs_on_has_no_bill() -> None:
    assert answers.job(BODY | {"metrics": {"predict_time": 3.0}}, Decimal("0.001")).billed_usd is None


def test_an_answer_without_an_id_is_no_training() -> None:
    with pytest.raises(PlatformFault):
        answers.job({"status": "starting"})


# ── events ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def messages(body: dict[str, Any]) -> list[str]:
    return [event.message for event in answers.events(body)]


def test_a_line_that_may_still_grow_is_told_when_it_is_whole() -> None:
    assert messages(BODY)[2:] == ["downloading", "step=1 loss=0.5"]
    assert messages(BODY | {"logs": BODY["logs"] + "ne\n"})[-1] == "half a line"


def test_at_the_end_what_is_left_of_the_log_is_told_too() -> None:
    assert messages(DONE)[2:] == ["downloading", "step=1 loss=0.5", "half a li", "training succeeded"]


def test_a_failure_ends_the_events_with_its_reason() -> None:
    last = answers.events(DONE | {"status": "failed", "error": "CUDA out of memory"})[-1]
    assert (last.level, last.message) == ("error", "CUDA out of memory")


def test_of_a_progress_bar_only_what_stands_last_is_told() -> None:
    assert lines_of("  10%|█\r  50%|██\r 100%|████\r\nsaved\n", over=True) == [" 100%|████", "saved"]


@given(st.lists(st.text(alphabet="ab \r", max_size=6), max_size=12), st.integers(0, 60))
def test_the_events_of_a_longer_log_begin_with_those_of_a_shorter(lines: list[str], cut: int) -> None:
    """So that a cursor never loses its place, however the log was cut when it was read."""
    whole = "".join(f"{line}\n" for line in lines)
    earlier = [event.id for event in answers.events(BODY | {"logs": whole[:cut]})]
    later = [event.id for event in answers.events(BODY | {"logs": whole})]
    assert later[: len(earlier)] == earlier
    assert len(set(later)) == len(later)


# ── metrics ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("line", "point"),
    [
        ('{"step": 10, "loss": 0.5}', MetricPoint(step=10, train_loss=0.5)),
        ("{'step': 10, 'loss': '0.5', 'lr': 1e-05}", MetricPoint(step=10, train_loss=0.5, learning_rate=1e-5)),
        ("  step=10 loss=0.5 epoch=1.5", MetricPoint(step=10, train_loss=0.5, epoch=1.5)),
        ("step: 10, eval_loss: 0.25", MetricPoint(step=10, valid_loss=0.25)),
        ("global_step: 10 | train/loss: .5", MetricPoint(step=10, train_loss=0.5)),
    ],
)
def test_a_line_that_is_nothing_but_pairs_with_a_step_tells_metrics(line: str, point: MetricPoint) -> None:
    assert metrics([line]) == (point,)


def test_a_loss_that_is_no_number_is_seen() -> None:
    (point,) = metrics(["{'step': 3, 'loss': nan}"])
    assert point.train_loss is not None
    assert point.train_loss != point.train_loss


@pytest.mark.parametrize(
    "line",
    [
        "{'loss': 0.5, 'epoch': 1.0}",
        "at step 10 the loss was 0.5",
        "step=10",
        "step=10 epoch=2 lr=0.1",
        "loss: 0.5",
        " 50%|██████    | 5/10 [00:10<00:10, step=5, loss=0.5]",
        "step=10 loss=0.5 saved to /src/out",
        '{"step": 10, "loss": 0.5} and more',
        '{"step": -1, "loss": 0.5}',
        "step=10 " * 1000 + "loss=0.5",
        "",
    ],
)
def test_no_number_is_read_out_of_any_other_line(line: str) -> None:
    assert metrics([line]) == ()


def test_lines_of_one_step_are_one_point_and_an_attempt_begun_anew_replaces_the_first() -> None:
    told = [(1, 0.9), (2, 0.8), (3, 0.7), (2, 0.6)]
    lines = [json.dumps({"step": step, "loss": loss}) for step, loss in told] + ["step=2 eval_loss=0.5"]
    assert metrics(lines) == (
        MetricPoint(step=1, train_loss=0.9),
        MetricPoint(step=2, train_loss=0.6, valid_loss=0.5),
    )


@given(st.text(max_size=200))
def test_no_log_breaks_the_reader(text: str) -> None:
    assert isinstance(answers.metrics(BODY | {"logs": text}), tuple)
    assert isinstance(answers.events(BODY | {"logs": text}), tuple)


# ── questions ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("output", "text"), [("hi", "hi"), (["h", "i", " you"], "hi you"), (None, ""), ([], "")])
def test_an_answer_is_put_together(output: Any, text: str) -> None:
    assert answers.answer_text(output) == text


@pytest.mark.parametrize("output", [{"text": "hi"}, [1, 2], 7, [["hi"]]])
def test_what_is_no_text_is_refused(output: Any) -> None:
    with pytest.raises(InvalidData, match="not with text"):
        answers.answer_text(output)
