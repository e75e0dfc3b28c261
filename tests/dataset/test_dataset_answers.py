"""Promises about the kind of answers: labels, numbers, JSON or text, told from the data."""

from __future__ import annotations

import pytest

from orchestrator.dataset.answers import label_counts, task_of

KINDS = [
    (["yes", "no"] * 10, "labels"),
    (["0", "1"] * 10, "labels"),
    (["1", "2", "3", "4", "5"] * 10, "labels"),
    ([f"label {n % 77}" for n in range(1000)], "labels"),
    ([str(n) for n in range(100)], "number"),
    (["$1,234.50", "-3", "7%", "2e5", ".5", "40"] + [str(n) for n in range(50)], "number"),
    ([str(n % 200) for n in range(1000)], "number"),
    (['{"a": 1}', "[1, 2]", '{"b": {"c": null}}'], "json"),
    ([f"a sentence number {n}" for n in range(50)], "text"),
    (["a long answer " * 20] * 50, "text"),
    (["yes", "no"], "text"),
    (["{a}", "{b}"], "text"),
    ([], "text"),
]


@pytest.mark.parametrize(("answers", "task"), KINDS, ids=[f"{n}-{task}" for n, (_, task) in enumerate(KINDS)])
def test_the_kind_of_answers_is_told_from_the_data(answers: list[str], task: str) -> None:
    assert task_of(answers) == task


def test_a_few_odd_answers_do_not_change_the_kind() -> None:
    assert task_of([*(str(n) for n in range(98)), "unknown", ""]) == "number"
    assert task_of(["a", "b", "c"] * 30 + ["odd one"]) == "labels"


def test_labels_are_counted_most_common_first() -> None:
    assert list(label_counts(["b", "a ", "a", "c", "b", "a"]).items()) == [("a", 3), ("b", 2), ("c", 1)]
