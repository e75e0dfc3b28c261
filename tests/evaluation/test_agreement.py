"""Cohen's kappa and what an ungraded answer does to a verdict."""

from __future__ import annotations

import random

import pytest

from orchestrator.evaluation.agreement import agreement
from orchestrator.evaluation.decide import Verdict
from orchestrator.evaluation.graders import Grade
from orchestrator.evaluation.judging import void_ungraded
from orchestrator.evaluation.rule import Rule
from orchestrator.stats import Choice, compare_pairwise

RIGHT, LOST = Grade(1.0, True), Grade(0.0, False, "row 3: KeyError", ungraded=True)
DEPLOY = Verdict(answer="deploy", reason="better")


def test_kappa_of_a_known_table() -> None:
    """Two readers of 50 proposals: yes/yes 20, yes/no 5, no/yes 10, no/no 15 give p_o 0.7, p_e 0.5 and kappa 0.4."""
    pairs = [("y", "y")] * 20 + [("y", "n")] * 5 + [("n", "y")] * 10 + [("n", "n")] * 15
    found = agreement([one for one, _ in pairs], [other for _, other in pairs])
    assert (found.n, found.raw, found.kappa) == (50, pytest.approx(0.7), pytest.approx(0.4))


def test_kappa_agrees_with_scikit_learn() -> None:
    cohen_kappa_score = pytest.importorskip("sklearn.metrics").cohen_kappa_score
    draw = random.Random(3)
    one = draw.choices("12345", k=200)
    other = [label if draw.random() < 0.6 else draw.choice("12345") for label in one]
    assert agreement(one, other).kappa == pytest.approx(cohen_kappa_score(one, other))


@pytest.mark.parametrize(("labels", "kappa"), [([], None), (["tie"] * 5, None), (["tuned", "base"], 1.0)])
def test_kappa_has_no_value_where_chance_explains_all(labels: list[str], kappa: float | None) -> None:
    assert agreement(labels, labels).kappa == kappa


def test_too_many_ungraded_answers_void_the_verdict() -> None:
    verdict = void_ungraded(DEPLOY, Rule(max_missing=0.01), [RIGHT] * 50, [*[RIGHT] * 49, LOST])
    assert verdict.answer == "inconclusive"
    assert "1 of 50 prompts of the tuned model could not be graded" in verdict.reason
    assert "KeyError" in verdict.reason


def test_a_few_ungraded_answers_are_told_beside_it() -> None:
    verdict = void_ungraded(DEPLOY, Rule(max_missing=0.05), [RIGHT] * 50, [*[RIGHT] * 49, LOST])
    assert verdict.answer == "deploy"
    assert "could not be graded" in verdict.advice[-1]
    assert void_ungraded(DEPLOY, Rule(), [RIGHT], [RIGHT]) == DEPLOY


def test_choices_of_both_orders_are_counted_as_what_they_are() -> None:
    base_first: list[Choice | None] = ["tuned", "base", "base", "tuned", "tie", "tuned", None]
    tuned_first: list[Choice | None] = ["tuned", "base", "tuned", "base", "tuned", "tie", "tuned"]
    found = compare_pairwise(base_first, tuned_first)
    assert (found.wins, found.losses, found.ties, found.flips) == (1, 1, 3, 2)
    assert (found.missing, found.first_chosen, found.win_rate.value) == (1, 1, 0.5)
