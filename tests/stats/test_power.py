"""Planning: monotone, consistent with its own inverse, and with statsmodels."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower

from orchestrator.stats import (
    compare_binary,
    detectable_gap,
    holm,
    prompts_needed,
    prompts_to_see,
    score_detectable_gap,
    score_prompts_needed,
)
from orchestrator.stats.score_power import t_detectable_gap, t_power, t_prompts_needed

shares = st.floats(0.01, 1)


@settings(deadline=None)
@given(shares, shares, shares)
def test_a_smaller_gap_needs_at_least_as_many_prompts(one: float, other: float, discordance: float) -> None:
    small, large = sorted((one, other))
    assert prompts_needed(small, discordance) >= prompts_needed(large, discordance)


@settings(deadline=None)
@given(shares, st.floats(0.5, 0.95), st.floats(0.5, 0.95))
def test_more_power_needs_at_least_as_many_prompts(gap: float, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert prompts_needed(gap, 0.3, power=low) <= prompts_needed(gap, 0.3, power=high)


@settings(deadline=None)
@given(st.integers(0, 5000), st.integers(0, 5000), st.floats(0, 1))
def test_more_prompts_show_at_least_as_small_a_gap(one: int, other: int, discordance: float) -> None:
    few, many = sorted((one, other))
    assert detectable_gap(many, discordance) <= detectable_gap(few, discordance)


@settings(deadline=None)
@given(st.integers(10, 20_000), st.floats(0, 0.9))
def test_the_detectable_gap_needs_just_these_prompts(n: int, discordance: float) -> None:
    gap = detectable_gap(n, discordance)
    assert prompts_needed(min(1.0, gap * 1.0001), discordance) <= n
    assert prompts_needed(gap * 0.99, discordance) >= n


@pytest.mark.parametrize(("n", "points"), [(100, 12.5), (200, 8.9), (500, 5.6), (1000, 4.0), (2000, 2.8)])
def test_smallest_gap_at_a_discordance_of_a_fifth(n: int, points: float) -> None:
    assert 100 * detectable_gap(n, 0.2) == pytest.approx(points, abs=0.15)


def test_150_prompts_show_9_to_10_points_and_626_show_5() -> None:
    assert 0.09 < detectable_gap(150, 0.2) < 0.105
    assert detectable_gap(626, 0.2) == pytest.approx(0.05, abs=1e-4)


@pytest.mark.parametrize("n", [0, 1, 3])
def test_too_few_prompts_show_no_gap_at_all(n: int) -> None:
    assert detectable_gap(n, 0.2) == 1


@pytest.mark.parametrize("gap", [0.0, 1.1, float("nan")])
def test_a_gap_that_no_number_of_prompts_shows_is_refused(gap: float) -> None:
    with pytest.raises(ValueError, match="gap"):
        prompts_needed(gap, 0.2)


def test_all_agreeing_prompts_are_not_taken_for_a_discordance_of_zero() -> None:
    found = compare_binary([True] * 12, [True] * 12)
    assert found.detectable > 0.3
    assert prompts_to_see(found, 0.05) > 200


@settings(max_examples=20, deadline=None)
@given(st.integers(3, 60), st.floats(0.25, 0.5))
def test_t_power_is_statsmodels_less_the_far_tail(n: int, spread: float) -> None:
    both_tails = TTestPower().power(0.1 / spread, n, 0.05, alternative="two-sided")
    assert both_tails - 0.02 <= t_power(n, 0.1, spread) <= both_tails + 1e-9


def test_t_detectable_gap_inverts_t_prompts_needed() -> None:
    gap = t_detectable_gap(40, 0.25)
    assert t_prompts_needed(gap, 0.25) == pytest.approx(40, abs=1e-4)


def test_for_many_prompts_t_and_normal_plans_agree() -> None:
    assert t_detectable_gap(2000, 0.3) == pytest.approx(score_detectable_gap(2000, 0.3), rel=2e-3)
    assert t_prompts_needed(0.03, 1 / 3) == pytest.approx(score_prompts_needed(0.03, 1 / 3), abs=3)


@settings(max_examples=5, deadline=None)
@given(st.lists(st.integers(0, 1000).map(lambda k: k / 1000), min_size=1, max_size=20))
def test_holm_equals_statsmodels(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(tuple(multipletests(p_values, method="holm")[1]), abs=1e-12)
