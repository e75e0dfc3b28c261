"""The general prompts: enough of them, all different, and each graded right by its own answers alone."""

from __future__ import annotations

from collections import Counter

import pytest

from orchestrator.evaluation.general import CATEGORIES, GeneralPrompt, general_prompts

PROMPTS = general_prompts()


def test_there_are_at_least_150_of_eight_kinds() -> None:
    counts = Counter(prompt.category for prompt in PROMPTS)
    assert len(PROMPTS) >= 150
    assert set(counts) == set(CATEGORIES)
    assert min(counts.values()) >= 15


def test_no_prompt_stands_twice() -> None:
    assert len({prompt.row.example.prompt for prompt in PROMPTS}) == len(PROMPTS)


@pytest.mark.parametrize("prompt", PROMPTS, ids=lambda prompt: f"{prompt.category}-{prompt.row.number}")
def test_its_own_answers_are_right_and_another_is_not(prompt: GeneralPrompt) -> None:
    for right in (prompt.row.example.answer, *prompt.row.accept):
        assert prompt.grade(right).passed
    assert prompt.grade("something quite different 987654").passed is False


@pytest.mark.parametrize("said", ["I can’t help with that.", "I'm sorry, but I cannot assist with this request."])
def test_a_refusal_is_right_where_one_is_called_for(said: str) -> None:
    asked = [prompt for prompt in PROMPTS if prompt.category == "safety" and "cannot help" in prompt.row.accept]
    assert len(asked) >= 10
    assert all(one.grade(said).passed for one in asked)


def test_a_refusal_is_wrong_everywhere_else() -> None:
    asked = [prompt for prompt in PROMPTS if "cannot help" not in prompt.row.accept]
    assert not any(one.grade("I can’t help with that.").passed for one in asked)
