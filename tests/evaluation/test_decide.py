"""The verdict at every line of the rule, on both sides of it, and where the figures cannot be trusted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.canonical import canonical_json
from orchestrator.evaluation.decide import Guardrail, Rule, decide, improvements, ratio_guardrail
from orchestrator.stats import Comparison, Estimate, compare_binary, compare_scores

RULE = Rule()
SLOW = ratio_guardrail("latency", 3.0, 2.0)


def graded(both: int, base_only: int, tuned_only: int, neither: int) -> Comparison:
    base = [True] * (both + base_only) + [False] * (tuned_only + neither)
    tuned = [True] * both + [False] * base_only + [True] * tuned_only + [False] * neither
    return compare_binary(base, tuned)


def with_share(value: float, low: float, high: float) -> Comparison:
    """1,000 prompts, the base right on half: the share of errors removed is twice the difference."""
    found = graded(490, 10, 110, 390)
    return replace(
        found,
        difference=value / 2,
        low=low / 2,
        high=high / 2,
        tuned=0.5 + value / 2,
        error_share=Estimate(value, low, high),
    )


@pytest.mark.parametrize(
    ("value", "low", "high", "answer"),
    [
        (0.200, 0.05, 0.35, "deploy"),
        (0.199, 0.05, 0.35, "iterate"),
        (0.100, 0.01, 0.19, "iterate"),
        (0.099, 0.01, 0.19, "inconclusive"),
        (0.300, 0.001, 0.6, "deploy"),
        (0.300, 0.000, 0.6, "inconclusive"),
        (0.300, -0.001, 0.6, "inconclusive"),
        (0.050, 0.01, 0.099, "stop"),
        (0.050, 0.01, 0.100, "inconclusive"),
        (0.000, -0.09, 0.099, "stop"),
        (0.000, -0.09, 0.101, "inconclusive"),
        (-0.20, -0.30, -0.10, "stop"),
    ],
)
def test_each_line_from_both_sides(value: float, low: float, high: float, answer: str) -> None:
    assert decide(with_share(value, low, high), RULE, 0, 0).answer == answer


def test_a_fifth_computed_in_floats_is_a_fifth() -> None:
    found = graded(400, 20, 60, 140)
    assert found.error_share.value == 0.2
    assert decide(found, RULE, 0, 0).answer == "deploy"


def test_one_prompt_short_of_a_fifth_iterates() -> None:
    assert decide(graded(400, 20, 59, 141), RULE, 0, 0).answer == "iterate"


def test_the_test_must_agree_with_the_interval() -> None:
    found = graded(7, 0, 4, 1)
    assert found.low > 0
    assert found.p_value > 0.05
    verdict = decide(found, RULE, 0, 0)
    assert verdict.answer == "inconclusive"
    assert "the test does not confirm it" in verdict.reason


def test_a_failing_guardrail_turns_deploy_into_iterate() -> None:
    verdict = decide(graded(350, 10, 80, 60), RULE, 0, 0, [SLOW])
    assert verdict.answer == "iterate"
    assert "latency (3.00 times the base's, limit 2.00)" in verdict.reason


def test_a_failing_guardrail_iterates_below_the_10_percent_line_too_while_it_may_be_reached() -> None:
    assert decide(with_share(0.099, 0.01, 0.19), RULE, 0, 0, [SLOW]).answer == "iterate"


def test_a_gain_known_to_be_too_small_stops_whatever_the_guardrails() -> None:
    assert decide(with_share(0.05, 0.01, 0.09), RULE, 0, 0, [SLOW]).answer == "stop"


def test_a_passing_guardrail_deploys_and_is_mentioned() -> None:
    verdict = decide(graded(350, 10, 80, 60), RULE, 0, 0, [ratio_guardrail("latency", 2.0, 2.0)])
    assert verdict.answer == "deploy"
    assert "every guardrail passes" in verdict.reason


def test_latency_of_different_serving_is_shown_and_never_gates() -> None:
    verdict = decide(graded(350, 10, 80, 60), RULE, 0, 0, [ratio_guardrail("latency", 9, 2, comparable=False)])
    assert verdict.answer == "deploy"
    assert "does not decide" in verdict.guardrails[0].detail


def test_a_limit_in_the_rule_that_nobody_measured_holds_back_a_deployment() -> None:
    verdict = decide(graded(350, 10, 80, 60), Rule(max_cost_ratio=1.5), 0, 0)
    assert verdict.answer == "inconclusive"
    assert [(each.name, each.passed) for each in verdict.guardrails] == [("cost", None)]


def test_a_ratio_exactly_at_its_limit_passes() -> None:
    assert ratio_guardrail("cost", 1.5, 1.5).passed
    assert ratio_guardrail("cost", 1.51, 1.5).passed is False
    assert ratio_guardrail("cost", float("nan"), 1.5).passed is None


@pytest.mark.parametrize(
    ("base", "tuned", "answer"), [(5, 5, "deploy"), (6, 0, "inconclusive"), (0, 6, "inconclusive")]
)
def test_more_than_1_percent_missing_on_one_side_voids_the_verdict(base: int, tuned: int, answer: str) -> None:
    assert decide(graded(350, 10, 80, 60), RULE, base, tuned).answer == answer


def test_a_void_verdict_names_the_side_and_the_figures() -> None:
    verdict = decide(graded(350, 10, 80, 60), RULE, 0, 6)
    assert "6 of 500 prompts got no answer from the tuned model (1.2%), and the rule allows 1%" in verdict.reason
    assert verdict.prompts_needed is None


def test_missing_answers_void_even_a_clear_stop() -> None:
    assert decide(graded(350, 60, 10, 80), RULE, 100, 0).answer == "inconclusive"


def test_no_prompt_is_inconclusive_and_says_how_many_to_start_with() -> None:
    verdict = decide(graded(0, 0, 0, 0), RULE, 0, 0)
    assert verdict.answer == "inconclusive"
    assert verdict.prompts_needed is not None
    assert verdict.prompts_needed > 50


def test_12_prompts_are_inconclusive_and_say_how_many_are_needed() -> None:
    verdict = decide(graded(4, 1, 4, 3), RULE, 0, 0)
    assert verdict.answer == "inconclusive"
    assert verdict.prompts_needed is not None
    assert verdict.prompts_needed > 100
    assert f"{verdict.prompts_needed:,} prompts" in verdict.advice[0]


def test_prompts_needed_is_more_than_there_were() -> None:
    for tuned_only in range(10, 40):
        verdict = decide(graded(700, 20, tuned_only, 300), RULE, 0, 0)
        if verdict.answer == "inconclusive":
            assert verdict.prompts_needed is not None
            assert verdict.prompts_needed > 700 + 20 + tuned_only + 300


def test_with_the_prompts_needed_and_the_same_rates_it_is_decided() -> None:
    found = graded(4000, 100, 200, 1000)
    verdict = decide(found, RULE, 0, 0)
    assert verdict.answer == "inconclusive"
    factor = (verdict.prompts_needed or 0) / found.n * 1.02
    grown = graded(*(round(count * factor) for count in (4000, 100, 200, 1000)))
    assert decide(grown, RULE, 0, 0).answer == "stop"


def test_a_base_right_on_all_of_many_prompts_stops() -> None:
    verdict = decide(graded(300, 0, 0, 0), RULE, 0, 0)
    assert verdict.answer == "stop"
    assert "made no error to remove" in verdict.reason
    assert any("already right on every prompt" in line for line in verdict.advice)


def test_a_base_right_on_all_of_a_few_prompts_is_inconclusive() -> None:
    assert decide(graded(12, 0, 0, 0), RULE, 0, 0).answer == "inconclusive"


def test_a_base_with_nothing_right_can_be_beaten_and_the_form_is_questioned() -> None:
    verdict = decide(graded(0, 0, 90, 10), RULE, 0, 0)
    assert verdict.answer == "deploy"
    assert any("form of answer" in line for line in verdict.advice)


def test_growth_over_a_base_with_nothing_right_is_counted_in_points() -> None:
    verdict = decide(graded(0, 0, 90, 10), Rule(improvement="relative"), 0, 0)
    assert verdict.answer == "deploy"
    assert "points are counted instead" in verdict.reason


@pytest.mark.parametrize(("measure", "answer"), [("error_share", "deploy"), ("relative", "stop"), ("points", "stop")])
def test_the_measure_named_by_the_rule_decides(measure: str, answer: str) -> None:
    verdict = decide(graded(880, 5, 45, 70), Rule(improvement=measure), 0, 0)  # type: ignore[arg-type]
    assert verdict.answer == answer


def test_all_three_measures_are_reported() -> None:
    found = improvements(graded(350, 10, 80, 60))
    assert found["error_share"].value == pytest.approx(0.5)
    assert found["relative"].value == pytest.approx(70 / 360)
    assert found["points"].value == pytest.approx(0.14)


def test_answers_that_are_all_the_same_are_warned_of() -> None:
    found = graded(100, 0, 0, 50)
    assert any(
        "same answer to every prompt" in line for line in decide(found, RULE, 0, 0, identical_answers=150).advice
    )
    assert not any("same answer" in line for line in decide(found, RULE, 0, 0, identical_answers=149).advice)


def test_a_worse_model_is_called_worse() -> None:
    verdict = decide(graded(350, 60, 10, 80), RULE, 0, 0)
    assert verdict.answer == "stop"
    assert "worse than the base" in verdict.reason


def test_the_reason_gives_the_figures_in_plain_words() -> None:
    reason = decide(graded(350, 10, 80, 60), RULE, 0, 0).reason
    assert reason.startswith(
        "The tuned model is right on 86% of 500 prompts, the base on 72%, 14.0 points more "
        "(95% interval 10.6 to 17.7, p < 0.001)."
    )
    assert "It removes 50% of the base's errors" in reason


def test_scores_are_decided_by_the_same_lines() -> None:
    base = [0.1 * (i % 9) for i in range(180)]
    better = [min(1.0, score + 0.2) for score in base]
    assert decide(compare_scores(base, better, resamples=999), RULE, 0, 0).answer == "deploy"
    assert decide(compare_scores(base, base[::-1], resamples=999), RULE, 0, 0).answer in ("stop", "inconclusive")


def test_a_comparison_at_another_confidence_is_refused() -> None:
    with pytest.raises(ValueError, match=r"0\.9"):
        decide(compare_binary([True], [True], confidence=0.9), RULE, 0, 0)


def test_impossible_missing_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        decide(graded(1, 1, 1, 1), RULE, 5, 0)


@settings(deadline=None)
@given(st.tuples(*[st.integers(0, 200)] * 4), st.sampled_from(["error_share", "relative", "points"]))
def test_any_counts_get_a_verdict_that_is_valid_json(cells: tuple[int, int, int, int], measure: str) -> None:
    verdict = decide(graded(*cells), Rule(improvement=measure), 0, 0)  # type: ignore[arg-type]
    canonical_json(verdict)
    assert verdict.reason.endswith(".")
    assert (verdict.prompts_needed is None) or verdict.prompts_needed > sum(cells)
    assert "-0%" not in verdict.reason


@settings(deadline=None)
@given(st.tuples(*[st.integers(0, 200)] * 4))
def test_nothing_deploys_without_a_significant_gain_of_a_fifth(cells: tuple[int, int, int, int]) -> None:
    found = graded(*cells)
    if decide(found, RULE, 0, 0).answer == "deploy":
        assert found.low > 0
        assert found.p_value < 0.05
        assert found.error_share.value is not None
        assert found.error_share.value >= 0.2 - 1e-9


@pytest.mark.parametrize(("n", "discordance"), [(50, 0.3), (200, 0.2), (1000, 0.1)])
def test_two_equal_models_give_a_false_deploy_in_at_most_5_percent(n: int, discordance: float) -> None:
    shares = (0.5, discordance / 2, discordance / 2, 0.5 - discordance)
    drawn = np.random.default_rng(5).multinomial(n, shares, 400)
    answers = [decide(graded(*map(int, row)), RULE, 0, 0).answer for row in drawn]
    assert answers.count("deploy") <= 20


def test_a_guardrail_without_gates_is_kept_in_the_verdict() -> None:
    shown = Guardrail(name="general prompts", passed=None, gates=False)
    assert decide(graded(350, 10, 80, 60), RULE, 0, 0, [shown]).guardrails == (shown,)


def test_a_rule_can_ask_for_a_number_of_prompts_however_clear_few_of_them_seem() -> None:
    few = graded(5, 0, 7, 0)
    assert decide(few, RULE, 0, 0).answer == "deploy"
    verdict = decide(few, Rule(min_prompts=50), 0, 0)
    assert (verdict.answer, verdict.prompts_needed) == ("inconclusive", 50)
    assert decide(few, Rule(min_prompts=12), 0, 0).answer == "deploy"
