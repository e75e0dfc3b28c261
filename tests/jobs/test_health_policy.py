"""What is done about trouble, as a pure decision; and which checkpoint is the best that can be called."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.jobs.health import Diagnosis, Policy, choose_checkpoint, decide
from providers.records import Checkpoint, JobState, MetricPoint, Support

OVERFITTING = Diagnosis("overfitting", "validation loss rose", "stop", 40)
PLATEAU = Diagnosis("plateau", "level", "stop", 40)
FEW = Diagnosis("too_few_evaluations", "none", "more")
YES, NO = Support(answer="yes"), Support(answer="no", reason="the API has no pause")


def decided(*found: Diagnosis, policy: Policy, **changes: Any) -> str | None:
    given: dict[str, Any] = {"state": JobState.RUNNING, "can_pause": YES, "done": frozenset(), **changes}
    act = decide(found, policy, **given)
    return act.action if act else None


@pytest.mark.parametrize(
    ("action", "done"), [("warn", None), ("pause", "pause"), ("cancel", "cancel"), ("keep", "keep")]
)
def test_each_policy_does_what_it_says(action: Any, done: str | None) -> None:
    assert decided(OVERFITTING, policy=Policy.all(action)) == done


def test_each_trouble_has_its_own_action() -> None:
    policy = Policy(overfitting="cancel", plateau="keep")
    assert (decided(PLATEAU, policy=policy), decided(OVERFITTING, policy=policy)) == ("keep", "cancel")


def test_of_several_troubles_the_strongest_action_is_taken() -> None:
    assert decided(PLATEAU, OVERFITTING, policy=Policy(plateau="keep", overfitting="cancel")) == "cancel"


def test_too_few_evaluations_is_never_a_reason_to_act() -> None:
    assert decided(FEW, policy=Policy.all("cancel")) is None


@pytest.mark.parametrize("action", ["pause", "cancel", "keep"])
def test_what_was_done_once_is_not_done_again(action: Any) -> None:
    assert decided(OVERFITTING, policy=Policy.all(action), done=frozenset({action})) is None


def test_a_job_that_was_paused_and_resumed_is_not_cancelled_over_the_persons_head() -> None:
    policy = Policy(overfitting="pause", plateau="cancel")
    assert decided(OVERFITTING, PLATEAU, policy=policy, done=frozenset({"pause"})) is None


@pytest.mark.parametrize("state", [JobState.SUCCEEDED, JobState.PAUSED, JobState.FINALIZING, JobState.CANCELLING])
@pytest.mark.parametrize("action", ["pause", "cancel"])
def test_a_job_that_no_longer_trains_is_left_alone(state: JobState, action: Any) -> None:
    assert decided(OVERFITTING, policy=Policy.all(action), state=state) is None


def test_the_best_checkpoint_is_asked_for_also_when_trouble_shows_only_at_the_end() -> None:
    assert decided(OVERFITTING, policy=Policy.all("keep"), state=JobState.SUCCEEDED) == "keep"


def test_where_there_is_no_pause_it_is_said_once_and_warned() -> None:
    act = decide([OVERFITTING], Policy.all("pause"), state=JobState.RUNNING, can_pause=NO, done=frozenset())
    assert act is not None
    assert (act.action, "the API has no pause" in act.note) == ("warn", True)
    assert decided(OVERFITTING, policy=Policy.all("pause"), can_pause=NO, done=frozenset({"warn"})) is None


# ── which checkpoint ────────────────────────────────────────────────────────────────────────────────────────────────


def saved(step: int, loss: float | None, model: str | None = "") -> Checkpoint:
    point = None if loss is None else MetricPoint(step=step, valid_loss=loss)
    return Checkpoint(id=f"c{step}", step=step, model=f"m{step}" if model == "" else model, metrics=point)


def test_the_lowest_validation_loss_is_chosen_and_the_figures_are_given() -> None:
    choice = choose_checkpoint([saved(10, 0.5), saved(20, 0.4), saved(30, 0.6)], (), "m30")
    assert (choice.checkpoint and choice.checkpoint.id, choice.valid_loss) == ("c20", 0.4)
    assert "0.400" in choice.why
    assert "0.600" in choice.why


def test_of_equals_the_earlier_is_chosen() -> None:
    choice = choose_checkpoint([saved(20, 0.4), saved(10, 0.4), saved(30, 0.6)], (), "m30")
    assert choice.checkpoint is not None
    assert choice.checkpoint.step == 10


def test_a_checkpoint_without_a_name_cannot_be_chosen() -> None:
    choice = choose_checkpoint([saved(10, 0.1, None), saved(30, 0.6)], (), "m30")
    assert (choice.checkpoint, "last model" in choice.why) == (None, True)


def test_a_checkpoint_without_a_measurement_has_that_of_its_step() -> None:
    curve = [MetricPoint(step=10, valid_loss=0.3), MetricPoint(step=30, valid_loss=0.6)]
    choice = choose_checkpoint([saved(10, None), saved(30, None)], curve, "m30")
    assert (choice.checkpoint and choice.checkpoint.id, choice.valid_loss) == ("c10", 0.3)


@pytest.mark.parametrize("found", [[], [saved(10, None)], [saved(10, 0.5, None)], [saved(10, float("nan"))]])
def test_where_nothing_can_be_chosen_the_last_model_is_evaluated_and_the_reason_given(found: list[Checkpoint]) -> None:
    choice = choose_checkpoint(found, (), "m30")
    assert choice.checkpoint is None
    assert choice.why.startswith("the last model: of the checkpoints")
