"""What is judged beside the difference between base and tuned: contenders, metrics, samples, groups, ratios, money."""

from __future__ import annotations

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from evaluations import answer, evaluation, said

from orchestrator.evaluation.decide import Rule
from orchestrator.evaluation.economics import Terms
from orchestrator.evaluation.graders import named
from orchestrator.pipeline.deciding import Beside, judge, verdict_json

N = 200
RIGHT = ["yes"] * N


def better(**beside: object) -> dict[str, object]:
    """The base wrong on half, the tuned model on a tenth."""
    return {"base": said("yes", 100, N), "tuned": said("yes", 20, N), **beside}


def test_a_prompt_that_is_as_good_as_the_tuned_model_comes_first_in_the_advice() -> None:
    judged = judge(evaluation(better(also1=said("yes", 24, N, 50)), RIGHT, models={"also1": "base"}), (), True)
    assert judged.verdict.answer == "deploy"
    assert judged.verdict.advice[0].startswith(
        "Prompting alone reaches 88% (also1 model): the tuned model (90%) is not"
    )


@pytest.mark.parametrize(
    ("also", "says"),
    [
        ({}, "was not tried here"),
        ({"also1": said("yes", 20, N)}, "Take the prompt in place of tuning: also1 model reaches 90%, the base 50%"),
        ({"also1": said("yes", 101, N)}, "A better prompt is not shown to help either"),
    ],
)
def test_where_tuning_is_not_worth_it_the_alternative_is_named(also: dict[str, object], says: str) -> None:
    answers = {"base": said("yes", 100, N), "tuned": said("yes", 120, N), **also}
    verdict = judge(evaluation(answers, RIGHT, models={"also1": "base"}), (), True).verdict
    assert verdict.answer == "stop"
    assert any(says in text for text in verdict.advice)
    assert sum("RAG" in text for text in verdict.advice) <= 1


def test_a_contender_that_is_beaten_is_not_mentioned() -> None:
    judged = judge(evaluation(better(also1=said("yes", 90, N)), RIGHT, models={"also1": "base"}), (), True)
    assert not any("Prompting alone" in text for text in judged.verdict.advice)
    assert judged.contenders[0].against_tuned.high < 0 < judged.contenders[0].against_base.high


@pytest.mark.parametrize("wanted", ["prompt", "also1"])
def test_a_rule_can_make_a_contender_a_guardrail(wanted: str) -> None:
    rule = Rule(must_beat=(wanted,))
    asked = evaluation(better(also1=said("yes", 24, N, 50)), RIGHT, models={"also1": "base"}, rule=rule)
    verdict = judge(asked, (), True).verdict
    assert verdict.answer == "iterate"
    assert f"a guardrail fails: beats {wanted} (+2.0 points against also1 model" in verdict.reason


def test_a_guardrail_whose_contender_was_not_asked_holds_back_a_deployment() -> None:
    verdict = judge(evaluation(better(), RIGHT, rule=Rule(must_beat=("prompt",))), (), True).verdict
    assert verdict.answer == "inconclusive"
    assert [(one.name, one.passed) for one in verdict.guardrails] == [("beats prompt", None)]


def test_contenders_are_corrected_for_their_number() -> None:
    more = {f"also{n}": said("yes", 36, N, 20 * n) for n in range(1, 4)}
    found = judge(evaluation(better(**more), RIGHT), (), True).contenders
    assert all(one.p_adjusted >= one.against_tuned.p_value for one in found)
    least = min(one.against_tuned.p_value for one in found)
    assert min(one.p_adjusted for one in found) == pytest.approx(3 * least)


def test_further_metrics_are_corrected_and_do_not_decide() -> None:
    judged = judge(evaluation(better(), RIGHT, rule=Rule(metrics=("exact", "f1"))), (), True)
    assert [one.name for one in judged.metrics] == ["exact", "f1"]
    assert all(one.p_adjusted >= one.comparison.p_value for one in judged.metrics)


def test_several_answers_a_prompt_are_averaged_within_it() -> None:
    base = [["yes", "no", "no", "yes"]] * 30
    tuned = [["yes", "yes", "no", "yes"]] * 20 + [["yes"] * 4] * 10
    judged = judge(evaluation({"base": base, "tuned": tuned}, ["yes"] * 30, samples=4), [named("normalised")], True)
    found = judged.comparison
    assert (found.kind, found.n, found.base) == ("score", 30, 0.5)
    assert found.tuned == pytest.approx((20 * 0.75 + 10) / 30)
    assert judged.base_grades[0].note == "2 of 4 answers right"


def test_prompts_in_groups_count_as_groups() -> None:
    groups = [f"document {place // 20}" for place in range(N)]
    alone = judge(evaluation(better(), RIGHT), (), True).comparison
    grouped = judge(evaluation(better(), RIGHT, groups=groups), (), True).comparison
    assert grouped.low < alone.low
    assert grouped.p_value > alone.p_value
    assert "10 groups" in grouped.notes[-1]


def test_a_single_group_shows_nothing() -> None:
    judged = judge(evaluation(better(), RIGHT, groups=["one"] * N), (), True)
    assert judged.comparison.low < 0
    assert judged.comparison.p_value == 1.0
    assert judged.verdict.answer == "inconclusive"


def test_groups_of_one_prompt_each_change_nothing() -> None:
    groups = [f"document {place}" for place in range(N)]
    assert (
        judge(evaluation(better(), RIGHT, groups=groups), (), True).comparison
        == judge(evaluation(better(), RIGHT), (), True).comparison
    )


def test_slices_are_by_label_length_and_group_with_adjusted_p_values() -> None:
    right = ["yes" if place % 2 else "no" for place in range(N)]
    answers = {"base": ["yes"] * N, "tuned": right}
    asked = ["word " * (1 + place % 7) + str(place) for place in range(N)]
    found = judge(evaluation(answers, right, asked=asked, groups=["a", "b", "a", "b"] * 50), (), True).slices
    assert {one.kind for one in found} == {"label", "length", "group"}
    no = next(one for one in found if one.label == "no")
    assert (no.n, no.base, no.tuned) == (100, 0.0, 1.0)
    assert all(one.p_adjusted is not None and one.p_value is not None for one in found)
    assert all((one.p_adjusted or 0) >= (one.p_value or 0) for one in found)


def test_latency_is_judged_by_what_the_answers_leave_open() -> None:
    base = [answer("no", latency_s=1.0 + place % 5) for place in range(40)]
    tuned = [answer("yes", latency_s=1.1 + (place * 2) % 5) for place in range(40)]
    for limit, answered in ((9.0, True), (1.15, None), (1.0, False)):
        judged = judge(
            evaluation({"base": base, "tuned": tuned}, ["yes"] * 40, rule=Rule(max_latency_ratio=limit)), (), True
        )
        assert judged.verdict.guardrails[0].passed is answered
    assert judged.latency is not None
    assert judged.latency.low < judged.latency.value < judged.latency.high


def test_latency_of_different_serving_is_marked_and_never_gates() -> None:
    sides = {name: [answer("yes", latency_s=1.0)] * 40 for name in ("base", "tuned")}
    made = evaluation(sides, ["yes"] * 40, serving={"tuned": "dedicated"}, rule=Rule(max_latency_ratio=0.5))
    judged = judge(made, (), True)
    assert judged.latency is not None
    assert judged.latency.comparable is False
    assert judged.verdict.guardrails[0].gates is False


def test_money_is_counted_by_the_correct_answer() -> None:
    base = [answer(text, usd="0.004") for text in said("yes", 100, N)]
    tuned = [answer(text, usd="0.001") for text in said("yes", 20, N)]
    terms = Terms(training_usd=Decimal(63), prompts_per_month=1000)
    judged = judge(evaluation({"base": base, "tuned": tuned}, RIGHT), (), True, Beside(terms=terms))
    found = judged.economics
    assert found is not None
    assert found.usd_per_1000_correct["base"] == 8
    # A correct answer costs 0.008 and 0.001 / 0.9: a prompt saves 0.9 · 0.008 − 0.001 = 0.0062 dollars.
    assert (found.prompts_to_break_even, found.months_to_break_even) == (10162, Decimal("10.2"))
    assert judged.cost is not None
    assert judged.cost.value == pytest.approx(0.25)


def test_without_a_volume_the_break_even_is_in_prompts() -> None:
    base = [answer(text, usd="0.004") for text in said("yes", 100, N)]
    tuned = [answer(text, usd="0.001") for text in said("yes", 20, N)]
    made = evaluation({"base": base, "tuned": tuned}, RIGHT)
    found = judge(made, (), True, Beside(terms=Terms(training_usd=Decimal(63)))).economics
    assert found is not None
    assert (found.months_to_break_even, found.prompts_to_break_even) == (None, 10162)
    assert "--prompts-per-month" in found.why


def test_a_dearer_correct_answer_never_pays() -> None:
    sides = {"base": [answer("yes", usd="0.001")] * N, "tuned": [answer("yes", usd="0.002")] * N}
    found = judge(evaluation(sides, RIGHT), (), True, Beside(terms=Terms(training_usd=Decimal(1)))).economics
    assert found is not None
    assert found.prompts_to_break_even is None
    assert "never pays" in found.why


def test_the_document_tells_everything_that_was_found() -> None:
    told = verdict_json(judge(evaluation(better(also1=said("yes", 24, N, 50)), RIGHT), (), True))
    assert {"contenders", "metrics", "slices", "latency", "cost", "economics", "guarded"} <= told.keys()
    assert told["contenders"][0]["score"] == 0.88


WITHOUT_SCIPY = """
import sys
sys.modules["scipy"] = None
from evaluations import answer, evaluation
from orchestrator.evaluation.rule import Rule
from orchestrator.pipeline.deciding import judge
sides = {name: [answer(text, latency_s=1.0)] * 40 for name, text in (("base", "no"), ("tuned", "yes"))}
judged = judge(evaluation(sides, ["yes"] * 40, rule=Rule(max_latency_ratio=2.0)), (), True)
assert (judged.verdict.answer, judged.latency) == ("inconclusive", None)
assert "tunewright[evaluate]" in judged.verdict.guardrails[0].detail
assert judge(evaluation(sides, ["yes"] * 40), (), True).verdict.answer == "deploy"
"""


def test_a_verdict_on_labels_needs_no_scipy_and_a_limit_on_latency_says_that_it_does() -> None:
    support = Path(__file__).parents[1] / "support"
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join((str(support), *filter(None, sys.path)))}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_SCIPY], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
