"""Every slice with its own interval, corrected for looking at them all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from orchestrator.stats import compare_binary, compare_slices, fdr


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 1000).map(lambda k: k / 1000), min_size=1, max_size=20))
def test_fdr_equals_statsmodels(p_values: list[float]) -> None:
    assert fdr(p_values) == pytest.approx(tuple(multipletests(p_values, method="fdr_bh")[1]), abs=1e-12)


def test_nothing_to_correct_is_nothing() -> None:
    assert fdr([]) == ()


def test_each_slice_is_compared_by_itself() -> None:
    base, tuned = [1, 0, 0, 0, 1, 1], [1, 1, 1, 0, 1, 0]
    big, small = compare_slices(base, tuned, ["a", "a", "a", "a", "b", "b"])
    assert (big.label, small.label) == ("a", "b")
    assert big.comparison == compare_binary([True, False, False, False], [True, True, True, False])


def test_adjusted_p_values_are_benjamini_hochbergs_over_all_slices() -> None:
    rng = np.random.default_rng(1)
    base, tuned = (rng.integers(0, 2, 400).tolist() for _ in range(2))
    found = compare_slices(base, tuned, [f"label {i % 7}" for i in range(400)])
    assert tuple(one.p_adjusted for one in found) == fdr([one.comparison.p_value for one in found])


def test_small_slices_are_left_out_before_correcting() -> None:
    found = compare_slices([1, 0, 1, 1], [0, 1, 1, 0], ["a", "a", "a", "b"], least=2)
    assert [one.label for one in found] == ["a"]
    assert found[0].p_adjusted == found[0].comparison.p_value


def test_scores_are_compared_as_scores() -> None:
    (found,) = compare_slices([0.5] * 30, [0.75] * 30, ["x"] * 30)
    assert (found.comparison.kind, found.comparison.difference) == ("score", 0.25)


def test_every_prompt_needs_a_label() -> None:
    with pytest.raises(ValueError, match="with 1 labels"):
        compare_slices([1, 1], [1, 1], ["a"])
