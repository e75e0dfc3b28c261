"""How a curve comes over each wire: losses that are no numbers, words in place of data, attempts started over."""

from __future__ import annotations

import base64
from math import inf, isinf, isnan
from typing import Any

import pytest
from openai.types.fine_tuning import FineTuningJobEvent

from providers import wire
from providers.openai import answers as openai_answers
from providers.together import answers as together_answers

NAN = float("nan")


@pytest.mark.parametrize("told", [NAN, "NaN", "nan"])
def test_a_loss_that_is_not_a_number_is_told_as_that_on_both_wires(told: Any) -> None:
    (one,) = openai_answers.merged([{"step": 1, "train_loss": told}])
    (other,) = together_answers.metrics([{"train/global_step": 1, "train/loss": told}])
    assert [isnan(point.train_loss or 0.0) for point in (one, other)] == [True, True]


def test_an_infinite_validation_loss_is_kept() -> None:
    (point,) = openai_answers.merged([{"step": 3, "full_valid_loss": inf}])
    assert isinf(point.valid_loss or 0.0)


def test_a_nan_in_an_events_data_survives_the_sdk() -> None:
    event = FineTuningJobEvent.construct(id="e", type="metrics", data={"step": 4, "train_loss": NAN})
    (values,) = openai_answers.measured([wire.plain(event, as_it_came=True)])
    assert isnan(values["train_loss"])


def test_an_event_without_data_tells_its_losses_in_words() -> None:
    words = "Step 30/90: training loss=1.25, validation loss=nan, full validation loss=0.75."
    (values,) = openai_answers.measured([{"type": "metrics", "message": words, "data": None}])
    (point,) = openai_answers.merged([values], epochs=3)
    assert (point.step, point.train_loss, point.valid_loss, point.epoch) == (30, 1.25, 0.75, 1.0)


def test_an_event_of_other_words_tells_no_step() -> None:
    assert (
        openai_answers.measured([{"type": "message", "message": "Checkpoint created at step 30", "data": None}]) == []
    )


@pytest.mark.parametrize("encode", [bytes, base64.b64encode])
def test_a_nan_in_a_result_file_is_a_loss(encode: Any) -> None:
    rows = openai_answers.result_points(encode(b"step,train_loss,train_accuracy,valid_loss\n1,2.0,0.5,\n2,nan,0.5,\n"))
    assert isnan(openai_answers.merged(rows)[1].train_loss or 0.0)


def test_a_validation_loss_that_only_a_checkpoint_holds_joins_the_curve() -> None:
    points = openai_answers.merged([{"step": 1, "train_loss": 2.0}, {"step": 1, "full_valid_loss": 1.5}])
    assert [(point.train_loss, point.valid_loss) for point in points] == [(2.0, 1.5)]


def told(steps: list[int], loss: float) -> list[dict[str, Any]]:
    return [{"type": "metrics", "data": {"step": step, "train_loss": loss}} for step in steps]


def test_a_job_started_over_keeps_only_the_steps_of_its_last_attempt() -> None:
    events = [*told([1, 2, 3, 4, 5], 1.0), *told([3, 4], 0.5)]
    points = openai_answers.merged(openai_answers.measured(events))
    assert [(point.step, point.train_loss) for point in points] == [(1, 1.0), (2, 1.0), (3, 0.5), (4, 0.5)]


def test_rows_with_a_time_are_taken_in_its_order_and_a_thrown_away_attempt_is_left_out() -> None:
    rows = [
        {"train/global_step": step, "train/loss": loss, "logged_at": at}
        for step, loss, at in ((1, 1.0, 10), (2, 1.1, 20), (3, 1.2, 30), (2, 0.6, 40))
    ]
    points = together_answers.metrics(sorted(rows, key=lambda row: row["train/global_step"]))
    assert [(point.step, point.train_loss) for point in points] == [(1, 1.0), (2, 0.6)]


def test_rows_without_a_time_may_come_in_any_order() -> None:
    rows = [{"train/global_step": step, "train/loss": float(step)} for step in (3, 1, 2)]
    assert [point.step for point in together_answers.metrics(rows)] == [1, 2, 3]


def test_a_step_told_late_is_no_new_attempt() -> None:
    assert [step for step, _ in wire.latest_attempt([(1, "a"), (3, "b"), (2, "c"), (4, "d")])] == [1, 3, 2, 4]
