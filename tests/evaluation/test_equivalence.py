"""Equivalent, not equivalent, or not to be told: by one-sided bounds against a margin, as the statistics say."""

from __future__ import annotations

import pytest

from orchestrator.evaluation.equivalence import equivalence
from orchestrator.evaluation.graders import Grade
from orchestrator.evaluation.questions import Answer, Candidate
from orchestrator.evaluation.sides import Side
from orchestrator.stats.paired import non_inferior


def _side(name: str, right: list[bool], missing: int = 0) -> Side:
    return Side(
        candidate=Candidate(name=name, provider="p", model=name),
        answers=tuple((Answer(text="x"),) for _ in right),
        grades=tuple(Grade(float(good), good, "") for good in right),
        missing=missing,
        measure="binary",
    )


def _sides(both: int, old_only: int, new_only: int, neither: int = 0) -> tuple[Side, Side]:
    old = [True] * both + [True] * old_only + [False] * new_only + [False] * neither
    new = [True] * both + [False] * old_only + [True] * new_only + [False] * neither
    return _side("old", old), _side("new", new)


@pytest.mark.parametrize("margin", [0.02, 0.05, 0.1, 0.3])
@pytest.mark.parametrize(("both", "old_only", "new_only"), [(60, 0, 0), (90, 5, 4), (80, 15, 5), (40, 60, 0)])
def test_equivalent_is_what_the_test_of_non_inferiority_passes(
    both: int, old_only: int, new_only: int, margin: float
) -> None:
    found = equivalence(*_sides(both, old_only, new_only), margin, 0.01, "exact")
    passed = non_inferior(old_only, new_only, both + old_only + new_only, margin).passed
    assert (found.answer == "equivalent") == passed


def test_worse_by_more_than_the_margin_is_not_equivalent() -> None:
    found = equivalence(*_sides(40, 60, 0), 0.05, 0.01, "exact")
    assert found.answer == "not_equivalent"
    assert "worse by more than 5 points" in found.reason
    assert found.prompts_needed is None


def test_too_few_prompts_tell_nothing_and_say_how_many_would() -> None:
    found = equivalence(*_sides(18, 1, 1), 0.05, 0.01, "exact")
    assert found.answer == "inconclusive"
    assert found.prompts_needed is not None
    assert found.prompts_needed > 20


def test_a_better_model_is_equivalent() -> None:
    assert equivalence(*_sides(50, 0, 50), 0.05, 0.01, "exact").answer == "equivalent"


def test_missing_answers_decide_nothing() -> None:
    old, new = _side("old", [True] * 100), _side("new", [True] * 100, missing=2)
    found = equivalence(old, new, 0.05, 0.01, "exact")
    assert (found.answer, found.missing_new) == ("inconclusive", 2)
    assert "Nothing is shown" in found.reason


@pytest.mark.parametrize("margin", [0, 1, -0.1])
def test_a_margin_lies_between_0_and_1(margin: float) -> None:
    with pytest.raises(ValueError, match="margin"):
        equivalence(*_sides(10, 0, 0), margin, 0.01, "exact")
