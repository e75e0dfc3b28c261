"""Ratios of latency and cost: what they estimate, their bounds, and when they are within a margin."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wilcoxon

from orchestrator.stats import (
    break_even_months,
    break_even_questions,
    break_even_volume,
    compare_cost,
    compare_latency,
)
from orchestrator.stats.signed_rank import signed_rank

Latencies = tuple[list[float], list[float]]


def latencies(n: int, ratio: float = 1.2, seed: int = 2) -> Latencies:
    rng = np.random.default_rng(seed)
    base = rng.lognormal(0, 0.5, n)
    return base.tolist(), (base * ratio * rng.lognormal(0, 0.2, n)).tolist()


def test_a_model_that_is_a_fifth_slower_is_seen_as_that() -> None:
    found = compare_latency(*latencies(400))
    assert found.typical.low < 1.2 < found.typical.high
    assert found.p50.low < 1.2 < found.p50.high
    assert found.p_value < 0.001


def test_within_a_margin_is_shown_by_the_upper_bound_alone() -> None:
    found = compare_latency(*latencies(400))
    assert found.typical.value < found.typical.upper < found.typical.high
    assert not found.typical.within(found.typical.upper - 1 - 1e-9)
    assert found.typical.within(found.typical.upper - 1 + 1e-9)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-50, 50), min_size=1, max_size=25))
def test_the_estimate_is_the_median_of_all_pair_means(values: list[int]) -> None:
    pairs = sorted((a + b) / 2 for i, a in enumerate(values) for b in values[i:])
    found = signed_rank(np.array(values, np.float64))
    assert found.estimate == pytest.approx(float(np.median(pairs)), abs=1e-9)
    assert pairs[0] - 1e-9 <= found.low <= found.estimate + 1e-9 <= found.high + 2e-9


@pytest.mark.parametrize("n", [12, 49, 51, 300])
def test_the_interval_ends_where_wilcoxons_test_begins_to_reject(n: int) -> None:
    values = np.random.default_rng(n).normal(0.1, 1, n)
    found, step = signed_rank(values), 1e-6
    assert wilcoxon(values - found.low - step).pvalue > 0.049
    assert wilcoxon(values - found.low + step).pvalue < 0.052


def test_few_answers_do_not_bound_the_95_percent_quantile() -> None:
    found = compare_latency(*latencies(58))
    assert found.base_p95.high is None
    assert "it takes 59" in found.notes[0]
    assert compare_latency(*latencies(200)).base_p95.high is not None


def test_equal_latencies_are_a_ratio_of_1() -> None:
    found = compare_latency([0.5] * 80, [0.5] * 80)
    assert (found.typical.value, found.p95.value, found.p_value) == (1, 1, 1)


def test_one_pair_is_enough_to_say_little() -> None:
    found = compare_latency([1.0], [2.0])
    assert (found.typical.value, found.p_value) == (pytest.approx(2), 1)


def test_the_same_seed_gives_the_same_record() -> None:
    assert compare_latency(*latencies(50)) == compare_latency(*latencies(50))


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan"), float("inf")])
def test_a_latency_that_is_none_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        compare_latency([1.0], [bad])


def test_cost_is_the_ratio_of_means_not_the_mean_of_ratios() -> None:
    found = compare_cost([1, 3] * 50, [3, 3] * 50)
    assert found is not None
    assert found.value == pytest.approx(1.5)
    assert found.low < 1.5 < found.high


def test_pairs_that_cost_in_proportion_leave_no_doubt() -> None:
    base = np.random.default_rng(1).lognormal(0, 1, 100)
    found = compare_cost(base.tolist(), (0.4 * base).tolist())
    assert found is not None
    assert (found.low, found.high) == (pytest.approx(0.4), pytest.approx(0.4))


def test_a_base_that_costs_nothing_has_no_ratio() -> None:
    assert compare_cost([0, 0], [1, 2]) is None
    assert compare_cost([1, *[0] * 20], [1] * 21) is None


def test_break_even_in_questions_and_months_and_volume() -> None:
    training, base, tuned = Decimal(300), Decimal("0.01"), Decimal("0.004")
    assert break_even_questions(training, base, tuned) == Decimal(50_000)
    assert break_even_months(training, Decimal(25_000), base, tuned) == 2
    assert break_even_months(training, Decimal(25_000), base, tuned, Decimal(50)) == 3
    assert break_even_volume(training, Decimal(3), base, tuned, Decimal(50)) == 25_000


def test_what_saves_nothing_never_breaks_even() -> None:
    assert break_even_questions(Decimal(1), Decimal("0.004"), Decimal("0.004")) is None
    assert break_even_months(Decimal(1), Decimal(10), Decimal(2), Decimal(1), Decimal(10)) is None
    assert break_even_volume(Decimal(1), Decimal(1), Decimal(1), Decimal(2)) is None


def test_free_training_breaks_even_at_once_where_asking_costs_no_more() -> None:
    assert break_even_questions(Decimal(0), Decimal(1), Decimal(1)) == 0
    assert break_even_questions(Decimal(0), Decimal(1), Decimal(2)) is None
