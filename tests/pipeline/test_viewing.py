"""What a graded evaluation found, as the report shows it: nothing of it is lost on the way."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from orchestrator.dataset.records import Row
from orchestrator.evaluation.decide import Rule
from orchestrator.evaluation.graders import Grade, named
from orchestrator.evaluation.judged import Contender, Economics, Guarded, Judged, Metric, Ratio, Slice
from orchestrator.evaluation.questions import Answer, Candidate, Spec, questions
from orchestrator.pipeline.deciding import judge
from orchestrator.pipeline.evaluating import Evaluated
from orchestrator.pipeline.viewing_evaluation import evaluation_view
from orchestrator.report.view import Estimate, EvaluationView, SideView
from orchestrator.stats import Estimate as Measured
from orchestrator.stats import compare_binary
from providers.records import Example, Message, Sampling

LABELS = ("billing", "returns")
ROLES = ("base", "tuned", "also1")


def evaluated(samples: int = 1) -> Evaluated:
    """Twenty prompts to three candidates; the base says billing each time, the tuned model is right, one refuses."""
    rows = [
        Row(
            number=i + 1,
            file="t.csv",
            example=Example((Message("user", f"prompt {i}"), Message("assistant", LABELS[i % 2]))),
            group=f"g{i % 3}",
        )
        for i in range(20)
    ]
    asked = questions(rows)
    told = {"base": "billing", "also1": "returns"}
    answers = {
        (role, question.key, sample): Answer(
            text=told.get(role, question.row.example.answer), latency_s=0.1 * (i + 1), usd=Decimal("0.001")
        )
        for role in ROLES
        for i, question in enumerate(asked)
        for sample in range(samples)
    }
    answers["also1", asked[0].key, 0] = Answer(text="", refusal="I cannot say that")
    answers["also1", asked[1].key, 0] = Answer(text="", error="timed out")
    spec = Spec(
        candidates=tuple(Candidate(name=role, provider="p", model=f"m-{role}", serving="serverless") for role in ROLES),
        questions=tuple(question.key for question in asked),
        sampling=Sampling(),
        samples=samples,
    )
    return Evaluated(spec=spec, questions=asked, answers=answers, rule=Rule())


def judged(of: Evaluated) -> Judged:
    """As decided between base and tuned, with a contender, a metric, a slice of each kind, ratios and money."""
    found = judge(of, [named("exact")], labels=False)
    grades = tuple(Grade(float(i % 2), bool(i % 2)) for i in range(20))
    sides = {
        "base": [bool(g.passed) for g in found.base_grades],
        "tuned": [bool(g.passed) for g in found.tuned_grades],
        "also1": [bool(g.passed) for g in grades],
    }
    contender = Contender(
        name="also1",
        label="m with examples",
        grades=grades,
        missing=2,
        against_base=compare_binary(sides["base"], sides["also1"]),
        against_tuned=compare_binary(sides["tuned"], sides["also1"]),
        p_adjusted=0.04,
    )
    part: Any = {"n": 10, "base": 0.5, "tuned": 1.0, "difference": Measured(0.5, 0.2, 0.7), "p_adjusted": 0.03}
    parts = (
        Slice(label="billing", **part),
        Slice(label="short", kind="length", **part),
        Slice(label="g1", kind="group", **part),
    )
    return replace(
        found,
        contenders=(contender,),
        metrics=(Metric(name="contains", comparison=found.comparison, p_adjusted=0.02),),
        slices=parts,
        latency=Ratio(value=1.2, low=1.1, high=1.3, n=20, comparable=False),
        cost=Ratio(value=0.9, low=0.8, high=1.0, n=20),
        economics=Economics(
            usd_per_1000_correct={"base": Decimal("2.0"), "tuned": None},
            months_to_break_even=Decimal(3),
            prompts_to_break_even=9_000,
            why="at 1,000 a month",
        ),
        guarded=(Guarded(name="general", n=150, base=0.8, tuned=0.79, low=-0.04, margin=0.05, parts=parts[:1]),),
    )


@pytest.fixture(scope="module")
def view() -> EvaluationView:
    of = evaluated()
    return evaluation_view(of, judged(of))


def side(view: EvaluationView, role: str) -> SideView:
    return next(one for one in view.sides if one.role == role)


def test_every_candidate_is_a_side_in_its_order(view: EvaluationView) -> None:
    assert [(one.role, one.model) for one in view.sides] == [
        ("base", "m-base"), ("tuned", "m-tuned"), ("also1", "m with examples"),
    ]  # fmt: skip


def test_a_contender_is_shown_against_base_and_tuned(view: EvaluationView) -> None:
    also = side(view, "also1")
    assert (also.score.value, also.against_base.value, also.against_tuned.value) == (0.5, 0.0, -0.5)
    assert (also.p_adjusted, also.missing, also.answered) == (0.04, 2, 18)


def test_the_tuned_model_is_shown_against_the_base(view: EvaluationView) -> None:
    assert side(view, "tuned").against_base.value == 0.5
    assert side(view, "base").against_base == Estimate(None)


def test_every_row_has_every_answer_its_group_and_its_label(view: EvaluationView) -> None:
    assert len(view.rows) == 20
    row = view.rows[3]
    assert (row.label, row.group, row.reference) == ("returns", "g0", "returns")
    assert row.base
    assert row.tuned
    assert (row.base.text, row.tuned.text, row.also["also1"].text) == ("billing", "returns", "returns")


def test_a_refusal_keeps_its_words_and_an_error_its_reason(view: EvaluationView) -> None:
    refused, failed = (view.rows[i].also["also1"] for i in (0, 1))
    assert (refused.text, refused.refused) == ("I cannot say that", True)
    assert (failed.text, failed.error) == (None, "timed out")


def test_slices_of_every_kind_keep_their_interval_and_adjusted_p(view: EvaluationView) -> None:
    assert [(one.kind, one.label) for one in view.slices] == [
        ("label", "billing"), ("length", "short"), ("group", "g1"),
    ]  # fmt: skip
    assert {(one.difference, one.p_adjusted) for one in view.slices} == {(Estimate(0.5, 0.2, 0.7), 0.03)}


def test_metrics_ratios_and_money_arrive(view: EvaluationView) -> None:
    assert [(one.name, one.p_adjusted, one.difference.value) for one in view.metrics] == [("contains", 0.02, 0.5)]
    assert view.latency
    assert view.cost
    assert view.economics
    assert (view.latency.value, view.latency.comparable, view.cost.high) == (1.2, False, 1.0)
    assert (view.economics.months_to_break_even, view.economics.why) == (3, "at 1,000 a month")
    assert (side(view, "base").usd_per_1000_correct, side(view, "tuned").usd_per_1000_correct) == (Decimal("2.0"), None)


def test_what_guards_against_forgetting_arrives_whole(view: EvaluationView) -> None:
    (guarded,) = view.guarded
    assert (guarded.name, guarded.n, guarded.low, guarded.margin) == ("general", 150, -0.04, 0.05)
    assert [part.label for part in guarded.parts] == ["billing"]
    assert view.economics
    assert view.economics.prompts_to_break_even == 9_000


def test_what_was_said_again_stands_beside_the_first_sample_and_is_paid_for() -> None:
    of = evaluated(samples=3)
    view = evaluation_view(of, judged(of))
    assert view.samples == 3
    assert view.rows[3].tuned
    assert view.rows[3].tuned.samples == ("returns", "returns")
    assert side(view, "base").usd == Decimal("0.060")
    assert side(view, "base").usd_per_1000 == Decimal(1)


def test_a_sum_with_an_unknown_price_in_it_is_not_shown() -> None:
    of = evaluated()
    key = of.questions[5].key
    unpriced = replace(of, answers=of.answers | {("base", key, 0): Answer(text="billing")})
    assert side(evaluation_view(unpriced, judged(unpriced)), "base").usd is None
