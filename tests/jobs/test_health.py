"""What a training curve is said to show, on both sides of each threshold; for noise see `test_health_table`."""

from __future__ import annotations

import random
from collections.abc import Sequence
from math import inf, nan

import pytest

from orchestrator.jobs.health import best_step, diagnose
from providers.records import JobEvent, MetricPoint


def curve(train: Sequence[float], valid: Sequence[float] = ()) -> list[MetricPoint]:
    """Training losses step by step; validation losses evenly spread over them, the last at the end."""
    at = {round((place + 1) * len(train) / len(valid)): loss for place, loss in enumerate(valid)}
    return [MetricPoint(step=s, train_loss=loss, valid_loss=at.get(s)) for s, loss in enumerate(train, start=1)]


def names(points: Sequence[MetricPoint], *, ended: bool = False, events: Sequence[JobEvent] = ()) -> list[str]:
    return [found.name for found in diagnose(points, ended=ended, events=events)]


def falling(steps: int, start: float = 2.0, end: float = 0.2) -> list[float]:
    return [start * (end / start) ** (step / steps) for step in range(steps)]


HEALTHY = falling(60)


def test_a_healthy_curve_has_no_name() -> None:
    assert names(curve(HEALTHY, [1.5, 1.0, 0.7, 0.5]), ended=True) == []


def test_an_empty_curve_of_a_running_job_has_no_name() -> None:
    assert names([]) == []


@pytest.mark.parametrize(("rise", "said"), [(1.019, []), (1.021, ["overfitting"])])
def test_overfitting_is_a_rise_of_two_per_cent_in_two_evaluations_in_a_row(rise: float, said: list[str]) -> None:
    assert names(curve(HEALTHY, [1.0, 0.5, 0.5 * rise, 0.5 * rise]), ended=True) == said


@pytest.mark.parametrize(("rise", "said"), [(1.049, []), (1.051, ["overfitting"])])
def test_a_rise_that_nothing_confirms_must_be_five_per_cent(rise: float, said: list[str]) -> None:
    assert names(curve(HEALTHY, [1.0, 0.5, 0.5 * rise]), ended=True) == said


@pytest.mark.parametrize(("evaluations", "said"), [([1.0, 0.5, 0.6], []), ([1.0, 0.5, 0.6, 0.6], ["overfitting"])])
def test_while_the_job_runs_two_evaluations_must_stand_above_the_lowest(
    evaluations: list[float], said: list[str]
) -> None:
    assert names(curve(HEALTHY, evaluations)) == said


def test_one_evaluation_that_came_back_down_is_no_overfitting() -> None:
    assert names(curve(HEALTHY, [1.0, 0.5, 0.7, 0.5]), ended=True) == []


@pytest.mark.parametrize(("rise", "said"), [(0.009, []), (0.011, ["overfitting"])])
def test_a_rise_of_less_than_a_hundredth_of_a_nat_is_nothing(rise: float, said: list[str]) -> None:
    assert names(curve(HEALTHY, [0.3, 0.02, 0.02 + rise, 0.02 + rise]), ended=True) == said


def test_a_rise_within_the_scatter_of_many_evaluations_is_none() -> None:
    scattered = [0.5 + 0.05 * (-1) ** place for place in range(12)]
    assert names(curve(HEALTHY, [1.0, 0.7, *scattered]), ended=True) == []


def test_overfitting_names_the_step_to_go_back_to() -> None:
    points = curve(HEALTHY, [1.0, 0.5, 0.6])
    assert [found.since_step for found in diagnose(points, ended=True)] == [best_step(points)] == [40]


def test_a_rise_of_both_losses_is_not_overfitting() -> None:
    assert "overfitting" not in names(curve([*falling(40), *[0.5] * 20], [1.0, 0.3, 0.6]))


@pytest.mark.parametrize(("evaluations", "said"), [([1.0, 1.5], []), ([1.0, 1.2, 1.5], ["overfitting"])])
def test_two_validation_points_are_too_few_to_say_overfitting(evaluations: list[float], said: list[str]) -> None:
    assert names(curve(HEALTHY, evaluations)) == said


def test_a_training_loss_that_climbs_at_the_end_is_another_trouble() -> None:
    assert "overfitting" not in names(curve([*falling(50), *[0.4] * 10], [1.0, 0.5, 0.6]), ended=True)


@pytest.mark.parametrize(("share", "said"), [(0.011, []), (0.009, ["plateau"])])
def test_a_plateau_is_less_than_one_per_cent_over_the_last_third(share: float, said: list[str]) -> None:
    assert names(curve([*falling(20), *[0.2] * 20, *[0.2 * (1 - share)] * 20])) == said


@pytest.mark.parametrize(("steps", "said"), [(11, []), (12, ["plateau"])])
def test_a_plateau_needs_a_dozen_steps(steps: int, said: list[str]) -> None:
    assert names(curve([1.0] * steps, [1.1] * 3), ended=True) == said


@pytest.mark.parametrize(("steps", "said"), [(29, []), (30, ["plateau"])])
def test_while_the_job_runs_a_plateau_needs_thirty_steps(steps: int, said: list[str]) -> None:
    assert names(curve([1.0] * steps)) == said


@pytest.mark.parametrize(("passes", "said"), [(1.4, []), (1.6, ["plateau"])])
def test_while_the_job_runs_a_plateau_needs_a_pass_and_a_half(passes: float, said: list[str]) -> None:
    points = [MetricPoint(step=s, epoch=passes * s / 60, train_loss=1.0) for s in range(1, 61)]
    assert names(points) == said


@pytest.mark.parametrize(("noise", "said"), [(0.2, []), (0.02, ["plateau"])])
def test_a_curve_too_noisy_to_rule_out_a_gain_is_not_called_level(noise: float, said: list[str]) -> None:
    assert names(curve([1.0 + noise * (-1) ** step for step in range(60)], [1.1] * 3), ended=True) == said


def test_a_training_loss_at_rest_while_validation_still_falls_is_no_plateau() -> None:
    assert names(curve([*falling(20), *[0.2] * 40], [1.0, 0.8, 0.7, 0.6]), ended=True) == []


def test_a_loss_that_rises_back_to_where_it_began_has_diverged() -> None:
    assert names(curve([*falling(60), *[2.5] * 30])) == ["divergence"]


@pytest.mark.parametrize(("back_to", "said"), [(0.4, False), (1.5, True)])
def test_a_rise_that_gives_back_less_than_half_of_the_fall_is_no_divergence(back_to: float, said: bool) -> None:
    assert ("divergence" in names(curve([*falling(60), *[back_to] * 30]))) is said


@pytest.mark.parametrize(("steps", "said"), [(8, []), (9, ["divergence"])])
def test_a_short_curve_diverges_from_nine_steps_on(steps: int, said: list[str]) -> None:
    assert names(curve([2.0, 1.5, *[1.0] * (steps - 5), 7.0, 8.0, 9.0])) == said


def test_a_validation_loss_that_is_no_number_is_a_divergence() -> None:
    assert [found.evidence for found in diagnose(curve(HEALTHY, [1.0, nan, 0.5]))] == [
        "validation loss is not a number since step 40"
    ]


def test_a_job_started_over_is_judged_by_its_last_attempt() -> None:
    first = curve([*falling(60), *[2.5] * 30])
    assert names([*first, *curve(falling(60))]) == []


@pytest.mark.parametrize(
    ("event", "said", "step"),
    [
        (JobEvent(id="1", at=None, level="info", message="x", type="early_stopped",
                  data={"early_stopping_best_step": 30, "early_stopping_best_metric_value": 0.5}), "early_stopped", 30),
        (JobEvent(id="1", at=None, level="info", message="Training stopped early at step 40"), "early_stopped", None),
        (JobEvent(id="1", at=None, level="warning", message="x", type="job_restarted"), "restarted", None),
    ],
)  # fmt: skip
def test_what_the_platform_says_is_told_and_asks_for_nothing(event: JobEvent, said: str, step: int | None) -> None:
    (found,) = diagnose(curve(HEALTHY, [1.0, 0.7, 0.5]), ended=True, events=[event])
    assert (found.name, found.since_step, found.severity) == (said, step, "info")


@pytest.mark.parametrize("message", ["early stopping is enabled", "restart the job if it fails", "Job started"])
def test_other_words_of_a_platform_are_no_diagnosis(message: str) -> None:
    event = JobEvent(id="1", at=None, level="info", message=message)
    assert names(curve(HEALTHY, [1.0, 0.7, 0.5]), ended=True, events=[event]) == []


@pytest.mark.parametrize("loss", [nan, inf])
def test_a_loss_that_is_no_number_is_a_divergence_at_once(loss: float) -> None:
    (found,) = diagnose(curve([1.0, 0.8, loss]))
    assert (found.name, found.since_step) == ("divergence", 3)


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("noise", [0.3, 0.8])
def test_noisy_steps_of_a_learning_job_are_never_called_divergence(seed: int, noise: float) -> None:
    rng = random.Random(seed)
    losses = [max(loss * (1 + rng.gauss(0, noise)), 0.0) for loss in falling(200)]
    assert "divergence" not in names(curve(losses))


@pytest.mark.parametrize("seed", range(25))
def test_noisy_steps_of_a_job_that_learns_little_are_never_called_divergence(seed: int) -> None:
    rng = random.Random(seed)
    losses = [max(1.0 - step / 1000 + rng.gauss(0, 0.5), 0.0) for step in range(300)]
    assert "divergence" not in names(curve(losses))


def test_single_spikes_are_no_divergence() -> None:
    losses = falling(100)
    losses[50] = losses[99] = 20.0
    assert "divergence" not in names(curve(losses))


@pytest.mark.parametrize(("evaluations", "said"), [([1.0, 0.8], ["too_few_evaluations"]), ([1.0, 0.8, 0.7], [])])
def test_fewer_than_three_validation_points_are_said_at_the_end(evaluations: list[float], said: list[str]) -> None:
    assert names(curve(HEALTHY, evaluations), ended=True) == said


def test_too_few_is_not_said_while_more_may_come() -> None:
    assert names(curve(HEALTHY, [1.0])) == []


def test_the_best_step_has_the_lowest_validation_loss() -> None:
    assert (best_step(curve(HEALTHY, [1.0, 0.4, 0.6])), best_step(curve(HEALTHY))) == (40, None)


def test_every_diagnosis_shows_figures_and_says_what_to_do() -> None:
    ill = (curve(HEALTHY, [1.0, 0.5, 0.6]), curve([1.0] * 20), curve([*falling(60), *[2.5] * 30]), curve(HEALTHY))
    for found in [found for points in ill for found in diagnose(points, ended=True)]:
        assert any(character.isdigit() for character in found.evidence)
        assert found.advice


@pytest.mark.parametrize(("growth", "passes", "said"), [(0.01, 4, []), (0.0, 2, []), (0.0, 4, ["plateau"])])
def test_preference_training_is_level_at_first_and_while_its_rewards_come_apart(
    growth: float, passes: float, said: list[str]
) -> None:
    noisy = [0.69 + 0.001 * (step % 2) for step in range(30)]
    points = [
        MetricPoint(step=s, epoch=passes * s / 30, train_loss=loss, reward_margin=growth * s)
        for s, loss in enumerate(noisy, start=1)
    ]
    assert names(points) == said
