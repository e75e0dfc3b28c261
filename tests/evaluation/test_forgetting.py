"""What was not trained for must not suffer: the margin from both sides, and what more prompts would tell."""

from __future__ import annotations

import pytest
from evaluations import evaluation, said

from orchestrator.evaluation.decide import Rule
from orchestrator.evaluation.forgetting import forgotten, forgotten_guardrail
from orchestrator.evaluation.graders import named
from orchestrator.evaluation.judged import Guarded
from orchestrator.pipeline.deciding import Beside, judge, sides_of
from orchestrator.stats import non_inferior

RULE = Rule(general_margin=0.05)


def general(n: int, base_wrong: int, tuned_wrong: int, margin: float | None = 0.05, **more: object) -> Guarded:
    """Where the tuned model is wrong, so is the base, as far as that goes."""
    answers = {"base": said("yes", base_wrong, n), "tuned": said("yes", tuned_wrong, n)}
    sides = sides_of(evaluation(answers, ["yes"] * n), named("exact"))
    return forgotten("general", sides["base"], sides["tuned"], margin, **more)  # type: ignore[arg-type]


def test_the_bound_is_tangos_one_sided_one() -> None:
    found = general(175, 20, 24)
    assert found.low == pytest.approx(non_inferior(4, 0, 175, 0.05).low)
    assert forgotten_guardrail(found, RULE).passed is non_inferior(4, 0, 175, 0.05).passed


def test_nothing_lost_on_175_prompts_passes_a_margin_of_five_points() -> None:
    assert forgotten_guardrail(general(175, 30, 30), RULE).passed is True


def test_a_loss_beyond_the_margin_fails() -> None:
    guardrail = forgotten_guardrail(general(175, 10, 30), RULE)
    assert guardrail.passed is False
    assert guardrail.value is not None
    assert guardrail.limit == -0.05
    assert guardrail.value < -0.05


def test_a_small_loss_on_few_prompts_is_not_known_and_says_how_many_would_tell() -> None:
    found = general(40, 4, 5)
    guardrail = forgotten_guardrail(found, RULE)
    assert guardrail.passed is None
    assert (found.prompts_needed or 0) > 40
    assert f"about {found.prompts_needed:,} prompts would tell" in guardrail.detail


def test_without_a_margin_it_is_shown_and_never_gates() -> None:
    guardrail = forgotten_guardrail(general(175, 10, 60, None), Rule())
    assert (guardrail.passed, guardrail.gates) == (None, False)


def test_answers_that_are_missing_show_nothing() -> None:
    answers = {"base": ["yes"] * 100, "tuned": ["yes"] * 90 + ["!"] * 10}
    sides = sides_of(evaluation(answers, ["yes"] * 100), named("exact"))
    found = forgotten("general", sides["base"], sides["tuned"], 0.5)
    assert (found.missing_tuned, forgotten_guardrail(found, RULE).passed) == (10, None)


def test_each_category_has_its_own_interval() -> None:
    parts = general(100, 10, 30, categories=["facts"] * 50 + ["reasoning"] * 50).parts
    assert [(one.label, one.kind, one.n) for one in parts] == [("facts", "category", 50), ("reasoning", "category", 50)]
    assert (parts[0].difference.value, parts[1].difference.value) == (-0.4, 0.0)


@pytest.mark.parametrize(("tuned_wrong", "answer"), [(30, "deploy"), (90, "iterate")])
def test_a_model_that_forgot_is_not_deployed(tuned_wrong: int, answer: str) -> None:
    asked = evaluation({"base": said("yes", 100, 200), "tuned": said("yes", 20, 200)}, ["yes"] * 200, rule=RULE)
    judged = judge(asked, [named("exact")], False, Beside(guarded=(general(175, 30, tuned_wrong),)))
    assert judged.verdict.answer == answer


def test_a_rule_with_a_margin_that_nobody_measured_holds_back_a_deployment() -> None:
    asked = evaluation({"base": said("yes", 100, 200), "tuned": said("yes", 20, 200)}, ["yes"] * 200, rule=RULE)
    assert judge(asked, [named("exact")], False).verdict.answer == "inconclusive"
