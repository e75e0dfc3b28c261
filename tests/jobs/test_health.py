"""What a training curve is said to show, on both sides of each threshold; noise is never called by a disease's name."""

from __future__ import annotations

import random
from collections.abc import Sequence
from math import inf, nan

import pytest

from orchestrator.jobs.health import best_step, diagnose
from providers.records import MetricPoint


def curve(train: Sequence[float], valid: Sequence[float] = ()) -> list[MetricPoint]:
    """Training losses step by step; validation losses evenly spread over them, the last at the end."""
    at = {round((place + 1) * len(train) / len(valid)): loss for place, loss in enumerate(valid)}
    return [MetricPoint(step=s, train_loss=loss, valid_loss=at.get(s)) for s, loss in enumerate(train, start=1)]


def names(points: Sequence[MetricPoint], *, ended: bool = False) -> list[str]:
    return [found.name for found in diagnose(points, ended=ended)]


def falling(steps: int, start: float = 2.0, end: float = 0.2) -> list[float]:
    return [start * (end / start) ** (step / steps) for step in range(steps)]


HEALTHY = falling(60)


def test_a_healthy_curve_has_no_name() -> None:
    assert names(curve(HEALTHY, [1.5, 1.0, 0.7, 0.5]), ended=True) == []


def test_an_empty_curve_of_a_running_job_has_no_name() -> None:
    assert names([]) == []


@pytest.mark.parametrize(("last", "said"), [(0.5 * 1.019, []), (0.5 * 1.021, ["overfitting"])])
def test_overfitting_is_a_rise_of_two_per_cent_while_training_loss_falls(last: float, said: list[str]) -> None:
    assert names(curve(HEALTHY, [1.0, 0.5, last])) == said


def test_overfitting_names_the_step_to_go_back_to() -> None:
    points = curve(HEALTHY, [1.0, 0.5, 0.6])
    assert [found.since_step for found in diagnose(points)] == [best_step(points)] == [40]


def test_a_rise_of_both_losses_is_not_overfitting() -> None:
    assert "overfitting" not in names(curve([*falling(40), *[0.5] * 20], [1.0, 0.3, 0.6]))


@pytest.mark.parametrize(("evaluations", "said"), [([1.0, 1.5], []), ([1.0, 1.2, 1.5], ["overfitting"])])
def test_two_validation_points_are_too_few_to_say_overfitting(evaluations: list[float], said: list[str]) -> None:
    assert names(curve(HEALTHY, evaluations)) == said


@pytest.mark.parametrize(("share", "said"), [(0.011, []), (0.009, ["plateau"])])
def test_a_plateau_is_less_than_one_per_cent_over_the_last_third(share: float, said: list[str]) -> None:
    assert names(curve([*falling(20), *[0.2] * 20, *[0.2 * (1 - share)] * 20])) == said


@pytest.mark.parametrize(("steps", "said"), [(11, []), (12, ["plateau"])])
def test_a_plateau_needs_a_dozen_steps(steps: int, said: list[str]) -> None:
    assert names(curve([1.0] * steps)) == said


def test_a_loss_that_rises_back_to_where_it_began_has_diverged() -> None:
    assert names(curve([*falling(60), *[2.5] * 30])) == ["divergence"]


def test_a_rise_that_stays_below_the_beginning_is_no_divergence() -> None:
    assert "divergence" not in names(curve([*falling(60), *[0.9] * 30]))


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
    for found in (*diagnose(curve(HEALTHY, [1.0, 0.5, 0.6])), *diagnose(curve([1.0] * 20))):
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
