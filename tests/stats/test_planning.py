"""What is said before money is spent, and guardrails on scores."""

from __future__ import annotations

import numpy as np
import pytest

from orchestrator.stats import detectable_gap, non_inferior_scores, plan_binary, plan_scores, prompts_needed


def test_the_plan_is_one_sentence_with_both_figures() -> None:
    sentence = plan_binary(150).sentence
    assert sentence == (
        "With 150 held-out prompts the smallest gap you can see is 10.1 points; 626 would show 5 points."
    )


def test_the_plans_figures_are_those_of_the_power_formulas() -> None:
    plan = plan_binary(150, gap=0.03, discordance=0.3)
    assert (plan.detectable, plan.needed) == (detectable_gap(150, 0.3), prompts_needed(0.03, 0.3))


def test_enough_prompts_are_said_to_be_enough() -> None:
    plan = plan_binary(1_000)
    assert plan.enough
    assert plan.sentence.endswith("so one of 5 points would show.")


def test_too_few_prompts_for_any_gap_are_said_to_be_that() -> None:
    assert plan_binary(1).sentence == "With 1 held-out prompt no gap can be seen; 626 would show 5 points."


def test_scores_are_planned_in_their_own_units() -> None:
    assert plan_scores(150).sentence == (
        "With 150 held-out prompts the smallest gap you can see is 0.069; 283 would show 0.05."
    )


def test_the_assumption_is_said() -> None:
    assert plan_binary(150).assumption == (
        "seen 80% of the time at 95% confidence, if the two models differ on 20% of the prompts"
    )


def scores(loss: float, n: int = 300) -> tuple[list[float], list[float]]:
    rng = np.random.default_rng(4)
    base = rng.uniform(0.4, 0.9, n)
    return base.tolist(), np.clip(base - loss + rng.normal(0, 0.1, n), 0, 1).tolist()


@pytest.mark.parametrize(("loss", "passed"), [(0.0, True), (0.02, True), (0.05, False), (0.1, False)])
def test_a_guardrail_on_scores_passes_only_what_is_shown_to_lose_less(loss: float, passed: bool) -> None:
    found = non_inferior_scores(*scores(loss), 0.05)
    assert (found.passed, found.passed) == (passed, found.low > -0.05)
    assert (found.p_value < 0.05) == passed


def test_a_guardrail_on_groups_needs_more() -> None:
    base, tuned = scores(0.03)
    alone, grouped = (non_inferior_scores(base, tuned, 0.05, groups=g) for g in (None, [i // 50 for i in range(300)]))
    assert alone.low != grouped.low


def test_nothing_shows_nothing() -> None:
    assert not non_inferior_scores([], [], 0.1).passed


def test_equal_scores_on_few_prompts_do_not_pass_a_narrow_margin() -> None:
    assert not non_inferior_scores([0.5] * 10, [0.5] * 10, 0.05).passed
    assert non_inferior_scores([0.5] * 200, [0.5] * 200, 0.05).passed


@pytest.mark.parametrize("margin", [0.0, 1.0, -0.1])
def test_a_margin_outside_0_to_1_is_refused(margin: float) -> None:
    with pytest.raises(ValueError, match="margin"):
        non_inferior_scores([0.5], [0.5], margin)
