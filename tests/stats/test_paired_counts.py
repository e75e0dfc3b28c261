"""Score intervals and McNemar's mid-p over all shapes of counts: symmetry, order, extremes, agreement with others."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import binom
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

from orchestrator.stats import mcnemar_mid_p, non_inferior, ratio_interval, score_z, tango_interval, wilson
from orchestrator.stats.paired import _ratio_score

counts = st.tuples(*[st.integers(0, 60)] * 4)


@settings(deadline=None)
@given(st.integers(0, 500), st.integers(0, 500), st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_wilson_equals_statsmodels(successes: int, failures: int, confidence: float) -> None:
    n = successes + failures
    if n:
        expected = proportion_confint(successes, n, alpha=1 - confidence, method="wilson")
        found = wilson(successes, n, confidence=confidence)
        assert (found.low, found.high) == pytest.approx(expected, abs=1e-12)


@settings(deadline=None)
@given(st.integers(0, 3000), st.integers(0, 3000))
def test_mid_p_equals_statsmodels_exact_p_less_the_point_mass(base_only: int, tuned_only: int) -> None:
    if base_only != tuned_only:
        exact = mcnemar(np.array([[0, base_only], [tuned_only, 0]]), exact=True).pvalue
        mass = binom.pmf(min(base_only, tuned_only), base_only + tuned_only, 0.5)
        assert mcnemar_mid_p(base_only, tuned_only) == pytest.approx(exact - mass, rel=1e-6, abs=1e-12)


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_mid_p_is_a_probability_and_symmetric(one: int, other: int) -> None:
    p = mcnemar_mid_p(one, other)
    assert 0 <= p <= 1
    assert p == mcnemar_mid_p(other, one)


def test_mid_p_is_1_when_no_prompt_tells_the_models_apart() -> None:
    assert mcnemar_mid_p(0, 0) == 1


def test_mid_p_of_equal_counts_is_the_published_one() -> None:
    assert mcnemar_mid_p(2, 2) == pytest.approx(1 - 6 / 16 / 2)


@settings(deadline=None)
@given(counts)
def test_tango_swaps_sign_with_the_models(cells: tuple[int, int, int, int]) -> None:
    n = sum(cells)
    one, other = tango_interval(cells[1], cells[2], n), tango_interval(cells[2], cells[1], n)
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-9)


@settings(deadline=None)
@given(counts)
def test_tango_holds_its_estimate_and_stays_in_range(cells: tuple[int, int, int, int]) -> None:
    n = sum(cells)
    found = tango_interval(cells[1], cells[2], n)
    estimate = (cells[2] - cells[1]) / n if n else 0.0
    assert -1 <= found.low <= estimate + 1e-12
    assert estimate - 1e-12 <= found.high <= 1


@settings(deadline=None)
@given(counts)
def test_tango_ends_where_the_score_statistic_reaches_z(cells: tuple[int, int, int, int]) -> None:
    _, base_only, tuned_only, _ = cells
    n = sum(cells)
    found = tango_interval(base_only, tuned_only, n)
    for end in (found.low, found.high):
        if n and abs(end) < 1 - 1e-6:
            assert abs(score_z(base_only, tuned_only, n, end)) == pytest.approx(1.959964, abs=1e-4)


@settings(deadline=None)
@given(counts)
def test_tango_widens_with_confidence(cells: tuple[int, int, int, int]) -> None:
    n = sum(cells)
    narrow, wide = (tango_interval(cells[1], cells[2], n, confidence=c) for c in (0.8, 0.99))
    assert wide.low <= narrow.low + 1e-12
    assert narrow.high <= wide.high + 1e-12


def test_tango_without_a_discordant_prompt_is_never_a_point() -> None:
    found = tango_interval(0, 0, 12)
    assert (found.low, found.high) == pytest.approx((-0.24249, 0.24249), abs=1e-5)


@pytest.mark.parametrize(("base_only", "tuned_only", "end"), [(0, 9, 1.0), (9, 0, -1.0)])
def test_tango_reaches_the_end_when_every_prompt_goes_one_way(base_only: int, tuned_only: int, end: float) -> None:
    found = tango_interval(base_only, tuned_only, 9)
    assert (found.high if end > 0 else found.low) == pytest.approx(end)
    assert found.high - found.low > 0.2


def test_no_prompt_leaves_every_difference_possible() -> None:
    found = tango_interval(0, 0, 0)
    assert (found.low, found.high) == (-1, 1)


@settings(deadline=None)
@given(st.tuples(*[st.integers(10, 200)] * 4))
def test_tango_lies_beside_newcombe_in_ordinary_tables(cells: tuple[int, int, int, int]) -> None:
    both, base_only, tuned_only, neither = cells
    n = sum(cells)
    one, two = wilson(both + tuned_only, n), wilson(both + base_only, n)
    phi = both * neither - base_only * tuned_only
    phi /= math.sqrt((both + tuned_only) * (neither + base_only) * (both + base_only) * (neither + tuned_only))
    d, p, q = (tuned_only - base_only) / n, (both + tuned_only) / n, (both + base_only) / n
    down, up = (p - one.low, two.high - q), (one.high - p, q - two.low)
    expected = [d - _hybrid(*down, phi), d + _hybrid(*up, phi)]
    found = tango_interval(base_only, tuned_only, n)
    assert [found.low, found.high] == pytest.approx(expected, abs=0.02)


def _hybrid(one: float, other: float, phi: float) -> float:
    return math.sqrt(one * one - 2 * phi * one * other + other * other)


@settings(deadline=None)
@given(counts)
def test_ratio_interval_excludes_1_exactly_when_tango_excludes_0(cells: tuple[int, int, int, int]) -> None:
    both, base_only, tuned_only, _ = cells
    if both + base_only == 0:
        return
    difference = tango_interval(base_only, tuned_only, sum(cells))
    ratio = ratio_interval(both, base_only, tuned_only, sum(cells))
    if min(abs(difference.low), abs(difference.high)) > 1e-9:
        assert (difference.low > 0, difference.high < 0) == (ratio.low > 1, ratio.high < 1)


@settings(deadline=None)
@given(counts)
def test_ratio_interval_holds_its_estimate(cells: tuple[int, int, int, int]) -> None:
    both, base_only, tuned_only, _ = cells
    if both + base_only:
        found = ratio_interval(both, base_only, tuned_only, sum(cells))
        estimate = (both + tuned_only) / (both + base_only)
        assert found.low <= estimate * (1 + 1e-9) <= found.high * (1 + 2e-9)
        assert math.isfinite(found.high)


@pytest.mark.parametrize("ratio", [0.5, 0.8, 1.0, 1.3])
def test_ratio_score_uses_the_constrained_likelihoods_maximum(ratio: float) -> None:
    both, base_only, tuned_only = 59, 16, 6
    m = both + base_only + tuned_only

    def unlikely(base: float) -> float:
        cells = ((both, (1 + ratio) * base - m), (base_only, m - ratio * base), (tuned_only, m - base))
        return -sum(count * math.log(max(cell, 1e-300)) for count, cell in cells)

    top = min(m, m / ratio)
    best = minimize_scalar(unlikely, bounds=(m / (1 + ratio), top), method="bounded", options={"xatol": 1e-12}).x
    expected = (both + tuned_only - ratio * (both + base_only)) / math.sqrt(ratio * (2 * m - (1 + ratio) * best))
    assert _ratio_score((both, base_only, tuned_only), ratio) == pytest.approx(expected, abs=1e-5)


def test_a_ratio_to_a_rate_of_0_is_refused() -> None:
    with pytest.raises(ValueError, match="rate of 0"):
        ratio_interval(0, 0, 5, 9)


def test_non_inferiority_agrees_with_its_own_bound() -> None:
    for base_only, tuned_only in itertools.product(range(0, 12), repeat=2):
        found = non_inferior(base_only, tuned_only, 80, 0.05)
        assert found.passed == (found.low > -0.05)


def test_non_inferiority_is_not_shown_by_nothing() -> None:
    assert not non_inferior(0, 0, 0, 0.1).passed


@settings(max_examples=50, deadline=None)
@given(st.integers(-5, 20), st.integers(-5, 20), st.integers(-5, 20))
def test_impossible_counts_are_refused(base_only: int, tuned_only: int, n: int) -> None:
    if min(base_only, tuned_only) < 0 or base_only + tuned_only > n:
        with pytest.raises(ValueError, match="do not fit"):
            tango_interval(base_only, tuned_only, n)
